// What the decoders in C share. Varints and strings are read as our decoders read them: up to 64 bytes behind a record may be
// loaded, and strings are UTF-8 as far as they are ASCII.
#ifndef SHARED_H
#define SHARED_H

#include "FormatBenchmark.h"

#include "CSupport.h"

#include <string.h>

static inline const uint8_t *varint(const uint8_t *p, uint64_t *bits) {
  if (p[0] < 0x80) {
    *bits = p[0];
    return p + 1;
  }
  if (p[1] < 0x80) {
    *bits = (uint64_t)(p[0] & 0x7F) | (uint64_t)p[1] << 7;
    return p + 2;
  }
  uint64_t word;
  memcpy(&word, p, 8);
  uint64_t stops = ~word & 0x8080808080808080u;
  if (stops == 0) {
    uint64_t value = 0;
    for (int i = 0; i < 10; i++) {
      value |= (uint64_t)(p[i] & 0x7F) << (7 * i);
      if (p[i] < 0x80) {
        *bits = value;
        return p + i + 1;
      }
    }
    return NULL;
  }
  uint64_t x = word & (stops ^ (stops - 1)) & 0x7F7F7F7F7F7F7F7Fu;
  x = (x & 0x007F007F007F007Fu) | (x & 0x7F007F007F007F00u) >> 1;
  x = (x & 0x00003FFF00003FFFu) | (x & 0x3FFF00003FFF0000u) >> 2;
  *bits = (x & 0x0FFFFFFFu) | (x & 0x0FFFFFFF00000000u) >> 4;
  return p + ((__builtin_ctzll(stops) + 1) >> 3);
}

static inline int64_t zigzag(uint64_t bits) { return (int64_t)(bits >> 1 ^ (0 - (bits & 1))); }

static inline int ascii(const uint8_t *p, size_t count) {
  size_t done = 0;
  for (; done + 64 <= count; done += 64)
    if (headrace_top_bits64(p + done)) return 0;
  return (headrace_top_bits64(p + done) & (((uint64_t)1 << (count - done)) - 1)) == 0;
}

#endif
