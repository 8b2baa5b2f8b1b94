// Values stay in the changelog; an index says where.
//
//  1. Segments of 64 MiB of batches: length, crc32c and number of records, then the records, each
//     with a crc32c of its own, since a get reads one record only.
//  2. The index has the 64-bit hash of a key and the position and length of its record, in runs
//     (runs.h) by hash. The log is on the disk before a run that points into it.
//  3. Where less than half of the log lives, the oldest segment is read again, and what lives is
//     appended.
//
// After a crash, what follows the position of the last run would be read again (here a destructor
// writes a run). Two keys with the same hash end the benchmark; a real store would keep both in a
// list of collisions.

#pragma once

#include <deque>

#include "runs.h"

constexpr size_t SEGMENT = 64 << 20;
constexpr size_t BATCH_HEAD = 12;
constexpr size_t RECORD_HEAD = 8;  // crc32c of what follows, length of the key, length of the value
constexpr size_t COLLECTED_AT_ONCE = 1 << 17;
constexpr size_t SCANNED_AT_ONCE = 1 << 19;

class Log : public Store {
 public:
  Log(const std::string &folder, Sizes sizes, size_t tableBytes, size_t segmentBytes)
      : folder(folder),
        sizes(sizes),
        segmentBytes(segmentBytes),
        index(folder + "/index", {8, 8}, tableBytes) {
    index.beforeFlush = [this] { checkpoint(); };
    std::vector<uint64_t> bases;
    for (auto &entry : std::filesystem::directory_iterator(folder)) {
      std::string name = entry.path().filename();
      if (name.starts_with("log-")) bases.push_back(std::stoull(name.substr(4)));
    }
    std::sort(bases.begin(), bases.end());
    for (uint64_t base : bases) openSegment(base);
    if (bases.empty()) openSegment(0);
    if (FILE *file = fopen((folder + "/live").c_str(), "r")) {
      must(fscanf(file, "%zu", &live) == 1, "live");
      fclose(file);
    }
  }
  ~Log() override {
    std::string text = std::to_string(live);
    FILE *file = fopen((folder + "/live").c_str(), "w");
    must(file && fputs(text.c_str(), file) >= 0 && fclose(file) == 0, "live");
    index.flush();
    for (auto &segment : segments) close(segment.file);
  }

  void get(const char *keys, size_t count, char *values, uint8_t *found) override {
    std::string hashes = hashesOf(keys, count);
    std::vector<uint64_t> places(count);
    index.get(hashes.data(), count, (char *)places.data(), found);
    std::vector<std::pair<uint64_t, uint32_t>> order;
    for (size_t i = 0; i < count; i++)
      if (found[i]) order.push_back({places[i], (uint32_t)i});
    std::sort(order.begin(), order.end());
    for (auto &[place, i] : order) {
      const char *record = read(place);
      must(memcmp(record + RECORD_HEAD, keys + i * sizes.key, sizes.key) == 0,
           "two keys have one hash");
      memcpy(values + i * sizes.value, record + RECORD_HEAD + sizes.key, sizes.value);
    }
  }

  void put(const char *keys, const char *values, size_t count, size_t fresh) override {
    live += fresh;
    write(keys, sizes.key, values, sizes.value, count, fresh);
    while (segments.size() > 1 &&
           bytes() > 2 * live * (RECORD_HEAD + sizes.record()) + segmentBytes)
      collect();
  }

  void checkpoint() override { must(fdatasync(segments.back().file) == 0, "log"); }

  // In the order of the hashes, in pieces that are sorted by position: keys have no order here.
  void scan(const Row &row) override {
    std::vector<uint64_t> places;
    auto readPlaces = [&] {
      std::sort(places.begin(), places.end());
      for (uint64_t place : places) {
        const char *record = read(place);
        row(record + RECORD_HEAD, record + RECORD_HEAD + sizes.key);
      }
      places.clear();
    };
    index.scan([&](const char *, const char *place) {
      places.push_back(::load<uint64_t>(place));
      if (places.size() == SCANNED_AT_ONCE) readPlaces();
    });
    readPlaces();
  }

 private:
  struct Segment {
    uint64_t base;
    int file;
  };
  std::string folder;
  Sizes sizes;
  size_t segmentBytes;
  Runs index;
  std::deque<Segment> segments;
  uint64_t end = 0;
  size_t live = 0;
  std::string record;

  std::string name(uint64_t base) const { return folder + "/log-" + std::to_string(base); }
  uint64_t bytes() const { return end - segments.front().base; }

  void openSegment(uint64_t base) {
    int file = open(name(base).c_str(), O_RDWR | O_CREAT, 0644);
    must(file >= 0, name(base));
    end = base + lseek(file, 0, SEEK_END);
    segments.push_back({base, file});
  }

  std::string hashesOf(const char *keys, size_t count) const {
    std::string hashes;
    for (size_t i = 0; i < count; i++) append(hashes, hashOf(keys + i * sizes.key, sizes.key));
    return hashes;
  }

  const char *read(uint64_t place) {
    uint64_t position = place >> 16;
    record.resize(place & 0xffff);
    auto segment = std::upper_bound(segments.begin(), segments.end(), position,
                                    [](uint64_t at, auto &other) { return at < other.base; }) -
                   1;
    readAt(segment->file, record.data(), record.size(), position - segment->base, "log");
    must(::load<uint32_t>(record.data()) == crc32c(&record[4], record.size() - 4),
         "the log is damaged");
    return record.data();
  }

  // The steps are from a key to the next, and from a value to the next.
  void write(const char *keys, size_t keyStep, const char *values, size_t valueStep, size_t count,
             size_t fresh) {
    if (count == 0) return;
    if (end - segments.back().base >= segmentBytes) {
      checkpoint();
      openSegment(end);
    }
    std::string batch(BATCH_HEAD, 0), hashes, places;
    for (size_t i = 0; i < count; i++) {
      const char *key = keys + i * keyStep;
      size_t start = batch.size();
      batch.append(4, 0);
      append(batch, (uint16_t)sizes.key);
      append(batch, (uint16_t)sizes.value);
      batch.append(key, sizes.key).append(values + i * valueStep, sizes.value);
      uint32_t crc = crc32c(&batch[start + 4], batch.size() - start - 4);
      memcpy(&batch[start], &crc, 4);
      append(hashes, hashOf(key, sizes.key));
      append(places, (end + start) << 16 | (batch.size() - start));
    }
    uint32_t head[] = {(uint32_t)batch.size(),
                       crc32c(&batch[BATCH_HEAD], batch.size() - BATCH_HEAD), (uint32_t)count};
    memcpy(&batch[0], head, sizeof head);
    writeAll(segments.back().file, batch.data(), batch.size(), "log");
    end += batch.size();
    index.put(hashes.data(), places.data(), count, fresh);
  }

  void collect() {
    Segment oldest = segments.front();
    uint64_t size = segments[1].base - oldest.base, at = 0;
    std::string batch, keys, places, records;
    size_t step = RECORD_HEAD + sizes.record();
    auto keepLiving = [&] {
      size_t count = places.size() / 8, kept = 0;
      std::string hashes = hashesOf(keys.data(), count);
      std::vector<uint64_t> now(count);
      std::vector<uint8_t> found(count);
      index.get(hashes.data(), count, (char *)now.data(), found.data());
      for (size_t i = 0; i < count; i++) {
        if (now[i] != ::load<uint64_t>(&places[i * 8])) continue;
        memmove(&records[kept++ * step], &records[i * step], step);
      }
      const char *first = records.data() + RECORD_HEAD;
      write(first, step, first + sizes.key, step, kept, 0);
      keys.clear(), places.clear(), records.clear();
    };
    while (at < size) {
      char head[BATCH_HEAD];
      readAt(oldest.file, head, BATCH_HEAD, at, "log");
      batch.resize(::load<uint32_t>(head));
      readAt(oldest.file, batch.data(), batch.size(), at, "log");
      uint32_t crc = crc32c(&batch[BATCH_HEAD], batch.size() - BATCH_HEAD);
      must(crc == ::load<uint32_t>(head + 4), "the log is damaged");
      for (size_t place = BATCH_HEAD; place < batch.size(); place += step) {
        append(places, (oldest.base + at + place) << 16 | step);
        keys.append(&batch[place + RECORD_HEAD], sizes.key);
      }
      records.append(batch, BATCH_HEAD);
      at += batch.size();
      if (places.size() / 8 >= COLLECTED_AT_ONCE) keepLiving();
    }
    keepLiving();
    // What was moved is on the disk before the segment goes.
    checkpoint();
    segments.pop_front();
    close(oldest.file);
    must(unlink(name(oldest.base).c_str()) == 0, "log");
  }
};
