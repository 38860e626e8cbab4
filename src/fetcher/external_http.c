// An HTTP endpoint as an external source: factoryConfig
// { factoryName = "http", factoryParams = { url = "http://host/path", timeout_ms = "200" } }.
//
// One POST a call: the body is a JSON array of key objects, the answer (200) a JSON array of value
// objects in the same order, {"error": "text"} for one that failed. `header` adds one header line.
// A connection is kept a thread, since libcurl's handles belong to one at a time.
#include <curl/curl.h>
#include <string.h>

#include "fetcher/fetcher_int.h"
#include "model/names.h"

enum { ANSWER_MAX = 16 << 20 };

static pthread_key_t connections;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void forget(void *curl)
{
  curl_easy_cleanup(curl);
}

static void begin(void)
{
  curl_global_init(CURL_GLOBAL_DEFAULT);
  pthread_key_create(&connections, forget);
}

static CURL *connection(void)
{
  pthread_once(&once, begin);
  CURL *curl = pthread_getspecific(connections);
  if (curl == NULL) {
    curl = curl_easy_init();
    pthread_setspecific(connections, curl);
  } else {
    curl_easy_reset(curl);
  }
  return curl;
}

static size_t take(char *bytes, size_t size, size_t n, void *out)
{
  struct chn_buf *buf = out;
  chn_buf_add(buf, bytes, size * n);
  return buf->truncated ? 0 : size * n;
}

static chn_status post(CURL *curl, const char *url, const char *header, const struct chn_buf *body,
                       int32_t timeout_ms, struct chn_buf *out, struct chn_err *err)
{
  char why[CURL_ERROR_SIZE] = "";
  struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json");
  headers = curl_slist_append(headers, "Expect:");
  headers = header != NULL ? curl_slist_append(headers, header) : headers;
  curl_easy_setopt(curl, CURLOPT_URL, url);
#if LIBCURL_VERSION_NUM >= 0x075500
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
#else
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
  curl_easy_setopt(curl, CURLOPT_POSTFIELDS, chn_buf_str(body));
  curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, (long)body->len);
  curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)timeout_ms);
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, why);
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, out);
  const CURLcode code = curl_easy_perform(curl);
  long status = 0;
  curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
  curl_slist_free_all(headers);
  if (code == CURLE_OPERATION_TIMEDOUT) {
    return chn_fail(err, CHN_E_IO, "no answer within %d ms (timeout_ms)", (int)timeout_ms);
  }
  if (code != CURLE_OK) {
    return chn_fail(err, CHN_E_IO, "%s", why[0] != '\0' ? why : curl_easy_strerror(code));
  }
  if (status != 200) {
    return chn_fail(err, CHN_E_IO, "it answers with status %ld", status);
  }
  return CHN_OK;
}

chn_status fetch_external_http(void *self, const struct fetch_external_call *call,
                               struct chn_err *err)
{
  const struct ext_source *source = self;
  const struct model_external_source_factory_config *f = source->factory;
  const char *url = model_pair_find(f->factory_params, f->n_factory_params, "url");
  const char *header = model_pair_find(f->factory_params, f->n_factory_params, "header");
  CURL *curl = url != NULL ? connection() : NULL;
  if (url == NULL) {
    return chn_fail(err, CHN_E_ARGUMENT, "its factoryParams have no url");
  }
  if (curl == NULL) {
    return chn_fail(err, CHN_E_IO, "libcurl gives no handle");
  }
  struct chn_buf body = { 0 };
  struct chn_buf answer = { .max = ANSWER_MAX };
  fetch_external_ask(call, &body);
  chn_status s = post(curl, url, header, &body, call->timeout_ms, &answer, err);
  if (s == CHN_OK) {
    s = fetch_external_answer(call, chn_buf_str(&answer), answer.len, false, err);
  }
  chn_buf_deinit(&body);
  chn_buf_deinit(&answer);
  return s;
}
