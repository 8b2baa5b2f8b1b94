// Topics, settings, groups: requests that are answered once.

#define _GNU_SOURCE
#include "internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// MARK: - Texts that grow

typedef struct {
  char *bytes;
  size_t count;
  size_t capacity;
} growing;

static void append(growing *text, const char *part) {
  size_t size = strlen(part);
  if (text->count + size + 1 > text->capacity) {
    size_t capacity = (text->count + size + 1) * 2 + 256;
    char *bytes = realloc(text->bytes, capacity);
    if (!bytes) return;
    text->bytes = bytes;
    text->capacity = capacity;
  }
  memcpy(text->bytes + text->count, part, size + 1);
  text->count += size;
}

static char *finished(growing *text) {
  if (!text->bytes) append(text, "");
  return text->bytes;
}

// MARK: - Topics

char *headrace_kafka_topics(
  headrace_kafka_client *client, const char *topic, int timeout_ms, headrace_kafka_fault *fault) {
  headrace_kafka_clear(fault);
  const struct rd_kafka_metadata *metadata;
  bool is_one = topic && topic[0];
  rd_kafka_topic_t *handle = is_one ? KAFKA.topic_new(client->handle, topic, NULL) : NULL;
  rd_kafka_resp_err_t code =
    KAFKA.metadata(client->handle, topic ? 0 : 1, handle, &metadata, timeout_ms);
  if (handle) KAFKA.topic_destroy(handle);
  if (code) {
    headrace_kafka_fail(fault, code, NULL);
    return NULL;
  }
  growing text = {0};
  for (int index = 0; index < metadata->topic_cnt; index++) {
    char line[64];
    append(&text, metadata->topics[index].topic);
    snprintf(
      line, sizeof line, "\t%d\t%d\n", metadata->topics[index].partition_cnt,
      metadata->topics[index].err);
    append(&text, line);
  }
  KAFKA.metadata_destroy(metadata);
  return finished(&text);
}

static rd_kafka_topic_partition_list_t *list_of(
  const headrace_kafka_place *places, size_t count, bool with_offsets) {
  rd_kafka_topic_partition_list_t *list = KAFKA.topic_partition_list_new((int)count);
  for (size_t index = 0; index < count; index++) {
    rd_kafka_topic_partition_t *element =
      KAFKA.topic_partition_list_add(list, places[index].topic, places[index].partition);
    if (with_offsets) element->offset = places[index].offset;
  }
  return list;
}

void headrace_kafka_offsets(
  headrace_kafka_client *client, headrace_kafka_place *places, size_t count, int64_t time,
  int timeout_ms, headrace_kafka_fault *fault) {
  headrace_kafka_clear(fault);
  rd_kafka_topic_partition_list_t *list = KAFKA.topic_partition_list_new((int)count);
  for (size_t index = 0; index < count; index++)
    KAFKA.topic_partition_list_add(list, places[index].topic, places[index].partition)->offset =
      time;
  rd_kafka_resp_err_t code = KAFKA.offsets_for_times(client->handle, list, timeout_ms);
  // The library keeps the order of the list.
  for (size_t index = 0; index < count; index++) {
    places[index].offset = list->elems[index].offset;
    places[index].error = list->elems[index].err;
  }
  KAFKA.topic_partition_list_destroy(list);
  if (code) headrace_kafka_fail(fault, code, NULL);
}

// MARK: - Requests of the admin kind

typedef struct {
  rd_kafka_queue_t *queue;
  rd_kafka_AdminOptions_t *options;
  int timeout_ms;
} request;

static request begin(headrace_kafka_client *client, rd_kafka_admin_op_t operation, int timeout_ms) {
  request result = {
    KAFKA.queue_new(client->handle), KAFKA.AdminOptions_new(client->handle, operation),
    timeout_ms};
  char text[200];
  KAFKA.AdminOptions_set_request_timeout(result.options, timeout_ms, text, sizeof text);
  return result;
}

/// The answer, to be destroyed by the caller; NULL when the request failed as a whole.
static rd_kafka_event_t *answer(request *request, headrace_kafka_fault *fault) {
  rd_kafka_event_t *event = KAFKA.queue_poll(request->queue, request->timeout_ms + 1000);
  KAFKA.AdminOptions_destroy(request->options);
  if (!event) {
    headrace_kafka_fail(fault, RD_KAFKA_RESP_ERR__TIMED_OUT, NULL);
    fault->is_retriable = true;
  } else if (KAFKA.event_error(event)) {
    headrace_kafka_fail(fault, KAFKA.event_error(event), KAFKA.event_error_string(event));
    KAFKA.event_destroy(event);
    event = NULL;
  }
  return event;
}

static void end(request *request, rd_kafka_event_t *event) {
  if (event) KAFKA.event_destroy(event);
  KAFKA.queue_destroy(request->queue);
}

static void check_topics(
  const rd_kafka_topic_result_t **results, size_t count, headrace_kafka_fault *fault) {
  for (size_t index = 0; index < count; index++) {
    rd_kafka_resp_err_t code = KAFKA.topic_result_error(results[index]);
    if (code && !fault->code)
      headrace_kafka_fail(fault, code, KAFKA.topic_result_error_string(results[index]));
  }
}

void headrace_kafka_create_topic(
  headrace_kafka_client *client, const char *topic, int32_t partitions, int32_t replicas,
  const char *const *settings, size_t count, int timeout_ms, headrace_kafka_fault *fault) {
  headrace_kafka_clear(fault);
  char text[300] = "";
  rd_kafka_NewTopic_t *creation =
    KAFKA.NewTopic_new(topic, partitions, replicas, text, sizeof text);
  if (!creation) {
    headrace_kafka_fail(fault, RD_KAFKA_RESP_ERR__INVALID_ARG, text);
    return;
  }
  for (size_t index = 0; index < count; index++)
    KAFKA.NewTopic_set_config(creation, settings[2 * index], settings[2 * index + 1]);
  request request = begin(client, RD_KAFKA_ADMIN_OP_CREATETOPICS, timeout_ms);
  // Answered when the topic is there, not when it was asked for.
  KAFKA.AdminOptions_set_operation_timeout(request.options, timeout_ms, text, sizeof text);
  KAFKA.CreateTopics(client->handle, &creation, 1, request.options, request.queue);
  rd_kafka_event_t *event = answer(&request, fault);
  if (event) {
    size_t size;
    const rd_kafka_topic_result_t **results =
      KAFKA.CreateTopics_result_topics(KAFKA.event_CreateTopics_result(event), &size);
    check_topics(results, size, fault);
  }
  end(&request, event);
  KAFKA.NewTopic_destroy(creation);
}

void headrace_kafka_grow_topic(
  headrace_kafka_client *client, const char *topic, int32_t partitions, int timeout_ms,
  headrace_kafka_fault *fault) {
  headrace_kafka_clear(fault);
  char text[300] = "";
  rd_kafka_NewPartitions_t *growth = KAFKA.NewPartitions_new(topic, partitions, text, sizeof text);
  if (!growth) {
    headrace_kafka_fail(fault, RD_KAFKA_RESP_ERR__INVALID_ARG, text);
    return;
  }
  request request = begin(client, RD_KAFKA_ADMIN_OP_CREATEPARTITIONS, timeout_ms);
  KAFKA.AdminOptions_set_operation_timeout(request.options, timeout_ms, text, sizeof text);
  KAFKA.CreatePartitions(client->handle, &growth, 1, request.options, request.queue);
  rd_kafka_event_t *event = answer(&request, fault);
  if (event) {
    size_t size;
    const rd_kafka_topic_result_t **results =
      KAFKA.CreatePartitions_result_topics(KAFKA.event_CreatePartitions_result(event), &size);
    check_topics(results, size, fault);
  }
  end(&request, event);
  KAFKA.NewPartitions_destroy(growth);
}

void headrace_kafka_delete_topics(
  headrace_kafka_client *client, const char *const *topics, size_t count, int timeout_ms,
  headrace_kafka_fault *fault) {
  headrace_kafka_clear(fault);
  rd_kafka_DeleteTopic_t **deletions = calloc(count, sizeof *deletions);
  if (!deletions) return;
  char text[200];
  for (size_t index = 0; index < count; index++)
    deletions[index] = KAFKA.DeleteTopic_new(topics[index]);
  request request = begin(client, RD_KAFKA_ADMIN_OP_DELETETOPICS, timeout_ms);
  KAFKA.AdminOptions_set_operation_timeout(request.options, timeout_ms, text, sizeof text);
  KAFKA.DeleteTopics(client->handle, deletions, count, request.options, request.queue);
  rd_kafka_event_t *event = answer(&request, fault);
  if (event) {
    size_t size;
    const rd_kafka_topic_result_t **results =
      KAFKA.DeleteTopics_result_topics(KAFKA.event_DeleteTopics_result(event), &size);
    check_topics(results, size, fault);
  }
  end(&request, event);
  for (size_t index = 0; index < count; index++) KAFKA.DeleteTopic_destroy(deletions[index]);
  free(deletions);
}

char *headrace_kafka_configs(
  headrace_kafka_client *client, const char *const *topics, size_t count, int timeout_ms,
  headrace_kafka_fault *fault) {
  headrace_kafka_clear(fault);
  growing text = {0};
  rd_kafka_ConfigResource_t **resources = calloc(count ? count : 1, sizeof *resources);
  if (!resources || count == 0) {
    free(resources);
    return finished(&text);
  }
  for (size_t index = 0; index < count; index++)
    resources[index] = KAFKA.ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topics[index]);
  request request = begin(client, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS, timeout_ms);
  KAFKA.DescribeConfigs(client->handle, resources, count, request.options, request.queue);
  rd_kafka_event_t *event = answer(&request, fault);
  if (event) {
    size_t size;
    const rd_kafka_ConfigResource_t **results = KAFKA.DescribeConfigs_result_resources(
      KAFKA.event_DescribeConfigs_result(event), &size);
    for (size_t index = 0; index < size; index++) {
      size_t entry_count;
      const rd_kafka_ConfigEntry_t **entries =
        KAFKA.ConfigResource_configs(results[index], &entry_count);
      for (size_t entry = 0; entry < entry_count; entry++) {
        const char *value = KAFKA.ConfigEntry_value(entries[entry]);
        append(&text, KAFKA.ConfigResource_name(results[index]));
        append(&text, "\t");
        append(&text, KAFKA.ConfigEntry_name(entries[entry]));
        append(&text, "\t");
        append(&text, value ? value : "");
        append(&text, "\n");
      }
    }
  }
  end(&request, event);
  for (size_t index = 0; index < count; index++) KAFKA.ConfigResource_destroy(resources[index]);
  free(resources);
  if (!event) {
    free(text.bytes);
    return NULL;
  }
  return finished(&text);
}

void headrace_kafka_alter_topic(
  headrace_kafka_client *client, const char *topic, const char *const *settings, size_t count,
  int timeout_ms, headrace_kafka_fault *fault) {
  headrace_kafka_clear(fault);
  rd_kafka_ConfigResource_t *resource = KAFKA.ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic);
  for (size_t index = 0; index < count; index++)
    KAFKA.ConfigResource_set_config(resource, settings[2 * index], settings[2 * index + 1]);
  request request = begin(client, RD_KAFKA_ADMIN_OP_ALTERCONFIGS, timeout_ms);
  KAFKA.AlterConfigs(client->handle, &resource, 1, request.options, request.queue);
  rd_kafka_event_t *event = answer(&request, fault);
  if (event) {
    size_t size;
    const rd_kafka_ConfigResource_t **results =
      KAFKA.AlterConfigs_result_resources(KAFKA.event_AlterConfigs_result(event), &size);
    for (size_t index = 0; index < size; index++) {
      rd_kafka_resp_err_t code = KAFKA.ConfigResource_error(results[index]);
      if (code && !fault->code)
        headrace_kafka_fail(fault, code, KAFKA.ConfigResource_error_string(results[index]));
    }
  }
  end(&request, event);
  KAFKA.ConfigResource_destroy(resource);
}

void headrace_kafka_delete_records(
  headrace_kafka_client *client, const headrace_kafka_place *places, size_t count, int timeout_ms,
  headrace_kafka_fault *fault) {
  headrace_kafka_clear(fault);
  rd_kafka_topic_partition_list_t *list = list_of(places, count, true);
  rd_kafka_DeleteRecords_t *deletion = KAFKA.DeleteRecords_new(list);
  request request = begin(client, RD_KAFKA_ADMIN_OP_DELETERECORDS, timeout_ms);
  KAFKA.DeleteRecords(client->handle, &deletion, 1, request.options, request.queue);
  rd_kafka_event_t *event = answer(&request, fault);
  if (event) {
    const rd_kafka_topic_partition_list_t *offsets =
      KAFKA.DeleteRecords_result_offsets(KAFKA.event_DeleteRecords_result(event));
    for (int index = 0; index < offsets->cnt; index++)
      if (offsets->elems[index].err && !fault->code)
        headrace_kafka_fail(fault, offsets->elems[index].err, NULL);
  }
  end(&request, event);
  KAFKA.DeleteRecords_destroy(deletion);
  KAFKA.topic_partition_list_destroy(list);
}

// MARK: - Groups

char *headrace_kafka_groups(
  headrace_kafka_client *client, int timeout_ms, headrace_kafka_fault *fault) {
  headrace_kafka_clear(fault);
  growing text = {0};
  request request = begin(client, RD_KAFKA_ADMIN_OP_LISTCONSUMERGROUPS, timeout_ms);
  KAFKA.ListConsumerGroups(client->handle, request.options, request.queue);
  rd_kafka_event_t *event = answer(&request, fault);
  if (event) {
    size_t size;
    const rd_kafka_ConsumerGroupListing_t **groups = KAFKA.ListConsumerGroups_result_valid(
      KAFKA.event_ListConsumerGroups_result(event), &size);
    for (size_t index = 0; index < size; index++) {
      append(&text, KAFKA.ConsumerGroupListing_group_id(groups[index]));
      append(&text, "\n");
    }
  }
  end(&request, event);
  return finished(&text);
}

static void append_member(growing *text, const rd_kafka_MemberDescription_t *member) {
  append(text, KAFKA.MemberDescription_client_id(member));
  append(text, "\t");
  append(text, KAFKA.MemberDescription_host(member));
  append(text, "\t");
  const rd_kafka_topic_partition_list_t *partitions =
    KAFKA.MemberAssignment_partitions(KAFKA.MemberDescription_assignment(member));
  for (int index = 0; partitions && index < partitions->cnt; index++) {
    char number[16];
    snprintf(
      number, sizeof number, index ? ",%d" : "%d", partitions->elems[index].partition);
    append(text, number);
  }
  append(text, "\n");
}

char *headrace_kafka_members(
  headrace_kafka_client *client, const char *group, int timeout_ms, headrace_kafka_fault *fault) {
  headrace_kafka_clear(fault);
  growing text = {0};
  request request = begin(client, RD_KAFKA_ADMIN_OP_DESCRIBECONSUMERGROUPS, timeout_ms);
  KAFKA.DescribeConsumerGroups(client->handle, &group, 1, request.options, request.queue);
  rd_kafka_event_t *event = answer(&request, fault);
  if (event) {
    size_t size;
    const rd_kafka_ConsumerGroupDescription_t **groups =
      KAFKA.DescribeConsumerGroups_result_groups(
        KAFKA.event_DescribeConsumerGroups_result(event), &size);
    for (size_t index = 0; index < size; index++) {
      const rd_kafka_error_t *error = KAFKA.ConsumerGroupDescription_error(groups[index]);
      if (error) {
        headrace_kafka_fail(fault, KAFKA.error_code(error), KAFKA.error_string(error));
        continue;
      }
      size_t members = KAFKA.ConsumerGroupDescription_member_count(groups[index]);
      for (size_t place = 0; place < members; place++)
        append_member(&text, KAFKA.ConsumerGroupDescription_member(groups[index], place));
    }
  }
  end(&request, event);
  return finished(&text);
}

void headrace_kafka_group_offsets(
  headrace_kafka_client *client, const char *group, headrace_kafka_place *places, size_t count,
  int timeout_ms, headrace_kafka_fault *fault) {
  headrace_kafka_clear(fault);
  rd_kafka_topic_partition_list_t *list = list_of(places, count, false);
  rd_kafka_ListConsumerGroupOffsets_t *listing =
    KAFKA.ListConsumerGroupOffsets_new(group, list);
  request request = begin(client, RD_KAFKA_ADMIN_OP_LISTCONSUMERGROUPOFFSETS, timeout_ms);
  KAFKA.ListConsumerGroupOffsets(client->handle, &listing, 1, request.options, request.queue);
  rd_kafka_event_t *event = answer(&request, fault);
  if (event) {
    size_t size;
    const rd_kafka_group_result_t **groups = KAFKA.ListConsumerGroupOffsets_result_groups(
      KAFKA.event_ListConsumerGroupOffsets_result(event), &size);
    for (size_t index = 0; index < count; index++) places[index].offset = -1001;
    for (size_t index = 0; index < size; index++) {
      const rd_kafka_error_t *error = KAFKA.group_result_error(groups[index]);
      if (error) {
        headrace_kafka_fail(fault, KAFKA.error_code(error), KAFKA.error_string(error));
        continue;
      }
      const rd_kafka_topic_partition_list_t *known =
        KAFKA.group_result_partitions(groups[index]);
      for (int element = 0; known && element < known->cnt; element++)
        for (size_t place = 0; place < count; place++)
          if (
            places[place].partition == known->elems[element].partition
            && !strcmp(places[place].topic, known->elems[element].topic))
            places[place].offset = known->elems[element].offset;
    }
  }
  end(&request, event);
  KAFKA.ListConsumerGroupOffsets_destroy(listing);
  KAFKA.topic_partition_list_destroy(list);
}

void headrace_kafka_set_group_offsets(
  headrace_kafka_client *client, const char *group, const headrace_kafka_place *places,
  size_t count, int timeout_ms, headrace_kafka_fault *fault) {
  headrace_kafka_clear(fault);
  rd_kafka_topic_partition_list_t *list = list_of(places, count, true);
  rd_kafka_AlterConsumerGroupOffsets_t *change =
    KAFKA.AlterConsumerGroupOffsets_new(group, list);
  request request = begin(client, RD_KAFKA_ADMIN_OP_ALTERCONSUMERGROUPOFFSETS, timeout_ms);
  KAFKA.AlterConsumerGroupOffsets(client->handle, &change, 1, request.options, request.queue);
  rd_kafka_event_t *event = answer(&request, fault);
  if (event) {
    size_t size;
    const rd_kafka_group_result_t **groups = KAFKA.AlterConsumerGroupOffsets_result_groups(
      KAFKA.event_AlterConsumerGroupOffsets_result(event), &size);
    for (size_t index = 0; index < size; index++) {
      const rd_kafka_error_t *error = KAFKA.group_result_error(groups[index]);
      if (error)
        headrace_kafka_fail(fault, KAFKA.error_code(error), KAFKA.error_string(error));
    }
  }
  end(&request, event);
  KAFKA.AlterConsumerGroupOffsets_destroy(change);
  KAFKA.topic_partition_list_destroy(list);
}
