// GNU readline behind functions: Swift 6 rejects its mutable global variables.
#ifndef CREADLINE_H
#define CREADLINE_H

enum headrace_line_result { HEADRACE_LINE, HEADRACE_END_OF_INPUT, HEADRACE_INTERRUPTED };

/// Edits one line on the terminal. On HEADRACE_LINE `*line` is malloc'ed, without its newline. A byte that
/// can be read from `wake` drops the line being edited and gives HEADRACE_INTERRUPTED: signals are taken by
/// another thread, which must not touch readline.
enum headrace_line_result headrace_read_line(const char *prompt, int wake, char **line);
void headrace_add_history(const char *line);
void headrace_clear_history(void);
/// `complete(line, start, end, index)` returns the index-th malloc'ed candidate, NULL when done.
void headrace_set_completion(char *(*complete)(const char *line, int start, int end, int index));

#endif
