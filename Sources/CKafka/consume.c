// Reading partitions, and being a member of a group.

#include "internal.h"

#include <stdlib.h>
#include <string.h>

#define MESSAGES_MAX 4096

struct headrace_kafka_cursor {
  rd_kafka_topic_t *topic;
  int32_t partition;
  rd_kafka_queue_t *queue;
  rd_kafka_message_t **messages;
  size_t count;
  // What came behind records that were fetched before it.
  headrace_kafka_fault pending;
};

headrace_kafka_cursor *headrace_kafka_cursor_open(
  headrace_kafka_client *client, const char *topic, int32_t partition, int64_t offset,
  headrace_kafka_fault *fault) {
  headrace_kafka_clear(fault);
  headrace_kafka_cursor *cursor = calloc(1, sizeof *cursor);
  if (cursor) cursor->messages = calloc(MESSAGES_MAX, sizeof *cursor->messages);
  rd_kafka_topic_t *handle = KAFKA.topic_new(client->handle, topic, NULL);
  if (!cursor || !cursor->messages || !handle) {
    headrace_kafka_fail(fault, RD_KAFKA_RESP_ERR__CRIT_SYS_RESOURCE, "out of memory");
    if (cursor) free(cursor->messages);
    free(cursor);
    return NULL;
  }
  cursor->topic = handle;
  cursor->partition = partition;
  if (KAFKA.consume_start(handle, partition, offset) != 0) {
    headrace_kafka_fail(fault, KAFKA.last_error(), NULL);
    KAFKA.topic_destroy(handle);
    free(cursor->messages);
    free(cursor);
    return NULL;
  }
  cursor->queue = KAFKA.queue_get_partition(client->handle, topic, partition);
  KAFKA.queue_cb_event_enable(cursor->queue, headrace_kafka_raise, client->signal);
  return cursor;
}

static void drop(headrace_kafka_cursor *cursor) {
  for (size_t row = 0; row < cursor->count; row++)
    KAFKA.message_destroy(cursor->messages[row]);
  cursor->count = 0;
}

void headrace_kafka_cursor_close(headrace_kafka_cursor *cursor) {
  drop(cursor);
  KAFKA.queue_cb_event_enable(cursor->queue, NULL, NULL);
  KAFKA.consume_stop(cursor->topic, cursor->partition);
  KAFKA.queue_destroy(cursor->queue);
  KAFKA.topic_destroy(cursor->topic);
  free(cursor->messages);
  free(cursor);
}

/// Whether a record has no headers, as far as its own bytes say so: key and value lie as they came,
///   length of the key, key, length of the value, value, number of headers
/// with the lengths as zigzag varints, so a 0 follows the value. The library itself makes a buffer for each record to tell.
/// What does not look like that (no key, no value, an old format, a copy) is left to the library.
static bool is_bare(const rd_kafka_message_t *message) {
  const uint8_t *value = message->payload;
  if (!message->key || !value) return false;
  const uint8_t *at = (const uint8_t *)message->key + message->key_len;
  uint64_t length = 0;
  for (int shift = 0; shift < 35; shift += 7) {
    if (at >= value) return false;
    length |= (uint64_t)(*at & 0x7f) << shift;
    if (*at++ < 0x80) break;
  }
  return at == value && length == 2 * (uint64_t)message->len && value[message->len] == 0;
}

/// What is at hand, or the first of what comes. The library itself waits until a batch is full or the time is over.
static ssize_t next_batch(headrace_kafka_cursor *cursor, int timeout_ms) {
  rd_kafka_message_t **messages = cursor->messages;
  ssize_t count = KAFKA.consume_batch_queue(cursor->queue, 0, messages, MESSAGES_MAX);
  if (count != 0 || timeout_ms == 0) return count;
  count = KAFKA.consume_batch_queue(cursor->queue, timeout_ms, messages, 1);
  if (count <= 0) return count;
  ssize_t more =
    KAFKA.consume_batch_queue(cursor->queue, 0, messages + count, MESSAGES_MAX - (size_t)count);
  return more > 0 ? count + more : count;
}

void headrace_kafka_fetch(
  headrace_kafka_cursor *cursor, int timeout_ms, headrace_kafka_fetched *fetched,
  headrace_kafka_fault *fault) {
  headrace_kafka_clear(fault);
  memset(fetched, 0, sizeof *fetched);
  fetched->next = -1;
  drop(cursor);
  if (cursor->pending.code) {
    *fault = cursor->pending;
    headrace_kafka_clear(&cursor->pending);
    return;
  }
  ssize_t count = next_batch(cursor, timeout_ms);
  if (count < 0) {
    headrace_kafka_fail(fault, KAFKA.last_error(), NULL);
    return;
  }
  for (ssize_t index = 0; index < count; index++) {
    rd_kafka_message_t *message = cursor->messages[index];
    if (!message->err) {
      cursor->messages[fetched->count++] = message;
      fetched->byte_count += message->len + message->key_len;
      fetched->next = message->offset + 1;
      fetched->is_end = false;
      rd_kafka_headers_t *headers;
      if (
        !fetched->has_headers && !is_bare(message) && !KAFKA.message_headers(message, &headers))
        fetched->has_headers = true;
      continue;
    }
    if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
      fetched->next = message->offset;
      fetched->is_end = true;
    } else if (!cursor->pending.code) {
      headrace_kafka_fail(&cursor->pending, message->err, message->payload);
    }
    KAFKA.message_destroy(message);
  }
  cursor->count = fetched->count;
  if (fetched->count == 0 && cursor->pending.code) {
    *fault = cursor->pending;
    headrace_kafka_clear(&cursor->pending);
  }
}

bool headrace_kafka_header(
  headrace_kafka_cursor *cursor, size_t row, size_t index, const char **name,
  const void **value, size_t *size) {
  rd_kafka_headers_t *headers;
  if (KAFKA.message_headers(cursor->messages[row], &headers)) return false;
  return KAFKA.header_get_all(headers, index, name, value, size) == RD_KAFKA_RESP_ERR_NO_ERROR;
}

void headrace_kafka_take(
  headrace_kafka_cursor *cursor, uint8_t *buffer, int32_t *key_start, int32_t *key_length,
  int32_t *value_start, int32_t *value_length, int64_t *timestamps, int64_t *offsets) {
  size_t used = 0;
  for (size_t row = 0; row < cursor->count; row++) {
    rd_kafka_message_t *message = cursor->messages[row];
    key_start[row] = (int32_t)used;
    key_length[row] = message->key ? (int32_t)message->key_len : -1;
    if (message->key) {
      memcpy(buffer + used, message->key, message->key_len);
      used += message->key_len;
    }
    value_start[row] = (int32_t)used;
    value_length[row] = message->payload ? (int32_t)message->len : -1;
    if (message->payload) {
      memcpy(buffer + used, message->payload, message->len);
      used += message->len;
    }
    rd_kafka_timestamp_type_t type;
    timestamps[row] = KAFKA.message_timestamp(message, &type);
    offsets[row] = message->offset;
  }
  drop(cursor);
}

// MARK: - Groups

void headrace_kafka_on_rebalance(
  rd_kafka_t *handle, rd_kafka_resp_err_t code, rd_kafka_topic_partition_list_t *partitions,
  void *opaque) {
  headrace_kafka_client *client = opaque;
  free(client->assigned);
  client->assigned = NULL;
  client->assigned_count = 0;
  client->generation++;
  if (code != RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
    client->is_lost = KAFKA.assignment_lost(handle);
    client->is_settled = false;
    KAFKA.assign(handle, NULL);
    return;
  }
  client->assigned = calloc((size_t)partitions->cnt + 1, sizeof *client->assigned);
  if (client->assigned) client->assigned_count = (size_t)partitions->cnt;
  for (size_t index = 0; index < client->assigned_count; index++)
    client->assigned[index] = partitions->elems[index].partition;
  client->is_lost = false;
  client->is_settled = true;
  KAFKA.assign(handle, partitions);
  // They only stand for shares: there is nothing in them to read.
  KAFKA.pause_partitions(handle, partitions);
}

void headrace_kafka_join(
  headrace_kafka_client *client, const char *topic, headrace_kafka_fault *fault) {
  headrace_kafka_clear(fault);
  rd_kafka_topic_partition_list_t *topics = KAFKA.topic_partition_list_new(1);
  KAFKA.topic_partition_list_add(topics, topic, RD_KAFKA_PARTITION_UA);
  rd_kafka_resp_err_t code = KAFKA.subscribe(client->handle, topics);
  KAFKA.topic_partition_list_destroy(topics);
  if (code) headrace_kafka_fail(fault, code, NULL);
}

int headrace_kafka_membership(
  headrace_kafka_client *client, int timeout_ms, int32_t *partitions, size_t count,
  uint64_t *generation, headrace_kafka_fault *fault) {
  headrace_kafka_clear(fault);
  uint64_t before = client->generation;
  rd_kafka_message_t *message;
  while ((message = KAFKA.consumer_poll(client->handle, timeout_ms)) != NULL) {
    rd_kafka_resp_err_t code = message->err;
    if (code && code != RD_KAFKA_RESP_ERR__PARTITION_EOF && !fault->code)
      headrace_kafka_fail(fault, code, message->payload);
    KAFKA.message_destroy(message);
    if (client->generation != before) break;
    timeout_ms = 0;
  }
  *generation = client->generation;
  for (size_t index = 0; index < client->assigned_count && index < count; index++)
    partitions[index] = client->assigned[index];
  if (client->is_settled) return (int)client->assigned_count;
  return client->is_lost ? -1 : -2;
}
