// Plain records of one shape, JSON or DELIMITED, four side by side. A record alone waits for each of its values: where it ends
// decides where the next one begins. Four records of one shape take the same steps, so that their waits overlap.
//
// Only what is surely right is accepted: every byte of a record is part of an expected key or delimiter, of a run of digits, of
// a text without escapes or quotes, or of the end; the record ends where it should. Everything else is left to the caller's
// own decoder.
#include "CSupport.h"

#if defined(__x86_64__)
#define WIDE __attribute__((target("avx2,bmi,bmi2,lzcnt,popcnt")))
#define INLINE static inline __attribute__((always_inline))
#define FOR_EACH _Pragma("clang loop unroll(full)") for (int i = 0; i < n; i++)

typedef const uint8_t *bytes;
typedef struct headrace_plain_step step;
typedef struct headrace_plain_shape shape;

enum { together = 4, credit_most = 64, pause = 256 };

// MARK: - Texts

// Bit i is set when byte i is `"`, `\`, a control byte, or has its top bit set; see headrace_string_stops16.
WIDE INLINE uint32_t stops32(bytes p) {
  __m256i v = _mm256_loadu_si256((const __m256i *)p);
  __m256i low = _mm256_cmpgt_epi8(_mm256_set1_epi8(0x21), _mm256_xor_si256(v, _mm256_set1_epi8(2)));
  return (uint32_t)_mm256_movemask_epi8(_mm256_or_si256(_mm256_cmpeq_epi8(v, _mm256_set1_epi8('\\')), low));
}

WIDE INLINE uint64_t stops64(bytes p) { return (uint64_t)stops32(p) | (uint64_t)stops32(p + 32) << 32; }

WIDE __attribute__((noinline)) static bytes far_stop(bytes p, bytes end) {
  for (; p < end; p += 64) {
    uint64_t stops = stops64(p);
    if (stops) return p + _tzcnt_u64(stops);
  }
  return NULL;
}

// The first stop from `p` on, NULL when there is none before `end`; it may lie behind `end`. 32 * `reach` bytes are looked at
// without a branch, as the lengths of strings cannot be foreseen; where that was too few, `grown` is more.
WIDE INLINE bytes first_stop(bytes p, bytes end, uint32_t reach, uint32_t *grown) {
  uint64_t near = reach == 1 ? stops32(p) : stops64(p);
  if (reach <= 2) {
    if (__builtin_expect(near != 0, 1)) return p + _tzcnt_u64(near);
  } else {
    uint64_t next = reach == 3 ? stops32(p + 64) : stops64(p + 64);
    if (__builtin_expect((near | next) != 0, 1)) return p + _tzcnt_u64(near) + (near ? 0 : _tzcnt_u64(next));
  }
  *grown = reach < 4 ? reach + 1 : 4;
  return far_stop(p + 32 * reach, end);
}

static inline int is_tail(uint8_t byte) { return (byte & 0xC0) == 0x80; }

// The length of the well-formed UTF-8 sequence at `p` (RFC 3629), 0 when it is none.
static inline int sequence_length(bytes p) {
  if (p[0] < 0xC2) return 0;
  if (p[0] < 0xE0) return is_tail(p[1]) ? 2 : 0;
  if (p[0] < 0xF0) {
    uint8_t least = p[0] == 0xE0 ? 0xA0 : 0x80, most = p[0] == 0xED ? 0x9F : 0xBF;
    return p[1] >= least && p[1] <= most && is_tail(p[2]) ? 3 : 0;
  }
  uint8_t least = p[0] == 0xF0 ? 0x90 : 0x80, most = p[0] == 0xF4 ? 0x8F : 0xBF;
  return p[0] < 0xF5 && p[1] >= least && p[1] <= most && is_tail(p[2]) && is_tail(p[3]) ? 4 : 0;
}

// From a byte with its top bit set to the closing quote; NULL when the string is not plain.
WIDE __attribute__((noinline)) static bytes quote_behind(bytes p, bytes end) {
  while (p < end) {
    if (*p == '"') return p;
    if (*p < 0x80) return NULL;
    while (p < end && *p >= 0x80) {
      int length = sequence_length(p);
      if (!length) return NULL;
      p += length;
    }
    uint32_t grown;
    p = first_stop(p, end, 1, &grown);
    if (!p) return NULL;
  }
  return NULL;
}

WIDE INLINE void store_views(const bytes *p, const bytes *stop, const int n, const step *next, size_t row, bytes base) {
  FOR_EACH((uint32_t *)next->values)[row + (size_t)i] = (uint32_t)(p[i] - base);
  FOR_EACH next->lengths[row + (size_t)i] = (uint32_t)(stop[i] - p[i]);
}

WIDE INLINE bool strings(bytes *p, const bytes *ends, const int n, step *next, size_t row, bytes base) {
  bytes stop[4];
  switch (next->reach) {
  case 1: FOR_EACH stop[i] = first_stop(p[i], ends[i], 1, &next->reach); break;
  case 2: FOR_EACH stop[i] = first_stop(p[i], ends[i], 2, &next->reach); break;
  case 3: FOR_EACH stop[i] = first_stop(p[i], ends[i], 3, &next->reach); break;
  default: FOR_EACH stop[i] = first_stop(p[i], ends[i], 4, &next->reach); break;
  }
  bool all = true, quotes = true;
  FOR_EACH all &= stop[i] != NULL;
  if (!all) return false;
  FOR_EACH quotes &= *stop[i] == '"';
  if (__builtin_expect(!quotes, 0)) {
    FOR_EACH {
      if (*stop[i] >= 0x80) stop[i] = quote_behind(stop[i], ends[i]);
      if (!stop[i] || *stop[i] != '"') return false;
    }
  }
  if (next->is_stored) store_views(p, stop, n, next, row, base);
  FOR_EACH p[i] = stop[i] + 1;
  return true;
}

// Bit i is set when byte i is the delimiter, a quote, a line end, or has its top bit set.
WIDE INLINE uint32_t field_stops32(bytes p, uint8_t delimiter) {
  __m256i v = _mm256_loadu_si256((const __m256i *)p);
  __m256i stops = _mm256_or_si256(v, _mm256_cmpeq_epi8(v, _mm256_set1_epi8((char)delimiter)));
  stops = _mm256_or_si256(stops, _mm256_cmpeq_epi8(v, _mm256_set1_epi8('"')));
  stops = _mm256_or_si256(stops, _mm256_cmpeq_epi8(v, _mm256_set1_epi8('\n')));
  stops = _mm256_or_si256(stops, _mm256_cmpeq_epi8(v, _mm256_set1_epi8('\r')));
  return (uint32_t)_mm256_movemask_epi8(stops);
}

WIDE INLINE uint64_t field_stops64(bytes p, uint8_t delimiter) {
  return (uint64_t)field_stops32(p, delimiter) | (uint64_t)field_stops32(p + 32, delimiter) << 32;
}

WIDE __attribute__((noinline)) static bytes far_field_stop(bytes p, bytes end, uint8_t delimiter) {
  for (; p < end; p += 64) {
    uint64_t stops = field_stops64(p, delimiter);
    if (stops) return p + _tzcnt_u64(stops);
  }
  return end;
}

// As first_stop; what reaches to the end of the record needs no stop.
WIDE INLINE bytes first_field_stop(bytes p, bytes end, uint32_t reach, uint32_t *grown, uint8_t delimiter) {
  uint64_t near = reach == 1 ? field_stops32(p, delimiter) : field_stops64(p, delimiter);
  if (__builtin_expect(near != 0, 1)) return p + _tzcnt_u64(near);
  *grown = 2;
  return far_field_stop(p + 32 * reach, end, delimiter);
}

// Fields of text that are not empty: what an empty one stands for is not said here.
WIDE INLINE bool delimited(bytes *p, const bytes *ends, const int n, step *next, size_t row, bytes base, uint8_t delimiter) {
  bytes stop[4];
  if (next->reach == 1) {
    FOR_EACH stop[i] = first_field_stop(p[i], ends[i], 1, &next->reach, delimiter);
  } else {
    FOR_EACH stop[i] = first_field_stop(p[i], ends[i], 2, &next->reach, delimiter);
  }
  bool all = true;
  FOR_EACH stop[i] = stop[i] < ends[i] ? stop[i] : ends[i];
  FOR_EACH all &= stop[i] > p[i] && (stop[i] == ends[i] || *stop[i] == delimiter);
  if (!all) return false;
  if (next->is_stored) store_views(p, stop, n, next, row, base);
  FOR_EACH p[i] = stop[i];
  return true;
}

// MARK: - Numbers

WIDE INLINE __m128i from_zero(bytes p) {
  return _mm_sub_epi8(_mm_loadu_si128((const __m128i *)p), _mm_set1_epi8('0'));
}

// How many digits stand first, up to 16.
WIDE INLINE uint32_t digit_count(__m128i digits) {
  __m128i others = _mm_cmpeq_epi8(_mm_min_epu8(digits, _mm_set1_epi8(9)), digits);
  return _tzcnt_u32(~(uint32_t)_mm_movemask_epi8(others));
}

// The value of the first `count` digits, 1 to 16: moved to the right end, then added up in pairs of pairs.
WIDE INLINE uint64_t digits_value(__m128i digits, uint32_t count) {
  static const uint8_t to_the_right[32] = {
    0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80,
    0,    1,    2,    3,    4,    5,    6,    7,    8,    9,    10,   11,   12,   13,   14,   15};
  __m128i x = _mm_shuffle_epi8(digits, _mm_loadu_si128((const __m128i *)(to_the_right + count)));
  x = _mm_maddubs_epi16(x, _mm_set1_epi16(0x010A));
  x = _mm_madd_epi16(x, _mm_set1_epi32(0x00010064));
  x = _mm_madd_epi16(_mm_packus_epi32(x, x), _mm_set1_epi32(0x00012710));
  uint64_t halves = (uint64_t)_mm_cvtsi128_si64(x);
  return (halves & 0xFFFFFFFF) * 100000000 + (halves >> 32);
}

WIDE INLINE bool integers(bytes *p, const int n, const step *next, size_t row) {
  uint64_t sign[4];
  uint32_t count[4];
  __m128i digits[4];
  bool unusual = false;
  FOR_EACH unusual |= (uint8_t)(*p[i] - '1') > 8;
  FOR_EACH sign[i] = 0;
  if (__builtin_expect(unusual, 0)) {
    FOR_EACH {
      sign[i] = 0 - (uint64_t)(*p[i] == '-');
      p[i] -= (int64_t)sign[i];
    }
  }
  FOR_EACH digits[i] = from_zero(p[i]);
  FOR_EACH count[i] = digit_count(digits[i]);
  if (__builtin_expect(unusual, 0)) {
    bool right = true;
    FOR_EACH right &= count[i] == 1 || (count[i] > 1 && *p[i] != '0');
    if (!right) return false;
  }
  if (next->is_stored || next->kind == HEADRACE_PLAIN_INT32) {
    int64_t value[4];
    FOR_EACH value[i] = (int64_t)((digits_value(digits[i], count[i]) ^ sign[i]) - sign[i]);
    if (next->kind == HEADRACE_PLAIN_INT64) {
      FOR_EACH((int64_t *)next->values)[row + (size_t)i] = value[i];
    } else {
      bool fits = true;
      FOR_EACH fits &= value[i] == (int32_t)value[i];
      if (!fits) return false;
      if (next->is_stored) { FOR_EACH((int32_t *)next->values)[row + (size_t)i] = (int32_t)value[i]; }
    }
  }
  FOR_EACH p[i] += count[i];
  return true;
}

// A number of up to seven digits before the point and behind it, as plainDouble in PlainText.swift reads it.
WIDE INLINE bool fractions(bytes *p, const int n, const step *next, size_t row) {
  FOR_EACH {
    bool negative = *p[i] == '-';
    bytes q = p[i] + negative;
    __m128i digits = from_zero(q);
    uint32_t count = digit_count(digits), fraction = 0;
    if (count == 0 || count > 7 || (*q == '0' && count > 1)) return false;
    uint64_t value = digits_value(digits, count);
    q += count;
    if (*q == '.') {
      digits = from_zero(q + 1);
      fraction = digit_count(digits);
      if (fraction == 0 || fraction > 7) return false;
      value = value * headrace_power10_u64((int)fraction) + digits_value(digits, fraction);
      q += 1 + fraction;
    }
    double quotient = (double)value / headrace_power10((int)fraction);
    if (next->is_stored) ((double *)next->values)[row + (size_t)i] = negative ? -quotient : quotient;
    p[i] = q;
  }
  return true;
}

WIDE INLINE bool truths(bytes *p, const int n, const step *next, size_t row) {
  FOR_EACH {
    uint32_t word;
    memcpy(&word, p[i], 4);
    bool is_true = word == 0x65757274, is_false = word == 0x736C6166 && p[i][4] == 'e';
    if (!is_true && !is_false) return false;
    if (next->is_stored) ((uint8_t *)next->values)[row + (size_t)i] = is_true;
    p[i] += is_true ? 4 : 5;
  }
  return true;
}

// MARK: - Records

// `n` records from `row` on, at `at`, which is moved behind them; false when some record is not plain.
WIDE INLINE bool records(bytes *at, const bytes *ends, const int n, shape *known, size_t row, bytes base) {
  bytes p[4];
  FOR_EACH p[i] = at[i];
  for (uint32_t index = 0; index < known->count; index++) {
    step *next = &known->steps[index];
    __m256i expected = _mm256_loadu_si256((const __m256i *)next->bytes), other = _mm256_setzero_si256();
    FOR_EACH other = _mm256_or_si256(other, _mm256_xor_si256(_mm256_loadu_si256((const __m256i *)p[i]), expected));
    if (!_mm256_testz_si256(other, _mm256_loadu_si256((const __m256i *)next->mask))) return false;
    FOR_EACH p[i] += next->length;
    bool are_plain = true;
    switch (next->kind) {
    case HEADRACE_PLAIN_KEY: break;
    case HEADRACE_PLAIN_INT64:
    case HEADRACE_PLAIN_INT32: are_plain = integers(p, n, next, row); break;
    case HEADRACE_PLAIN_STRING: are_plain = strings(p, ends, n, next, row, base); break;
    case HEADRACE_PLAIN_FIELD: are_plain = delimited(p, ends, n, next, row, base, known->delimiter); break;
    case HEADRACE_PLAIN_DOUBLE: are_plain = fractions(p, n, next, row); break;
    case HEADRACE_PLAIN_BOOLEAN: are_plain = truths(p, n, next, row); break;
    }
    // What lies behind the end of a record is no part of it, and not looked at any further.
    FOR_EACH are_plain &= p[i] <= ends[i];
    if (!are_plain) return false;
  }
  FOR_EACH at[i] = p[i];
  return true;
}

WIDE static size_t plain_records(bytes base, bytes readable, const int32_t *starts, const int32_t *lengths, size_t count,
                                 shape *known, uint64_t *done) {
  size_t row = 0, rest = 0;
  while (row < count) {
    // What fails often is left out for a while.
    if (row + together <= count && known->credit_together >= 0) {
      bytes p[together], ends[together];
      bool are_there = true;
      for (int i = 0; i < together; i++) {
        p[i] = base + starts[row + (size_t)i];
        ends[i] = p[i] + lengths[row + (size_t)i];
        are_there &= lengths[row + (size_t)i] >= 0 && ends[i] <= readable;
      }
      if (are_there && records(p, ends, together, known, row, base)) {
        bool are_whole = true;
        for (int i = 0; i < together; i++) are_whole &= p[i] == ends[i];
        if (are_whole) {
          for (size_t i = row; i < row + together; i++) done[i >> 6] |= 1ull << (i & 63);
          row += together;
          known->credit_together += known->credit_together < credit_most;
          continue;
        }
      }
      if (--known->credit_together < 0) known->credit_together = -pause;
    } else if (known->credit_together < 0) {
      known->credit_together++;
    }
    for (int i = 0; i < together && row < count; i++, row++) {
      bytes p = base + starts[row], end = p + lengths[row];
      if (known->credit_alone < 0) {
        known->credit_alone++;
        rest++;
      } else if (lengths[row] >= 0 && end <= readable && records(&p, &end, 1, known, row, base) && p == end) {
        done[row >> 6] |= 1ull << (row & 63);
        known->credit_alone += known->credit_alone < credit_most;
      } else {
        rest++;
        if (--known->credit_alone < 0) known->credit_alone = -pause;
      }
    }
  }
  return rest;
}

bool headrace_has_plain_records(void) {
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2");
}

size_t headrace_plain_records(const uint8_t *base, size_t readable, const int32_t *starts, const int32_t *lengths, size_t count,
                             struct headrace_plain_shape *known, uint64_t *done) {
  // Loads go so far beyond what they are about.
  size_t reach = HEADRACE_PLAIN_REACH;
  return plain_records(base, readable < reach ? base : base + readable - reach, starts, lengths, count, known, done);
}
#else
bool headrace_has_plain_records(void) { return false; }

size_t headrace_plain_records(const uint8_t *base, size_t readable, const int32_t *starts, const int32_t *lengths, size_t count,
                             struct headrace_plain_shape *known, uint64_t *done) {
  return count;
}
#endif
