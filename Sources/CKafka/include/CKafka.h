// What Headrace uses of librdkafka, in calls that take and give whole batches. The library is loaded when the first of
// them needs it, so a program that never speaks to Kafka runs without it.
//
// Nothing here calls back into Swift: librdkafka's threads only raise a signal that others wait for.

#ifndef HEADRACE_KAFKA_H
#define HEADRACE_KAFKA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/// What went wrong. `code` is librdkafka's (0: nothing).
typedef struct {
  int32_t code;
  bool is_retriable;
  bool is_abortable;
  bool is_fatal;
  char text[400];
} headrace_kafka_fault;

/// Loads the library once. Returns NULL, or the loader's reason, which lives as long as the process.
const char *headrace_kafka_load(void);
/// What librdkafka calls an error, as TOPIC_AUTHORIZATION_FAILED.
const char *headrace_kafka_error_name(int32_t code);

// MARK: Signals

/// Counts what has happened; librdkafka's threads raise it.
typedef struct headrace_kafka_signal headrace_kafka_signal;
headrace_kafka_signal *headrace_kafka_signal_new(void);
/// Its last holder frees it: who made it, and each client that raises it.
void headrace_kafka_signal_free(headrace_kafka_signal *signal);
void headrace_kafka_signal_raise(headrace_kafka_signal *signal);
uint64_t headrace_kafka_signal_count(headrace_kafka_signal *signal);
/// Waits until the count differs from `after`; `milliseconds` < 0: for ever.
void headrace_kafka_signal_wait(
  headrace_kafka_signal *signal, uint64_t after, int milliseconds);

// MARK: Clients

typedef struct headrace_kafka_client headrace_kafka_client;

/// `settings`: names and values by turns, `count` pairs. NULL when a setting is refused, unless a ? stands before its name,
/// which not every version of the library knows.
headrace_kafka_client *headrace_kafka_open(
  bool is_producer, const char *const *settings, size_t count, headrace_kafka_signal *signal,
  headrace_kafka_fault *fault);
/// Leaves its group; the rest of it ends by itself.
void headrace_kafka_close(headrace_kafka_client *client);
/// Copies the last thing that the library has said of a broker or of the client; empty: nothing since the last call that
/// took it.
void headrace_kafka_trouble(headrace_kafka_client *client, char *text, size_t size);

// MARK: Topics

/// Lines "name TAB partitions TAB error code" of one topic, of all (NULL), or of none in particular (empty:
/// whether somebody answers). To be freed by the caller.
char *headrace_kafka_topics(
  headrace_kafka_client *client, const char *topic, int timeout_ms, headrace_kafka_fault *fault);

/// A partition, and what is asked or answered about it.
typedef struct {
  const char *topic;
  int32_t partition;
  int32_t error;
  int64_t offset;
} headrace_kafka_place;

/// Offsets for a time in ms; -1: the end (the last stable one for a client that reads what is committed), -2: the first.
void headrace_kafka_offsets(
  headrace_kafka_client *client, headrace_kafka_place *places, size_t count, int64_t time,
  int timeout_ms, headrace_kafka_fault *fault);

/// `settings`: names and values by turns, `count` pairs.
void headrace_kafka_create_topic(
  headrace_kafka_client *client, const char *topic, int32_t partitions, int32_t replicas,
  const char *const *settings, size_t count, int timeout_ms, headrace_kafka_fault *fault);
/// `partitions`: as many as it shall have.
void headrace_kafka_grow_topic(
  headrace_kafka_client *client, const char *topic, int32_t partitions, int timeout_ms,
  headrace_kafka_fault *fault);
void headrace_kafka_delete_topics(
  headrace_kafka_client *client, const char *const *topics, size_t count, int timeout_ms,
  headrace_kafka_fault *fault);
/// Lines "topic TAB name TAB value" of several topics; to be freed by the caller.
char *headrace_kafka_configs(
  headrace_kafka_client *client, const char *const *topics, size_t count, int timeout_ms,
  headrace_kafka_fault *fault);
/// Sets all of a topic's settings to these; others get their defaults.
void headrace_kafka_alter_topic(
  headrace_kafka_client *client, const char *topic, const char *const *settings, size_t count,
  int timeout_ms, headrace_kafka_fault *fault);
/// Deletes the records before the places' offsets.
void headrace_kafka_delete_records(
  headrace_kafka_client *client, const headrace_kafka_place *places, size_t count, int timeout_ms,
  headrace_kafka_fault *fault);

// MARK: Groups

/// Names of all groups, a line each; to be freed by the caller.
char *headrace_kafka_groups(
  headrace_kafka_client *client, int timeout_ms, headrace_kafka_fault *fault);
/// Lines "client id TAB host TAB partitions, comma-separated" of the members of a group; to be freed by the caller.
char *headrace_kafka_members(
  headrace_kafka_client *client, const char *group, int timeout_ms, headrace_kafka_fault *fault);
/// A group's committed offsets, -1001 where there is none.
void headrace_kafka_group_offsets(
  headrace_kafka_client *client, const char *group, headrace_kafka_place *places, size_t count,
  int timeout_ms, headrace_kafka_fault *fault);
void headrace_kafka_set_group_offsets(
  headrace_kafka_client *client, const char *group, const headrace_kafka_place *places,
  size_t count, int timeout_ms, headrace_kafka_fault *fault);

/// Takes part in the client's group; `topic`'s partitions are what is shared out.
void headrace_kafka_join(
  headrace_kafka_client *client, const char *topic, headrace_kafka_fault *fault);
/// Lets partitions come and go. Writes those that are here now; `generation` grows with each change.
/// Returns how many there are; -1: what was here is lost, and -2: none are here, and some may come soon.
int headrace_kafka_membership(
  headrace_kafka_client *client, int timeout_ms, int32_t *partitions, size_t count,
  uint64_t *generation, headrace_kafka_fault *fault);

// MARK: Consuming

/// Reads one partition from some offset on. One thread at a time.
typedef struct headrace_kafka_cursor headrace_kafka_cursor;

/// What a fetch has brought.
typedef struct {
  size_t count;
  /// Of all keys and values.
  size_t byte_count;
  bool has_headers;
  /// The end is reached; `next` is behind all that is there.
  bool is_end;
  /// Where to read on; -1: not known yet.
  int64_t next;
} headrace_kafka_fetched;

headrace_kafka_cursor *headrace_kafka_cursor_open(
  headrace_kafka_client *client, const char *topic, int32_t partition, int64_t offset,
  headrace_kafka_fault *fault);
void headrace_kafka_cursor_close(headrace_kafka_cursor *cursor);
/// Waits for records, for `timeout_ms` at most. What it brings is there until `take`.
void headrace_kafka_fetch(
  headrace_kafka_cursor *cursor, int timeout_ms, headrace_kafka_fetched *fetched,
  headrace_kafka_fault *fault);
/// The headers of a fetched record, from 0 on; false: no more. What it gives lives until `take`.
bool headrace_kafka_header(
  headrace_kafka_cursor *cursor, size_t row, size_t index, const char **name,
  const void **value, size_t *size);
/// Copies what was fetched: `buffer` has room for all bytes, the arrays for all records, whose lengths are -1 for null.
void headrace_kafka_take(
  headrace_kafka_cursor *cursor, uint8_t *buffer, int32_t *key_start, int32_t *key_length,
  int32_t *value_start, int32_t *value_length, int64_t *timestamps, int64_t *offsets);

// MARK: Producing

/// What became of the records of one call.
typedef struct {
  int64_t first;
  int64_t last;
  int64_t delivered;
  /// Handed over and neither delivered nor failed yet: until then bytes and report must live.
  int64_t pending;
  /// Keys and values of those.
  int64_t pending_bytes;
  /// Reports of one partition have one number, from 0 on.
  size_t place;
  int32_t error;
} headrace_kafka_report;

void headrace_kafka_init_transactions(
  headrace_kafka_client *client, int timeout_ms, headrace_kafka_fault *fault);
void headrace_kafka_begin(headrace_kafka_client *client, headrace_kafka_fault *fault);
/// Hands over `count` records of one partition; waits while the client's queue is full. Bytes and report must live
/// until none of them is pending. The library cannot write a timestamp of 0, which becomes 1.
void headrace_kafka_produce(
  headrace_kafka_client *client, const char *topic, int32_t partition, const uint8_t *buffer,
  const int32_t *key_start, const int32_t *key_length, const int32_t *value_start,
  const int32_t *value_length, const int64_t *timestamps, size_t count,
  headrace_kafka_report *report, headrace_kafka_fault *fault);
/// One record with headers; copies its bytes. Lengths -1: null.
void headrace_kafka_produce_one(
  headrace_kafka_client *client, const char *topic, int32_t partition, const void *key,
  int64_t key_length, const void *value, int64_t value_length, int64_t timestamp,
  const char *const *header_names, const void *const *header_values,
  const int64_t *header_lengths, size_t header_count, headrace_kafka_report *report,
  headrace_kafka_fault *fault);
/// Waits until all that was handed over is delivered or has failed. `reports`: of all of it, for `place_count` partitions;
/// `batch_size`: the client's.
void headrace_kafka_flush(
  headrace_kafka_client *client, headrace_kafka_report *const *reports, size_t count,
  size_t place_count, int64_t batch_size, int timeout_ms, headrace_kafka_fault *fault);
/// Drops what was not sent yet and waits for the reports of all the rest.
void headrace_kafka_purge(headrace_kafka_client *client);
/// `member`: whose generation of its group counts; NULL: none of `group` is a member.
void headrace_kafka_send_offsets(
  headrace_kafka_client *client, headrace_kafka_client *member, const char *group,
  const headrace_kafka_place *places, size_t count, int timeout_ms, headrace_kafka_fault *fault);
void headrace_kafka_commit(
  headrace_kafka_client *client, int timeout_ms, headrace_kafka_fault *fault);
void headrace_kafka_abort(
  headrace_kafka_client *client, int timeout_ms, headrace_kafka_fault *fault);

#endif
