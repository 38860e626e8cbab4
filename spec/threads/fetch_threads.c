// Sessions on several threads against one fetcher, while another thread uploads and reloads: what
// ThreadSanitizer is to look at, since it cannot live inside LuaJIT. Usage: fetch_threads STORE
// JOIN KEY UNTIL_MS; the store was filled by a spec. Exits 1 when an answer is a failure.
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/time.h"
#include "fetcher/fetch_json.h"
#include "kv/kv.h"

enum { THREADS = 4 };

static struct fetcher *fetcher;
static const char *join;
static const char *body;
static atomic_bool stop;
static atomic_int answers;
static atomic_int failures;

/// Answers the request that was read last: in turns by a fetch, and from what was kept.
static chn_status answer(struct fetch_session *s, struct fetch_json *json,
                         const struct fetch_request *request, bool kept, struct chn_buf *out,
                         struct chn_err *err)
{
  struct fetch_result result;
  chn_buf_clear(out);
  if (kept) {
    const chn_status status = fetch_json_answer(json, s, request, out, err);
    return status == CHN_OK && strstr(chn_buf_str(out), "_exception") != NULL ? CHN_E_INTERNAL
                                                                              : status;
  }
  const chn_status status = fetch_run(s, request, 1, &result, err);
  if (status != CHN_OK) {
    return status;
  }
  fetch_json_write(json, &result, FETCH_JSON_PLAIN, out);
  return result.n_errors == 0 && result.rows[0] == FETCH_ROW_VALUES ? CHN_OK : CHN_E_INTERNAL;
}

static void *ask(void *arg)
{
  (void)arg;
  struct fetch_session *s = NULL;
  struct chn_err err;
  struct fetch_json *json = fetch_json_new();
  struct chn_buf out = { 0 };
  if (fetch_session_open(fetcher, &s, &err) != CHN_OK) {
    atomic_fetch_add(&failures, 1);
    return NULL;
  }
  for (int i = 0; !atomic_load(&stop); i++) {
    const struct fetch_plan *plan = NULL;
    struct fetch_request request;
    chn_status status = fetch_plan_get(s, FETCH_JOIN, join, &plan, &err);
    if (status == CHN_OK) {
      status = fetch_json_read(json, plan, body, strlen(body), &request, &err);
    }
    if (status == CHN_OK) {
      status = answer(s, json, &request, i % 4 != 0, &out, &err);
    }
    if (status != CHN_OK) {
      fprintf(stderr, "%s\n", status == CHN_E_INTERNAL ? chn_buf_str(&out) : err.msg);
      atomic_fetch_add(&failures, 1);
    }
    atomic_fetch_add(&answers, 1);
    fetch_plan_release(plan);
  }
  chn_buf_deinit(&out);
  fetch_json_free(json);
  fetch_session_close(s);
  return NULL;
}

/// Writes the join's definition with another blank at its end, so that each reload is a new plan.
static void change(struct kv_store *store, const char *text, size_t len)
{
  struct chn_err err;
  struct kv_put put = { .value = text, .value_len = len, .ts = INT64_MIN, .replace = true };
  char key[300];
  snprintf(key, sizeof key, "joins/%s", join);
  put.key = key;
  put.key_len = strlen(key);
  if (kv_dataset(store, "ZIPLINE_METADATA", &put.dataset, &err) != CHN_OK ||
      kv_commit(store, &put, 1, NULL, 0, &err) != CHN_OK ||
      fetcher_reload(fetcher, NULL, &err) != CHN_OK) {
    fprintf(stderr, "%s\n", err.msg);
    atomic_fetch_add(&failures, 1);
  }
}

static bool read_definition(struct kv_store *store, struct chn_buf *out)
{
  struct chn_err err;
  struct kv_reader *reader = NULL;
  char key[300];
  snprintf(key, sizeof key, "joins/%s", join);
  struct kv_get get = { .key = key, .key_len = strlen(key), .after_ts = INT64_MIN };
  bool ok = kv_reader_open(&reader, store, &err) == CHN_OK &&
            kv_dataset(store, "ZIPLINE_METADATA", &get.dataset, &err) == CHN_OK &&
            kv_read_begin(reader, &err) == CHN_OK && kv_read(reader, &get, 1, &err) == CHN_OK &&
            get.count > 0;
  if (ok) {
    chn_buf_add(out, get.versions[get.count - 1].data, get.versions[get.count - 1].len);
    kv_read_end(reader);
  }
  kv_reader_close(reader);
  return ok;
}

int main(int argc, char **argv)
{
  struct kv_store *store = NULL;
  struct chn_err err;
  struct chn_buf text = { 0 };
  pthread_t threads[THREADS];
  if (argc != 5 || kv_open(&store, argv[1], false, &err) != CHN_OK) {
    fprintf(stderr, "usage: fetch_threads STORE JOIN BODY MILLISECONDS\n");
    return 2;
  }
  join = argv[2];
  body = argv[3];
  const struct fetcher_options options = { .refresh_in_background = true,
                                           .ttl_ms = 5,
                                           .answer_cache = 1 << 20 };
  if (fetcher_open(store, &options, &fetcher, &err) != CHN_OK || !read_definition(store, &text)) {
    return 2;
  }
  for (int i = 0; i < THREADS; i++) {
    pthread_create(&threads[i], NULL, ask, NULL);
  }
  const double until = chn_monotonic_ms() + strtod(argv[4], NULL);
  while (chn_monotonic_ms() < until) {
    chn_buf_addc(&text, ' ');
    change(store, chn_buf_str(&text), text.len);
  }
  atomic_store(&stop, true);
  for (int i = 0; i < THREADS; i++) {
    pthread_join(threads[i], NULL);
  }
  struct fetcher_counts counts;
  fetcher_count(fetcher, &counts);
  printf("%d answers, %d failures, %lld kept\n", atomic_load(&answers), atomic_load(&failures),
         (long long)counts.answers_kept);
  fetcher_close(fetcher);
  kv_close(store);
  chn_buf_deinit(&text);
  return atomic_load(&failures) > 0 ? 1 : 0;
}
