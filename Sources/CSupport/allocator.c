// How glibc's allocator treats large buffers.
#include "CSupport.h"

#include <malloc.h>

void headrace_keep_large_buffers(void) {
#if defined(__GLIBC__)
  mallopt(M_MMAP_THRESHOLD, 32 << 20);
  mallopt(M_TRIM_THRESHOLD, 64 << 20);
#endif
}
