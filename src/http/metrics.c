// What is counted while requests are answered, and what is looked up when somebody asks.
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/time.h"
#include "http/http_int.h"

static const int32_t STATUSES[HTTP_STATUSES] = { 200, 400, 401, 403, 404, 405, 413, 500, 503 };

void http_metrics_open(struct http_server *s)
{
  struct obs_metrics *m = obs_metrics_new();
  s->metrics = m;
  s->in_flight = obs_series(m, OBS_GAUGE, "chronon_http_requests_in_flight", NULL,
                            "Requests whose first line came and whose answer is not sent yet.");
  s->connections = obs_series(m, OBS_GAUGE, "chronon_http_connections", NULL, "Open connections.");
  s->dropped = obs_series(m, OBS_COUNTER, "chronon_http_slow_connections_total", NULL,
                          "Connections that were cut because a time limit had passed.");
  s->bytes_in = obs_series(m, OBS_COUNTER, "chronon_http_request_bytes_total", NULL,
                           "Bytes of the bodies of requests.");
  s->bytes_out = obs_series(m, OBS_COUNTER, "chronon_http_response_bytes_total", NULL,
                            "Bytes of the bodies of answers.");
  s->rows = obs_series(m, OBS_COUNTER, "chronon_http_rows_total", NULL, "Key objects answered.");
  s->reloads[0] = obs_series(m, OBS_COUNTER, "chronon_reloads_total", "result=\"failed\"",
                             "Reloads by SIGHUP or POST /admin/reload.");
  s->reloads[1] = obs_series(m, OBS_COUNTER, "chronon_reloads_total", "result=\"done\"", "");
}

static struct obs_series *seconds(struct http_server *s, const struct http_request *r)
{
  const size_t route = r->route != NULL ? (size_t)(r->route - http_routes) : HTTP_ROUTES;
  size_t status = 0;
  while (STATUSES[status] != 0 && STATUSES[status] != r->status) {
    status++;
  }
  struct obs_series *_Atomic *at = &s->seconds[route][status];
  struct obs_series *series = atomic_load_explicit(at, memory_order_acquire);
  if (series == NULL) {
    struct chn_buf labels = { 0 };
    char text[16];
    snprintf(text, sizeof text, "%d", (int)r->status);
    obs_label(&labels, "route", r->route != NULL ? r->route->label : "unknown");
    obs_label(&labels, "status", text);
    series = obs_histogram(s->metrics, "chronon_http_request_seconds", chn_buf_str(&labels),
                           "Time from a whole request to its answer, before it is sent.", NULL, 0);
    atomic_store_explicit(at, series, memory_order_release);
    chn_buf_deinit(&labels);
  }
  return series;
}

void http_metrics_request(struct http_request *r)
{
  struct http_server *s = r->worker->server;
  obs_observe(seconds(s, r), (chn_monotonic_ms() - r->started_ms) / 1000);
  obs_add(s->bytes_out, (int64_t)r->reply.len);
  if (r->body_seen > 0) {
    obs_add(s->bytes_in, r->body_seen);
  }
}

// ---- looked up --------------------------------------------------------------------------------

static void one(struct chn_buf *out, enum obs_kind kind, const char *name, const char *help,
                double value)
{
  obs_text_family(out, kind, name, help);
  obs_text_value(out, name, NULL, value);
}

static void write_fetcher(struct http_server *s, struct chn_buf *out)
{
  struct fetcher_counts c;
  fetcher_count(s->fetcher, &c);
  obs_text_family(out, OBS_COUNTER, "chronon_fetcher_rows_total", "Rows answered, kept ones too.");
  obs_text_value(out, "chronon_fetcher_rows_total", "kind=\"group_by\"",
                 (double)c.requests[FETCH_GROUP_BY]);
  obs_text_value(out, "chronon_fetcher_rows_total", "kind=\"join\"",
                 (double)c.requests[FETCH_JOIN]);
  one(out, OBS_COUNTER, "chronon_fetcher_failed_rows_total", "Rows that are failures.",
      (double)c.failed_rows);
  one(out, OBS_COUNTER, "chronon_fetcher_exceptions_total", "Entries that end in _exception.",
      (double)c.errors);
  one(out, OBS_COUNTER, "chronon_store_keys_read_total", "Keys asked of the store.",
      (double)c.keys_read);
  one(out, OBS_COUNTER, "chronon_batch_cache_hits_total", "Batch values found decoded.",
      (double)c.batch_cached);
  one(out, OBS_COUNTER, "chronon_answers_kept_total", "Rows answered from the answer cache.",
      (double)c.answers_kept);
  one(out, OBS_COUNTER, "chronon_metadata_loads_total", "Definitions read from the store.",
      (double)c.plans);
  one(out, OBS_COUNTER, "chronon_metadata_failures_total", "Definitions that could not be read.",
      (double)c.plan_errors);
}

static void write_log(struct http_server *s, struct chn_buf *out)
{
  struct fetch_log_counts c;
  if (s->options.log == NULL) {
    return;
  }
  fetch_log_count(s->options.log, &c);
  one(out, OBS_COUNTER, "chronon_log_rows_total", "Served rows in the sample.", (double)c.sampled);
  one(out, OBS_COUNTER, "chronon_log_lost_rows_total", "Of those, rows that were not written.",
      (double)(c.dropped + c.failed));
  one(out, OBS_GAUGE, "chronon_log_waiting_rows", "Rows that wait to be written.",
      (double)c.waiting);
}

static void write_process(struct http_server *s, struct chn_buf *out)
{
  long pages = 0;
  FILE *f = fopen("/proc/self/statm", "re");
  if (f != NULL) {
    if (fscanf(f, "%*d %ld", &pages) != 1) {
      pages = 0;
    }
    fclose(f);
  }
  obs_text_family(out, OBS_GAUGE, "chronon_build_info", "The version; always 1.");
  obs_text_value(out, "chronon_build_info", "version=\"" CHRONON_VERSION "\"", 1);
  one(out, OBS_GAUGE, "process_resident_memory_bytes", "Memory that is resident.",
      (double)pages * (double)sysconf(_SC_PAGESIZE));
  one(out, OBS_GAUGE, "process_start_time_seconds", "Start of the server, since 1970.",
      (double)s->opened_ms / 1000);
}

static void dataset_label(struct chn_buf *labels, const struct kv_info *info)
{
  chn_buf_clear(labels);
  obs_label(labels, "dataset", info->name);
}

static void write_datasets(const struct kv_info *list, size_t n, struct chn_buf *out)
{
  struct chn_buf labels = { 0 };
  obs_text_family(out, OBS_GAUGE, "chronon_store_values", "Values of a dataset of the store.");
  for (size_t i = 0; i < n; i++) {
    dataset_label(&labels, &list[i]);
    obs_text_value(out, "chronon_store_values", chn_buf_str(&labels), (double)list[i].versions);
  }
  obs_text_family(out, OBS_GAUGE, "chronon_store_bytes", "Bytes of its keys and values.");
  for (size_t i = 0; i < n; i++) {
    if (list[i].bytes >= 0) {
      dataset_label(&labels, &list[i]);
      obs_text_value(out, "chronon_store_bytes", chn_buf_str(&labels), (double)list[i].bytes);
    }
  }
  chn_buf_deinit(&labels);
}

/// Of a GroupBy that has a dataset NAME_BATCH; the name in capitals finds it, as any form does.
static void write_one_freshness(struct http_worker *w, const char *dataset, size_t len,
                                struct chn_buf *out)
{
  struct chn_err err;
  char name[KV_NAME_MAX + 1];
  const struct fetch_plan *plan = NULL;
  memcpy(name, dataset, len);
  name[len] = '\0';
  if (fetch_plan_get(w->session, FETCH_GROUP_BY, name, &plan, &err) != CHN_OK) {
    return;
  }
  const int64_t end = fetch_plan_batch_end(plan);
  if (end != INT64_MIN) {
    struct chn_buf labels = { 0 };
    obs_label(&labels, "group_by", fetch_plan_name(plan));
    obs_text_value(out, "chronon_feature_freshness_seconds", chn_buf_str(&labels),
                   (double)(chn_now_ms() - end) / 1000);
    chn_buf_deinit(&labels);
  }
  fetch_plan_release(plan);
}

static void write_freshness(struct http_worker *w, const struct kv_info *list, size_t n,
                            struct chn_buf *out)
{
  static const char suffix[] = "_BATCH";
  struct chn_err err;
  if (http_worker_ready(w, &err) != CHN_OK) {
    return;
  }
  obs_text_family(out, OBS_GAUGE, "chronon_feature_freshness_seconds",
                  "Now minus the end of the last upload, as the server knows it.");
  for (size_t i = 0; i < n; i++) {
    const size_t len = strlen(list[i].name);
    const size_t stem = len - (sizeof suffix - 1);
    if (len > sizeof suffix - 1 && strcmp(list[i].name + stem, suffix) == 0 &&
        list[i].version_ts != INT64_MIN) {
      write_one_freshness(w, list[i].name, stem, out);
    }
  }
}

void http_answer_metrics(struct http_request *r)
{
  struct http_server *s = r->worker->server;
  struct kv_info *list = NULL;
  size_t n = 0;
  struct chn_err err;
  const bool up = kv_ping(s->store, &err) == CHN_OK && kv_list(s->store, &list, &n, &err) == CHN_OK;
  obs_metrics_write(s->metrics, &r->reply);
  write_fetcher(s, &r->reply);
  write_log(s, &r->reply);
  one(&r->reply, OBS_GAUGE, "chronon_store_up", "1 when the store answered just now.", up);
  if (up) {
    write_datasets(list, n, &r->reply);
    write_freshness(s->control, list, n, &r->reply);
    kv_list_free(list);
  }
  write_process(s, &r->reply);
  http_done(r, 200, "text/plain; version=0.0.4; charset=utf-8");
}
