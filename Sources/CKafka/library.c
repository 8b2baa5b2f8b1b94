// Loading the library, and what goes wrong in it.

#define _GNU_SOURCE
#include "internal.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

headrace_kafka_functions headrace_kafka_library;

static pthread_once_t once = PTHREAD_ONCE_INIT;
static char reason[300];

static void load(void) {
  void *library = dlopen("librdkafka.so.1", RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    const char *text = dlerror();
    snprintf(reason, sizeof reason, "%s", text ? text : "librdkafka.so.1 cannot be loaded");
    return;
  }
#define FIND(name)                                                                      \
  headrace_kafka_library.name =                                                         \
    (__typeof__(headrace_kafka_library.name))dlsym(library, "rd_kafka_" #name);          \
  if (!headrace_kafka_library.name && !reason[0])                                       \
    snprintf(reason, sizeof reason, "librdkafka has no rd_kafka_%s: it is too old", #name);
  HEADRACE_KAFKA_FUNCTIONS(FIND)
  FIND(producev)
#undef FIND
}

const char *headrace_kafka_load(void) {
  pthread_once(&once, load);
  return reason[0] ? reason : NULL;
}

const char *headrace_kafka_error_name(int32_t code) {
  return KAFKA.err2name((rd_kafka_resp_err_t)code);
}

void headrace_kafka_clear(headrace_kafka_fault *fault) { memset(fault, 0, sizeof *fault); }

void headrace_kafka_fail(headrace_kafka_fault *fault, int32_t code, const char *text) {
  headrace_kafka_clear(fault);
  fault->code = code;
  snprintf(
    fault->text, sizeof fault->text, "%s",
    text && text[0] ? text : KAFKA.err2str((rd_kafka_resp_err_t)code));
}

bool headrace_kafka_failed(headrace_kafka_fault *fault, rd_kafka_error_t *error) {
  headrace_kafka_clear(fault);
  if (!error) return false;
  headrace_kafka_fail(fault, KAFKA.error_code(error), KAFKA.error_string(error));
  fault->is_retriable = KAFKA.error_is_retriable(error);
  fault->is_abortable = KAFKA.error_txn_requires_abort(error);
  fault->is_fatal = KAFKA.error_is_fatal(error);
  KAFKA.error_destroy(error);
  return true;
}

// MARK: - Signals

struct headrace_kafka_signal {
  pthread_mutex_t lock;
  pthread_cond_t changed;
  uint64_t count;
  // Who may raise it or wait for it.
  int holders;
};

headrace_kafka_signal *headrace_kafka_signal_new(void) {
  headrace_kafka_signal *signal = calloc(1, sizeof *signal);
  if (!signal) return NULL;
  pthread_condattr_t attributes;
  pthread_condattr_init(&attributes);
  pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
  pthread_mutex_init(&signal->lock, NULL);
  pthread_cond_init(&signal->changed, &attributes);
  pthread_condattr_destroy(&attributes);
  signal->holders = 1;
  return signal;
}

static void hold(headrace_kafka_signal *signal) {
  pthread_mutex_lock(&signal->lock);
  signal->holders++;
  pthread_mutex_unlock(&signal->lock);
}

void headrace_kafka_signal_free(headrace_kafka_signal *signal) {
  pthread_mutex_lock(&signal->lock);
  int holders = --signal->holders;
  pthread_mutex_unlock(&signal->lock);
  if (holders > 0) return;
  pthread_mutex_destroy(&signal->lock);
  pthread_cond_destroy(&signal->changed);
  free(signal);
}

void headrace_kafka_signal_raise(headrace_kafka_signal *signal) {
  pthread_mutex_lock(&signal->lock);
  signal->count++;
  pthread_cond_broadcast(&signal->changed);
  pthread_mutex_unlock(&signal->lock);
}

uint64_t headrace_kafka_signal_count(headrace_kafka_signal *signal) {
  pthread_mutex_lock(&signal->lock);
  uint64_t count = signal->count;
  pthread_mutex_unlock(&signal->lock);
  return count;
}

void headrace_kafka_signal_wait(
  headrace_kafka_signal *signal, uint64_t after, int milliseconds) {
  struct timespec end;
  clock_gettime(CLOCK_MONOTONIC, &end);
  end.tv_sec += milliseconds / 1000;
  end.tv_nsec += (long)(milliseconds % 1000) * 1000000;
  if (end.tv_nsec >= 1000000000) {
    end.tv_sec++;
    end.tv_nsec -= 1000000000;
  }
  pthread_mutex_lock(&signal->lock);
  int result = 0;
  while (signal->count == after && result == 0)
    result = milliseconds < 0 ? pthread_cond_wait(&signal->changed, &signal->lock)
                              : pthread_cond_timedwait(&signal->changed, &signal->lock, &end);
  pthread_mutex_unlock(&signal->lock);
}

void headrace_kafka_raise(rd_kafka_t *handle, void *signal) {
  (void)handle;
  headrace_kafka_signal_raise(signal);
}

// MARK: - Clients

static void on_log(const rd_kafka_t *handle, int level, const char *facility, const char *text) {
  // Debugging output has levels of its own; notices say what went right.
  if (level > 4) return;
  headrace_kafka_client *client = KAFKA.opaque(handle);
  if (!client) return;
  (void)facility;
  pthread_mutex_lock(&client->lock);
  snprintf(client->trouble, sizeof client->trouble, "%s", text);
  pthread_mutex_unlock(&client->lock);
}

static void on_error(rd_kafka_t *handle, int code, const char *text, void *opaque) {
  (void)handle;
  (void)code;
  headrace_kafka_client *client = opaque;
  pthread_mutex_lock(&client->lock);
  snprintf(client->trouble, sizeof client->trouble, "%s", text);
  pthread_mutex_unlock(&client->lock);
}

void headrace_kafka_trouble(headrace_kafka_client *client, char *text, size_t size) {
  pthread_mutex_lock(&client->lock);
  snprintf(text, size, "%s", client->trouble);
  client->trouble[0] = 0;
  pthread_mutex_unlock(&client->lock);
}

static void release(headrace_kafka_client *client) {
  headrace_kafka_signal_free(client->signal);
  pthread_mutex_destroy(&client->lock);
  free(client->assigned);
  free(client);
}

headrace_kafka_client *headrace_kafka_open(
  bool is_producer, const char *const *settings, size_t count, headrace_kafka_signal *signal,
  headrace_kafka_fault *fault) {
  headrace_kafka_clear(fault);
  char text[300] = "";
  bool is_member = false;
  rd_kafka_conf_t *conf = KAFKA.conf_new();
  for (size_t index = 0; index < count; index++) {
    const char *name = settings[2 * index], *value = settings[2 * index + 1];
    if (*name == '?') {
      KAFKA.conf_set(conf, name + 1, value, text, sizeof text);
      continue;
    }
    if (!is_producer && !strcmp(name, "group.id")) is_member = true;
    if (KAFKA.conf_set(conf, name, value, text, sizeof text) == RD_KAFKA_CONF_OK) continue;
    // The library's text may hold the value, which may be a secret.
    char refusal[300];
    snprintf(refusal, sizeof refusal, "librdkafka does not take this value of %s", name);
    headrace_kafka_fail(fault, RD_KAFKA_RESP_ERR__INVALID_ARG, refusal);
    KAFKA.conf_destroy(conf);
    return NULL;
  }
  headrace_kafka_client *client = calloc(1, sizeof *client);
  if (!client) {
    headrace_kafka_fail(fault, RD_KAFKA_RESP_ERR__CRIT_SYS_RESOURCE, "out of memory");
    KAFKA.conf_destroy(conf);
    return NULL;
  }
  client->signal = signal;
  hold(signal);
  pthread_mutex_init(&client->lock, NULL);
  KAFKA.conf_set_opaque(conf, client);
  KAFKA.conf_set_log_cb(conf, on_log);
  KAFKA.conf_set_error_cb(conf, on_error);
  if (is_producer) KAFKA.conf_set_dr_msg_cb(conf, headrace_kafka_on_delivery);
  if (is_member) KAFKA.conf_set_rebalance_cb(conf, headrace_kafka_on_rebalance);
  client->handle = KAFKA.new(
    is_producer ? RD_KAFKA_PRODUCER : RD_KAFKA_CONSUMER, conf, text, sizeof text);
  if (!client->handle) {
    headrace_kafka_fail(fault, KAFKA.last_error(), text);
    KAFKA.conf_destroy(conf);
    release(client);
    return NULL;
  }
  if (is_member) {
    KAFKA.poll_set_consumer(client->handle);
    client->events = KAFKA.queue_get_consumer(client->handle);
    KAFKA.queue_cb_event_enable(client->events, headrace_kafka_raise, signal);
  }
  return client;
}

static void *destroy(void *client) {
  KAFKA.destroy(((headrace_kafka_client *)client)->handle);
  release(client);
  return NULL;
}

void headrace_kafka_close(headrace_kafka_client *client) {
  if (client->events) {
    KAFKA.queue_cb_event_enable(client->events, NULL, NULL);
    KAFKA.queue_destroy(client->events);
    KAFKA.consumer_close(client->handle);
  }
  // The library's threads end when they have done with their brokers, which nobody has to wait for.
  pthread_t thread;
  if (pthread_create(&thread, NULL, destroy, client) == 0)
    pthread_detach(thread);
  else
    destroy(client);
}
