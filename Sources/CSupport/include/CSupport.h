// The few machine instructions that Swift does not reach: CRC-32C, byte-compare masks, prefetch.
// Everything here is static inline so that the Swift optimizer sees through it.
#ifndef CSUPPORT_H
#define CSUPPORT_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

/// CRC-32C (Castagnoli) of `length` bytes, continuing from `seed` (0 for a fresh checksum).
uint32_t headrace_crc32c(uint32_t seed, const void *bytes, size_t length);

/// Bit i is set when byte i of the 16 at `p` is `"`, `\`, a control byte, or has its top bit set.
static inline uint32_t headrace_string_stops16(const uint8_t *p) {
#if defined(__x86_64__)
  __m128i v = _mm_loadu_si128((const __m128i *)p);
  __m128i quote = _mm_cmpeq_epi8(v, _mm_set1_epi8('"'));
  __m128i slash = _mm_cmpeq_epi8(v, _mm_set1_epi8('\\'));
  __m128i low = _mm_cmplt_epi8(v, _mm_set1_epi8(0x20));  // signed: also every byte >= 0x80
  return (uint32_t)_mm_movemask_epi8(_mm_or_si128(_mm_or_si128(quote, slash), low));
#else
  uint32_t mask = 0;
  for (int i = 0; i < 16; i++)
    if (p[i] == '"' || p[i] == '\\' || p[i] < 0x20 || p[i] >= 0x80) mask |= 1u << i;
  return mask;
#endif
}

/// Bit i is set when byte i of the 16 at `p` equals `needle`.
static inline uint32_t headrace_equal16(const uint8_t *p, uint8_t needle) {
#if defined(__x86_64__)
  __m128i v = _mm_loadu_si128((const __m128i *)p);
  return (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(v, _mm_set1_epi8((char)needle)));
#else
  uint32_t mask = 0;
  for (int i = 0; i < 16; i++)
    if (p[i] == needle) mask |= 1u << i;
  return mask;
#endif
}

/// Reserves disk space for a file up to `end` bytes, its size unchanged. 0, or -1 and errno.
int headrace_preallocate(int descriptor, int64_t end);

static inline void headrace_prefetch(const void *p) { __builtin_prefetch(p, 0, 3); }

#endif
