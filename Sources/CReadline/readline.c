#include "CReadline.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <readline/history.h>
#include <readline/readline.h>

static char *(*candidate)(const char *, int, int, int);
static int wordStart, wordEnd, nextIndex;
static char *finishedLine;
static int isFinished;

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

static void finish(char *line) {
  finishedLine = line;
  isFinished = 1;
  rl_callback_handler_remove();
}

static void drop_line(void) {
  rl_callback_sigcleanup();
  rl_free_line_state();
  rl_replace_line("", 0);
  rl_callback_handler_remove();
  fputs("^C\n", rl_outstream ? rl_outstream : stdout);
  fflush(rl_outstream ? rl_outstream : stdout);
}

enum headrace_line_result headrace_read_line(const char *prompt, int wake, char **line) {
  rl_catch_signals = 0;
  isFinished = 0;
  finishedLine = NULL;
  *line = NULL;
  rl_callback_handler_install(prompt, finish);
  while (!isFinished) {
    struct pollfd places[2] = {
      {.fd = STDIN_FILENO, .events = POLLIN}, {.fd = wake, .events = POLLIN}};
    if (poll(places, 2, -1) < 0) {
      if (errno == EINTR) continue;
      rl_callback_handler_remove();
      return HEADRACE_END_OF_INPUT;
    }
    if (places[1].revents) {
      char byte;
      if (read(wake, &byte, 1) < 0) byte = 0;
      drop_line();
      return HEADRACE_INTERRUPTED;
    }
    if (places[0].revents) rl_callback_read_char();
  }
  *line = finishedLine;
  return finishedLine ? HEADRACE_LINE : HEADRACE_END_OF_INPUT;
}

void headrace_add_history(const char *line) { add_history(line); }
void headrace_clear_history(void) { clear_history(); }

void headrace_set_completion(char *(*complete)(const char *, int, int, int)) {
  candidate = complete;
  rl_readline_name = "headrace";
  rl_basic_word_break_characters = " \t\n\"\\'`@$><=;|&{(,)+-*/%[]";
  rl_attempted_completion_function = attempt;
}
