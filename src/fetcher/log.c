// From answers to log events: the sample, the schemas, the bytes.
//
// A codec is what a plan's rows are encoded with. It keeps its plan, so a codec is found by the
// plan's address; when a join has a new plan, its old codec goes. Codecs are looked up under a
// shared lock, which is held while rows are encoded, and made under the exclusive one.
#include "fetcher/log.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/md5.h"
#include "base/time.h"
#include "codec/base64.h"
#include "codec/json.h"
#include "fetcher/fetcher_int.h"
#include "fetcher/log_int.h"
#include "model/names.h"

enum { HASH_SIZE = 11 };

/// Where a field of the value comes from.
struct log_field {
  bool derived; ///< else base
  int32_t col;
};

struct log_codec {
  struct log_codec *next;
  const struct fetch_plan *plan; ///< referenced
  struct arena arena;
  const char *name; ///< `team/file.var`
  double percent;
  const struct avro_schema *key;
  const struct avro_schema *value; ///< NULL: rows of the join cannot be encoded
  struct log_field *fields;
  int32_t n_fields;
  const char *schema; ///< the JSON
  char hash[HASH_SIZE];
  atomic_bool published;
};

struct fetch_log {
  fetch_log_fn fn;
  void *self;
  struct log_table *table; ///< or NULL
  pthread_rwlock_t lock;   ///< of codecs
  struct log_codec *codecs;
  pthread_mutex_t publishing; ///< of hashes: a schema is an event before rows of it are
  struct chn_dict *hashes;    ///< that were published
  atomic_llong sampled;
  atomic_llong dropped;
  atomic_llong failed;
};

// ---- a codec ----------------------------------------------------------------------------------

static const struct model_meta_data *meta_of(const struct fetch_plan *plan)
{
  const struct model_join *join = fetch_plan_join(plan);
  return join != NULL ? join->meta_data : NULL;
}

bool fetch_log_wants(const struct fetch_plan *plan)
{
  const struct model_meta_data *m = meta_of(plan);
  return m != NULL && model_has(m->set, MODEL_META_DATA_SAMPLE_PERCENT) &&
         m->sample_percent.value > 0;
}

/// Base columns, then features; of two of one name the feature, in the place of the first.
static struct row_schema value_columns(struct log_codec *c)
{
  const struct row_schema *base = fetch_plan_base(c->plan);
  const struct row_schema *features = fetch_plan_features(c->plan);
  const size_t most = (size_t)base->n_fields + (size_t)features->n_fields + 1;
  struct row_field *fields = arena_calloc(&c->arena, most, sizeof *fields);
  c->fields = arena_calloc(&c->arena, most, sizeof *c->fields);
  for (int32_t i = 0; i < base->n_fields; i++) {
    c->fields[i].col = i;
    fields[i] = base->fields[i];
  }
  struct row_schema all = { fields, base->n_fields };
  for (int32_t i = 0; i < features->n_fields; i++) {
    const int32_t found = row_schema_find(&all, features->fields[i].name);
    const int32_t at = found >= 0 ? found : all.n_fields++;
    fields[at] = features->fields[i];
    c->fields[at] = (struct log_field){ true, i };
  }
  c->n_fields = all.n_fields;
  return all;
}

static void schema_json(struct log_codec *c)
{
  struct chn_buf key = { 0 }, value = { 0 }, out = { 0 };
  struct codec_json_writer w;
  const char *name = meta_of(c->plan)->name;
  avro_schema_print(c->key, false, &key);
  avro_schema_print(c->value, false, &value);
  codec_json_writer_init(&w, &out, CODEC_JSON_COMPACT);
  codec_json_begin(&w, '{');
  codec_json_key(&w, "join_name");
  codec_json_string(&w, name, strlen(name));
  codec_json_key(&w, "key_schema");
  codec_json_string(&w, chn_buf_str(&key), key.len);
  codec_json_key(&w, "value_schema");
  codec_json_string(&w, chn_buf_str(&value), value.len);
  codec_json_end(&w, '}');
  c->schema = arena_strdup(&c->arena, chn_buf_str(&out));
  chn_buf_deinit(&key);
  chn_buf_deinit(&value);
  chn_buf_deinit(&out);
}

/// The first 10 characters of base64(MD5(schema)).
static void schema_hash(struct log_codec *c)
{
  uint8_t digest[16];
  struct chn_buf text = { 0 };
  chn_md5(c->schema, strlen(c->schema), digest);
  codec_base64_encode(digest, sizeof digest, &text);
  memcpy(c->hash, chn_buf_str(&text), HASH_SIZE - 1);
  chn_buf_deinit(&text);
}

static struct log_codec *make_codec(const struct fetch_plan *plan)
{
  struct chn_err ignored;
  struct log_codec *c = chn_calloc(1, sizeof *c);
  struct arena *a = &c->arena;
  const struct model_meta_data *m = meta_of(plan);
  fetch_plan_retain((struct fetch_plan *)plan);
  c->plan = plan;
  c->name = model_file_path(a, m);
  c->percent = m->sample_percent.value;
  struct row_schema *values = arena_alloc(a, sizeof *values);
  *values = value_columns(c);
  const char *clean = model_sanitize(a, m->name);
  chn_status s = avro_schema_of(a, arena_printf(a, "%s_key", clean), fetch_plan_keys(plan),
                                AVRO_NAMES_OF_TYPES, &c->key, &ignored);
  if (s == CHN_OK) {
    s = avro_schema_of(a, arena_printf(a, "join_combined_%s", clean), values, AVRO_NAMES_OF_TYPES,
                       &c->value, &ignored);
  }
  if (s != CHN_OK) {
    c->value = NULL;
    return c;
  }
  schema_json(c);
  schema_hash(c);
  return c;
}

static void free_codec(struct log_codec *c)
{
  fetch_plan_release(c->plan);
  arena_deinit(&c->arena);
  free(c);
}

static struct log_codec *find_codec(struct fetch_log *log, const struct fetch_plan *plan)
{
  struct log_codec *c = log->codecs;
  while (c != NULL && c->plan != plan) {
    c = c->next;
  }
  return c;
}

/// Finds the codec of a plan, or makes it in place of that of the join's last plan. The lock is
/// held, shared, when this returns.
static struct log_codec *take_codec(struct fetch_log *log, const struct fetch_plan *plan)
{
  pthread_rwlock_rdlock(&log->lock);
  struct log_codec *c = find_codec(log, plan);
  while (c == NULL) {
    pthread_rwlock_unlock(&log->lock);
    pthread_rwlock_wrlock(&log->lock);
    if (find_codec(log, plan) == NULL) {
      struct log_codec *made = make_codec(plan);
      struct log_codec **at = &log->codecs;
      while (*at != NULL && strcmp((*at)->name, made->name) != 0) {
        at = &(*at)->next;
      }
      struct log_codec *old = *at;
      made->next = old != NULL ? old->next : NULL;
      *at = made;
      if (old != NULL) {
        free_codec(old);
      }
    }
    pthread_rwlock_unlock(&log->lock);
    pthread_rwlock_rdlock(&log->lock);
    c = find_codec(log, plan);
  }
  return c;
}

// ---- rows -------------------------------------------------------------------------------------

/// Upstream's rule: |first 8 bytes of the MD5, big-endian| mod 100,000 is at most 1000 a percent;
/// 0, and the one number that has no absolute value, are never in.
static bool in_sample(const void *key, size_t len, double percent)
{
  uint8_t digest[16];
  chn_md5(key, len, digest);
  uint64_t bits = 0;
  for (int i = 0; i < 8; i++) {
    bits = bits << 8 | digest[i];
  }
  const uint64_t hash = bits >> 63 ? 0 - bits : bits;
  return hash > 0 && hash <= INT64_MAX && (double)(hash % 100000) <= percent * 1000;
}

/// One answer on its way into the log.
struct logging {
  struct fetch_log *log;
  struct log_codec *codec;
  const struct fetch_request *request;
  const struct fetch_result *result;
  struct row_col *values;
  struct row_builder **copies; ///< of columns that have values where the answer has no entry
  struct chn_buf key;
  struct chn_buf value;
};

/// The columns as the log has them: what is absent is null.
static void take_columns(struct logging *l)
{
  const struct log_codec *c = l->codec;
  const size_t n = l->result->n;
  l->values = chn_calloc((size_t)c->n_fields + 1, sizeof *l->values);
  l->copies = chn_calloc((size_t)c->n_fields + 1, sizeof(struct row_builder *));
  for (int32_t i = 0; i < c->n_fields; i++) {
    const struct log_field f = c->fields[i];
    const struct row_col *col = f.derived ? &l->result->cols[f.col] : &l->result->base[f.col];
    const uint8_t *cells =
        (f.derived ? l->result->cells : l->result->base_cells) + (size_t)f.col * n;
    bool differs = false;
    for (size_t r = 0; r < n && !differs; r++) {
      differs = cells[r] == FETCH_ABSENT && !row_is_null(col, r);
    }
    l->values[i] = *col;
    if (differs) {
      l->copies[i] = row_builder_new(col->type);
      for (size_t r = 0; r < n; r++) {
        if (cells[r] == FETCH_VALUE) {
          row_builder_append(l->copies[i], col, r, 1);
        } else {
          row_builder_null(l->copies[i]);
        }
      }
      l->values[i] = *row_builder_col(l->copies[i]);
    }
  }
}

static void free_columns(struct logging *l)
{
  for (int32_t i = 0; l->copies != NULL && i < l->codec->n_fields; i++) {
    row_builder_free(l->copies[i]);
  }
  free(l->copies);
  free(l->values);
  chn_buf_deinit(&l->key);
  chn_buf_deinit(&l->value);
}

/// Whether the schema of the codec is an event, now or before.
static bool publish(struct fetch_log *log, struct log_codec *c)
{
  if (atomic_load(&c->published)) {
    return true;
  }
  pthread_mutex_lock(&log->publishing);
  bool done = chn_dict_find(log->hashes, c->hash, HASH_SIZE - 1) != CHN_DICT_NONE;
  if (!done) {
    const struct fetch_log_event event = { .name = "SCHEMA_PUBLISH_EVENT",
                                           .key = c->hash,
                                           .key_len = HASH_SIZE - 1,
                                           .value = c->schema,
                                           .value_len = strlen(c->schema),
                                           .ts = chn_now_ms() };
    done = log->fn(log->self, &event);
  }
  if (done) {
    chn_dict_intern(log->hashes, c->hash, HASH_SIZE - 1);
  }
  pthread_mutex_unlock(&log->publishing);
  atomic_store(&c->published, done);
  return done;
}

static void add_row(struct logging *l, size_t r)
{
  struct fetch_log *log = l->log;
  const struct log_codec *c = l->codec;
  struct chn_err ignored;
  chn_buf_clear(&l->key);
  if (avro_encode(c->key, l->result->keys, r, &l->key, &ignored) != CHN_OK) {
    atomic_fetch_add(&log->failed, 1);
    return;
  }
  if (!in_sample(l->key.data, l->key.len, c->percent)) {
    return;
  }
  if (l->values == NULL) {
    take_columns(l);
  }
  chn_buf_clear(&l->value);
  if (avro_encode(c->value, l->values, r, &l->value, &ignored) != CHN_OK) {
    atomic_fetch_add(&log->failed, 1);
    return;
  }
  atomic_fetch_add(&log->sampled, 1);
  const struct fetch_log_event event = { .name = c->name,
                                         .key = chn_buf_str(&l->key),
                                         .key_len = l->key.len,
                                         .value = chn_buf_str(&l->value),
                                         .value_len = l->value.len,
                                         .ts = l->result->at[r],
                                         .schema_hash = c->hash };
  if (!publish(log, l->codec) || !log->fn(log->self, &event)) {
    atomic_fetch_add(&log->dropped, 1);
  }
}

void fetch_log_add(struct fetch_log *log, const struct fetch_result *result)
{
  if (log == NULL || result->base == NULL || !fetch_log_wants(result->plan)) {
    return;
  }
  struct logging l = { .log = log, .codec = take_codec(log, result->plan), .result = result };
  for (size_t r = 0; r < result->n; r++) {
    if (result->rows[r] == FETCH_ROW_FAILED) {
      continue;
    }
    if (l.codec->value == NULL) {
      atomic_fetch_add(&log->failed, 1);
    } else {
      add_row(&l, r);
    }
  }
  free_columns(&l);
  pthread_rwlock_unlock(&log->lock);
}

// ---- opening ----------------------------------------------------------------------------------

struct fetch_log *fetch_log_new(fetch_log_fn fn, void *self)
{
  struct fetch_log *log = chn_calloc(1, sizeof *log);
  log->fn = fn;
  log->self = self;
  log->hashes = chn_dict_new(16);
  pthread_rwlock_init(&log->lock, NULL);
  pthread_mutex_init(&log->publishing, NULL);
  return log;
}

chn_status fetch_log_open(const struct fetch_log_options *options, struct fetch_log **out,
                          struct chn_err *err)
{
  struct log_table *table = NULL;
  const chn_status s = log_table_open(options, &table, err);
  if (s != CHN_OK) {
    return s;
  }
  *out = fetch_log_new(log_table_put, table);
  (*out)->table = table;
  return CHN_OK;
}

chn_status fetch_log_close(struct fetch_log *log, struct chn_err *err)
{
  if (log == NULL) {
    return CHN_OK;
  }
  const chn_status s = log->table != NULL ? log_table_close(log->table, err) : CHN_OK;
  while (log->codecs != NULL) {
    struct log_codec *c = log->codecs;
    log->codecs = c->next;
    free_codec(c);
  }
  chn_dict_free(log->hashes);
  pthread_rwlock_destroy(&log->lock);
  pthread_mutex_destroy(&log->publishing);
  free(log);
  return s;
}

void fetch_log_count(struct fetch_log *log, struct fetch_log_counts *out)
{
  *out = (struct fetch_log_counts){ .sampled = atomic_load(&log->sampled),
                                    .dropped = atomic_load(&log->dropped),
                                    .failed = atomic_load(&log->failed) };
  if (log->table != NULL) {
    log_table_count(log->table, out);
  }
}

void fetch_log_error(struct fetch_log *log, char out[256])
{
  out[0] = '\0';
  if (log->table != NULL) {
    log_table_error(log->table, out);
  }
}
