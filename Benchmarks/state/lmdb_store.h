// LMDB: a B+ tree of pages that are copied when they change, in a mapped file. One transaction an
// epoch.
//
// Nothing is written at a commit (MDB_NOSYNC): a crash of the machine may leave the file in pieces,
// and only what stands at a checkpoint is on the disk.

#pragma once

#include <lmdb.h>

#include "stores.h"

class Lmdb : public Store {
 public:
  // map: pages are changed in the mapping (MDB_WRITEMAP), else in memory, from where a commit
  // writes them.
  Lmdb(const std::string &folder, Sizes sizes, size_t mapBytes, bool map, bool inOrder)
      : sizes(sizes), inOrder(inOrder) {
    std::filesystem::create_directories(folder);
    check(mdb_env_create(&environment));
    check(mdb_env_set_mapsize(environment, mapBytes));
    unsigned flags = MDB_NOSYNC | MDB_NORDAHEAD | (map ? MDB_WRITEMAP : 0);
    check(mdb_env_open(environment, folder.c_str(), flags, 0644));
    MDB_txn *transaction;
    check(mdb_txn_begin(environment, nullptr, 0, &transaction));
    check(mdb_dbi_open(transaction, nullptr, 0, &tree));
    check(mdb_txn_commit(transaction));
  }
  ~Lmdb() override {
    checkpoint();
    mdb_env_close(environment);
  }

  void get(const char *keys, size_t count, char *values, uint8_t *found) override {
    MDB_txn *transaction;
    check(mdb_txn_begin(environment, nullptr, MDB_RDONLY, &transaction));
    each(keys, count, [&](size_t i) {
      MDB_val key{sizes.key, (void *)(keys + i * sizes.key)}, value;
      int result = mdb_get(transaction, tree, &key, &value);
      found[i] = result == 0;
      if (result == 0)
        memcpy(values + i * sizes.value, value.mv_data, sizes.value);
      else if (result != MDB_NOTFOUND)
        check(result);
    });
    mdb_txn_abort(transaction);
  }

  void put(const char *keys, const char *values, size_t count, size_t) override {
    MDB_txn *transaction;
    MDB_cursor *cursor;
    check(mdb_txn_begin(environment, nullptr, 0, &transaction));
    check(mdb_cursor_open(transaction, tree, &cursor));
    each(keys, count, [&](size_t i) {
      MDB_val key{sizes.key, (void *)(keys + i * sizes.key)};
      MDB_val value{sizes.value, (void *)(values + i * sizes.value)};
      check(mdb_cursor_put(cursor, &key, &value, 0));
    });
    mdb_cursor_close(cursor);
    check(mdb_txn_commit(transaction));
  }

  void checkpoint() override { check(mdb_env_sync(environment, 1)); }

  void scan(const Row &row) override {
    MDB_txn *transaction;
    MDB_cursor *cursor;
    check(mdb_txn_begin(environment, nullptr, MDB_RDONLY, &transaction));
    check(mdb_cursor_open(transaction, tree, &cursor));
    MDB_val key, value;
    while (mdb_cursor_get(cursor, &key, &value, MDB_NEXT) == 0)
      row((const char *)key.mv_data, (const char *)value.mv_data);
    mdb_cursor_close(cursor);
    mdb_txn_abort(transaction);
  }

 private:
  Sizes sizes;
  bool inOrder;
  MDB_env *environment;
  MDB_dbi tree;

  template <typename Body>
  void each(const char *keys, size_t count, Body body) {
    if (!inOrder) {
      for (size_t i = 0; i < count; i++) body(i);
      return;
    }
    for (uint32_t i : sorted(keys, count, sizes.key)) body(i);
  }

  static void check(int result) {
    if (result == 0) return;
    fprintf(stderr, "LMDB: %s\n", mdb_strerror(result));
    exit(1);
  }
};
