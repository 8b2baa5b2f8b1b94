// Loading libcurl, and requests.

#define _GNU_SOURCE
#define CURL_DISABLE_TYPECHECK
#include "CCurl.h"

#include <curl/curl.h>
#include <dlfcn.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// MARK: - The library

typedef struct {
  __typeof__(&curl_global_init) global_init;
  __typeof__(&curl_easy_init) easy_init;
  __typeof__(&curl_easy_reset) easy_reset;
  __typeof__(&curl_easy_cleanup) easy_cleanup;
  __typeof__(&curl_easy_perform) easy_perform;
  __typeof__(&curl_easy_strerror) easy_strerror;
  __typeof__(&curl_slist_append) slist_append;
  __typeof__(&curl_slist_free_all) slist_free_all;
  // These take their arguments one after the other.
  CURLcode (*easy_setopt)(CURL *, CURLoption, ...);
  CURLcode (*easy_getinfo)(CURL *, CURLINFO, ...);
} curl_functions;

static curl_functions library;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static char reason[300];

static void load(void) {
  // The same interface with another library for TLS below it.
  void *file = dlopen("libcurl.so.4", RTLD_NOW | RTLD_LOCAL);
  const char *text = file ? NULL : dlerror();
  if (!file) {
    snprintf(reason, sizeof reason, "%s", text ? text : "libcurl.so.4 cannot be loaded");
    file = dlopen("libcurl-gnutls.so.4", RTLD_NOW | RTLD_LOCAL);
    if (!file) return;
    reason[0] = 0;
  }
#define FIND(name)                                                             \
  library.name = (__typeof__(library.name))dlsym(file, "curl_" #name);         \
  if (!library.name && !reason[0])                                             \
    snprintf(reason, sizeof reason, "libcurl has no curl_%s: it is too old", #name);
  FIND(global_init)
  FIND(easy_init)
  FIND(easy_reset)
  FIND(easy_cleanup)
  FIND(easy_perform)
  FIND(easy_strerror)
  FIND(slist_append)
  FIND(slist_free_all)
  FIND(easy_setopt)
  FIND(easy_getinfo)
#undef FIND
  if (!reason[0] && library.global_init(CURL_GLOBAL_DEFAULT))
    snprintf(reason, sizeof reason, "libcurl cannot be set up");
}

const char *headrace_curl_load(void) {
  pthread_once(&once, load);
  return reason[0] ? reason : NULL;
}

// MARK: - Handles

struct headrace_curl {
  CURL *easy;
  atomic_bool is_cancelled;
};

headrace_curl *headrace_curl_new(void) {
  headrace_curl *handle = calloc(1, sizeof *handle);
  if (!handle) return NULL;
  handle->easy = library.easy_init();
  if (!handle->easy) {
    free(handle);
    return NULL;
  }
  return handle;
}

void headrace_curl_free(headrace_curl *handle) {
  library.easy_cleanup(handle->easy);
  free(handle);
}

void headrace_curl_cancel(headrace_curl *handle) { atomic_store(&handle->is_cancelled, true); }

// MARK: - Requests

typedef struct {
  headrace_curl_answer *answer;
  size_t capacity;
  size_t bytes_max;
} sink;

static size_t on_bytes(char *bytes, size_t size, size_t items, void *opaque) {
  sink *sink = opaque;
  headrace_curl_answer *answer = sink->answer;
  size_t more = size * items;
  if (more > sink->bytes_max - answer->count) {
    answer->outcome = HEADRACE_CURL_TOO_LARGE;
    return 0;
  }
  if (answer->count + more > sink->capacity) {
    size_t capacity = (answer->count + more) * 2;
    uint8_t *grown = realloc(answer->bytes, capacity);
    if (!grown) return 0;
    answer->bytes = grown;
    sink->capacity = capacity;
  }
  memcpy(answer->bytes + answer->count, bytes, more);
  answer->count += more;
  return more;
}

static int on_progress(
  void *opaque, curl_off_t down_total, curl_off_t down, curl_off_t up_total, curl_off_t up) {
  (void)down_total;
  (void)down;
  (void)up_total;
  (void)up;
  return atomic_load(&((headrace_curl *)opaque)->is_cancelled);
}

static headrace_curl_outcome outcome(CURLcode code) {
  switch (code) {
    case CURLE_OK: return HEADRACE_CURL_ANSWERED;
    case CURLE_ABORTED_BY_CALLBACK: return HEADRACE_CURL_CANCELLED;
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_PINNEDPUBKEYNOTMATCH:
    case CURLE_SSL_INVALIDCERTSTATUS: return HEADRACE_CURL_UNTRUSTED;
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_FAILED_INIT:
    case CURLE_NOT_BUILT_IN:
    case CURLE_OUT_OF_MEMORY:
    case CURLE_BAD_FUNCTION_ARGUMENT: return HEADRACE_CURL_INVALID;
    default: return HEADRACE_CURL_UNREACHABLE;
  }
}

static void set_secrets(CURL *easy, const headrace_curl_request *request) {
  if (request->user) {
    library.easy_setopt(easy, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
    library.easy_setopt(easy, CURLOPT_USERPWD, request->user);
  }
  if (request->ca_file) library.easy_setopt(easy, CURLOPT_CAINFO, request->ca_file);
  if (request->certificate_file)
    library.easy_setopt(easy, CURLOPT_SSLCERT, request->certificate_file);
  if (request->key_file) library.easy_setopt(easy, CURLOPT_SSLKEY, request->key_file);
  if (request->key_password) library.easy_setopt(easy, CURLOPT_KEYPASSWD, request->key_password);
}

static struct curl_slist *headers(const headrace_curl_request *request) {
  struct curl_slist *list = NULL;
  char line[200];
  snprintf(line, sizeof line, "Accept: %s, application/json", request->content_type);
  list = library.slist_append(list, line);
  if (request->body) {
    snprintf(line, sizeof line, "Content-Type: %s", request->content_type);
    list = library.slist_append(list, line);
    // Nobody waits to be told to go on with a body.
    list = library.slist_append(list, "Expect:");
  }
  if (request->bearer) {
    size_t size = strlen(request->bearer) + 40;
    char *text = malloc(size);
    if (text) {
      snprintf(text, size, "Authorization: Bearer %s", request->bearer);
      list = library.slist_append(list, text);
      free(text);
    }
  }
  return list;
}

void headrace_curl_perform(
  headrace_curl *handle, const headrace_curl_request *request, headrace_curl_answer *answer) {
  memset(answer, 0, sizeof *answer);
  CURL *easy = handle->easy;
  sink sink = {answer, 0, request->bytes_max};
  char text[CURL_ERROR_SIZE] = "";
  library.easy_reset(easy);
  library.easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  library.easy_setopt(easy, CURLOPT_ERRORBUFFER, text);
  library.easy_setopt(easy, CURLOPT_URL, request->url);
  library.easy_setopt(
    easy, CURLOPT_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
  library.easy_setopt(easy, CURLOPT_USERAGENT, "headrace");
  library.easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)request->connect_ms);
  library.easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)request->total_ms);
  library.easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_bytes);
  library.easy_setopt(easy, CURLOPT_WRITEDATA, &sink);
  library.easy_setopt(easy, CURLOPT_NOPROGRESS, 0L);
  library.easy_setopt(easy, CURLOPT_XFERINFOFUNCTION, on_progress);
  library.easy_setopt(easy, CURLOPT_XFERINFODATA, handle);
  if (request->body) {
    library.easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body_count);
    library.easy_setopt(easy, CURLOPT_POSTFIELDS, request->body);
  }
  library.easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request->method);
  set_secrets(easy, request);
  struct curl_slist *list = headers(request);
  library.easy_setopt(easy, CURLOPT_HTTPHEADER, list);
  CURLcode code = library.easy_perform(easy);
  if (answer->outcome != HEADRACE_CURL_TOO_LARGE) answer->outcome = outcome(code);
  if (code) {
    snprintf(
      answer->text, sizeof answer->text, "%s", text[0] ? text : library.easy_strerror(code));
  } else {
    long status = 0;
    library.easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    answer->status = (int)status;
  }
  // Nothing of the request outlives it.
  library.easy_setopt(easy, CURLOPT_HTTPHEADER, NULL);
  library.easy_setopt(easy, CURLOPT_ERRORBUFFER, NULL);
  library.slist_free_all(list);
}

void headrace_curl_release(headrace_curl_answer *answer) {
  free(answer->bytes);
  answer->bytes = NULL;
}
