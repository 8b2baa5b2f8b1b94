// Source: the Avro specification, "Binary encoding". As our decoder it may load 64 bytes behind a record, and checks
// each value against the record's end, strings for UTF-8 as far as they are ASCII, and booleans.
#include "shared.h"

static int record(const format_step *steps, size_t count, format_column *columns, const uint8_t *base, const uint8_t *p,
                  const uint8_t *end, size_t row) {
  for (size_t i = 0; i < count; i++) {
    const format_step *step = steps + i;
    format_column *column = columns + i;
    if (step->nullable) {
      uint8_t tag = *p++;
      if (tag == 0) continue;
      if (tag != 2) return 0;
    }
    uint64_t bits;
    switch (step->code) {
      case FORMAT_LONG:
        p = varint(p, &bits);
        if (!p || p > end) return 0;
        if (!step->stored) continue;
        ((int64_t *)column->values)[row] = zigzag(bits);
        break;
      case FORMAT_INT:
        p = varint(p, &bits);
        if (!p || p > end || bits > UINT32_MAX) return 0;
        if (!step->stored) continue;
        ((int32_t *)column->values)[row] = (int32_t)zigzag(bits);
        break;
      case FORMAT_DOUBLE:
        if (end - p < 8) return 0;
        if (step->stored) memcpy((double *)column->values + row, p, 8);
        p += 8;
        if (!step->stored) continue;
        break;
      case FORMAT_BOOLEAN:
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

size_t avro_decode(const format_step *steps, size_t count, format_column *columns, const uint8_t *buffer,
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
