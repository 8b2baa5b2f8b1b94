// CRC-32C: the SSE4.2 instruction where the processor has it, else the table of Sarwate's algorithm.
#include "CSupport.h"

static uint32_t table[256];
static int tableReady;

static void fillTable(void) {
  for (uint32_t i = 0; i < 256; i++) {
    uint32_t c = i;
    for (int k = 0; k < 8; k++) c = (c & 1) ? (c >> 1) ^ 0x82F63B78u : c >> 1;
    table[i] = c;
  }
  __atomic_store_n(&tableReady, 1, __ATOMIC_RELEASE);
}

static uint32_t softwareCRC(uint32_t crc, const uint8_t *p, size_t n) {
  if (!__atomic_load_n(&tableReady, __ATOMIC_ACQUIRE)) fillTable();
  while (n--) crc = table[(crc ^ *p++) & 0xFF] ^ (crc >> 8);
  return crc;
}

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) static uint32_t hardwareCRC(
    uint32_t seed, const uint8_t *p, size_t n) {
  uint64_t crc = seed;
  while (n >= 8) {
    uint64_t word;
    memcpy(&word, p, 8);
    crc = _mm_crc32_u64(crc, word);
    p += 8;
    n -= 8;
  }
  while (n--) crc = _mm_crc32_u8((uint32_t)crc, *p++);
  return (uint32_t)crc;
}
#endif

uint32_t headrace_crc32c(uint32_t seed, const void *bytes, size_t length) {
  uint32_t crc = ~seed;
#if defined(__x86_64__)
  if (__builtin_cpu_supports("sse4.2")) return ~hardwareCRC(crc, bytes, length);
#endif
  return ~softwareCRC(crc, bytes, length);
}
