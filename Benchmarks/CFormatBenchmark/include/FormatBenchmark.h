// A decoder of Avro records in C, by the same plan as ours: what the benchmark compares with.
#ifndef FORMAT_BENCHMARK_H
#define FORMAT_BENCHMARK_H

#include <stddef.h>
#include <stdint.h>

enum { AVRO_LONG, AVRO_INT, AVRO_DOUBLE, AVRO_BOOLEAN, AVRO_STRING };

typedef struct {
  uint8_t code;
  // A union of null and the type.
  uint8_t nullable;
  // Else the value is checked and passed over.
  uint8_t stored;
} avro_step;

// Room for one column of a batch. Strings are views: starts in `values`, and lengths.
typedef struct {
  void *values;
  uint32_t *lengths;
  uint64_t *validity;
} avro_column;

// Decodes framed records, their fields in the order of the steps, one column a step. Returns how many were good.
size_t avro_decode(const avro_step *steps, size_t count, avro_column *columns, const uint8_t *buffer,
                   const int32_t *starts, const int32_t *lengths, size_t rows, uint32_t schema);

#endif
