// What the files of the shim share: the library's entry points, found when it is loaded, and the clients.

#ifndef HEADRACE_KAFKA_INTERNAL_H
#define HEADRACE_KAFKA_INTERNAL_H

#include "CKafka.h"

#include <librdkafka/rdkafka.h>
#include <pthread.h>

#define HEADRACE_KAFKA_FUNCTIONS(X)                                                              \
  X(err2name) X(err2str) X(last_error)                                            \
  X(conf_new) X(conf_set) X(conf_destroy) X(conf_set_log_cb) X(conf_set_opaque)                  \
  X(conf_set_dr_msg_cb) X(conf_set_rebalance_cb) X(conf_set_error_cb)                            \
  X(new) X(destroy) X(opaque) X(poll) X(flush) X(purge) X(poll_set_consumer)                     \
  X(error_code) X(error_string) X(error_is_retriable) X(error_is_fatal)                          \
  X(error_txn_requires_abort) X(error_destroy) X(fatal_error)                                    \
  X(metadata) X(metadata_destroy) X(topic_new) X(topic_destroy)                                  \
  X(topic_partition_list_new) X(topic_partition_list_add) X(topic_partition_list_destroy)        \
  X(offsets_for_times)                                                \
  X(consume_start) X(consume_stop) X(consume_batch_queue) X(message_destroy)                     \
  X(message_timestamp) X(message_headers) X(header_get_all)                                      \
  X(headers_new) X(header_add) X(headers_destroy)                                                \
  X(queue_new) X(queue_destroy) X(queue_get_partition) X(queue_get_consumer)                     \
  X(queue_cb_event_enable) X(queue_poll)                                                         \
  X(init_transactions) X(begin_transaction) X(send_offsets_to_transaction)                       \
  X(commit_transaction) X(abort_transaction)                                                     \
  X(consumer_group_metadata) X(consumer_group_metadata_new) X(consumer_group_metadata_destroy)   \
  X(subscribe) X(assign) X(assignment_lost) X(pause_partitions) X(consumer_poll)                 \
  X(consumer_close) X(event_error) X(event_error_string) X(event_destroy)          \
  X(AdminOptions_new) X(AdminOptions_destroy) X(AdminOptions_set_request_timeout)                \
  X(AdminOptions_set_operation_timeout)                                                          \
  X(NewTopic_new) X(NewTopic_set_config) X(NewTopic_destroy) X(CreateTopics)                     \
  X(event_CreateTopics_result) X(CreateTopics_result_topics)                                     \
  X(topic_result_error) X(topic_result_error_string)                                             \
  X(NewPartitions_new) X(NewPartitions_destroy) X(CreatePartitions)                              \
  X(event_CreatePartitions_result) X(CreatePartitions_result_topics)                             \
  X(DeleteTopic_new) X(DeleteTopic_destroy) X(DeleteTopics)                                      \
  X(event_DeleteTopics_result) X(DeleteTopics_result_topics)                                     \
  X(ConfigResource_new) X(ConfigResource_destroy) X(ConfigResource_set_config)                   \
  X(ConfigResource_name) X(ConfigResource_configs) X(ConfigResource_error)                       \
  X(ConfigResource_error_string) X(ConfigEntry_name) X(ConfigEntry_value)                        \
  X(DescribeConfigs) X(event_DescribeConfigs_result) X(DescribeConfigs_result_resources)         \
  X(AlterConfigs) X(event_AlterConfigs_result) X(AlterConfigs_result_resources)                  \
  X(DeleteRecords_new) X(DeleteRecords_destroy) X(DeleteRecords)                                 \
  X(event_DeleteRecords_result) X(DeleteRecords_result_offsets)                                  \
  X(ListConsumerGroups) X(event_ListConsumerGroups_result)                                       \
  X(ListConsumerGroups_result_valid) X(ConsumerGroupListing_group_id)                            \
  X(DescribeConsumerGroups) X(event_DescribeConsumerGroups_result)                               \
  X(DescribeConsumerGroups_result_groups) X(ConsumerGroupDescription_error)                      \
  X(ConsumerGroupDescription_member_count) X(ConsumerGroupDescription_member)                    \
  X(MemberDescription_client_id) X(MemberDescription_host) X(MemberDescription_assignment)       \
  X(MemberAssignment_partitions)                                                                 \
  X(ListConsumerGroupOffsets_new) X(ListConsumerGroupOffsets_destroy)                            \
  X(ListConsumerGroupOffsets) X(event_ListConsumerGroupOffsets_result)                           \
  X(ListConsumerGroupOffsets_result_groups)                                                      \
  X(AlterConsumerGroupOffsets_new) X(AlterConsumerGroupOffsets_destroy)                          \
  X(AlterConsumerGroupOffsets) X(event_AlterConsumerGroupOffsets_result)                         \
  X(AlterConsumerGroupOffsets_result_groups)                                                     \
  X(group_result_error) X(group_result_partitions)

typedef struct {
#define DECLARE(name) __typeof__(&rd_kafka_##name) name;
  HEADRACE_KAFKA_FUNCTIONS(DECLARE)
#undef DECLARE
  // Takes its arguments one after the other.
  rd_kafka_resp_err_t (*producev)(rd_kafka_t *, ...);
} headrace_kafka_functions;

extern headrace_kafka_functions headrace_kafka_library;
#define KAFKA headrace_kafka_library

#define TROUBLE_SIZE 400

struct headrace_kafka_client {
  rd_kafka_t *handle;
  headrace_kafka_signal *signal;
  pthread_mutex_t lock;
  char trouble[TROUBLE_SIZE];
  // Of a member of a group; changed by its rebalances, which run inside `headrace_kafka_membership` only.
  rd_kafka_queue_t *events;
  int32_t *assigned;
  size_t assigned_count;
  uint64_t generation;
  bool is_lost;
  bool is_settled;
};

void headrace_kafka_clear(headrace_kafka_fault *fault);
void headrace_kafka_fail(headrace_kafka_fault *fault, int32_t code, const char *text);
/// Takes over an error of the library, if there is one. Returns whether there is.
bool headrace_kafka_failed(headrace_kafka_fault *fault, rd_kafka_error_t *error);
void headrace_kafka_on_delivery(
  rd_kafka_t *handle, const rd_kafka_message_t *message, void *opaque);
void headrace_kafka_on_rebalance(
  rd_kafka_t *handle, rd_kafka_resp_err_t code, rd_kafka_topic_partition_list_t *partitions,
  void *opaque);
void headrace_kafka_raise(rd_kafka_t *handle, void *signal);

#endif
