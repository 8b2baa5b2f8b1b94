// Source: the Protobuf encoding guide. Fields come in any order; those without presence that are absent are 0 or empty.
#include "shared.h"

enum { WIRE_VARINT = 0, WIRE_EIGHT = 1, WIRE_BYTES = 2, WIRE_FOUR = 5 };

static const uint8_t wires[] = {WIRE_VARINT, WIRE_VARINT, WIRE_EIGHT, WIRE_VARINT, WIRE_BYTES};

static void standard(const format_step *step, format_column *column, size_t row) {
  switch (step->code) {
    case FORMAT_LONG: case FORMAT_DOUBLE: ((int64_t *)column->values)[row] = 0; break;
    case FORMAT_INT: ((int32_t *)column->values)[row] = 0; break;
    case FORMAT_BOOLEAN: ((uint8_t *)column->values)[row] = 0; break;
    default:
      ((uint32_t *)column->values)[row] = 0;
      column->lengths[row] = 0;
  }
  column->validity[row >> 6] |= (uint64_t)1 << (row & 63);
}

static int message(const format_step *steps, size_t count, format_column *columns, const uint8_t *base,
                   const uint8_t *p, const uint8_t *end, size_t row) {
  uint64_t seen = 0;
  while (p < end) {
    uint64_t bits;
    p = varint(p, &bits);
    if (!p || p > end || bits < 8) return 0;
    size_t i = (size_t)(bits >> 3) - 1;
    unsigned wire = bits & 7;
    int known = i < count && wire == wires[steps[i].code];
    const format_step *step = steps + (known ? i : 0);
    format_column *column = columns + (known ? i : 0);
    switch (wire) {
      case WIRE_VARINT:
        p = varint(p, &bits);
        if (!p || p > end) return 0;
        if (!known || !step->stored) continue;
        if (step->code == FORMAT_LONG) ((int64_t *)column->values)[row] = (int64_t)bits;
        else if (step->code == FORMAT_INT) ((int32_t *)column->values)[row] = (int32_t)bits;
        else ((uint8_t *)column->values)[row] = bits != 0;
        break;
      case WIRE_EIGHT:
        if (end - p < 8) return 0;
        if (known && step->stored) memcpy((double *)column->values + row, p, 8);
        p += 8;
        if (!known || !step->stored) continue;
        break;
      case WIRE_BYTES:
        p = varint(p, &bits);
        if (!p || p > end || bits > (uint64_t)(end - p)) return 0;
        if (known && !ascii(p, bits)) return 0;
        if (known && step->stored) {
          ((uint32_t *)column->values)[row] = (uint32_t)(p - base);
          column->lengths[row] = (uint32_t)bits;
        }
        p += bits;
        if (!known || !step->stored) continue;
        break;
      case WIRE_FOUR:
        if (end - p < 4) return 0;
        p += 4;
        continue;
      default: return 0;
    }
    seen |= (uint64_t)1 << i;
    column->validity[row >> 6] |= (uint64_t)1 << (row & 63);
  }
  for (size_t i = 0; i < count; i++)
    if (steps[i].stored && !steps[i].nullable && !(seen >> i & 1)) standard(steps + i, columns + i, row);
  return 1;
}

size_t protobuf_decode(const format_step *steps, size_t count, format_column *columns, const uint8_t *buffer,
                       const int32_t *starts, const int32_t *lengths, size_t rows, uint32_t schema) {
  for (size_t i = 0; i < count; i++) memset(columns[i].validity, 0, (rows / 64 + 1) * 8);
  size_t good = 0;
  for (size_t row = 0; row < rows; row++) {
    if (lengths[row] < 6) continue;
    const uint8_t *p = buffer + starts[row];
    uint32_t id;
    memcpy(&id, p + 1, 4);
    if (p[0] != 0 || __builtin_bswap32(id) != schema || p[5] != 0) continue;
    good += message(steps, count, columns, buffer, p + 6, p + lengths[row], row);
  }
  return good;
}
