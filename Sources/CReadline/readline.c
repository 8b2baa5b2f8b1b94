#include "CReadline.h"

#include <stdio.h>
#include <stdlib.h>
#include <readline/history.h>
#include <readline/readline.h>

static char *(*candidate)(const char *, int, int, int);
static int wordStart, wordEnd, nextIndex;

static char *generate(const char *text, int state) {
  (void)text;
  if (state == 0) nextIndex = 0;
  return candidate ? candidate(rl_line_buffer, wordStart, wordEnd, nextIndex++) : NULL;
}

static char **attempt(const char *text, int start, int end) {
  wordStart = start;
  wordEnd = end;
  rl_attempted_completion_over = 1;
  return rl_completion_matches(text, generate);
}

char *headrace_readline(const char *prompt) { return readline(prompt); }
void headrace_add_history(const char *line) { add_history(line); }
int headrace_read_history(const char *path) { return read_history(path); }

int headrace_write_history(const char *path, int entriesMax) {
  stifle_history(entriesMax);
  return write_history(path);
}

void headrace_set_completion(char *(*complete)(const char *, int, int, int)) {
  candidate = complete;
  rl_readline_name = "headrace";
  rl_basic_word_break_characters = " \t\n\"\\'`@$><=;|&{(,)+-*/%[]";
  rl_attempted_completion_function = attempt;
}

void headrace_cancel_line(void) {
  rl_free_line_state();
  rl_cleanup_after_signal();
  rl_replace_line("", 0);
  rl_crlf();
  rl_on_new_line();
  rl_redisplay();
}
