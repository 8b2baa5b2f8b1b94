// One candidate through the workload; prints one line of JSON. stores.py builds it and says what is
// measured.
//
//   stores CANDIDATE FOLDER --keys N --operations N --epoch N --value BYTES --budget BYTES
//   --seconds N
//     [--cgroup FOLDER]
//
// The counter at the start of each value counts the changes of its key: the scan must come to the
// number of operations, so that a store that loses some does not count as fast.

#include <cmath>
#include <ctime>
#include <map>
#include <random>

#include "log.h"
#include "runs.h"
#include "stores.h"
#ifdef HAS_ROCKSDB
#include "rocks.h"
#endif
#ifdef HAS_LMDB
#include "lmdb_store.h"
#endif

constexpr size_t KEY = 16;
constexpr size_t READ_MOST = 8192;
constexpr size_t EPOCHS_A_CHECKPOINT = 20;

struct Options {
  std::string candidate, folder, cgroup;
  size_t keys = 20000, operations = 10000, epoch = 5000, value = 16, budget = 64 << 20,
         seconds = 60;
};

static double secondsOf(clockid_t clock) {
  timespec time;
  clock_gettime(clock, &time);
  return time.tv_sec + time.tv_nsec / 1e9;
}

static size_t lineOf(const char *file, const char *name) {
  FILE *lines = fopen(file, "r");
  char line[256];
  size_t value = 0;
  while (lines && fgets(line, sizeof line, lines))
    if (strncmp(line, name, strlen(name)) == 0) sscanf(line + strlen(name), ": %zu", &value);
  if (lines) fclose(lines);
  return value;
}

static size_t anonymousBytes() { return lineOf("/proc/self/status", "RssAnon") * 1024; }

static std::unique_ptr<Store> opened(const Options &options) {
  Sizes sizes{KEY, options.value};
  const std::string &name = options.candidate, &folder = options.folder;
  // The table in memory is as large as one of the two of RocksDB.
  if (name == "runs") return std::make_unique<Runs>(folder, sizes, options.budget / 4);
  size_t segment = std::min(SEGMENT, options.keys * (KEY + options.value) / 8);
  if (name == "log") return std::make_unique<Log>(folder, sizes, options.budget / 4, segment);
#ifdef HAS_ROCKSDB
  if (name == "rocksdb")
    return std::make_unique<Rocks>(folder, sizes, options.budget, false, false);
  if (name == "rocksdb-lz4")
    return std::make_unique<Rocks>(folder, sizes, options.budget, false, true);
  if (name == "rocksdb-universal")
    return std::make_unique<Rocks>(folder, sizes, options.budget, true, false);
#endif
#ifdef HAS_LMDB
  size_t map = (options.keys * (KEY + options.value + 64) * 8 | 0xfffff) + 1;
  if (name == "lmdb") return std::make_unique<Lmdb>(folder, sizes, map, false, true);
  if (name == "lmdb-map") return std::make_unique<Lmdb>(folder, sizes, map, true, true);
  if (name == "lmdb-unsorted") return std::make_unique<Lmdb>(folder, sizes, map, true, false);
#endif
  fprintf(stderr, "no candidate %s\n", name.c_str());
  exit(2);
}

// Keys are spread: neighbours in the workload are none in a store. Half of a value does not
// compress.
static void writeKey(char *key, uint64_t index) {
  uint64_t parts[] = {mix(index, 1), index};
  memcpy(key, parts, KEY);
}

static void writeValue(char *value, size_t size, uint64_t index) {
  memset(value, 0, size);
  for (size_t at = 8; at < std::max<size_t>(size / 2, 16) && at + 8 <= size; at += 8) {
    uint64_t part = mix(index, at);
    memcpy(value + at, &part, 8);
  }
}

// What a phase took: the time within the store, CPU of the whole process, bytes written.
class Phase {
 public:
  double seconds = 0;
  size_t operations = 0, put = 0;
  void begin() {
    start = secondsOf(CLOCK_MONOTONIC), cpuStart = secondsOf(CLOCK_PROCESS_CPUTIME_ID);
  }
  void end() {
    seconds += secondsOf(CLOCK_MONOTONIC) - start;
    cpu += secondsOf(CLOCK_PROCESS_CPUTIME_ID) - cpuStart;
  }
  // The disk's part counts once all is there.
  void close() {
    sync();
    written = lineOf("/proc/self/io", "write_bytes") - written;
    called = lineOf("/proc/self/io", "wchar") - called;
  }
  void print(const char *name) const {
    printf(
        "\"%s\": {\"seconds\": %.3f, \"operations\": %zu, \"cpu\": %.3f, \"put\": %zu, "
        "\"written\": %zu, "
        "\"called\": %zu}, ",
        name, seconds, operations, cpu, put, written, called);
  }

 private:
  double start = 0, cpuStart = 0, cpu = 0;
  size_t written = lineOf("/proc/self/io", "write_bytes"),
         called = lineOf("/proc/self/io", "wchar");
};

class Workload {
 public:
  explicit Workload(const Options &options) : options(options) {
    before = anonymousBytes();
    store = opened(options);
  }

  void load() {
    Phase phase;
    std::string keys(options.epoch * KEY, 0), values(options.epoch * options.value, 0);
    size_t epochs = 0;
    for (size_t start = 0; start < options.keys; start += options.epoch) {
      size_t count = std::min(options.epoch, options.keys - start);
      for (size_t i = 0; i < count; i++) {
        writeKey(&keys[i * KEY], start + i);
        writeValue(&values[i * options.value], options.value, start + i);
      }
      phase.begin();
      store->put(keys.data(), values.data(), count, count);
      if (++epochs % EPOCHS_A_CHECKPOINT == 0) store->checkpoint();
      phase.end();
      phase.operations += count, phase.put += count * (KEY + options.value);
      sample();
    }
    finish(phase, "load");
  }

  // Keys from first on, one of so many as there are.
  void read(const char *name, uint64_t first, size_t operations) {
    Phase phase;
    std::string keys(READ_MOST * KEY, 0), values(READ_MOST * options.value, 0);
    std::vector<uint8_t> found(READ_MOST);
    size_t hits = 0;
    while (phase.operations < operations && phase.seconds < options.seconds) {
      size_t count = std::min(READ_MOST, operations - phase.operations);
      for (size_t i = 0; i < count; i++) writeKey(&keys[i * KEY], first + random() % options.keys);
      phase.begin();
      store->get(keys.data(), count, values.data(), found.data());
      phase.end();
      hits += std::count(found.begin(), found.begin() + count, 1);
      phase.operations += count;
    }
    expect(hits == (first == 0 ? phase.operations : 0), "keys found");
    sample();
    finish(phase, name);
  }

  void change(const char *name, bool zipf) {
    Phase phase;
    std::uniform_real_distribution<double> unit(0, 1);
    size_t epochs = 0;
    while (phase.operations < options.operations && phase.seconds < options.seconds) {
      size_t count = std::min(options.epoch, options.operations - phase.operations);
      std::map<uint64_t, uint64_t> drawn;
      for (size_t i = 0; i < count; i++) {
        // The density of the ranks falls as 1/rank; the ranks are spread over the keys.
        uint64_t rank = zipf ? std::exp(unit(random) * std::log(options.keys + 1.0)) - 1
                             : random() % options.keys;
        drawn[rank * 2654435761 % options.keys]++;
      }
      size_t size = drawn.size(), i = 0;
      std::string keys(size * KEY, 0), values(size * options.value, 0);
      std::vector<uint8_t> found(size);
      for (auto &[index, _] : drawn) writeKey(&keys[i++ * KEY], index);
      phase.begin();
      for (size_t at = 0; at < size; at += READ_MOST) {
        size_t asked = std::min(READ_MOST, size - at);
        store->get(&keys[at * KEY], asked, &values[at * options.value], &found[at]);
      }
      i = 0;
      for (auto &[_, times] : drawn) {
        uint64_t changes = ::load<uint64_t>(&values[i * options.value]) + times;
        memcpy(&values[i++ * options.value], &changes, 8);
      }
      store->put(keys.data(), values.data(), size, 0);
      if (++epochs % EPOCHS_A_CHECKPOINT == 0) store->checkpoint();
      phase.end();
      expect(std::count(found.begin(), found.end(), 1) == (ssize_t)size, "keys found");
      phase.operations += count, phase.put += size * (KEY + options.value);
      sample();
    }
    changes += phase.operations;
    finish(phase, name);
  }

  void scan() {
    Phase phase;
    uint64_t counted = 0;
    phase.begin();
    store->scan([&](const char *, const char *value) {
      counted += ::load<uint64_t>(value);
      phase.operations++;
    });
    phase.end();
    expect(phase.operations == options.keys && counted == changes, "records and changes scanned");
    finish(phase, "scan");
  }

  // Opening and the first get, then the first batch; nothing of the files is in memory.
  void reopen() {
    store.reset();
    bool cold = dropCaches();
    double start = secondsOf(CLOCK_MONOTONIC);
    store = opened(options);
    std::string keys(READ_MOST * KEY, 0), values(READ_MOST * options.value, 0);
    std::vector<uint8_t> found(READ_MOST);
    for (size_t i = 0; i < READ_MOST; i++) writeKey(&keys[i * KEY], random() % options.keys);
    store->get(keys.data(), 1, values.data(), found.data());
    double first = secondsOf(CLOCK_MONOTONIC) - start;
    store->get(keys.data(), READ_MOST, values.data(), found.data());
    double batch = secondsOf(CLOCK_MONOTONIC) - start - first;
    expect(std::count(found.begin(), found.end(), 1) == READ_MOST, "keys found");
    printf("\"reopen\": {\"first_ms\": %.1f, \"batch_ms\": %.1f, \"cold\": %s}, ", first * 1e3,
           batch * 1e3, cold ? "true" : "false");
  }

  // The same changes where the group limits all memory, the system's cache of the files too. What
  // is allocated and cached from here on counts there.
  void limited() {
    store.reset();
    dropCaches();
    FILE *members = fopen((options.cgroup + "/cgroup.procs").c_str(), "w");
    must(members && fprintf(members, "%d\n", getpid()) > 0 && fclose(members) == 0, options.cgroup);
    store = opened(options);
    change("limited", false);
  }

  void sizes() {
    store.reset();
    sync();
    size_t disk = 0;
    for (auto &entry : std::filesystem::recursive_directory_iterator(options.folder)) {
      struct stat status;
      if (entry.is_regular_file() && stat(entry.path().c_str(), &status) == 0)
        disk += status.st_blocks * 512;
    }
    printf("\"disk\": %zu, \"anonymous\": %zu, ", disk, most - std::min(most, before));
    fflush(stdout);
    store = opened(options);
  }

 private:
  const Options &options;
  std::unique_ptr<Store> store;
  std::mt19937_64 random{42};
  size_t before = 0, most = 0, changes = 0;

  void sample() { most = std::max(most, anonymousBytes()); }

  void expect(bool good, const char *what) {
    if (good) return;
    fprintf(stderr, "%s: wrong number of %s\n", options.candidate.c_str(), what);
    exit(1);
  }

  void finish(Phase &phase, const char *name) {
    phase.begin();
    store->checkpoint();
    store->settle();
    phase.end();
    phase.close();
    phase.print(name);
    fflush(stdout);
  }

  static bool dropCaches() {
    sync();
    FILE *file = fopen("/proc/sys/vm/drop_caches", "w");
    return file && fputs("3", file) >= 0 && fclose(file) == 0;
  }
};

int main(int count, char **words) {
  Options options;
  if (count < 3) return fprintf(stderr, "see stores.py\n"), 2;
  options.candidate = words[1], options.folder = words[2];
  std::map<std::string, size_t *> numbers{
      {"--keys", &options.keys},     {"--operations", &options.operations},
      {"--epoch", &options.epoch},   {"--value", &options.value},
      {"--budget", &options.budget}, {"--seconds", &options.seconds}};
  for (int i = 3; i + 1 < count; i += 2) {
    if (numbers.contains(words[i]))
      *numbers[words[i]] = std::stoull(words[i + 1]);
    else if (std::string("--cgroup") == words[i])
      options.cgroup = words[i + 1];
    else
      return fprintf(stderr, "unknown option %s\n", words[i]), 2;
  }
  printf("{");
  Workload workload(options);
  workload.load();
  workload.read("get", 0, options.operations / 5);
  workload.read("absent", 1ull << 40, options.operations / 5);
  workload.change("uniform", false);
  workload.change("zipf", true);
  workload.scan();
  workload.reopen();
  workload.sizes();
  // Last, since a store may not live through it.
  if (!options.cgroup.empty()) workload.limited();
  printf("\"complete\": true}\n");
}
