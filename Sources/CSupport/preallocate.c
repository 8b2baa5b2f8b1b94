// fallocate is a GNU extension that Swift's Glibc module does not show.
#define _GNU_SOURCE
#include "CSupport.h"

#include <fcntl.h>

int headrace_preallocate(int descriptor, int64_t end) {
  return fallocate(descriptor, FALLOC_FL_KEEP_SIZE, 0, end);
}
