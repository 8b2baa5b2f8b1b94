// Where one byte stands among many: 64 of them are looked at at once, with the widest registers that there are.
#include "CSupport.h"

static size_t one_by_one(const uint8_t *bytes, size_t from, size_t count, uint8_t wanted, int32_t *positions,
                         size_t found, size_t most) {
  for (; from < count && found < most; from++)
    if (bytes[from] == wanted) positions[found++] = (int32_t)from;
  return found;
}

#if defined(__x86_64__)
__attribute__((target("avx2,bmi"))) static size_t by_blocks(const uint8_t *bytes, size_t from, size_t count,
                                                            uint8_t wanted, int32_t *positions, size_t most) {
  size_t found = 0;
  __m256i pattern = _mm256_set1_epi8((char)wanted);
  for (; from + 64 <= count; from += 64) {
    __m256i first = _mm256_loadu_si256((const __m256i *)(bytes + from));
    __m256i second = _mm256_loadu_si256((const __m256i *)(bytes + from + 32));
    uint64_t low = (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(first, pattern));
    uint64_t high = (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(second, pattern));
    for (uint64_t mask = low | high << 32; mask; mask &= mask - 1) {
      if (found == most) return found;
      positions[found++] = (int32_t)(from + (size_t)__builtin_ctzll(mask));
    }
  }
  return one_by_one(bytes, from, count, wanted, positions, found, most);
}
#endif

size_t headrace_positions(const uint8_t *bytes, size_t from, size_t count, uint8_t wanted, int32_t *positions,
                          size_t most) {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi"))
    return by_blocks(bytes, from, count, wanted, positions, most);
#endif
  size_t found = 0;
  for (; from + 16 <= count; from += 16) {
    for (uint32_t mask = headrace_equal16(bytes + from, wanted); mask; mask &= mask - 1) {
      if (found == most) return found;
      positions[found++] = (int32_t)(from + (size_t)__builtin_ctz(mask));
    }
  }
  return one_by_one(bytes, from, count, wanted, positions, found, most);
}
