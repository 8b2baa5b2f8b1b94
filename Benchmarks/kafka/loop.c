// What is measured against, and what measures: plain loops over librdkafka.
//
//   loop create ADDRESS PARTITIONS TOPIC...
//   loop load ADDRESS TOPIC COUNT RATE KEYS
//     COUNT records of 200 bytes; RATE a second, 0: as fast as it goes
//   loop bare ADDRESS PARTITIONS ID STAGE...
//     consumes and produces in transactions of 100 ms; a STAGE is IN,COUNT[,OUT,RECORDS,BYTES]...:
//     of COUNT records of IN come RECORDS in OUT, of so many BYTES (0: as they are)
//   loop watch ADDRESS TOPIC PARTITIONS COUNT SECONDS
//     reads until COUNT records have come, or the rows of a table have counted COUNT
//   loop count ADDRESS PREFIX
//     committed records and bytes of the topics with this prefix
//
// Each prints one line of JSON; count one a topic, bare another one when it begins, and watch one when the first rows have
// come, and one after half of them.

#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#define MESSAGES_MAX 4096
#define STAGES_MAX 4
#define OUTPUTS_MAX 4
#define INTERVAL_US 100000
#define SAMPLES_MAX 4000000
// Rows that are written before this are no samples: topics are found and connections made for the first of them.
#define WARM_UP_US 2000000

static void die(const char *what, const char *why) {
  fprintf(stderr, "%s: %s\n", what, why);
  exit(1);
}

static int64_t now_us(clockid_t clock) {
  struct timespec time;
  clock_gettime(clock, &time);
  return (int64_t)time.tv_sec * 1000000 + time.tv_nsec / 1000;
}

static double cpu_seconds(void) {
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
         (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static int64_t *samples;
static size_t sample_count;

static void sample(int64_t value) {
  if (!samples) samples = malloc(SAMPLES_MAX * sizeof *samples);
  if (sample_count < SAMPLES_MAX) samples[sample_count++] = value;
}

static int ascending(const void *left, const void *right) {
  int64_t a = *(const int64_t *)left, b = *(const int64_t *)right;
  return (a > b) - (a < b);
}

/// In ms.
static double percentile(double part) {
  if (!sample_count) return 0;
  qsort(samples, sample_count, sizeof *samples, ascending);
  return (double)samples[(size_t)(part * (double)(sample_count - 1))] / 1000;
}

// MARK: Clients

/// `settings`: names and values by turns, up to NULL.
static rd_kafka_t *client(rd_kafka_type_t type, const char *address, const char *const *settings) {
  char text[512];
  rd_kafka_conf_t *conf = rd_kafka_conf_new();
  rd_kafka_conf_set(conf, "bootstrap.servers", address, text, sizeof text);
  for (; *settings; settings += 2)
    if (rd_kafka_conf_set(conf, settings[0], settings[1], text, sizeof text)) die(*settings, text);
  rd_kafka_t *handle = rd_kafka_new(type, conf, text, sizeof text);
  if (!handle) die("client", text);
  return handle;
}

static rd_kafka_t *consumer(const char *address) {
  const char *settings[] = {
    "group.id", "bare", "enable.auto.commit", "false", "enable.auto.offset.store", "false",
    "isolation.level", "read_committed", "auto.offset.reset", "error",
    "enable.partition.eof", "true", "fetch.wait.max.ms", "20", "receive.message.max.bytes", "1000000000", NULL};
  return client(RD_KAFKA_CONSUMER, address, settings);
}

static rd_kafka_t *producer(const char *address, const char *id) {
  const char *settings[] = {
    "enable.idempotence", "true", "linger.ms", "5", "batch.size", "1000000",
    "batch.num.messages", "100000", "partitioner", "murmur2",
    "queue.buffering.max.messages", "1000000", "queue.buffering.max.kbytes", "262144",
    id ? "transactional.id" : NULL, id, NULL};
  return client(RD_KAFKA_PRODUCER, address, settings);
}

static void check(rd_kafka_error_t *error, const char *what) {
  if (error) die(what, rd_kafka_error_string(error));
}

static void create(const char *address, int partitions, char **topics, int count) {
  const char *none[] = {NULL};
  rd_kafka_t *handle = client(RD_KAFKA_PRODUCER, address, none);
  rd_kafka_queue_t *queue = rd_kafka_queue_new(handle);
  for (int index = 0; index < count; index++) {
    char text[512];
    rd_kafka_NewTopic_t *topic =
      rd_kafka_NewTopic_new(topics[index], partitions, 1, text, sizeof text);
    rd_kafka_CreateTopics(handle, &topic, 1, NULL, queue);
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, 15000);
    if (!event) die("create", "no answer");
    size_t answers;
    const rd_kafka_topic_result_t **results =
      rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event), &answers);
    for (size_t answer = 0; answer < answers; answer++)
      if (rd_kafka_topic_result_error(results[answer]))
        die("create", rd_kafka_topic_result_error_string(results[answer]));
    rd_kafka_event_destroy(event);
    rd_kafka_NewTopic_destroy(topic);
  }
  printf("{}\n");
}

// MARK: Input

/// Each key lies in the partition where Kafka's clients put it.
static void load(const char *address, const char *topic, int64_t count, double rate, int keys) {
  rd_kafka_t *handle = producer(address, NULL);
  rd_kafka_topic_t *place = rd_kafka_topic_new(handle, topic, NULL);
  int64_t began = now_us(CLOCK_MONOTONIC);
  for (int64_t row = 0; row < count; row++) {
    if (rate > 0) {
      int64_t due = began + (int64_t)((double)row * 1e6 / rate), now = now_us(CLOCK_MONOTONIC);
      if (due > now) {
        struct timespec pause = {0, (due - now) * 1000 % 1000000000};
        nanosleep(&pause, NULL);
      }
    }
    char key[32], value[256];
    int key_size = snprintf(key, sizeof key, "key-%06d", (int)(row * 7919 % keys));
    int size = snprintf(
      value, sizeof value, "{\"ID\":%lld,\"TS\":%lld,\"GRP\":\"g%d\",\"AMOUNT\":%lld,\"NOTE\":\"",
      (long long)row, (long long)now_us(CLOCK_REALTIME), (int)(row * 31 % 997),
      (long long)(row * 37 % 1000));
    for (; size < 198; size++) value[size] = (char)('a' + (row + size) % 26);
    value[size++] = '"';
    value[size++] = '}';
    while (rd_kafka_produce(
      place, RD_KAFKA_PARTITION_UA, RD_KAFKA_MSG_F_COPY, value, (size_t)size, key,
      (size_t)key_size, NULL))
      rd_kafka_poll(handle, 10);
    if (row % 256 == 0 || rate > 0) rd_kafka_poll(handle, 0);
  }
  if (rd_kafka_flush(handle, 120000)) die("load", "not delivered in two minutes");
  printf("{\"seconds\": %.3f}\n", (double)(now_us(CLOCK_MONOTONIC) - began) / 1e6);
}

// MARK: The bare loop

struct output {
  rd_kafka_topic_t *topic;
  double ratio;
  double owed;
  size_t size;
};

struct stage {
  const char *name;
  rd_kafka_topic_t *topic;
  rd_kafka_queue_t *queue;
  int64_t count;
  int64_t done;
  int64_t *next;
  struct output outputs[OUTPUTS_MAX];
  int output_count;
};

static void parse(struct stage *stage, char *text, rd_kafka_t *producer) {
  stage->name = strtok(text, ",");
  char *part = strtok(NULL, ",");
  if (!part) die("stage", "IN,COUNT[,OUT,RECORDS,BYTES]...");
  stage->count = atoll(part);
  while ((part = strtok(NULL, ",")) != NULL && stage->output_count < OUTPUTS_MAX) {
    struct output *output = &stage->outputs[stage->output_count++];
    char *records = strtok(NULL, ","), *bytes = strtok(NULL, ",");
    if (!records || !bytes) die("stage", "OUT,RECORDS,BYTES");
    output->topic = rd_kafka_topic_new(producer, part, NULL);
    output->ratio = (double)atoll(records) / (double)(stage->count ? stage->count : 1);
    output->size = (size_t)atoll(bytes);
  }
}

static void pass(
  rd_kafka_t *producer, struct output *output, const rd_kafka_message_t *message) {
  // What is longer than what it was made from; nothing looks at it.
  static const char filler[1024];
  size_t size = output->size ? output->size : message->len;
  const void *value = size <= message->len ? message->payload : filler;
  for (output->owed += output->ratio; output->owed >= 1; output->owed -= 1) {
    rd_kafka_resp_err_t code;
    rd_kafka_timestamp_type_t type;
    while ((code = rd_kafka_producev(
              producer, RD_KAFKA_V_RKT(output->topic), RD_KAFKA_V_PARTITION(message->partition),
              RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
              RD_KAFKA_V_KEY(message->key, message->key_len),
              RD_KAFKA_V_VALUE((void *)value, size),
              RD_KAFKA_V_TIMESTAMP(rd_kafka_message_timestamp(message, &type)),
              RD_KAFKA_V_END)) == RD_KAFKA_RESP_ERR__QUEUE_FULL)
      rd_kafka_poll(producer, 10);
    if (code) die("produce", rd_kafka_err2str(code));
  }
}

/// Returns how many records came.
static int64_t turn(rd_kafka_t *producer, struct stage *stage, rd_kafka_message_t **messages) {
  ssize_t count = rd_kafka_consume_batch_queue(stage->queue, 5, messages, MESSAGES_MAX);
  int64_t taken = 0;
  for (ssize_t index = 0; index < count; index++) {
    rd_kafka_message_t *message = messages[index];
    if (!message->err) {
      taken++;
      stage->next[message->partition] = message->offset + 1;
      for (int output = 0; output < stage->output_count; output++)
        pass(producer, &stage->outputs[output], message);
    } else if (message->err != RD_KAFKA_RESP_ERR__PARTITION_EOF) {
      die("consume", rd_kafka_message_errstr(message));
    }
    rd_kafka_message_destroy(message);
  }
  stage->done += taken;
  return taken;
}

static void commit(
  rd_kafka_t *producer, rd_kafka_t *consumer, struct stage *stages, int count, int partitions) {
  int64_t began = now_us(CLOCK_MONOTONIC);
  rd_kafka_topic_partition_list_t *places = rd_kafka_topic_partition_list_new(partitions);
  for (int stage = 0; stage < count; stage++)
    for (int partition = 0; partition < partitions; partition++)
      if (stages[stage].next[partition])
        rd_kafka_topic_partition_list_add(places, stages[stage].name, partition)->offset =
          stages[stage].next[partition];
  rd_kafka_flush(producer, 60000);
  rd_kafka_consumer_group_metadata_t *group = rd_kafka_consumer_group_metadata(consumer);
  check(rd_kafka_send_offsets_to_transaction(producer, places, group, 60000), "offsets");
  check(rd_kafka_commit_transaction(producer, 60000), "commit");
  rd_kafka_consumer_group_metadata_destroy(group);
  rd_kafka_topic_partition_list_destroy(places);
  sample(now_us(CLOCK_MONOTONIC) - began);
}

static void bare(const char *address, int partitions, const char *id, char **texts, int count) {
  static struct stage stages[STAGES_MAX];
  static rd_kafka_message_t *messages[MESSAGES_MAX];
  rd_kafka_t *reader = consumer(address), *writer = producer(address, id);
  check(rd_kafka_init_transactions(writer, 60000), "transactions");
  for (int index = 0; index < count && index < STAGES_MAX; index++) {
    struct stage *stage = &stages[index];
    parse(stage, texts[index], writer);
    stage->topic = rd_kafka_topic_new(reader, stage->name, NULL);
    stage->queue = rd_kafka_queue_new(reader);
    stage->next = calloc((size_t)partitions, sizeof *stage->next);
    for (int partition = 0; partition < partitions; partition++)
      rd_kafka_consume_start_queue(
        stage->topic, partition, RD_KAFKA_OFFSET_BEGINNING, stage->queue);
  }
  printf("{}\n");
  fflush(stdout);
  int64_t began = 0, opened = 0;
  bool is_open = false, is_done = false;
  while (!is_done) {
    is_done = true;
    for (int index = 0; index < count; index++) {
      if (!is_open) check(rd_kafka_begin_transaction(writer), "begin");
      if (!is_open) opened = now_us(CLOCK_MONOTONIC);
      is_open = true;
      if (turn(writer, &stages[index], messages) && !began) began = now_us(CLOCK_MONOTONIC);
      if (stages[index].done < stages[index].count) is_done = false;
    }
    rd_kafka_poll(writer, 0);
    if (is_done || now_us(CLOCK_MONOTONIC) - opened >= INTERVAL_US) {
      commit(writer, reader, stages, count, partitions);
      is_open = false;
    }
  }
  double cpu = cpu_seconds(), seconds = (double)(now_us(CLOCK_MONOTONIC) - began) / 1e6;
  printf(
    "{\"seconds\": %.3f, \"cpu\": %.3f, \"commits\": %zu, \"commit_p50\": %.1f, "
    "\"commit_p99\": %.1f}\n",
    seconds, cpu, sample_count, percentile(0.5), percentile(0.99));
}

// MARK: Watching

#define TABLE_MAX (1 << 20)

struct entry {
  uint64_t hash;
  int64_t rows;
};

static uint64_t hash(const void *bytes, size_t size, uint64_t seed) {
  uint64_t value = 14695981039346656037u ^ seed;
  for (size_t index = 0; index < size; index++)
    value = (value ^ ((const uint8_t *)bytes)[index]) * 1099511628211u;
  return value | 1;
}

static int64_t field(const rd_kafka_message_t *message, const char *name) {
  size_t size = strlen(name);
  const char *text = message->payload;
  for (size_t at = 0; text && at + size < message->len; at++)
    if (!memcmp(text + at, name, size)) return strtoll(text + at + size, NULL, 10);
  return -1;
}

/// Of how many rows records speak: one, or as many more as a table's row counts than it did before.
static int64_t rows(struct entry *table, const rd_kafka_message_t *message) {
  int64_t count = field(message, "\"N\":");
  if (count < 0) return 1;
  uint64_t name = hash(message->key, message->key_len, (uint64_t)message->partition);
  size_t at = name % TABLE_MAX;
  while (table[at].hash && table[at].hash != name) at = (at + 1) % TABLE_MAX;
  int64_t more = count - table[at].rows;
  table[at] = (struct entry){name, count};
  return more;
}

static void watch(
  const char *address, const char *topic, int partitions, int64_t count, double limit) {
  static rd_kafka_message_t *messages[MESSAGES_MAX];
  struct entry *table = calloc(TABLE_MAX, sizeof *table);
  rd_kafka_t *handle = consumer(address);
  rd_kafka_topic_t *place = rd_kafka_topic_new(handle, topic, NULL);
  rd_kafka_queue_t *queue = rd_kafka_queue_new(handle);
  for (int partition = 0; partition < partitions; partition++)
    rd_kafka_consume_start_queue(place, partition, RD_KAFKA_OFFSET_BEGINNING, queue);
  int64_t began = now_us(CLOCK_MONOTONIC), seen = 0, records = 0, first = 0;
  const int64_t marks[] = {1, count / 2};
  size_t mark = 0;
  while (seen < count && (double)(now_us(CLOCK_MONOTONIC) - began) < limit * 1e6) {
    // The first of what comes: for a whole batch the library would wait until it is full or the time is over.
    ssize_t got = rd_kafka_consume_batch_queue(queue, 50, messages, 1);
    if (got > 0) {
      ssize_t more =
        rd_kafka_consume_batch_queue(queue, 0, messages + got, MESSAGES_MAX - (size_t)got);
      if (more > 0) got += more;
    }
    int64_t now = now_us(CLOCK_REALTIME);
    for (ssize_t index = 0; index < got; index++) {
      if (!messages[index]->err) {
        seen += rows(table, messages[index]);
        records++;
        int64_t written = field(messages[index], "\"TS\":");
        if (written > 0 && !first) first = written;
        if (written > 0 && written - first >= WARM_UP_US) sample(now - written);
      }
      rd_kafka_message_destroy(messages[index]);
    }
    for (; mark < 2 && seen >= marks[mark]; mark++) {
      printf("{\"seen\": %lld}\n", (long long)seen);
      fflush(stdout);
    }
  }
  printf(
    "{\"seen\": %lld, \"records\": %lld, \"seconds\": %.3f, \"p50\": %.1f, \"p99\": %.1f}\n",
    (long long)seen, (long long)records, (double)(now_us(CLOCK_MONOTONIC) - began) / 1e6,
    percentile(0.5), percentile(0.99));
}

static void count_topic(rd_kafka_t *handle, const rd_kafka_metadata_topic_t *topic) {
  static rd_kafka_message_t *messages[MESSAGES_MAX];
  rd_kafka_topic_t *place = rd_kafka_topic_new(handle, topic->topic, NULL);
  rd_kafka_queue_t *queue = rd_kafka_queue_new(handle);
  int open = topic->partition_cnt;
  for (int partition = 0; partition < topic->partition_cnt; partition++)
    rd_kafka_consume_start_queue(place, partition, RD_KAFKA_OFFSET_BEGINNING, queue);
  int64_t records = 0, bytes = 0;
  while (open > 0) {
    ssize_t got = rd_kafka_consume_batch_queue(queue, 1000, messages, MESSAGES_MAX);
    for (ssize_t index = 0; index < got; index++) {
      if (messages[index]->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) open--;
      if (!messages[index]->err) records++, bytes += (int64_t)messages[index]->len;
      rd_kafka_message_destroy(messages[index]);
    }
  }
  for (int partition = 0; partition < topic->partition_cnt; partition++)
    rd_kafka_consume_stop(place, partition);
  printf(
    "{\"topic\": \"%s\", \"records\": %lld, \"bytes\": %lld}\n", topic->topic,
    (long long)records, (long long)bytes);
}

static void count_all(const char *address, const char *prefix) {
  rd_kafka_t *handle = consumer(address);
  const rd_kafka_metadata_t *metadata;
  if (rd_kafka_metadata(handle, 1, NULL, &metadata, 15000)) die("count", "no metadata");
  for (int index = 0; index < metadata->topic_cnt; index++)
    if (!strncmp(metadata->topics[index].topic, prefix, strlen(prefix))) 
      count_topic(handle, &metadata->topics[index]);
}

int main(int count, char **arguments) {
  const char *mode = count > 1 ? arguments[1] : "";
  char **rest = arguments + 2;
  if (!strcmp(mode, "create") && count > 4) {
    create(rest[0], atoi(rest[1]), rest + 2, count - 4);
  } else if (!strcmp(mode, "load") && count == 7) {
    load(rest[0], rest[1], atoll(rest[2]), atof(rest[3]), atoi(rest[4]));
  } else if (!strcmp(mode, "bare") && count > 5) {
    bare(rest[0], atoi(rest[1]), rest[2], rest + 3, count - 5);
  } else if (!strcmp(mode, "watch") && count == 7) {
    watch(rest[0], rest[1], atoi(rest[2]), atoll(rest[3]), atof(rest[4]));
  } else if (!strcmp(mode, "count") && count == 4) {
    count_all(rest[0], rest[1]);
  } else {
    die("loop", "see the head of loop.c");
  }
  fflush(stdout);
  // What the clients still hold ends with the process.
  _Exit(0);
}
