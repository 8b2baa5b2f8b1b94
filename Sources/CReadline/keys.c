// Keys of an editor of several lines: Enter runs what is whole and begins a line otherwise, arrows move in the text before
// they move in the history, and the beginning and the end are those of a line.

#include "internal.h"

#include <stdio.h>
#include <readline/readline.h>

static headrace_decider isWhole;

static int line_start(int point) {
  while (point > 0 && rl_line_buffer[point - 1] != '\n') point--;
  return point;
}

static int line_end(int point) {
  while (point < rl_end && rl_line_buffer[point] != '\n') point++;
  return point;
}

static int is_first_byte(char byte) { return ((unsigned char)byte & 0xC0) != 0x80; }

/// Characters from the start of the line to the point.
static int line_column(void) {
  int count = 0;
  for (int index = line_start(rl_point); index < rl_point; index++) {
    count += is_first_byte(rl_line_buffer[index]);
  }
  return count;
}

static int at_column(int start, int column) {
  int stop = line_end(start);
  while (start < stop && column > 0) {
    start++;
    while (start < stop && !is_first_byte(rl_line_buffer[start])) start++;
    column--;
  }
  return start;
}

static int up(int count, int key) {
  int start = line_start(rl_point);
  if (start == 0) return rl_get_previous_history(count, key);
  rl_point = at_column(line_start(start - 1), line_column());
  return 0;
}

static int down(int count, int key) {
  int stop = line_end(rl_point);
  if (stop == rl_end) return rl_get_next_history(count, key);
  rl_point = at_column(stop + 1, line_column());
  return 0;
}

static int to_line_start(int count, int key) {
  (void)count, (void)key;
  rl_point = line_start(rl_point);
  return 0;
}

static int to_line_end(int count, int key) {
  (void)count, (void)key;
  rl_point = line_end(rl_point);
  return 0;
}

static int kill_line(int count, int key) {
  (void)count, (void)key;
  int stop = line_end(rl_point);
  // At the end of a line it is joined with the next one.
  if (stop == rl_point && stop < rl_end) stop++;
  return rl_kill_text(rl_point, stop);
}

static int new_line(int count, int key) {
  (void)count, (void)key;
  rl_insert_text("\n");
  return 0;
}

static int enter(int count, int key) {
  rl_line_buffer[rl_end] = 0;
  if (!isWhole(rl_line_buffer, rl_end)) return new_line(count, key);
  rl_point = rl_end;
  headrace_display_leave();
  fputs("\r\n", rl_outstream ? rl_outstream : stdout);
  fflush(rl_outstream ? rl_outstream : stdout);
  rl_done = 1;
  RL_SETSTATE(RL_STATE_DONE);
  return 0;
}

static void bind_in(Keymap map) {
  static const struct {
    const char *keys;
    rl_command_func_t *function;
  } bindings[] = {
    {"\\C-m", enter}, {"\\C-j", enter}, {"\\e[A", up}, {"\\eOA", up}, {"\\e[B", down},
    {"\\eOB", down}, {"\\e[H", to_line_start}, {"\\eOH", to_line_start}, {"\\e[1~", to_line_start},
    {"\\e[F", to_line_end}, {"\\eOF", to_line_end}, {"\\e[4~", to_line_end},
  };
  for (size_t index = 0; index < sizeof bindings / sizeof *bindings; index++) {
    rl_bind_keyseq_in_map(bindings[index].keys, bindings[index].function, map);
  }
}

void headrace_bind_keys(headrace_decider decider) {
  isWhole = decider;
  bind_in(emacs_standard_keymap);
  bind_in(vi_insertion_keymap);
  rl_bind_key_in_map('\r', enter, vi_movement_keymap);
  rl_bind_key_in_map('\n', enter, vi_movement_keymap);
  rl_bind_key_in_map('k', up, vi_movement_keymap);
  rl_bind_key_in_map('j', down, vi_movement_keymap);
  rl_bind_keyseq_in_map("\\C-p", up, emacs_standard_keymap);
  rl_bind_keyseq_in_map("\\C-n", down, emacs_standard_keymap);
  rl_bind_keyseq_in_map("\\C-a", to_line_start, emacs_standard_keymap);
  rl_bind_keyseq_in_map("\\C-e", to_line_end, emacs_standard_keymap);
  rl_bind_keyseq_in_map("\\C-k", kill_line, emacs_standard_keymap);
  rl_bind_keyseq_in_map("\\e\\C-m", new_line, emacs_standard_keymap);
}
