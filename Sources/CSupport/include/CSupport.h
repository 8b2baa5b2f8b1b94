// The few machine instructions that Swift does not reach: CRC-32C, byte-compare masks, prefetch.
// Everything here is static inline so that the Swift optimizer sees through it.
#ifndef CSUPPORT_H
#define CSUPPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

/// Lets freed buffers stay with the process for a while instead of being unmapped and faulted in again for the
/// next batch. For programs, at their start; a library leaves the process alone.
void headrace_tune_allocator(void);

/// The same where state may take so many bytes only: little is kept beyond what is in use.
void headrace_bound_allocator(size_t bytes);

/// Gives back to the system what the allocator keeps and nobody uses.
void headrace_release_memory(void);

/// The calling thread's number among the workers of its pool; 0 until it is set.
int32_t headrace_worker(void);
void headrace_set_worker(int32_t worker);

/// CRC-32C (Castagnoli) of `length` bytes, continuing from `seed` (0 for a fresh checksum).
uint32_t headrace_crc32c(uint32_t seed, const void *bytes, size_t length);

/// Where in `bytes[from ..< count]` the byte `wanted` stands, at most `most` places in order; how many. `count` is at
/// most 2^31.
size_t headrace_positions(const uint8_t *bytes, size_t from, size_t count, uint8_t wanted, int32_t *positions,
                          size_t most);

/// Bit i is set when byte i of the 16 at `p` is `"`, `\`, a control byte, or has its top bit set.
static inline uint32_t headrace_string_stops16(const uint8_t *p) {
#if defined(__x86_64__)
  __m128i v = _mm_loadu_si128((const __m128i *)p);
  __m128i slash = _mm_cmpeq_epi8(v, _mm_set1_epi8('\\'));
  // With bit 1 turned over a quote (0x22) is 0x20, and a space and `!` are above it. Signed: every byte >= 0x80 is below.
  __m128i low = _mm_cmplt_epi8(_mm_xor_si128(v, _mm_set1_epi8(2)), _mm_set1_epi8(0x21));
  return (uint32_t)_mm_movemask_epi8(_mm_or_si128(slash, low));
#else
  uint32_t mask = 0;
  for (int i = 0; i < 16; i++)
    if (p[i] == '"' || p[i] == '\\' || p[i] < 0x20 || p[i] >= 0x80) mask |= 1u << i;
  return mask;
#endif
}

/// The same for the 64 bytes at `p`: one branch finds the end of most strings, whatever their length.
static inline uint64_t headrace_string_stops64(const uint8_t *p) {
  return (uint64_t)headrace_string_stops16(p) | (uint64_t)headrace_string_stops16(p + 16) << 16
         | (uint64_t)headrace_string_stops16(p + 32) << 32 | (uint64_t)headrace_string_stops16(p + 48) << 48;
}

/// Bit i is set when byte i of the 64 at `p` has its top bit set: one branch tells of most texts whether they are ASCII.
static inline uint64_t headrace_top_bits64(const uint8_t *p) {
#if defined(__x86_64__)
  uint64_t mask = 0;
  for (int i = 0; i < 4; i++)
    mask |= (uint64_t)(uint32_t)_mm_movemask_epi8(_mm_loadu_si128((const __m128i *)(p + 16 * i))) << 16 * i;
  return mask;
#else
  uint64_t mask = 0;
  for (int i = 0; i < 64; i++) mask |= (uint64_t)(p[i] >> 7) << i;
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

/// Bit i is set when byte i of the 16 at `p` must be escaped in JSON text: `"`, `\`, or a control byte.
static inline uint32_t headrace_escapes16(const uint8_t *p) {
#if defined(__x86_64__)
  __m128i v = _mm_loadu_si128((const __m128i *)p);
  __m128i quote = _mm_cmpeq_epi8(v, _mm_set1_epi8('"'));
  __m128i slash = _mm_cmpeq_epi8(v, _mm_set1_epi8('\\'));
  __m128i low = _mm_cmpeq_epi8(_mm_min_epu8(v, _mm_set1_epi8(0x1F)), v);
  return (uint32_t)_mm_movemask_epi8(_mm_or_si128(_mm_or_si128(quote, slash), low));
#else
  uint32_t mask = 0;
  for (int i = 0; i < 16; i++)
    if (p[i] == '"' || p[i] == '\\' || p[i] < 0x20) mask |= 1u << i;
  return mask;
#endif
}

/// Copies 32 bytes. Whether one of them must be escaped in JSON text.
static inline int headrace_copy_escapes32(uint8_t *to, const uint8_t *from) {
#if defined(__x86_64__)
  __m128i a = _mm_loadu_si128((const __m128i *)from);
  __m128i b = _mm_loadu_si128((const __m128i *)(from + 16));
  _mm_storeu_si128((__m128i *)to, a);
  _mm_storeu_si128((__m128i *)(to + 16), b);
  __m128i quote = _mm_set1_epi8('"'), slash = _mm_set1_epi8('\\'), low = _mm_set1_epi8(0x1F);
  __m128i quotes = _mm_or_si128(_mm_cmpeq_epi8(a, quote), _mm_cmpeq_epi8(b, quote));
  __m128i slashes = _mm_or_si128(_mm_cmpeq_epi8(a, slash), _mm_cmpeq_epi8(b, slash));
  // The lower of the two bytes is a control byte when either is.
  __m128i least = _mm_min_epu8(a, b);
  __m128i lows = _mm_cmpeq_epi8(_mm_min_epu8(least, low), least);
  return _mm_movemask_epi8(_mm_or_si128(_mm_or_si128(quotes, slashes), lows));
#else
  memcpy(to, from, 32);
  return headrace_escapes16(from) != 0 || headrace_escapes16(from + 16) != 0;
#endif
}

/// Bit i is set when byte i of the 16 at `p` is `a`, `b`, a carriage return, a line feed,
/// or has its top bit set.
static inline uint32_t headrace_field_stops16(const uint8_t *p, uint8_t a, uint8_t b) {
#if defined(__x86_64__)
  __m128i v = _mm_loadu_si128((const __m128i *)p);
  __m128i ab = _mm_or_si128(_mm_cmpeq_epi8(v, _mm_set1_epi8((char)a)),
                            _mm_cmpeq_epi8(v, _mm_set1_epi8((char)b)));
  __m128i line = _mm_or_si128(_mm_cmpeq_epi8(v, _mm_set1_epi8('\r')),
                              _mm_cmpeq_epi8(v, _mm_set1_epi8('\n')));
  return (uint32_t)_mm_movemask_epi8(_mm_or_si128(_mm_or_si128(ab, line), v));
#else
  uint32_t mask = 0;
  for (int i = 0; i < 16; i++)
    if (p[i] == a || p[i] == b || p[i] == '\r' || p[i] == '\n' || p[i] >= 0x80) mask |= 1u << i;
  return mask;
#endif
}

/// Copies 16 bytes, as one load and one store.
static inline void headrace_copy16(uint8_t *to, const uint8_t *from) { memcpy(to, from, 16); }

/// 10^exponent, exact; 0 <= exponent <= 22.
static inline double headrace_power10(int exponent) {
  static const double powers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                  1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                  1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
  return powers[exponent];
}

/// 10^exponent; 0 <= exponent <= 19.
static inline uint64_t headrace_power10_u64(int exponent) {
  static const uint64_t powers[] = {1ull,
                                    10ull,
                                    100ull,
                                    1000ull,
                                    10000ull,
                                    100000ull,
                                    1000000ull,
                                    10000000ull,
                                    100000000ull,
                                    1000000000ull,
                                    10000000000ull,
                                    100000000000ull,
                                    1000000000000ull,
                                    10000000000000ull,
                                    100000000000000ull,
                                    1000000000000000ull,
                                    10000000000000000ull,
                                    100000000000000000ull,
                                    1000000000000000000ull,
                                    10000000000000000000ull};
  return powers[exponent];
}

/// The eight decimal digits of `v`, below 10^8, one a byte with the first in the lowest: pairs of digits are taken apart side
/// by side. Source: Paul Khuong, "How to print integers really fast", 2017.
static inline uint64_t headrace_eight_digits(uint64_t v) {
  uint64_t high = v / 10000;
  uint64_t fours = high | (v - high * 10000) << 32;
  uint64_t hundreds = (fours * 10486) >> 20 & 0x0000007F0000007Full;
  uint64_t pairs = hundreds | (fours - hundreds * 100) << 16;
  uint64_t tens = (pairs * 103) >> 10 & 0x000F000F000F000Full;
  return tens | (pairs - tens * 10) << 8;
}

static inline void headrace_store_eight_digits(uint8_t *to, uint64_t digits) {
  digits |= 0x3030303030303030ull;
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
  digits = __builtin_bswap64(digits);
#endif
  memcpy(to, &digits, 8);
}

/// The digits of `v`, below 10^8, without zeros in front; touches 8 bytes.
static inline size_t headrace_write_up_to_eight_digits(uint8_t *to, uint64_t v) {
  uint64_t digits = headrace_eight_digits(v);
  // The last of them stands even when it is a zero.
  int zeros = __builtin_ctzll(digits | 1ull << 56) >> 3;
  headrace_store_eight_digits(to, digits >> zeros * 8);
  return (size_t)(8 - zeros);
}

/// Writes the decimal digits of `v` and returns how many; may touch up to 28 bytes.
static inline size_t headrace_write_digits(uint8_t *to, uint64_t v) {
  const uint64_t unit = 100000000;
  if (v < unit) return headrace_write_up_to_eight_digits(to, v);
  uint64_t upper = v / unit;
  size_t count;
  if (upper < unit) {
    count = headrace_write_up_to_eight_digits(to, upper);
  } else {
    uint64_t top = upper / unit;
    count = headrace_write_up_to_eight_digits(to, top);
    headrace_store_eight_digits(to + count, headrace_eight_digits(upper - top * unit));
    count += 8;
  }
  headrace_store_eight_digits(to + count, headrace_eight_digits(v - upper * unit));
  return count + 8;
}

/// Reserves disk space for a file up to `end` bytes, its size unchanged. 0, or -1 and errno.
int headrace_preallocate(int descriptor, int64_t end);

/// Writes a part of a file back to the disk and waits for it. 0, or -1 and errno.
int headrace_write_back(int descriptor, int64_t at, int64_t count);

/// Opens what lies below a directory, links included, in one step that no rename can deceive. A descriptor, or -1
/// and errno: EXDEV for a path that leads out, ENOSYS where the kernel cannot.
int headrace_open_beneath(int directory, const char *path, int flags, unsigned mode);

/// How a value of a record is read: not at all, where a long key goes on; else a value of the field's type, texts up to a
/// quote (STRING) or to a delimiter (FIELD).
enum headrace_plain_kind {
  HEADRACE_PLAIN_KEY,
  HEADRACE_PLAIN_INT64,
  HEADRACE_PLAIN_INT32,
  HEADRACE_PLAIN_STRING,
  HEADRACE_PLAIN_FIELD,
  HEADRACE_PLAIN_DOUBLE,
  HEADRACE_PLAIN_BOOLEAN,
};

/// A step of a shape: what stands before a value, then the value. The opening quote of a JSON string is part of the former.
struct headrace_plain_step {
  /// The bytes, and a mask of those that count.
  uint8_t bytes[32], mask[32];
  uint32_t length, kind;
  /// Strings are looked through 32 * `reach` bytes at a time, 1 to 4; becomes more by itself.
  uint32_t reach;
  /// Otherwise the value is only checked.
  bool is_stored;
  /// Values by row; of strings where they start, and their lengths.
  void *values;
  uint32_t *lengths;
};

/// What records look like, to their last byte.
struct headrace_plain_shape {
  struct headrace_plain_step *steps;
  uint32_t count;
  /// Of DELIMITED.
  uint8_t delimiter;
  /// How often the shape held lately, for four records and for one.
  int32_t credit_together, credit_alone;
};

/// Bytes that are loaded beyond a record.
enum { HEADRACE_PLAIN_REACH = 192 };

/// Whether the processor has what `headrace_plain_records` needs.
bool headrace_has_plain_records(void);

/// Reads the records that have the shape, and sets their bits in `done`, which has one for each. The first `readable` bytes of
/// `base` may be loaded. How many are left; of those, rows may hold anything.
size_t headrace_plain_records(const uint8_t *base, size_t readable, const int32_t *starts, const int32_t *lengths, size_t count,
                             struct headrace_plain_shape *shape, uint64_t *done);

static inline void headrace_prefetch(const void *p) { __builtin_prefetch(p, 0, 3); }

#endif
