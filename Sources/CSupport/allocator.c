// How the allocator treats buffers that come and go: jemalloc in released programs, glibc's own in all others.
#include "CSupport.h"

#include <malloc.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/types.h>

// Of jemalloc; nowhere where it is not linked.
extern int mallctl(const char *name, void *old, size_t *old_size, void *new_value, size_t new_size)
    __attribute__((weak));

// jemalloc's number for all arenas together.
enum { ALL_ARENAS = 4096 };

// Pages that nobody has used for so long go back to the system.
static const ssize_t UNUSED_MS = 1000;

static void set_decay(const char *name, ssize_t milliseconds) {
  mallctl(name, NULL, NULL, &milliseconds, sizeof milliseconds);
}

static unsigned arena_count(void) {
  unsigned count = 0;
  size_t size = sizeof count;
  return mallctl("arenas.narenas", &count, &size, NULL, 0) == 0 ? count : 0;
}

// For the arenas to come, and for those that are there; a number without an arena is refused, which does no harm.
static void set_decay_of_all(const char *kind, ssize_t milliseconds) {
  char name[48];
  snprintf(name, sizeof name, "arenas.%s_decay_ms", kind);
  set_decay(name, milliseconds);
  for (unsigned arena = 0; arena < arena_count(); arena++) {
    snprintf(name, sizeof name, "arena.%u.%s_decay_ms", arena, kind);
    set_decay(name, milliseconds);
  }
}

void headrace_keep_freed_memory(bool keeps) {
  if (mallctl) set_decay_of_all("dirty", keeps ? UNUSED_MS : 0);
}

void headrace_tune_allocator(void) {
  if (mallctl) {
    set_decay_of_all("dirty", UNUSED_MS);
    set_decay_of_all("muzzy", 0);
    return;
  }
#if defined(__GLIBC__)
  mallopt(M_MMAP_THRESHOLD, 32 << 20);
  mallopt(M_TRIM_THRESHOLD, 64 << 20);
  // Each arena keeps what was once used in it.
  mallopt(M_ARENA_MAX, 4);
#endif
}

void headrace_release_memory(bool all) {
  if (mallctl) {
    char name[32];
    snprintf(name, sizeof name, "arena.%d.%s", ALL_ARENAS, all ? "purge" : "decay");
    mallctl(name, NULL, NULL, NULL, 0);
    return;
  }
#if defined(__GLIBC__)
  malloc_trim(0);
#endif
}
