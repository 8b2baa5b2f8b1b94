// What Headrace uses of libcurl: one request, answered as a whole. The library is loaded when the first request is made, so a
// program that speaks to no schema registry runs without it. Nothing here calls back into Swift.

#ifndef HEADRACE_CURL_H
#define HEADRACE_CURL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#pragma clang assume_nonnull begin

/// Loads the library. Returns why that is not possible; NULL: it is there.
const char *_Nullable headrace_curl_load(void);

/// A way to a server, which keeps its connection from request to request. Used by one thread at a time.
typedef struct headrace_curl headrace_curl;

/// NULL: no memory.
headrace_curl *_Nullable headrace_curl_new(void);
void headrace_curl_free(headrace_curl *handle);
/// Ends the request that is under way, and each one after it; from any thread.
void headrace_curl_cancel(headrace_curl *handle);

/// Texts that are NULL are not set.
typedef struct {
  const char *method;
  const char *url;
  const char *_Nullable body;
  size_t body_count;
  const char *content_type;
  /// user:password
  const char *_Nullable user;
  const char *_Nullable bearer;
  const char *_Nullable ca_file;
  const char *_Nullable certificate_file;
  const char *_Nullable key_file;
  const char *_Nullable key_password;
  int connect_ms;
  int total_ms;
  /// A longer answer is an error.
  size_t bytes_max;
} headrace_curl_request;

typedef enum {
  HEADRACE_CURL_ANSWERED = 0,
  /// Nobody answers, or the answer breaks off: it may be otherwise soon.
  HEADRACE_CURL_UNREACHABLE,
  /// The server is not the one it should be, or a file of certificates or keys is not good.
  HEADRACE_CURL_UNTRUSTED,
  HEADRACE_CURL_TOO_LARGE,
  HEADRACE_CURL_CANCELLED,
  /// The request itself: an address that is none, no memory.
  HEADRACE_CURL_INVALID,
} headrace_curl_outcome;

typedef struct {
  headrace_curl_outcome outcome;
  int status;
  /// What went wrong, in the library's words; without what the request has of secrets.
  char text[300];
  /// To be freed by `headrace_curl_release`; NULL where there is none.
  uint8_t *_Nullable bytes;
  size_t count;
} headrace_curl_answer;

void headrace_curl_perform(
  headrace_curl *handle, const headrace_curl_request *request, headrace_curl_answer *answer);
void headrace_curl_release(headrace_curl_answer *answer);

#pragma clang assume_nonnull end

#endif
