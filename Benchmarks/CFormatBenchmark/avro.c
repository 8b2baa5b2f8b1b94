// Source: the Avro specification, "Binary encoding". As our decoder it may load 64 bytes behind a record, and checks
// each value against the record's end, strings for UTF-8 as far as they are ASCII, and booleans.
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

static int record(const avro_step *steps, size_t count, avro_column *columns, const uint8_t *base, const uint8_t *p,
                  const uint8_t *end, size_t row) {
  for (size_t i = 0; i < count; i++) {
    const avro_step *step = steps + i;
    avro_column *column = columns + i;
    if (step->nullable) {
      uint8_t tag = *p++;
      if (tag == 0) continue;
      if (tag != 2) return 0;
    }
    uint64_t bits;
    switch (step->code) {
      case AVRO_LONG:
        p = varint(p, &bits);
        if (!p || p > end) return 0;
        if (!step->stored) continue;
        ((int64_t *)column->values)[row] = zigzag(bits);
        break;
      case AVRO_INT:
        p = varint(p, &bits);
        if (!p || p > end || bits > UINT32_MAX) return 0;
        if (!step->stored) continue;
        ((int32_t *)column->values)[row] = (int32_t)zigzag(bits);
        break;
      case AVRO_DOUBLE:
        if (end - p < 8) return 0;
        if (step->stored) memcpy((double *)column->values + row, p, 8);
        p += 8;
        if (!step->stored) continue;
        break;
      case AVRO_BOOLEAN:
        if (p >= end || *p > 1) return 0;
        if (step->stored) ((uint8_t *)column->values)[row] = *p;
        p++;
        if (!step->stored) continue;
        break;
      default:
        p = varint(p, &bits);
        if (!p || bits & 1 || p > end || bits >> 1 > (uint64_t)(end - p) || !ascii(p, bits >> 1)) return 0;
        if (step->stored) {
          ((uint32_t *)column->values)[row] = (uint32_t)(p - base);
          column->lengths[row] = (uint32_t)(bits >> 1);
        }
        p += bits >> 1;
        if (!step->stored) continue;
    }
    column->validity[row >> 6] |= (uint64_t)1 << (row & 63);
  }
  return p == end;
}

size_t avro_decode(const avro_step *steps, size_t count, avro_column *columns, const uint8_t *buffer,
                   const int32_t *starts, const int32_t *lengths, size_t rows, uint32_t schema) {
  for (size_t i = 0; i < count; i++) memset(columns[i].validity, 0, (rows / 64 + 1) * 8);
  size_t good = 0;
  for (size_t row = 0; row < rows; row++) {
    if (lengths[row] < 5) continue;
    const uint8_t *p = buffer + starts[row];
    uint32_t id;
    memcpy(&id, p + 1, 4);
    if (p[0] != 0 || __builtin_bswap32(id) != schema) continue;
    good += record(steps, count, columns, buffer, p + 5, p + lengths[row], row);
  }
  return good;
}
