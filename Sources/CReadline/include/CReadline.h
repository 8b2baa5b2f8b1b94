// GNU readline behind functions: Swift 6 rejects its mutable global variables.
#ifndef CREADLINE_H
#define CREADLINE_H

enum headrace_line_result { HEADRACE_LINE, HEADRACE_END_OF_INPUT, HEADRACE_INTERRUPTED };

/// How a byte of the text is shown.
enum headrace_style {
  HEADRACE_PLAIN,
  HEADRACE_KEYWORD,
  HEADRACE_STRING,
  HEADRACE_NUMBER,
  HEADRACE_COMMENT,
  HEADRACE_UNKNOWN,
  HEADRACE_BRACKET
};

/// Of candidates; how many others there are is said.
enum { HEADRACE_SHOWN_MAX = 60 };

/// Returns the index-th malloc'ed candidate, NULL when done.
typedef char *(*headrace_completer)(const char *line, int start, int end, int index);
/// Fills in the style of each byte, which is HEADRACE_PLAIN. `point`: where the cursor is.
typedef void (*headrace_styler)(const char *line, int length, int point, unsigned char *styles);
/// Whether the text is to be run; otherwise a line is begun.
typedef int (*headrace_decider)(const char *line, int length);

/// Edits a text on the terminal, which is `text` at first. On HEADRACE_LINE `*line` is malloc'ed, without its newline. A
/// byte that can be read from `wake` drops what is being edited and gives HEADRACE_INTERRUPTED: signals are taken by another
/// thread, which must not touch readline.
enum headrace_line_result headrace_read_line(
  const char *prompt, const char *text, int wake, char **line);
void headrace_add_history(const char *line);
void headrace_clear_history(void);
void headrace_set_completion(headrace_completer complete);
/// What is said above the candidates that were asked for last; empty: nothing.
void headrace_set_note(const char *text);
/// From now on a text may have several lines; those below the first begin with `below`. `styler`: NULL for no styles.
void headrace_set_editing(const char *below, headrace_styler styler, headrace_decider isWhole);
/// Before anything else: the character set of the terminal.
void headrace_prepare_locale(void);

/// Starts a command line, with the signals as programs expect them; returns its process, or -1. `input`: what it reads
/// instead of our standard input, or -1.
int headrace_spawn_shell(const char *command, int input);

#endif
