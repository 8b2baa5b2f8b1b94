// Regular expressions by PCRE2, reduced to what the engine calls; work per match is bounded.
#ifndef CPCRE2_H
#define CPCRE2_H

#include <stddef.h>
#include <stdint.h>

typedef struct headrace_regex headrace_regex;
typedef struct headrace_regex_match headrace_regex_match;

enum {
  HEADRACE_REGEX_NO_MATCH = -1,
  // The match was given up: it would take too long or too much memory.
  HEADRACE_REGEX_LIMIT = -2,
  HEADRACE_REGEX_FAILED = -3,
};

/// Compiles UTF-8 `pattern`. NULL on failure, with a message in `error` (NUL-terminated) and the
/// byte offset of the mistake.
headrace_regex *headrace_regex_compile(const uint8_t *pattern, size_t length, char *error,
                                       size_t errorCapacity, size_t *errorOffset);
void headrace_regex_free(headrace_regex *regex);

/// Capture groups in the pattern, group 0 not counted.
uint32_t headrace_regex_groups(const headrace_regex *regex);

/// Number of the named group; negative if there is none.
int headrace_regex_group_named(const headrace_regex *regex, const char *name);

/// Room for the groups of one match, for one thread at a time. NULL without memory.
headrace_regex_match *headrace_regex_match_create(const headrace_regex *regex);
void headrace_regex_match_free(headrace_regex_match *match);

/// Start and end of groups 0...groups of the last match, SIZE_MAX for a group that took no part.
const size_t *headrace_regex_ranges(headrace_regex_match *match);

/// Searches valid UTF-8 from byte `start` on. Returns 0, with the groups in `match`, or one of the
/// negative codes above.
int headrace_regex_search(const headrace_regex *regex, headrace_regex_match *match,
                          const uint8_t *subject, size_t length, size_t start);

#endif
