#include "stream/reject.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/time.h"
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

static chn_status keep(struct stream_rejects *r, const struct reject_sink *sink,
                       const struct stream_message *m, enum stream_reason reason, const char *why,
                       struct chn_err *err)
{
  struct codec_json_writer w;
  const char *name = stream_reason_name(reason);
  chn_buf_clear(&r->json);
  codec_json_writer_init(&w, &r->json, CODEC_JSON_COMPACT);
  codec_json_begin(&w, '{');
  codec_json_key(&w, "groupBy");
  codec_json_string(&w, r->o.group_by, strlen(r->o.group_by));
  codec_json_key(&w, "topic");
  codec_json_string(&w, r->o.topic, strlen(r->o.topic));
  codec_json_key(&w, "partition");
  codec_json_int(&w, m->partition);
  codec_json_key(&w, "offset");
  codec_json_int(&w, m->offset);
  if (m->ts != INT64_MIN) {
    codec_json_key(&w, "ts");
    codec_json_int(&w, m->ts);
  }
  codec_json_key(&w, "reason");
  codec_json_string(&w, name, strlen(name));
  codec_json_key(&w, "message");
  codec_json_string(&w, why, strlen(why));
  write_payload(r, &w, m);
  codec_json_end(&w, '}');
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

// ---- a file -----------------------------------------------------------------------------------

struct file_sink {
  int fd;
  char *path;
  struct chn_buf lines; ///< not written yet
};

static chn_status file_put(void *self, const char *json, size_t len, struct chn_err *err)
{
  (void)err;
  struct file_sink *f = self;
  chn_buf_add(&f->lines, json, len);
  chn_buf_add(&f->lines, "\n", 1);
  return CHN_OK;
}

static chn_status file_flush(void *self, struct chn_err *err)
{
  struct file_sink *f = self;
  size_t done = 0;
  if (f->lines.len == 0) {
    return CHN_OK;
  }
  while (done < f->lines.len) {
    const ssize_t n = write(f->fd, f->lines.data + done, f->lines.len - done);
    if (n < 0 && errno != EINTR) {
      return chn_fail(err, CHN_E_IO, "%s: %s", f->path, strerror(errno));
    }
    done += n > 0 ? (size_t)n : 0;
  }
  chn_buf_clear(&f->lines);
  return fdatasync(f->fd) == 0 || errno == EINVAL
             ? CHN_OK
             : chn_fail(err, CHN_E_IO, "%s: %s", f->path, strerror(errno));
}

static void file_close(void *self)
{
  struct file_sink *f = self;
  close(f->fd);
  free(f->path);
  chn_buf_deinit(&f->lines);
  free(f);
}

chn_status reject_sink_file(const char *path, struct reject_sink *out, struct chn_err *err)
{
  const int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
  if (fd < 0) {
    return chn_fail(err, CHN_E_IO, "%s: %s", path, strerror(errno));
  }
  struct file_sink *f = chn_calloc(1, sizeof *f);
  f->fd = fd;
  f->path = chn_strdup(path);
  *out = (struct reject_sink){ file_put, file_flush, file_close, f };
  return CHN_OK;
}
