// GNU readline behind functions: Swift 6 rejects its mutable global variables.
#ifndef CREADLINE_H
#define CREADLINE_H

/// Returns a malloc'ed line without its newline, or NULL at end of input.
char *headrace_readline(const char *prompt);
void headrace_add_history(const char *line);
int headrace_read_history(const char *path);
int headrace_write_history(const char *path, int entriesMax);
/// `complete(line, start, end, index)` returns the index-th malloc'ed candidate, NULL when done.
void headrace_set_completion(char *(*complete)(const char *line, int start, int end, int index));
/// Drops the line being edited, as Ctrl-C at the prompt does.
void headrace_cancel_line(void);

#endif
