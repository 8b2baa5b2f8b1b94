// How glibc's allocator treats large buffers.
#include "CSupport.h"

#include <malloc.h>

void headrace_keep_large_buffers(void) {
#if defined(__GLIBC__)
  mallopt(M_MMAP_THRESHOLD, 32 << 20);
  mallopt(M_TRIM_THRESHOLD, 64 << 20);
  // Each arena keeps what was once used in it.
  mallopt(M_ARENA_MAX, 4);
#endif
}

void headrace_release_memory(void) {
#if defined(__GLIBC__)
  malloc_trim(0);
#endif
}
