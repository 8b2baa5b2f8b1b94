// Writing records, alone and in transactions.

#include "internal.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

void headrace_kafka_on_delivery(
  rd_kafka_t *handle, const rd_kafka_message_t *message, void *opaque) {
  (void)handle;
  (void)opaque;
  headrace_kafka_report *report = message->_private;
  if (!report) return;
  report->pending--;
  report->pending_bytes -= (int64_t)(message->len + message->key_len);
  if (message->err) {
    if (!report->error) report->error = message->err;
    return;
  }
  if (report->delivered == 0 || message->offset < report->first) report->first = message->offset;
  if (report->delivered == 0 || message->offset > report->last) report->last = message->offset;
  report->delivered++;
}

void headrace_kafka_init_transactions(
  headrace_kafka_client *client, int timeout_ms, headrace_kafka_fault *fault) {
  headrace_kafka_failed(fault, KAFKA.init_transactions(client->handle, timeout_ms));
}

void headrace_kafka_begin(headrace_kafka_client *client, headrace_kafka_fault *fault) {
  headrace_kafka_failed(fault, KAFKA.begin_transaction(client->handle));
}

static void fail(
  headrace_kafka_client *client, headrace_kafka_fault *fault, rd_kafka_resp_err_t code) {
  char text[300] = "";
  headrace_kafka_fail(fault, code, NULL);
  if (code != RD_KAFKA_RESP_ERR__FATAL) return;
  rd_kafka_resp_err_t fatal = KAFKA.fatal_error(client->handle, text, sizeof text);
  headrace_kafka_fail(fault, fatal ? fatal : code, text);
  fault->is_fatal = true;
}

/// Has the library send some of its queue, which may hold no whole batch.
static void make_room(headrace_kafka_client *client) { KAFKA.flush(client->handle, 10); }

/// For 0 the library writes the time of day. A millisecond more is the least that differs from it.
static int64_t writable(int64_t timestamp) { return timestamp == 0 ? 1 : timestamp; }

void headrace_kafka_produce(
  headrace_kafka_client *client, const char *topic, int32_t partition, const uint8_t *buffer,
  const int32_t *key_start, const int32_t *key_length, const int32_t *value_start,
  const int32_t *value_length, const int64_t *timestamps, size_t count,
  headrace_kafka_report *report, headrace_kafka_fault *fault) {
  headrace_kafka_clear(fault);
  rd_kafka_topic_t *handle = KAFKA.topic_new(client->handle, topic, NULL);
  if (!handle) {
    fail(client, fault, KAFKA.last_error());
    return;
  }
  for (size_t row = 0; row < count; row++) {
    const uint8_t *key = key_length[row] < 0 ? NULL : buffer + key_start[row];
    const uint8_t *value = value_length[row] < 0 ? NULL : buffer + value_start[row];
    size_t key_size = key ? (size_t)key_length[row] : 0;
    size_t value_size = value ? (size_t)value_length[row] : 0;
    rd_kafka_resp_err_t code;
    for (;;) {
      code = KAFKA.producev(
        client->handle, RD_KAFKA_V_RKT(handle), RD_KAFKA_V_PARTITION(partition),
        RD_KAFKA_V_KEY(key, key_size), RD_KAFKA_V_VALUE((void *)value, value_size),
        RD_KAFKA_V_TIMESTAMP(writable(timestamps[row])), RD_KAFKA_V_OPAQUE(report), RD_KAFKA_V_END);
      if (code != RD_KAFKA_RESP_ERR__QUEUE_FULL) break;
      make_room(client);
    }
    if (!code) {
      report->pending++;
      report->pending_bytes += (int64_t)(key_size + value_size);
      continue;
    }
    fail(client, fault, code);
    break;
  }
  KAFKA.topic_destroy(handle);
  KAFKA.poll(client->handle, 0);
}

void headrace_kafka_produce_one(
  headrace_kafka_client *client, const char *topic, int32_t partition, const void *key,
  int64_t key_length, const void *value, int64_t value_length, int64_t timestamp,
  const char *const *header_names, const void *const *header_values,
  const int64_t *header_lengths, size_t header_count, headrace_kafka_report *report,
  headrace_kafka_fault *fault) {
  headrace_kafka_clear(fault);
  rd_kafka_headers_t *headers = KAFKA.headers_new(header_count);
  for (size_t index = 0; index < header_count; index++)
    KAFKA.header_add(
      headers, header_names[index], -1, header_values[index], (ssize_t)header_lengths[index]);
  const void *key_bytes = key_length < 0 ? NULL : key;
  void *value_bytes = value_length < 0 ? NULL : (void *)value;
  size_t key_size = key_bytes ? (size_t)key_length : 0;
  size_t value_size = value_bytes ? (size_t)value_length : 0;
  rd_kafka_resp_err_t code;
  for (;;) {
    code = KAFKA.producev(
      client->handle, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_PARTITION(partition),
      RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
      RD_KAFKA_V_KEY(key_bytes, key_size), RD_KAFKA_V_VALUE(value_bytes, value_size),
      RD_KAFKA_V_TIMESTAMP(writable(timestamp)), RD_KAFKA_V_HEADERS(headers), RD_KAFKA_V_OPAQUE(report),
      RD_KAFKA_V_END);
    if (code != RD_KAFKA_RESP_ERR__QUEUE_FULL) break;
    make_room(client);
  }
  if (!code) {
    report->pending++;
    report->pending_bytes += (int64_t)(key_size + value_size);
    return;
  }
  // Taken over by the library only where it succeeds.
  KAFKA.headers_destroy(headers);
  fail(client, fault, code);
}

/// Bytes of the partition that has the most under way.
static int64_t most_pending(
  headrace_kafka_report *const *reports, size_t count, int64_t *sums, size_t place_count) {
  int64_t most = 0;
  memset(sums, 0, place_count * sizeof *sums);
  for (size_t index = 0; index < count; index++) {
    int64_t *sum = &sums[reports[index]->place];
    *sum += reports[index]->pending_bytes;
    if (*sum > most) most = *sum;
  }
  return most;
}

static int64_t now_ms(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (int64_t)time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

#define QUIET_MS 10

// Told to flush, the library's thread asks its socket without a pause for as long as a partition has messages that
// wait for the answer to others. Whole batches are sent without that, so it is told only when none is left, and when no
// answer has come for a moment: then the rest, if there is any, waits for nothing but this.
void headrace_kafka_flush(
  headrace_kafka_client *client, headrace_kafka_report *const *reports, size_t count,
  size_t place_count, int64_t batch_size, int timeout_ms, headrace_kafka_fault *fault) {
  headrace_kafka_clear(fault);
  int64_t end = now_ms() + timeout_ms, rest = timeout_ms;
  int64_t *sums = calloc(place_count + 1, sizeof *sums);
  int64_t pending = sums ? most_pending(reports, count, sums, place_count) : 0;
  if (pending >= batch_size) {
    for (; rest > 0 && pending > 0; rest = end - now_ms()) {
      bool has_batch = pending >= batch_size;
      int answers = KAFKA.poll(client->handle, has_batch || rest < QUIET_MS ? (int)rest : QUIET_MS);
      pending = most_pending(reports, count, sums, place_count);
      if (answers == 0 && !has_batch) break;
    }
  }
  free(sums);
  rd_kafka_resp_err_t code = KAFKA.flush(client->handle, rest > 0 ? (int)rest : 0);
  if (code) fail(client, fault, code);
}

void headrace_kafka_purge(headrace_kafka_client *client) {
  KAFKA.purge(
    client->handle, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
  KAFKA.flush(client->handle, 1000);
}

void headrace_kafka_send_offsets(
  headrace_kafka_client *client, headrace_kafka_client *member, const char *group,
  const headrace_kafka_place *places, size_t count, int timeout_ms, headrace_kafka_fault *fault) {
  headrace_kafka_clear(fault);
  rd_kafka_consumer_group_metadata_t *metadata =
    member ? KAFKA.consumer_group_metadata(member->handle)
           : KAFKA.consumer_group_metadata_new(group);
  if (!metadata) {
    headrace_kafka_fail(fault, RD_KAFKA_RESP_ERR__STATE, "not a member of the group");
    fault->is_abortable = true;
    return;
  }
  rd_kafka_topic_partition_list_t *list = KAFKA.topic_partition_list_new((int)count);
  for (size_t index = 0; index < count; index++)
    KAFKA.topic_partition_list_add(list, places[index].topic, places[index].partition)->offset =
      places[index].offset;
  headrace_kafka_failed(
    fault, KAFKA.send_offsets_to_transaction(client->handle, list, metadata, timeout_ms));
  KAFKA.topic_partition_list_destroy(list);
  KAFKA.consumer_group_metadata_destroy(metadata);
}

void headrace_kafka_commit(
  headrace_kafka_client *client, int timeout_ms, headrace_kafka_fault *fault) {
  headrace_kafka_failed(fault, KAFKA.commit_transaction(client->handle, timeout_ms));
}

void headrace_kafka_abort(
  headrace_kafka_client *client, int timeout_ms, headrace_kafka_fault *fault) {
  headrace_kafka_failed(fault, KAFKA.abort_transaction(client->handle, timeout_ms));
}
