// CRC-32C. Where the processor has the instruction, three streams run side by side (the instruction takes
// three cycles but one can begin each cycle) and are put together by carry-less multiplication: shifting a
// checksum over n bytes multiplies it by x^(8n) modulo the polynomial. Elsewhere Sarwate's table.
#include "CSupport.h"

#include <pthread.h>

#define POLYNOMIAL 0x82F63B78u

// Bytes in each of the three streams; the short one makes 504, which fits a journal block.
#define LONG_STREAM 2048
#define SHORT_STREAM 168

static uint32_t table[256];
// x^(8n - 33), bit-reversed, for n = one and two streams: the product below adds the missing 33.
static uint32_t longShift[2], shortShift[2];
static pthread_once_t preparation = PTHREAD_ONCE_INIT;

static uint32_t powerOfX(uint32_t exponent) {
  uint32_t value = 1u << 31;
  while (exponent--) value = (value & 1) ? (value >> 1) ^ POLYNOMIAL : value >> 1;
  return value;
}

static void prepare(void) {
  for (uint32_t i = 0; i < 256; i++) {
    uint32_t c = i;
    for (int k = 0; k < 8; k++) c = (c & 1) ? (c >> 1) ^ POLYNOMIAL : c >> 1;
    table[i] = c;
  }
  for (uint32_t streams = 1; streams <= 2; streams++) {
    longShift[streams - 1] = powerOfX(8 * LONG_STREAM * streams - 33);
    shortShift[streams - 1] = powerOfX(8 * SHORT_STREAM * streams - 33);
  }
}

static uint32_t softwareCRC(uint32_t crc, const uint8_t *p, size_t n) {
  while (n--) crc = table[(crc ^ *p++) & 0xFF] ^ (crc >> 8);
  return crc;
}

#if defined(__x86_64__)
static inline uint64_t load64(const uint8_t *p) {
  uint64_t word;
  memcpy(&word, p, 8);
  return word;
}

__attribute__((target("sse4.2,pclmul"))) static inline uint64_t product(uint64_t crc, uint32_t shift) {
  __m128i both = _mm_clmulepi64_si128(
      _mm_cvtsi64_si128((long long)crc), _mm_cvtsi32_si128((int)shift), 0);
  return (uint64_t)_mm_cvtsi128_si64(both);
}

// Three streams of `stream` bytes each, as often as they fit.
__attribute__((target("sse4.2,pclmul"))) static inline uint64_t threeStreams(
    uint64_t crc, const uint8_t **start, size_t *length, size_t stream, const uint32_t shift[2]) {
  const uint8_t *p = *start;
  size_t n = *length;
  while (n >= 3 * stream) {
    uint64_t second = 0, third = 0;
    const uint8_t *end = p + stream;
    for (; p < end; p += 8) {
      crc = _mm_crc32_u64(crc, load64(p));
      second = _mm_crc32_u64(second, load64(p + stream));
      third = _mm_crc32_u64(third, load64(p + 2 * stream));
    }
    uint64_t shifted = product(crc, shift[1]) ^ product(second, shift[0]);
    crc = _mm_crc32_u64(0, shifted) ^ third;
    p += 2 * stream;
    n -= 3 * stream;
  }
  *start = p;
  *length = n;
  return crc;
}

__attribute__((target("sse4.2,pclmul"))) static uint32_t hardwareCRC(
    uint32_t seed, const uint8_t *p, size_t n) {
  uint64_t crc = seed;
  crc = threeStreams(crc, &p, &n, LONG_STREAM, longShift);
  crc = threeStreams(crc, &p, &n, SHORT_STREAM, shortShift);
  while (n >= 8) {
    crc = _mm_crc32_u64(crc, load64(p));
    p += 8;
    n -= 8;
  }
  while (n--) crc = _mm_crc32_u8((uint32_t)crc, *p++);
  return (uint32_t)crc;
}
#endif

uint32_t headrace_crc32c(uint32_t seed, const void *bytes, size_t length) {
  pthread_once(&preparation, prepare);
  uint32_t crc = ~seed;
#if defined(__x86_64__)
  if (__builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("pclmul"))
    return ~hardwareCRC(crc, bytes, length);
#endif
  return ~softwareCRC(crc, bytes, length);
}
