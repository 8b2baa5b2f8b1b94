// RocksDB without its log. Half of the budget is for the tables in memory, a quarter for blocks; the
// rest is about what the filters and indexes of ten million keys take.
//
// A crash takes the tables in memory: what was put since the oldest of them would be put again.

#pragma once

#include <rocksdb/cache.h>
#include <rocksdb/db.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/table.h>
#include <rocksdb/write_batch.h>

#include "stores.h"

class Rocks : public Store {
 public:
  Rocks(const std::string &folder, Sizes sizes, size_t budget, bool universal, bool lz4)
      : sizes(sizes) {
    rocksdb::Options options;
    options.create_if_missing = true;
    options.write_buffer_size = budget / 4;
    options.max_write_buffer_number = 2;
    options.max_background_jobs = 2;
    options.compression = lz4 ? rocksdb::kLZ4Compression : rocksdb::kNoCompression;
    options.level_compaction_dynamic_level_bytes = true;
    options.target_file_size_base = 32 << 20;
    options.max_bytes_for_level_base = 128 << 20;
    if (universal) options.compaction_style = rocksdb::kCompactionStyleUniversal;
    options.memtable_whole_key_filtering = true;
    options.memtable_prefix_bloom_size_ratio = 0.02;
    options.max_open_files = -1;
    rocksdb::BlockBasedTableOptions table;
    table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
    table.block_cache = rocksdb::NewLRUCache(budget / 4);
    table.data_block_index_type = rocksdb::BlockBasedTableOptions::kDataBlockBinaryAndHash;
    table.format_version = 5;
    // Its crc32c is slow where it is built for any processor, as by Debian.
    table.checksum = rocksdb::kXXH3;
    options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
    rocksdb::DB *opened;
    check(rocksdb::DB::Open(options, folder, &opened));
    db.reset(opened);
  }
  ~Rocks() override {
    check(db->Flush({}));
    check(db->Close());
  }

  void get(const char *keys, size_t count, char *values, uint8_t *found) override {
    // So many values pin their blocks at once.
    constexpr size_t MOST = 512;
    std::vector<uint32_t> order = sorted(keys, count, sizes.key);
    rocksdb::Slice slices[MOST];
    rocksdb::Status states[MOST];
    for (size_t start = 0; start < count; start += MOST) {
      std::vector<rocksdb::PinnableSlice> answers(MOST);
      size_t asked = std::min(MOST, count - start);
      for (size_t i = 0; i < asked; i++)
        slices[i] = rocksdb::Slice(keys + order[start + i] * sizes.key, sizes.key);
      db->MultiGet({}, db->DefaultColumnFamily(), asked, slices, answers.data(), states, true);
      for (size_t i = 0; i < asked; i++) {
        uint32_t place = order[start + i];
        found[place] = states[i].ok();
        if (states[i].ok())
          memcpy(values + place * sizes.value, answers[i].data(), sizes.value);
        else if (!states[i].IsNotFound())
          check(states[i]);
      }
    }
  }

  void put(const char *keys, const char *values, size_t count, size_t) override {
    rocksdb::WriteBatch batch;
    for (size_t i = 0; i < count; i++)
      batch.Put({keys + i * sizes.key, sizes.key}, {values + i * sizes.value, sizes.value});
    rocksdb::WriteOptions options;
    options.disableWAL = true;
    check(db->Write(options, &batch));
  }

  // Until nothing has run for a while: universal compaction calls itself pending with nothing to do.
  void settle() override {
    for (int idle = 0; idle < 50; idle++) {
      for (const char *name : {"mem-table-flush-pending", "num-running-flushes",
                               "num-running-compactions"}) {
        uint64_t part = 0;
        db->GetIntProperty(std::string("rocksdb.") + name, &part);
        if (part > 0) idle = 0;
      }
      usleep(1000);
    }
  }

  void scan(const Row &row) override {
    rocksdb::ReadOptions options;
    options.readahead_size = 256 << 10;
    options.fill_cache = false;
    std::unique_ptr<rocksdb::Iterator> all(db->NewIterator(options));
    for (all->SeekToFirst(); all->Valid(); all->Next()) row(all->key().data(), all->value().data());
    check(all->status());
  }

 private:
  Sizes sizes;
  std::unique_ptr<rocksdb::DB> db;

  static void check(const rocksdb::Status &status) {
    if (status.ok()) return;
    fprintf(stderr, "%s\n", status.ToString().c_str());
    exit(1);
  }
};
