#define PCRE2_CODE_UNIT_WIDTH 8
#include "CPCRE2.h"

#include <pcre2.h>
#include <stdlib.h>

struct headrace_regex {
  pcre2_code *code;
  pcre2_match_context *context;
  uint32_t groups;
};

// About a tenth of a second of backtracking.
static const uint32_t matchLimit = 1000000;
static const uint32_t depthLimit = 100000;
static const uint32_t heapKilobytes = 20000;

headrace_regex *headrace_regex_compile(const uint8_t *pattern, size_t length, char *error,
                                       size_t errorCapacity, size_t *errorOffset) {
  int code = 0;
  PCRE2_SIZE offset = 0;
  pcre2_compile_context *options = pcre2_compile_context_create(NULL);
  if (!options) return NULL;
  pcre2_set_newline(options, PCRE2_NEWLINE_ANY);
  pcre2_code *compiled = pcre2_compile(pattern, length, PCRE2_UTF | PCRE2_NEVER_BACKSLASH_C, &code,
                                       &offset, options);
  pcre2_compile_context_free(options);
  if (!compiled) {
    pcre2_get_error_message(code, (PCRE2_UCHAR *)error, errorCapacity);
    *errorOffset = offset;
    return NULL;
  }
  headrace_regex *regex = malloc(sizeof *regex);
  pcre2_match_context *context = pcre2_match_context_create(NULL);
  if (!regex || !context) {
    free(regex);
    pcre2_match_context_free(context);
    pcre2_code_free(compiled);
    return NULL;
  }
  pcre2_set_match_limit(context, matchLimit);
  pcre2_set_depth_limit(context, depthLimit);
  pcre2_set_heap_limit(context, heapKilobytes);
  pcre2_jit_compile(compiled, PCRE2_JIT_COMPLETE);
  regex->code = compiled;
  regex->context = context;
  pcre2_pattern_info(compiled, PCRE2_INFO_CAPTURECOUNT, &regex->groups);
  return regex;
}

void headrace_regex_free(headrace_regex *regex) {
  if (!regex) return;
  pcre2_match_context_free(regex->context);
  pcre2_code_free(regex->code);
  free(regex);
}

uint32_t headrace_regex_groups(const headrace_regex *regex) { return regex->groups; }

int headrace_regex_group_named(const headrace_regex *regex, const char *name) {
  return pcre2_substring_number_from_name(regex->code, (PCRE2_SPTR)name);
}

headrace_regex_match *headrace_regex_match_create(const headrace_regex *regex) {
  return (headrace_regex_match *)pcre2_match_data_create_from_pattern(regex->code, NULL);
}

void headrace_regex_match_free(headrace_regex_match *match) {
  pcre2_match_data_free((pcre2_match_data *)match);
}

const size_t *headrace_regex_ranges(headrace_regex_match *match) {
  return pcre2_get_ovector_pointer((pcre2_match_data *)match);
}

int headrace_regex_search(const headrace_regex *regex, headrace_regex_match *match,
                          const uint8_t *subject, size_t length, size_t start) {
  pcre2_match_data *data = (pcre2_match_data *)match;
  int found = pcre2_match(regex->code, subject, length, start, PCRE2_NO_UTF_CHECK, data,
                          regex->context);
  if (found == PCRE2_ERROR_JIT_STACKLIMIT)
    found = pcre2_match(regex->code, subject, length, start,
                        PCRE2_NO_UTF_CHECK | PCRE2_NO_JIT, data, regex->context);
  if (found > 0) return 0;
  if (found == PCRE2_ERROR_NOMATCH) return HEADRACE_REGEX_NO_MATCH;
  if (found == PCRE2_ERROR_MATCHLIMIT || found == PCRE2_ERROR_DEPTHLIMIT ||
      found == PCRE2_ERROR_HEAPLIMIT)
    return HEADRACE_REGEX_LIMIT;
  return HEADRACE_REGEX_FAILED;
}
