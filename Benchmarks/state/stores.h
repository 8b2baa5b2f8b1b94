// What the stores of this benchmark have in common: the interface, which is of batches, and small
// tools.
//
// A store holds records of one size, key and value, which lie side by side in a batch. Every change
// is already in a changelog when it is put: what a crash takes from a store is put again from
// there. So put() need not reach the disk, checkpoint() does where nothing else bounds what would
// have to be put again.

#pragma once

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

struct Sizes {
  size_t key, value;
  size_t record() const { return key + value; }
};

using Row = std::function<void(const char *key, const char *value)>;

class Store {
 public:
  virtual ~Store() = default;
  // found[i]: whether key i has a value, which is then written to values.
  virtual void get(const char *keys, size_t count, char *values, uint8_t *found) = 0;
  // The changes of an epoch, each key once; fresh: how many of the keys had no value, as the reader
  // knows.
  virtual void put(const char *keys, const char *values, size_t count, size_t fresh) = 0;
  virtual void checkpoint() {}
  // Waits for what threads of the store's own have still to do.
  virtual void settle() {}
  // Each record once, in any order.
  virtual void scan(const Row &row) = 0;
  // What is in memory only is on the disk before the destructor ends.
};

[[noreturn]] inline void die(const std::string &what) {
  perror(what.c_str());
  exit(1);
}

inline void must(bool good, const std::string &what) {
  if (!good) die(what);
}

inline void writeAll(int file, const char *bytes, size_t count, const std::string &name) {
  while (count > 0) {
    ssize_t written = write(file, bytes, count);
    must(written > 0, name);
    bytes += written, count -= written;
  }
}

inline void readAt(int file, char *bytes, size_t count, uint64_t position,
                   const std::string &name) {
  while (count > 0) {
    ssize_t read = pread(file, bytes, count, position);
    must(read > 0, name);
    bytes += read, count -= read, position += read;
  }
}

template <typename T>
T load(const char *bytes) {
  T value;
  memcpy(&value, bytes, sizeof value);
  return value;
}

template <typename T>
void append(std::string &bytes, T value) {
  bytes.append(reinterpret_cast<const char *>(&value), sizeof value);
}

// The first eight bytes of a key as a number that compares as they do.
inline uint64_t prefix(const char *key) { return __builtin_bswap64(load<uint64_t>(key)); }

inline uint64_t mix(uint64_t a, uint64_t b) {
  __uint128_t product = (__uint128_t)(a ^ 0x9e3779b97f4a7c15) * (b ^ 0xe7037ed1a0b428db);
  return (uint64_t)product ^ (uint64_t)(product >> 64);
}

inline uint64_t hashOf(const char *key, size_t size) {
  uint64_t hash = size;
  for (; size >= 8; key += 8, size -= 8) hash = mix(hash ^ load<uint64_t>(key), hash);
  uint64_t rest = 0;
  memcpy(&rest, key, size);
  return mix(hash ^ rest, 0x8ebc6af09c88c6e3);
}

inline uint32_t crc32c(const char *bytes, size_t count) {
  uint64_t crc = 0xffffffff;
#ifdef __SSE4_2__
  for (; count >= 8; bytes += 8, count -= 8)
    crc = __builtin_ia32_crc32di(crc, load<uint64_t>(bytes));
  for (; count > 0; bytes++, count--) crc = __builtin_ia32_crc32qi(crc, (uint8_t)*bytes);
#else
  for (; count > 0; bytes++, count--) {
    crc ^= (uint8_t)*bytes;
    for (int bit = 0; bit < 8; bit++) crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78 : 0);
  }
#endif
  return ~crc;
}

// The places of the keys of a batch, in the order of the keys.
inline std::vector<uint32_t> sorted(const char *keys, size_t count, size_t size) {
  std::vector<std::pair<uint64_t, uint32_t>> places(count);
  for (size_t i = 0; i < count; i++) places[i] = {prefix(keys + i * size), (uint32_t)i};
  std::sort(places.begin(), places.end(), [&](auto &a, auto &b) {
    if (a.first != b.first) return a.first < b.first;
    return memcmp(keys + a.second * size, keys + b.second * size, size) < 0;
  });
  std::vector<uint32_t> order(count);
  for (size_t i = 0; i < count; i++) order[i] = places[i].second;
  return order;
}
