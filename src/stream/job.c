// A job: what the upload and the definition say of it, and its parts put together.
#include <stdlib.h>
#include <string.h>

#include "model/json.h"
#include "model/names.h"
#include "stream/job_int.h"

enum {
  BATCH_ROWS = 1000000,
  BATCH_BYTES = 160 << 20, ///< of messages; what a batch keeps of them is less
  IN_FLIGHT = 10,
  IN_FLIGHT_BYTES = 128 << 20,
  DISORDER_MS = 300000,
  IDLE_MS = 30000,
};

// ---- the upload -------------------------------------------------------------------------------

static chn_status read_info(struct stream_job *j, const char **text, size_t *len,
                            struct chn_err *err)
{
  static const char key[] = "group_by_serving_info";
  const char *dataset = model_dataset(&j->arena, j->name, "_BATCH");
  struct kv_get get = { .key = key, .key_len = sizeof key - 1, .after_ts = INT64_MIN };
  struct kv_reader *reader = NULL;
  chn_status s = kv_dataset(j->store, dataset, &get.dataset, err);
  if (s == CHN_OK) {
    s = kv_reader_open(&reader, j->store, err);
  }
  if (s == CHN_OK) {
    s = kv_read_newest(reader, &get, &j->arena, text, len, err);
  }
  kv_reader_close(reader);
  if (s == CHN_OK && *text == NULL) {
    s = chn_fail(err, CHN_E_NOT_FOUND,
                 "%s has no upload in %s, which says how its stream is stored; run it with --mode "
                 "upload first",
                 j->name, kv_url(j->store));
  }
  return s;
}

static void write_shape(const struct model_group_by *gb, struct chn_buf *out)
{
  for (int32_t i = 0; i < gb->n_key_columns; i++) {
    chn_buf_addf(out, "%s\n", gb->key_columns[i]);
  }
  for (int32_t i = 0; i < gb->n_aggregations; i++) {
    model_write_compact("Aggregation", &gb->aggregations[i], out, NULL);
  }
}

/// Keys and aggregations must be those of the upload: they are what the store's values mean.
static chn_status check_shape(const struct stream_job *j, const struct model_group_by *gb,
                              struct chn_err *err)
{
  struct chn_buf ours = { 0 };
  struct chn_buf uploaded = { 0 };
  write_shape(gb, &ours);
  write_shape(j->serving.group_by, &uploaded);
  const bool same = ours.len == uploaded.len && memcmp(ours.data, uploaded.data, ours.len) == 0;
  chn_buf_deinit(&ours);
  chn_buf_deinit(&uploaded);
  return same ? CHN_OK
              : chn_fail(err, CHN_E_CONFLICT,
                         "%s has other keys or aggregations than its upload in %s; run it with "
                         "--mode upload first",
                         j->name, kv_url(j->store));
}

static chn_status read_serving(struct stream_job *j, const struct model_group_by *gb,
                               struct chn_err *err)
{
  const char *text = NULL;
  size_t len = 0;
  chn_status s = read_info(j, &text, &len, err);
  if (s == CHN_OK) {
    s = model_serving_read(&j->arena, text, len, &j->serving, err);
  }
  if (s == CHN_OK) {
    s = check_shape(j, gb, err);
  }
  if (s == CHN_OK && !j->serving.temporal) {
    s = chn_fail(err, CHN_E_ARGUMENT,
                 "%s is SNAPSHOT or has no aggregations: nothing is streamed on top of its uploads",
                 j->name);
  }
  if (s == CHN_OK && j->serving.input == NULL) {
    s = chn_fail(err, CHN_E_CONFLICT,
                 "the upload of %s has no inputAvroSchema: it was made before the definition had a "
                 "topic; run it with --mode upload again",
                 j->name);
  }
  return s;
}

// ---- what it is made of -----------------------------------------------------------------------

static chn_status find_topic(struct stream_job *j, const struct model_group_by *gb,
                             struct chn_err *err)
{
  const char *text = NULL;
  for (int32_t i = 0; i < gb->n_sources && text == NULL; i++) {
    text = model_source_topic(&gb->sources[i]);
    j->from = &gb->sources[i];
  }
  if (text == NULL) {
    return chn_fail(err, CHN_E_ARGUMENT,
                    "%s has no source with a topic: there is nothing to stream", j->name);
  }
  return stream_topic_parse(&j->arena, text, &j->topic, err);
}

/// Whether a tile may refuse a row: element-wise lists must have one length, and Avro has no null
/// in a list or map that is kept whole.
static bool is_picky(const struct agg_plan *aggs)
{
  for (int32_t i = 0; i < aggs->n_bases; i++) {
    const struct agg_part *p = &aggs->bases[i];
    if (p->shape == AGG_SHAPE_ELEMENTS || p->value->n_fields > 0) {
      return true;
    }
  }
  return false;
}

static void set_form(struct stream_job *j)
{
  const bool tiles = j->serving.tiled;
  const int64_t hop = model_serving_tile_ms(&j->serving);
  j->form = (struct stream_form){
    .serving = &j->serving,
    .fields = tiles ? j->serving.aggs->inputs : (struct row_schema){ 0 },
    .tile_ms = !tiles    ? 0
               : hop > 0 ? hop
                         : 86400000,
    .picky = tiles && is_picky(j->serving.aggs),
  };
}

static void log_line(void *self, const char *line)
{
  const struct stream_job *j = self;
  if (j->o.log != NULL) {
    j->o.log(j->o.log_self, line);
  }
}

const char *job_marks(struct stream_job *j)
{
  const char *name = j->o.file != NULL ? j->o.file : j->topic.name;
  return arena_printf(&j->arena, "stream/%s/%s", j->o.group, name);
}

static chn_status open_source(struct stream_job *j, struct chn_err *err)
{
  if (j->o.file != NULL) {
    return job_open_files(j, err);
  }
  if (strcmp(j->topic.type, "kafka") != 0) {
    return chn_fail(err, CHN_E_ARGUMENT,
                    "topic \"%s\" is of type %s; kafka is what can be read, or files by --mode "
                    "local-streaming",
                    j->topic.name, j->topic.type);
  }
  struct source_kafka_options kafka = j->o.kafka;
  kafka.group = j->o.group;
  return source_kafka_open(&j->topic, &kafka, &j->source, err);
}

static bool is_wanted(void *self)
{
  struct stream_job *j = self;
  return !atomic_load(&j->stop);
}

/// Over a join the columns are the join's; else what was decoded.
static chn_status open_chain(struct stream_job *j, const struct row_schema **columns,
                             struct chn_err *err)
{
  *columns = stream_decoder_columns(j->decoder);
  if (j->from->join_source == NULL) {
    return CHN_OK;
  }
  const struct chain_options chain = { .wh = j->wh,
                                       .from = j->from,
                                       .columns = *columns,
                                       .enrich = j->o.enrich,
                                       .shift_ms = j->o.chain_shift_ms,
                                       .delay_ms = j->o.chain_delay_ms,
                                       .seconds = j->metrics.enrich_seconds,
                                       .wanted = is_wanted,
                                       .log = log_line,
                                       .self = j };
  const chn_status s = stream_chain_open(&chain, &j->chain, err);
  *columns = s == CHN_OK ? stream_chain_columns(j->chain) : NULL;
  return s;
}

static chn_status open_steps(struct stream_job *j, struct chn_err *err)
{
  const struct row_schema input = avro_columns(&j->arena, j->serving.input, true);
  const struct decode_options decode = {
    .topic = &j->topic,
    .folder = j->o.folder,
    .columns = &input,
    .entities = j->serving.entities,
    .lines = j->o.file != NULL,
  };
  chn_status s = stream_decoder_open(&decode, &j->decoder, err);
  const struct row_schema *columns = NULL;
  if (s == CHN_OK) {
    s = open_chain(j, &columns, err);
  }
  if (s == CHN_OK) {
    s = stream_evaluate_open(j->wh, &j->serving, model_source_query(j->from), columns, &j->evaluate,
                             err);
  }
  const struct reject_options rejects = { .topic = j->topic.name,
                                          .group_by = j->name,
                                          .bad = j->o.dead,
                                          .late = j->o.late,
                                          .stop = j->o.stop_on_error,
                                          .metrics = &j->metrics,
                                          .log = log_line,
                                          .self = j };
  j->rejects = stream_rejects_new(&rejects);
  if (s == CHN_OK) {
    s = open_source(j, err);
  }
  return s;
}

static chn_status refuse(void *self, const struct stream_message *m, const char *why,
                         struct chn_err *err)
{
  struct stream_job *j = self;
  return m != NULL ? stream_reject(j->rejects, m, STREAM_BAD_TILE, why, err)
                   : stream_rejects_flush(j->rejects, err);
}

static chn_status open_writer(struct stream_job *j, struct chn_err *err)
{
  const struct writer_options w = {
    .store = j->store,
    .form = &j->form,
    .marks = job_marks(j),
    .in_flight = j->o.in_flight > 0 ? j->o.in_flight : IN_FLIGHT,
    .bytes = IN_FLIGHT_BYTES,
    .disorder_ms = j->o.disorder_ms,
    .dry = j->o.dry,
    .source = j->source,
    .metrics = &j->metrics,
    .refuse = refuse,
    .log = log_line,
    .self = j,
  };
  if (strlen(w.marks) + 12 > KV_NAME_MAX) {
    return chn_fail(err, CHN_E_ARGUMENT, "\"%s\" is too long for the name of a mark", w.marks);
  }
  return writer_open(&w, &j->writer, err);
}

static void set_defaults(struct stream_job *j)
{
  struct stream_options *o = &j->o;
  if (o->group == NULL) {
    o->group = arena_printf(&j->arena, "chronon-%s", model_sanitize(&j->arena, j->name));
  }
  o->batch_rows = o->batch_rows > 0 ? o->batch_rows : BATCH_ROWS;
  o->batch_bytes = o->batch_bytes > 0 ? o->batch_bytes : BATCH_BYTES;
  o->disorder_ms = o->disorder_ms < 0 ? 0 : o->disorder_ms > 0 ? o->disorder_ms : DISORDER_MS;
  o->idle_ms = o->idle_ms > 0 ? o->idle_ms : IDLE_MS;
}

chn_status stream_job_open(struct kv_store *store, struct wh *wh, const struct model_group_by *gb,
                           const struct stream_options *o, struct stream_job **out,
                           struct chn_err *err)
{
  struct stream_job *j = chn_calloc(1, sizeof *j);
  j->store = store;
  j->wh = wh;
  j->o = *o;
  j->name = gb->meta_data->name;
  atomic_store(&j->lag, -1);
  atomic_store(&j->watermark, INT64_MIN);
  set_defaults(j);
  stream_metrics_init(&j->metrics, o->metrics, j->name);
  chn_status s = find_topic(j, gb, err);
  if (s == CHN_OK) {
    s = read_serving(j, gb, err);
  }
  if (s == CHN_OK) {
    set_form(j);
    s = open_steps(j, err);
  }
  if (s == CHN_OK) {
    s = open_writer(j, err);
  }
  if (s != CHN_OK) {
    stream_job_close(j);
    return s;
  }
  *out = j;
  return CHN_OK;
}

void stream_job_stop(struct stream_job *job)
{
  atomic_store(&job->stop, true);
}

void stream_job_close(struct stream_job *job)
{
  if (job == NULL) {
    return;
  }
  writer_close(job->writer); // it tells the source what is committed
  batch_free(job->open);
  source_close(job->source);
  stream_evaluate_close(job->evaluate);
  stream_chain_close(job->chain);
  stream_decoder_close(job->decoder);
  stream_rejects_free(job->rejects);
  stream_metrics_deinit(&job->metrics);
  free(job->partitions);
  free(job->some);
  arena_deinit(&job->arena);
  free(job);
}

void stream_job_status(struct stream_job *job, struct stream_status *out)
{
  *out = (struct stream_status){
    .group_by = job->name,
    .messages = atomic_load(&job->messages),
    .rows = atomic_load(&job->rows),
    .late = atomic_load(&job->late),
    .rejected = atomic_load(&job->rejected),
    .writes = obs_read(job->metrics.write_ok),
    .lag = atomic_load(&job->lag),
    .watermark = atomic_load(&job->watermark),
    .newest = writer_newest(job->writer),
    .partitions = atomic_load(&job->owned),
    .stalled = writer_stalled(job->writer),
  };
}
