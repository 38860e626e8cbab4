#include "stream/reject.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "codec/base64.h"
#include "codec/json.h"
#include "codec/utf8.h"
#include "stream/metrics.h"

struct stream_rejects {
  struct reject_options o;
  pthread_mutex_t lock; ///< of all below, and of the sinks
  int64_t count[STREAM_REASONS];
  bool shown[STREAM_REASONS];
  struct chn_buf json;
  struct chn_buf scratch;
};

const char *stream_reason_name(enum stream_reason reason)
{
  static const char *const names[STREAM_REASONS] = { "decode",  "evaluate", "encode",
                                                     "no_time", "late",     "tile" };
  return names[reason];
}

struct stream_rejects *stream_rejects_new(const struct reject_options *o)
{
  struct stream_rejects *r = chn_calloc(1, sizeof *r);
  r->o = *o;
  r->json.max = CHN_BUF_MAX;
  pthread_mutex_init(&r->lock, NULL);
  return r;
}

void stream_rejects_free(struct stream_rejects *r)
{
  if (r == NULL) {
    return;
  }
  chn_buf_deinit(&r->json);
  chn_buf_deinit(&r->scratch);
  pthread_mutex_destroy(&r->lock);
  free(r);
}

static void count(struct stream_rejects *r, enum stream_reason reason)
{
  const struct stream_metrics *m = r->o.metrics;
  r->count[reason]++;
  if (m != NULL) {
    struct obs_series *const series[STREAM_REASONS] = { m->decode_errors, m->eval_errors,
                                                        m->encode_errors, m->no_time,
                                                        m->late_events,   m->tile_errors };
    obs_add(series[reason], 1);
  }
}

static void show(struct stream_rejects *r, const struct stream_message *m,
                 enum stream_reason reason, const char *why)
{
  if (r->shown[reason] || r->o.log == NULL) {
    return;
  }
  r->shown[reason] = true;
  struct chn_buf line = { 0 };
  chn_buf_addf(&line,
               "%s: %s, partition %d, offset %" PRId64
               ": %s: %s (the first of its kind; the others are counted)",
               r->o.group_by, r->o.topic, m->partition, m->offset, stream_reason_name(reason), why);
  r->o.log(r->o.self, chn_buf_str(&line));
  chn_buf_deinit(&line);
}

/// The message as text if it is UTF-8, else in base64.
static void write_payload(struct stream_rejects *r, struct codec_json_writer *w,
                          const struct stream_message *m)
{
  if (m->data == NULL) {
    codec_json_key(w, "payload");
    codec_json_null(w);
  } else if (codec_utf8_valid(m->data, m->len)) {
    codec_json_key(w, "payload");
    codec_json_string(w, m->data, m->len);
  } else {
    chn_buf_clear(&r->scratch);
    codec_base64_encode(m->data, m->len, &r->scratch);
    codec_json_key(w, "payload_base64");
    codec_json_string(w, r->scratch.data, r->scratch.len);
  }
}

static void write_text(struct codec_json_writer *w, const char *key, const char *text)
{
  codec_json_key(w, key);
  codec_json_string(w, text, strlen(text));
}

static void write_json(struct stream_rejects *r, const struct stream_message *m,
                       enum stream_reason reason, const char *why, bool whole)
{
  struct codec_json_writer w;
  chn_buf_clear(&r->json);
  codec_json_writer_init(&w, &r->json, CODEC_JSON_COMPACT);
  codec_json_begin(&w, '{');
  write_text(&w, "groupBy", r->o.group_by);
  write_text(&w, "topic", r->o.topic);
  codec_json_key(&w, "partition");
  codec_json_int(&w, m->partition);
  codec_json_key(&w, "offset");
  codec_json_int(&w, m->offset);
  if (m->ts != INT64_MIN) {
    codec_json_key(&w, "ts");
    codec_json_int(&w, m->ts);
  }
  write_text(&w, "reason", stream_reason_name(reason));
  write_text(&w, "message", why);
  if (whole) {
    write_payload(r, &w, m);
  } else {
    codec_json_key(&w, "payload_bytes");
    codec_json_int(&w, (int64_t)m->len);
  }
  codec_json_end(&w, '}');
}

static chn_status keep(struct stream_rejects *r, const struct reject_sink *sink,
                       const struct stream_message *m, enum stream_reason reason, const char *why,
                       struct chn_err *err)
{
  write_json(r, m, reason, why, true);
  if (r->json.truncated || (sink->most > 0 && r->json.len > sink->most)) {
    write_json(r, m, reason, why, false); // topic and offset tell where the rest lies
  }
  return sink->put(sink->self, r->json.data, r->json.len, err);
}

static chn_status reject(struct stream_rejects *r, const struct stream_message *m,
                         enum stream_reason reason, const char *why, struct chn_err *err)
{
  count(r, reason);
  if (r->o.stop && reason != STREAM_LATE) {
    return chn_fail(err, CHN_E_CORRUPT, "%s, partition %d, offset %" PRId64 ": %s: %s", r->o.topic,
                    m->partition, m->offset, stream_reason_name(reason), why);
  }
  show(r, m, reason, why);
  const struct reject_sink *sink = reason == STREAM_LATE ? r->o.late : r->o.bad;
  return sink != NULL ? keep(r, sink, m, reason, why, err) : CHN_OK;
}

chn_status stream_reject(struct stream_rejects *r, const struct stream_message *m,
                         enum stream_reason reason, const char *why, struct chn_err *err)
{
  pthread_mutex_lock(&r->lock);
  const chn_status s = reject(r, m, reason, why, err);
  pthread_mutex_unlock(&r->lock);
  return s;
}

int64_t stream_rejects_count(struct stream_rejects *r, enum stream_reason reason)
{
  pthread_mutex_lock(&r->lock);
  const int64_t n = r->count[reason];
  pthread_mutex_unlock(&r->lock);
  return n;
}

chn_status stream_rejects_flush(struct stream_rejects *r, struct chn_err *err)
{
  chn_status s = CHN_OK;
  pthread_mutex_lock(&r->lock);
  if (r->o.bad != NULL) {
    s = r->o.bad->flush(r->o.bad->self, err);
  }
  if (s == CHN_OK && r->o.late != NULL) {
    s = r->o.late->flush(r->o.late->self, err);
  }
  pthread_mutex_unlock(&r->lock);
  return s;
}
