// Decoders of records in C, by the same plans as ours: what the benchmark compares with.
#ifndef FORMAT_BENCHMARK_H
#define FORMAT_BENCHMARK_H

#include <stddef.h>
#include <stdint.h>

enum { FORMAT_LONG, FORMAT_INT, FORMAT_DOUBLE, FORMAT_BOOLEAN, FORMAT_STRING };

typedef struct {
  uint8_t code;
  // A union of null and the type, or an optional field.
  uint8_t nullable;
  // Else the value is checked and passed over.
  uint8_t stored;
} format_step;

// Room for one column of a batch. Strings are views: starts in `values`, and lengths.
typedef struct {
  void *values;
  uint32_t *lengths;
  uint64_t *validity;
} format_column;

// Decodes framed records, their fields in the order of the steps, one column a step. Returns how many were good.
size_t avro_decode(const format_step *steps, size_t count, format_column *columns, const uint8_t *buffer,
                   const int32_t *starts, const int32_t *lengths, size_t rows, uint32_t schema);

// The same of messages, the fields of which are numbered from 1 as the steps are, and come in any order.
size_t protobuf_decode(const format_step *steps, size_t count, format_column *columns, const uint8_t *buffer,
                       const int32_t *starts, const int32_t *lengths, size_t rows, uint32_t schema);

#endif
