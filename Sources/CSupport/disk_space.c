// fallocate and sync_file_range are GNU extensions that Swift's Glibc module does not show.
#define _GNU_SOURCE
#include "CSupport.h"

#include <fcntl.h>

int headrace_preallocate(int descriptor, int64_t end) {
  return fallocate(descriptor, FALLOC_FL_KEEP_SIZE, 0, end);
}

int headrace_write_back(int descriptor, int64_t at, int64_t count) {
  return sync_file_range(
      descriptor, at, count,
      SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER);
}
