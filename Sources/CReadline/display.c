// What is being edited, drawn by us and not by readline, which shows one line: over as many lines as it has, in the styles
// that the owner of the text gives each byte. Every change draws all of it from its first row, with one write.

// For wcwidth.
#define _GNU_SOURCE

#include "internal.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <wchar.h>
#include <readline/readline.h>

struct place {
  int row, column;
};

static headrace_styler styler;
static const char *continuation = "";
/// Rows from the first one that is shown to the cursor, and to the end.
static struct place cursor, end;
static int columns = 80, rows = 24;

static char *out;
static size_t outCount, outCapacity;

static void append(const char *text, size_t count) {
  if (outCount + count > outCapacity) {
    size_t capacity = (outCount + count) * 2 + 256;
    char *larger = realloc(out, capacity);
    if (!larger) return;
    out = larger;
    outCapacity = capacity;
  }
  memcpy(out + outCount, text, count);
  outCount += count;
}

static void append_text(const char *text) { append(text, strlen(text)); }

static void append_move(int count, char direction) {
  char text[24];
  if (count <= 0) return;
  append(text, (size_t)snprintf(text, sizeof text, "\x1b[%d%c", count, direction));
}

static void send(void) {
  FILE *stream = rl_outstream ? rl_outstream : stdout;
  fwrite(out, 1, outCount, stream);
  fflush(stream);
  outCount = 0;
}

static const char *sequences[] = {
  [HEADRACE_PLAIN] = "\x1b[0m",      [HEADRACE_KEYWORD] = "\x1b[0;1;34m",
  [HEADRACE_STRING] = "\x1b[0;32m",  [HEADRACE_NUMBER] = "\x1b[0;36m",
  [HEADRACE_COMMENT] = "\x1b[0;2m",  [HEADRACE_UNKNOWN] = "\x1b[0;4m",
  [HEADRACE_BRACKET] = "\x1b[0;1;7m",
};

/// Walks over prompt and text; draws the rows from `first` up to `last` if it is to, and finds where things stand.
struct walk {
  struct place at, point;
  int isDrawing, first, last;
  unsigned char style;
};

static int is_visible(const struct walk *walk) {
  return walk->isDrawing && walk->at.row >= walk->first && walk->at.row < walk->last;
}

static void walk_glyph(struct walk *walk, const char *text, size_t count, int width) {
  if (walk->at.column + width > columns) {
    walk->at.row++;
    walk->at.column = 0;
  }
  if (is_visible(walk)) append(text, count);
  walk->at.column += width;
}

static void walk_newline(struct walk *walk) {
  if (is_visible(walk)) {
    if (walk->at.column < columns) append_text("\x1b[K");
    if (walk->at.row + 1 < walk->last) append_text("\r\n");
  }
  walk->at.row++;
  walk->at.column = 0;
}

/// One character; returns its bytes.
static size_t walk_character(struct walk *walk, const char *text, size_t count) {
  unsigned char byte = (unsigned char)*text;
  if (byte == '\n') {
    walk_newline(walk);
    for (const char *sign = continuation; *sign; sign++) walk_glyph(walk, sign, 1, 1);
    return 1;
  }
  if (byte == '\t') {
    do walk_glyph(walk, " ", 1, 1);
    while (walk->at.column % 4 && walk->at.column < columns);
    return 1;
  }
  if (byte < 0x20 || byte == 0x7F) {
    char shown[2] = {'^', (char)(byte ^ 0x40)};
    walk_glyph(walk, shown, 1, 1);
    walk_glyph(walk, shown + 1, 1, 1);
    return 1;
  }
  if (byte < 0x80) {
    walk_glyph(walk, text, 1, 1);
    return 1;
  }
  mbstate_t state;
  memset(&state, 0, sizeof state);
  wchar_t wide = 0;
  size_t size = mbrtowc(&wide, text, count, &state);
  int width = size == (size_t)-1 || size == (size_t)-2 || size == 0 ? -1 : wcwidth(wide);
  if (width < 0) {
    walk_glyph(walk, "?", 1, 1);
    return size == (size_t)-1 || size == (size_t)-2 || size == 0 ? 1 : size;
  }
  walk_glyph(walk, text, size, width);
  return size;
}

static void walk_all(struct walk *walk, const unsigned char *styles) {
  const char *prompt = rl_display_prompt ? rl_display_prompt : "";
  size_t length = strlen(prompt);
  for (size_t index = 0; index < length;) {
    index += walk_character(walk, prompt + index, length - index);
  }
  for (int index = 0; index < rl_end;) {
    if (index == rl_point) walk->point = walk->at;
    unsigned char style = styles ? styles[index] : HEADRACE_PLAIN;
    if (walk->isDrawing && style != walk->style && rl_line_buffer[index] != '\n') {
      append_text(sequences[style]);
      walk->style = style;
    }
    if (walk->isDrawing && rl_line_buffer[index] == '\n' && walk->style != HEADRACE_PLAIN) {
      append_text(sequences[HEADRACE_PLAIN]);
      walk->style = HEADRACE_PLAIN;
    }
    index += (int)walk_character(walk, rl_line_buffer + index, (size_t)(rl_end - index));
  }
  if (rl_point >= rl_end) walk->point = walk->at;
  // A cursor behind the last column stands on the next row.
  if (walk->point.column >= columns) {
    walk->point.row++;
    walk->point.column = 0;
  }
}

static void draw(void) {
  unsigned char *styles = NULL;
  if (styler && rl_end > 0) {
    styles = calloc((size_t)rl_end, 1);
    if (styles) styler(rl_line_buffer, rl_end, rl_point, styles);
  }
  struct walk measure = {.isDrawing = 0};
  walk_all(&measure, NULL);
  int height = measure.at.row > measure.point.row ? measure.at.row + 1 : measure.point.row + 1;
  // What is longer than the screen is shown around the cursor.
  int first = height <= rows ? 0 : measure.point.row - rows / 2;
  if (first > height - rows) first = height - rows;
  if (first < 0) first = 0;
  append_text("\r");
  append_move(cursor.row, 'A');
  struct walk walk = {.isDrawing = 1, .first = first, .last = first + rows};
  walk_all(&walk, styles);
  free(styles);
  if (walk.style != HEADRACE_PLAIN) append_text(sequences[HEADRACE_PLAIN]);
  end = walk.at;
  if (end.row >= walk.last) {
    end.row = walk.last - 1;
    end.column = 0;
  } else if (end.column >= columns) {
    if (walk.point.row > end.row) {
      append_text(" \r");
      end.row++;
      end.column = 0;
    } else {
      end.column = columns - 1;
    }
    append_text("\x1b[J");
  } else {
    append_text("\x1b[K");
    if (end.row - first + 1 < rows) append_text("\x1b[J");
  }
  end.row -= first;
  cursor = (struct place){walk.point.row - first, walk.point.column};
  append_text("\r");
  if (end.row > cursor.row) append_move(end.row - cursor.row, 'A');
  append_move(cursor.column, 'C');
  send();
}

static void redisplay(void) {
  // More keys are there: what they make of it is drawn at once.
  struct pollfd place = {.fd = STDIN_FILENO, .events = POLLIN};
  if (RL_ISSTATE(RL_STATE_ISEARCH) == 0 && poll(&place, 1, 0) > 0 && place.revents & POLLIN) return;
  draw();
}

void headrace_display_begin(headrace_styler with, const char *below) {
  styler = with;
  char *copy = strdup(below);
  if (copy) continuation = copy;
  rl_redisplay_function = redisplay;
}

static void measure_screen(void) {
  rl_get_screen_size(&rows, &columns);
  if (columns < 2) columns = 80;
  if (rows < 2) rows = 24;
}

void headrace_display_fresh(void) {
  cursor = (struct place){0, 0};
  end = cursor;
  measure_screen();
}

void headrace_display_leave(void) {
  draw();
  append_move(end.row - cursor.row, 'B');
  append_text("\r");
  append_move(end.column, 'C');
  cursor = end;
  send();
}

void headrace_display_resized(void) {
  // The terminal has wrapped the lines anew; what stands above the cursor takes as many rows as the new width gives it.
  rl_resize_terminal();
  measure_screen();
  struct walk measure = {.isDrawing = 0};
  walk_all(&measure, NULL);
  cursor.row = measure.point.row < rows ? measure.point.row : rows - 1;
  draw();
}
