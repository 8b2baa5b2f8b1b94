// A log-structured merge of sorted runs: a table in memory, and files of blocks that are only ever
// written once.
//
//  1. A put goes to the table; a full table becomes a run of tier 0, in the order of its keys.
//  2. Eight runs of a tier become one of the next. Where less than half of all entries are of
//     different keys, all runs become one: what is dead takes no more room than what lives.
//  3. A get asks the table, then run after run, the newest first: its bloom filter (10 bits a key),
//     its sparse index (the first key of each block), one block, whose crc32c is compared.
//  4. The list of the runs is replaced as a whole, after the files of the new ones are on the disk.
//
// Merges happen within put(), one thread does everything, and blocks are cached by the system only.
// There are no deletions, and no records above the size of a block: the workload has neither.

#pragma once

#include "stores.h"

constexpr size_t BLOCK = 4096;
constexpr size_t BLOCK_HEAD = 6;  // crc32c of what follows, number of records
constexpr size_t FAN_IN = 8;
constexpr size_t READ_AHEAD = 64 * BLOCK;
constexpr int PROBES = 6;

// Each key's bits lie within 64 bytes, one line of the processor's cache.
class Bloom {
 public:
  std::vector<uint64_t> words;
  void make(size_t keys) { words.assign((keys * 10 / 512 + 1) * 8, 0); }
  void add(uint64_t hash) {
    uint64_t *line = &words[place(hash)];
    for (int i = 0; i < PROBES; i++, hash = hash >> 9 | hash << 55)
      line[hash >> 6 & 7] |= 1ull << (hash & 63);
  }
  bool has(uint64_t hash) const {
    const uint64_t *line = &words[place(hash)];
    for (int i = 0; i < PROBES; i++, hash = hash >> 9 | hash << 55)
      if (!(line[hash >> 6 & 7] >> (hash & 63) & 1)) return false;
    return true;
  }

 private:
  size_t place(uint64_t hash) const {
    return (size_t)((__uint128_t)mix(hash, hash) * (words.size() / 8) >> 64) * 8;
  }
};

// A record within a block: length of the key, length of the value (two bytes from 128 on), both.
struct Entry {
  const char *key, *value, *next;
  explicit Entry(const char *at) {
    size_t keySize = (uint8_t)*at++;
    size_t valueSize = (uint8_t)*at++;
    if (valueSize & 128) valueSize = (valueSize & 127) | (size_t)(uint8_t)*at++ << 7;
    key = at, value = at + keySize, next = value + valueSize;
  }
};

struct Run {
  struct Tail {
    uint64_t blocks, entries, words;
    uint32_t crc;
  };
  std::string name;
  int file = -1;
  Tail tail{};
  std::string firsts;
  Bloom bloom;
  ~Run() { close(file); }

  void open(size_t keySize) {
    file = ::open(name.c_str(), O_RDONLY);
    must(file >= 0, name);
    off_t size = lseek(file, 0, SEEK_END);
    readAt(file, (char *)&tail, sizeof tail, size - sizeof tail, name);
    firsts.resize(tail.blocks * keySize);
    bloom.words.resize(tail.words);
    readAt(file, firsts.data(), firsts.size(), tail.blocks * BLOCK, name);
    readAt(file, (char *)bloom.words.data(), tail.words * 8, tail.blocks * BLOCK + firsts.size(),
           name);
    must(tail.crc == check(), name + " is damaged");
  }
  uint32_t check() const {
    return crc32c(firsts.data(), firsts.size()) ^
           crc32c((char *)bloom.words.data(), bloom.words.size() * 8);
  }
  // The last block whose first key is not above the key; -1: all are above it.
  int64_t find(const char *key, size_t keySize) const {
    uint64_t wanted = prefix(key);
    int64_t low = 0, high = tail.blocks;
    while (low < high) {
      int64_t middle = (low + high) / 2;
      const char *first = &firsts[middle * keySize];
      uint64_t other = prefix(first);
      bool above = other != wanted ? other > wanted : memcmp(first, key, keySize) > 0;
      above ? high = middle : low = middle + 1;
    }
    return low - 1;
  }
  void verify(const char *block) const {
    must(load<uint32_t>(block) == crc32c(block + 4, BLOCK - 4), name + " is damaged");
  }
};

class RunWriter {
 public:
  // keys: at most so many are added.
  RunWriter(std::string name, Sizes sizes, size_t keys) : sizes(sizes), run(new Run) {
    run->name = std::move(name);
    run->file = open(run->name.c_str(), O_RDWR | O_CREAT | O_TRUNC, 0644);
    must(run->file >= 0, run->name);
    run->bloom.make(keys);
  }
  void add(const char *key, const char *value) {
    size_t size = sizes.record() + (sizes.value < 128 ? 2 : 3);
    if (count == 0 || block.size() + size > BLOCK) {
      endBlock();
      run->firsts.append(key, sizes.key);
      block.assign(BLOCK_HEAD, 0);
    }
    block += (char)sizes.key;
    if (sizes.value < 128) {
      block += (char)sizes.value;
    } else {
      block += (char)((sizes.value & 127) | 128);
      block += (char)(sizes.value >> 7);
    }
    block.append(key, sizes.key).append(value, sizes.value);
    run->bloom.add(hashOf(key, sizes.key));
    run->tail.entries++, count++;
  }
  std::shared_ptr<Run> end() {
    endBlock();
    run->tail.words = run->bloom.words.size();
    run->tail.crc = run->check();
    buffer += run->firsts;
    buffer.append((char *)run->bloom.words.data(), run->tail.words * 8);
    buffer.append((char *)&run->tail, sizeof run->tail);
    writeAll(run->file, buffer.data(), buffer.size(), run->name);
    must(fdatasync(run->file) == 0, run->name);
    return run;
  }

 private:
  Sizes sizes;
  std::shared_ptr<Run> run;
  std::string block, buffer;
  uint16_t count = 0;

  void endBlock() {
    if (count == 0) return;
    block.resize(BLOCK, 0);
    memcpy(&block[4], &count, 2);
    uint32_t crc = crc32c(&block[4], BLOCK - 4);
    memcpy(&block[0], &crc, 4);
    buffer += block;
    run->tail.blocks++, count = 0;
    if (buffer.size() < 256 * BLOCK) return;
    writeAll(run->file, buffer.data(), buffer.size(), run->name);
    buffer.clear();
  }
};

// All records of a run, in order.
class Cursor {
 public:
  const char *key = nullptr, *value = nullptr;
  uint64_t first = 0;
  explicit Cursor(std::shared_ptr<Run> run) : run(std::move(run)) { step(); }
  bool ended() const { return key == nullptr; }
  void step() {
    if (left == 0 && !nextBlock()) {
      key = nullptr;
      return;
    }
    Entry entry(at);
    key = entry.key, value = entry.value, at = entry.next, left--;
    first = prefix(key);
  }

 private:
  std::shared_ptr<Run> run;
  std::string buffer;
  const char *at = nullptr;
  size_t left = 0, place = 0;
  uint64_t block = 0;

  bool nextBlock() {
    if (block == run->tail.blocks) return false;
    if (place == buffer.size()) {
      buffer.resize(std::min<uint64_t>(READ_AHEAD, (run->tail.blocks - block) * BLOCK));
      readAt(run->file, buffer.data(), buffer.size(), block * BLOCK, run->name);
      place = 0;
    }
    const char *start = &buffer[place];
    run->verify(start);
    left = load<uint16_t>(start + 4);
    at = start + BLOCK_HEAD, place += BLOCK, block++;
    return true;
  }
};

// The table in memory: records side by side, and their places by hash.
class MemoryTable {
 public:
  std::string records;
  size_t count = 0;
  MemoryTable(Sizes sizes, size_t bytes) : sizes(sizes) {
    // At most half of the slots are taken, of 4 bytes each.
    size_t size = 1024;
    while (size * 2 * 4 + size * sizes.record() <= bytes) size *= 2;
    slots.assign(size, 0);
    most = std::min(size / 2, (bytes - size * 4) / sizes.record());
    records.reserve(most * sizes.record());
  }
  bool full() const { return count == most; }
  char *find(const char *key) {
    uint32_t place = slots[slot(key)];
    return place ? &records[(place - 1) * sizes.record() + sizes.key] : nullptr;
  }
  void put(const char *key, const char *value) {
    size_t at = slot(key);
    if (slots[at]) {
      memcpy(&records[(slots[at] - 1) * sizes.record() + sizes.key], value, sizes.value);
      return;
    }
    records.append(key, sizes.key).append(value, sizes.value);
    slots[at] = ++count;
  }
  void clear() {
    records.clear(), count = 0;
    std::fill(slots.begin(), slots.end(), 0);
  }

 private:
  Sizes sizes;
  size_t most;
  std::vector<uint32_t> slots;

  size_t slot(const char *key) const {
    size_t mask = slots.size() - 1, at = hashOf(key, sizes.key) & mask;
    while (slots[at] && memcmp(key, &records[(slots[at] - 1) * sizes.record()], sizes.key) != 0)
      at = (at + 1) & mask;
    return at;
  }
};

class Runs : public Store {
 public:
  std::function<void()> beforeFlush = [] {};
  Runs(std::string folder, Sizes sizes, size_t tableBytes)
      : folder(std::move(folder)), sizes(sizes), table(sizes, tableBytes) {
    std::filesystem::create_directories(this->folder);
    readList();
  }
  ~Runs() override { flush(); }

  void get(const char *keys, size_t count, char *values, uint8_t *found) override {
    std::vector<uint32_t> wanted = sorted(keys, count, sizes.key);
    std::vector<uint64_t> hashes(count);
    for (size_t i = 0; i < count; i++) hashes[i] = hashOf(keys + i * sizes.key, sizes.key);
    auto answer = [&](uint32_t i, const char *value) {
      memcpy(values + i * sizes.value, value, sizes.value);
      return found[i] = 1;
    };
    std::erase_if(wanted, [&](uint32_t i) {
      found[i] = 0;
      const char *value = table.find(keys + i * sizes.key);
      return value && answer(i, value);
    });
    char block[BLOCK];
    for (auto &run : newestFirst()) {
      int64_t held = -1;
      std::erase_if(wanted, [&](uint32_t i) {
        if (!run->bloom.has(hashes[i])) return false;
        const char *key = keys + i * sizes.key;
        int64_t number = run->find(key, sizes.key);
        if (number < 0) return false;
        if (number != held) {
          readAt(run->file, block, BLOCK, number * BLOCK, run->name);
          run->verify(block);
          held = number;
        }
        const char *at = block + BLOCK_HEAD;
        for (size_t left = load<uint16_t>(block + 4); left > 0; left--) {
          Entry entry(at);
          if (memcmp(entry.key, key, sizes.key) == 0) return (bool)answer(i, entry.value);
          at = entry.next;
        }
        return false;
      });
    }
  }

  void put(const char *keys, const char *values, size_t count, size_t fresh) override {
    live += fresh;
    for (size_t i = 0; i < count; i++) {
      if (table.full()) flush();
      table.put(keys + i * sizes.key, values + i * sizes.value);
    }
  }

  void scan(const Row &row) override {
    flush();
    auto all = newestFirst();
    merge(all, row);
  }

  void flush() {
    if (table.count == 0) return;
    beforeFlush();
    const char *records = table.records.data();
    std::vector<std::pair<uint64_t, uint32_t>> order(table.count);
    for (size_t i = 0; i < table.count; i++)
      order[i] = {prefix(records + i * sizes.record()), (uint32_t)i};
    std::sort(order.begin(), order.end(), [&](auto &a, auto &b) {
      if (a.first != b.first) return a.first < b.first;
      return memcmp(records + a.second * sizes.record(), records + b.second * sizes.record(),
                    sizes.key) < 0;
    });
    RunWriter writer(fresh(), sizes, table.count);
    for (auto &[_, i] : order) {
      const char *record = records + i * sizes.record();
      writer.add(record, record + sizes.key);
    }
    if (tiers.empty()) tiers.emplace_back();
    tiers[0].push_back(writer.end());
    table.clear();
    std::vector<std::shared_ptr<Run>> dead;
    for (size_t tier = 0; tier < tiers.size() && tiers[tier].size() == FAN_IN; tier++) {
      if (tier + 1 == tiers.size()) tiers.emplace_back();
      auto parts = std::vector(tiers[tier].rbegin(), tiers[tier].rend());
      tiers[tier + 1].push_back(merged(parts, dead));
      tiers[tier].clear();
    }
    size_t entries = 0;
    for (auto &run : newestFirst()) entries += run->tail.entries;
    if (entries > 2 * live && entries > FAN_IN) {
      auto all = newestFirst();
      auto whole = merged(all, dead);
      for (auto &tier : tiers) tier.clear();
      tiers.back().push_back(whole);
    }
    writeList();
    for (auto &run : dead) unlink(run->name.c_str());
  }

 private:
  std::string folder;
  Sizes sizes;
  MemoryTable table;
  // Of each tier, the oldest first.
  std::vector<std::vector<std::shared_ptr<Run>>> tiers;
  size_t live = 0, number = 0;

  std::string fresh() { return folder + "/run-" + std::to_string(number++); }
  std::string listName() const { return folder + "/runs"; }

  std::vector<std::shared_ptr<Run>> newestFirst() const {
    std::vector<std::shared_ptr<Run>> all;
    for (auto &tier : tiers) all.insert(all.end(), tier.rbegin(), tier.rend());
    return all;
  }

  std::shared_ptr<Run> merged(std::vector<std::shared_ptr<Run>> &parts,
                              std::vector<std::shared_ptr<Run>> &dead) {
    size_t entries = 0;
    for (auto &run : parts) entries += run->tail.entries;
    RunWriter writer(fresh(), sizes, std::min(entries, live));
    merge(parts, [&](const char *key, const char *value) { writer.add(key, value); });
    dead.insert(dead.end(), parts.begin(), parts.end());
    return writer.end();
  }

  // The newest record of each key, in order.
  void merge(const std::vector<std::shared_ptr<Run>> &parts, const Row &row) {
    std::vector<std::unique_ptr<Cursor>> cursors;
    for (auto &run : parts) cursors.push_back(std::make_unique<Cursor>(run));
    while (!cursors.empty()) {
      Cursor *least = cursors[0].get();
      bool twice = false;
      for (size_t i = 1; i < cursors.size(); i++) {
        Cursor *other = cursors[i].get();
        if (other->first > least->first) continue;
        int order = other->first < least->first ? -1 : memcmp(other->key, least->key, sizes.key);
        if (order < 0) least = other, twice = false;
        if (order == 0) twice = true;
      }
      row(least->key, least->value);
      if (twice) {
        for (auto &other : cursors)
          if (other.get() != least && memcmp(other->key, least->key, sizes.key) == 0) other->step();
      }
      least->step();
      if (twice || least->ended())
        std::erase_if(cursors, [](auto &cursor) { return cursor->ended(); });
    }
  }

  void writeList() {
    std::string text = std::to_string(live) + " " + std::to_string(number) + "\n";
    for (size_t tier = 0; tier < tiers.size(); tier++)
      for (auto &run : tiers[tier]) text += std::to_string(tier) + " " + run->name + "\n";
    std::string next = listName() + ".next";
    int file = open(next.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644);
    must(file >= 0, next);
    writeAll(file, text.data(), text.size(), next);
    must(fdatasync(file) == 0 && close(file) == 0, next);
    must(rename(next.c_str(), listName().c_str()) == 0, next);
  }

  void readList() {
    FILE *list = fopen(listName().c_str(), "r");
    if (!list) return;
    size_t tier;
    char name[4096];
    must(fscanf(list, "%zu %zu", &live, &number) == 2, listName());
    while (fscanf(list, "%zu %4095s", &tier, name) == 2) {
      while (tiers.size() <= tier) tiers.emplace_back();
      auto run = std::make_shared<Run>();
      run->name = name;
      run->open(sizes.key);
      tiers[tier].push_back(run);
    }
    fclose(list);
  }
};
