// Reads records by libavro's generic values, and gets each field. Arguments: schema, records with their lengths before.
#include <avro.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static char *slurp(const char *path, size_t *size) {
  FILE *file = fopen(path, "rb");
  if (!file) exit(1);
  fseek(file, 0, SEEK_END);
  *size = ftell(file);
  rewind(file);
  char *bytes = malloc(*size + 1);
  if (fread(bytes, 1, *size, file) != *size) exit(1);
  fclose(file);
  return bytes;
}

static int64_t get(avro_value_t *field) {
  avro_value_t value = *field;
  if (avro_value_get_type(&value) == AVRO_UNION) avro_value_get_current_branch(field, &value);
  int64_t whole = 0;
  int32_t small = 0;
  double real = 0;
  int flag = 0;
  const char *text;
  size_t size = 0;
  switch (avro_value_get_type(&value)) {
    case AVRO_INT64: avro_value_get_long(&value, &whole); return whole;
    case AVRO_INT32: avro_value_get_int(&value, &small); return small;
    case AVRO_DOUBLE: avro_value_get_double(&value, &real); return (int64_t)real;
    case AVRO_BOOLEAN: avro_value_get_boolean(&value, &flag); return flag;
    case AVRO_STRING: avro_value_get_string(&value, &text, &size); return (int64_t)size;
    default: return 0;
  }
}

int main(int argc, char **argv) {
  if (argc != 3) return 2;
  size_t text_size, size;
  char *text = slurp(argv[1], &text_size), *bytes = slurp(argv[2], &size);
  avro_schema_t schema;
  if (avro_schema_from_json_length(text, text_size, &schema)) return 1;
  avro_value_iface_t *class = avro_generic_class_from_schema(schema);
  avro_value_t value;
  avro_generic_value_new(class, &value);
  avro_reader_t reader = avro_reader_memory(NULL, 0);
  struct timespec start, end;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &start);
  size_t count = 0, at = 0;
  int64_t sum = 0;
  while (at < size) {
    uint32_t length;
    memcpy(&length, bytes + at, 4);
    avro_reader_memory_set_source(reader, bytes + at + 4, length);
    if (avro_value_read(reader, &value)) return 1;
    for (size_t i = 0; i < 7; i++) {
      avro_value_t field;
      avro_value_get_by_index(&value, i, &field, NULL);
      sum += get(&field);
    }
    avro_value_reset(&value);
    at += 4 + length;
    count++;
  }
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &end);
  double ns = (end.tv_sec - start.tv_sec) * 1e9 + (end.tv_nsec - start.tv_nsec);
  printf("read and get %.0f ns/record, checksum %lld\n", ns / count, (long long)sum);
  return 0;
}
