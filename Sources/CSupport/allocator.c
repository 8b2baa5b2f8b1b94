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

// `kind`: dirty or muzzy. For the arenas to come, and for the first `arenas` of those that are there.
static void set_decay(const char *kind, ssize_t milliseconds, unsigned arenas) {
  char name[48];
  snprintf(name, sizeof name, "arenas.%s_decay_ms", kind);
  mallctl(name, NULL, NULL, &milliseconds, sizeof milliseconds);
  for (unsigned arena = 0; arena < arenas; arena++) {
    // A number without an arena is refused, which does no harm.
    snprintf(name, sizeof name, "arena.%u.%s_decay_ms", arena, kind);
    mallctl(name, NULL, NULL, &milliseconds, sizeof milliseconds);
  }
}

void headrace_tune_allocator(void) {
  if (mallctl) {
    // There is one arena when a program starts.
    set_decay("dirty", UNUSED_MS, 1);
    set_decay("muzzy", 0, 1);
    return;
  }
#if defined(__GLIBC__)
  mallopt(M_MMAP_THRESHOLD, 32 << 20);
  mallopt(M_TRIM_THRESHOLD, 64 << 20);
  // Each arena keeps what was once used in it.
  mallopt(M_ARENA_MAX, 4);
#endif
}

void headrace_keep_freed_memory(bool keeps) {
  if (!mallctl) return;
  unsigned arenas = 0;
  size_t size = sizeof arenas;
  mallctl("arenas.narenas", &arenas, &size, NULL, 0);
  set_decay("dirty", keeps ? UNUSED_MS : 0, arenas);
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
