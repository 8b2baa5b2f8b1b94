#include "internal.h"

#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <readline/history.h>
#include <readline/readline.h>

static headrace_completer candidate;
static int wordStart, wordEnd, nextIndex;
static char *finishedLine;
static int isFinished;
/// Whether the text is drawn by us, over several lines.
static int isOwn;
static const char *prefilled;
/// Numbers of signals, from their handlers to the loop that reads.
static int signalEnds[2] = {-1, -1};

// MARK: - Completion

static char *generate(const char *text, int state) {
  (void)text;
  if (state == 0) nextIndex = 0;
  return candidate ? candidate(rl_line_buffer, wordStart, wordEnd, nextIndex++) : NULL;
}

static char **attempt(const char *text, int start, int end) {
  wordStart = start;
  wordEnd = end;
  rl_attempted_completion_over = 1;
  rl_completion_suppress_quote = 1;
  char **found = rl_completion_matches(text, generate);
  // What goes on gets no blank behind it.
  if (found && found[0] && !found[1]) {
    size_t length = strlen(found[0]);
    rl_completion_suppress_append = length > 0 && strchr("(.'/`\"", found[0][length - 1]) != NULL;
  }
  return found;
}

static char *note;

void headrace_set_note(const char *text) {
  free(note);
  note = *text ? strdup(text) : NULL;
}

static void show_matches(char **matches, int count, int longest) {
  if (isOwn) headrace_display_leave();
  if (note) fprintf(rl_outstream, "\r\n%s", note);
  int shown = count > HEADRACE_SHOWN_MAX ? HEADRACE_SHOWN_MAX : count;
  char *rest = matches[shown + 1 <= count ? shown + 1 : count];
  if (shown < count) matches[shown + 1] = NULL;
  rl_display_match_list(matches, shown, longest);
  if (shown < count) {
    matches[shown + 1] = rest;
    fprintf(rl_outstream, "... and %d more\r\n", count - shown);
  }
  if (isOwn) headrace_display_fresh();
  rl_forced_update_display();
}

// MARK: - Signals

static void note_signal(int number) {
  int before = errno;
  char byte = (char)number;
  if (write(signalEnds[1], &byte, 1) < 0) byte = 0;
  errno = before;
}

static const int watched[] = {SIGWINCH, SIGTSTP, SIGCONT};
static struct sigaction usual[sizeof watched / sizeof *watched];

static void watch_signals(void) {
  if (signalEnds[0] < 0) {
    if (pipe(signalEnds) != 0) return;
    for (int end = 0; end < 2; end++) {
      fcntl(signalEnds[end], F_SETFD, FD_CLOEXEC);
      fcntl(signalEnds[end], F_SETFL, O_NONBLOCK);
    }
  }
  struct sigaction action = {.sa_handler = note_signal, .sa_flags = SA_RESTART};
  sigemptyset(&action.sa_mask);
  for (size_t index = 0; index < sizeof watched / sizeof *watched; index++) {
    sigaction(watched[index], &action, &usual[index]);
  }
}

static void leave_signals(void) {
  if (signalEnds[0] < 0) return;
  for (size_t index = 0; index < sizeof watched / sizeof *watched; index++) {
    sigaction(watched[index], &usual[index], NULL);
  }
}

/// The terminal is ours again, whatever others made of it.
static void take_terminal(void) {
  rl_deprep_terminal();
  rl_prep_terminal(1);
  rl_resize_terminal();
  if (isOwn) headrace_display_fresh();
  rl_on_new_line();
  rl_forced_update_display();
}

static void stop_process(void) {
  if (isOwn) headrace_display_leave();
  fputs("\r\n", rl_outstream);
  fflush(rl_outstream);
  rl_deprep_terminal();
  leave_signals();
  raise(SIGTSTP);
  watch_signals();
  take_terminal();
}

static void react_to_signals(void) {
  char bytes[64];
  ssize_t count = read(signalEnds[0], bytes, sizeof bytes);
  for (ssize_t index = 0; index < count; index++) {
    if (bytes[index] == SIGTSTP) {
      stop_process();
    } else if (bytes[index] == SIGCONT) {
      take_terminal();
    } else if (isOwn) {
      headrace_display_resized();
    } else {
      rl_resize_terminal();
    }
  }
}

// MARK: - Reading

static void finish(char *line) {
  finishedLine = line;
  isFinished = 1;
  rl_callback_handler_remove();
}

static void drop_line(void) {
  rl_callback_sigcleanup();
  if (isOwn) headrace_display_leave();
  FILE *stream = rl_outstream ? rl_outstream : stdout;
  // What ends the editing takes the cursor to the start of the line.
  fputs("^C", stream);
  rl_free_line_state();
  rl_replace_line("", 0);
  rl_callback_handler_remove();
  fputs("\n", stream);
  fflush(stream);
}

static int prefill(void) {
  if (prefilled) rl_insert_text(prefilled);
  prefilled = NULL;
  return 0;
}

static enum headrace_line_result read_line(int wake, char **line) {
  while (!isFinished) {
    struct pollfd places[3] = {
      {.fd = STDIN_FILENO, .events = POLLIN},
      {.fd = wake, .events = POLLIN},
      {.fd = signalEnds[0], .events = POLLIN}};
    if (poll(places, 3, -1) < 0) {
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
    if (places[2].revents) react_to_signals();
    if (places[0].revents) rl_callback_read_char();
  }
  *line = finishedLine;
  return finishedLine ? HEADRACE_LINE : HEADRACE_END_OF_INPUT;
}

enum headrace_line_result headrace_read_line(
  const char *prompt, const char *text, int wake, char **line
) {
  rl_catch_signals = 0;
  rl_catch_sigwinch = 0;
  isFinished = 0;
  finishedLine = NULL;
  *line = NULL;
  prefilled = text;
  rl_startup_hook = prefill;
  if (isOwn) headrace_display_fresh();
  watch_signals();
  rl_callback_handler_install(prompt, finish);
  enum headrace_line_result result = read_line(wake, line);
  leave_signals();
  return result;
}

void headrace_add_history(const char *line) { add_history(line); }
void headrace_clear_history(void) { clear_history(); }

void headrace_set_completion(headrace_completer complete) {
  candidate = complete;
  rl_readline_name = "headrace";
  rl_basic_word_break_characters = " \t\n\"\\'`@$><=;|&{(,)+-*/%[]";
  rl_attempted_completion_function = attempt;
  rl_completion_display_matches_hook = show_matches;
  // Whoever has it otherwise in ~/.inputrc gets that.
  rl_variable_bind("show-all-if-ambiguous", "on");
  // They come best first.
  rl_sort_completion_matches = 0;
}

void headrace_set_editing(
  const char *below, headrace_styler styler, headrace_decider isWhole
) {
  isOwn = 1;
  rl_initialize();
  headrace_display_begin(styler, below);
  headrace_bind_keys(isWhole);
}

void headrace_prepare_locale(void) {
  // Where the environment says nothing, a terminal that reads UTF-8 is more likely than one that does not.
  const char *names[] = {"LC_ALL", "LC_CTYPE", "LANG"};
  int isNamed = 0;
  for (int index = 0; index < 3; index++) {
    const char *value = getenv(names[index]);
    isNamed |= value && *value;
  }
  if (isNamed ? !setlocale(LC_CTYPE, "") : 1) setlocale(LC_CTYPE, "C.UTF-8");
}
