#include "stream/chain.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/time.h"
#include "model/names.h"
#include "obs/metrics.h"
#include "stream/select.h"

enum {
  CHUNK = 1000,       ///< rows of a fetch
  FIRST_WAIT_MS = 50, ///< after a fetch that failed
  LONGEST_WAIT_MS = 5000,
  NAP_MS = 50, ///< between looks whether waiting is still wanted
  DELAY_PERCENT = 95,
};

struct stream_chain {
  struct chain_options o;
  struct arena arena;
  const struct model_join *join;
  struct stream_chain *inner; ///< of a left side that is over a join
  struct stream_select *left;
  int32_t n_left; ///< columns of the left side; keys that had to be converted follow
  int32_t ts;     ///< the left column of the instant
  void *session;  ///< of the enricher
  const struct row_schema *keys;
  int32_t *key_at; ///< of each key its column of `left`
  const struct row_schema *features;
  int32_t *kept; ///< features that are columns, the others being hidden by the left side's
  int32_t n_kept;
  struct row_schema columns;
  struct row_builder **key_rows; ///< of a chunk
  struct row_builder **left_rows;
  struct row_builder **fetched;
  struct row_builder **whole; ///< of the fetched rows those without a failure
  struct row_col *cols;
  int64_t *rows; ///< that passed: where they are in `left`
  int64_t *good; ///< of them, those with features
  int64_t *at;
  uint32_t *from;
  const char **failed; ///< of a chunk
  size_t room;
};

// ---- the left side ----------------------------------------------------------------------------

static int32_t find_want(const struct select_want *wants, int32_t n, const char *name)
{
  for (int32_t i = 0; i < n; i++) {
    if (strcmp(wants[i].name, name) == 0) {
      return i;
    }
  }
  return -1;
}

/// Its selects, or all columns, and the instant.
static int32_t want_left(const struct stream_chain *c, const struct row_schema *columns,
                         struct select_want *wants)
{
  const struct model_query *q = model_source_query(c->join->left);
  int32_t n = 0;
  if (q != NULL && q->selects != NULL) {
    for (int32_t i = 0; i < q->n_selects; i++) {
      wants[n++] = (struct select_want){ .name = q->selects[i].key, .spark = q->selects[i].value };
    }
  } else {
    for (int32_t i = 0; i < columns->n_fields; i++) {
      wants[n++] = (struct select_want){ .name = columns->fields[i].name };
    }
  }
  int32_t ts = find_want(wants, n, "ts");
  if (ts < 0) {
    ts = n++;
    wants[ts] = (struct select_want){ .name = "ts", .spark = q != NULL ? q->time_column : NULL };
  }
  wants[ts].type = row_scalar(ROW_LONG);
  wants[ts].cast = true;
  return n;
}

/// The columns of the keys. Another type would have no value: the store's keys are bytes.
static chn_status find_keys(struct stream_chain *c, struct chn_err *err)
{
  const struct row_schema *have = stream_select_schema(c->left);
  c->key_at = arena_calloc(&c->arena, (size_t)c->keys->n_fields + 1, sizeof *c->key_at);
  for (int32_t i = 0; i < c->keys->n_fields; i++) {
    const struct row_field *key = &c->keys->fields[i];
    const int32_t at = c->key_at[i] = row_schema_find(have, key->name);
    if (at < 0 || !row_type_equal(have->fields[at].type, key->type)) {
      struct chn_buf type = { 0 };
      row_type_print(&type, key->type);
      const chn_status s =
          chn_fail(err, CHN_E_ARGUMENT, "key \"%s\" of the join's parts (%s) is %s", key->name,
                   chn_buf_str(&type), at < 0 ? "not selected" : "of another type; cast it");
      chn_buf_deinit(&type);
      return s;
    }
  }
  return CHN_OK;
}

static chn_status open_left(struct stream_chain *c, const struct row_schema *columns,
                            struct chn_err *err)
{
  const struct model_query *q = model_source_query(c->join->left);
  const size_t most = (size_t)columns->n_fields + (size_t)(q != NULL ? q->n_selects : 0) + 1;
  struct select_want *wants = arena_calloc(&c->arena, most, sizeof *wants);
  c->n_left = want_left(c, columns, wants);
  c->ts = find_want(wants, c->n_left, "ts");
  chn_status s = stream_select_open(c->o.wh, columns, q, wants, c->n_left, &c->left, err);
  if (s == CHN_OK) {
    s = find_keys(c, err);
  }
  return s == CHN_OK ? CHN_OK : chn_wrap(err, "the left side of %s", c->join->meta_data->name);
}

// ---- opening ----------------------------------------------------------------------------------

static struct row_builder **new_builders(struct stream_chain *c, const struct row_schema *schema,
                                         int32_t n)
{
  struct row_builder **all = arena_calloc(&c->arena, (size_t)n + 1, sizeof *all);
  for (int32_t i = 0; i < n; i++) {
    all[i] = row_builder_new(schema->fields[i].type);
  }
  return all;
}

static void free_builders(struct row_builder **all, int32_t n)
{
  for (int32_t i = 0; all != NULL && i < n; i++) {
    row_builder_free(all[i]);
  }
}

static void set_columns(struct stream_chain *c)
{
  const struct row_schema *left = stream_select_schema(c->left);
  const size_t most = (size_t)(c->n_left + c->features->n_fields) + 1;
  struct row_field *fields = arena_calloc(&c->arena, most, sizeof *fields);
  memcpy(fields, left->fields, (size_t)c->n_left * sizeof *fields);
  const struct row_schema ours = { fields, c->n_left };
  int32_t n = c->n_left;
  c->kept = arena_calloc(&c->arena, most, sizeof *c->kept);
  for (int32_t i = 0; i < c->features->n_fields; i++) {
    if (row_schema_find(&ours, c->features->fields[i].name) < 0) {
      c->kept[c->n_kept++] = i;
      fields[n++] = c->features->fields[i];
    }
  }
  c->columns = (struct row_schema){ fields, n };
  c->cols = arena_calloc(&c->arena, (size_t)n + 1, sizeof *c->cols);
  c->key_rows = new_builders(c, c->keys, c->keys->n_fields);
  c->left_rows = new_builders(c, left, c->n_left);
  c->fetched = new_builders(c, c->features, c->features->n_fields);
  c->whole = new_builders(c, c->features, c->features->n_fields);
}

static chn_status check(const struct stream_chain *c, struct chn_err *err)
{
  const struct model_join *j = c->join;
  if (c->o.enrich == NULL) {
    return chn_fail(err, CHN_E_ARGUMENT, "a stream over join %s needs what fetches its features",
                    j->meta_data->name);
  }
  if (model_source_is_entities(j->left)) {
    return chn_fail(err, CHN_E_ARGUMENT,
                    "the left side of join %s is of entities; a stream over a join needs events",
                    j->meta_data->name);
  }
  return j->model_transforms != NULL && j->model_transforms->n_transforms > 0
             ? chn_fail(err, CHN_E_ARGUMENT, "join %s has model transforms, which no stream runs",
                        j->meta_data->name)
             : CHN_OK;
}

static chn_status open_all(struct stream_chain *c, struct chn_err *err)
{
  const struct row_schema *columns = c->o.columns;
  chn_status s = check(c, err);
  if (s == CHN_OK && c->join->left->join_source != NULL) {
    struct chain_options inner = c->o;
    inner.from = c->join->left;
    s = stream_chain_open(&inner, &c->inner, err);
    columns = s == CHN_OK ? stream_chain_columns(c->inner) : NULL;
  }
  if (s == CHN_OK) {
    const struct stream_enrich *e = c->o.enrich;
    s = e->open(e->self, c->join, &c->keys, &c->features, &c->session, err);
  }
  if (s == CHN_OK) {
    s = open_left(c, columns, err);
  }
  if (s == CHN_OK) {
    set_columns(c);
  }
  return s;
}

chn_status stream_chain_open(const struct chain_options *o, struct stream_chain **out,
                             struct chn_err *err)
{
  struct stream_chain *c = chn_calloc(1, sizeof *c);
  c->o = *o;
  c->join = o->from->join_source->join;
  c->failed = chn_calloc(CHUNK, sizeof *c->failed);
  const chn_status s = open_all(c, err);
  if (s != CHN_OK) {
    stream_chain_close(c);
    return s;
  }
  *out = c;
  return CHN_OK;
}

void stream_chain_close(struct stream_chain *c)
{
  if (c == NULL) {
    return;
  }
  stream_chain_close(c->inner);
  free_builders(c->key_rows, c->keys != NULL ? c->keys->n_fields : 0);
  free_builders(c->left_rows, c->n_left);
  free_builders(c->fetched, c->features != NULL ? c->features->n_fields : 0);
  free_builders(c->whole, c->features != NULL ? c->features->n_fields : 0);
  if (c->session != NULL) {
    c->o.enrich->close(c->session);
  }
  stream_select_close(c->left);
  free(c->rows);
  free(c->good);
  free(c->at);
  free(c->from);
  free(c->failed);
  arena_deinit(&c->arena);
  free(c);
}

const struct row_schema *stream_chain_columns(const struct stream_chain *c)
{
  return &c->columns;
}

// ---- waiting ----------------------------------------------------------------------------------

/// False when it is no longer wanted.
static bool nap(const struct stream_chain *c, int64_t ms)
{
  while (ms > 0 && (c->o.wanted == NULL || c->o.wanted(c->o.self))) {
    const int64_t part = ms < NAP_MS ? ms : NAP_MS;
    const struct timespec t = { 0, (long)part * 1000000L };
    nanosleep(&t, NULL);
    ms -= part;
  }
  return ms <= 0;
}

static int by_time(const void *x, const void *y)
{
  const int64_t a = *(const int64_t *)x;
  const int64_t b = *(const int64_t *)y;
  return (a > b) - (a < b);
}

/// Until most of the instants are old enough, but never longer than the delay itself: an event may
/// claim to be of next year.
static bool delay(struct stream_chain *c, size_t n)
{
  if (c->o.delay_ms <= 0 || n == 0) {
    return true;
  }
  int64_t *sorted = c->good; // not used yet
  memcpy(sorted, c->at, n * sizeof *sorted);
  qsort(sorted, n, sizeof *sorted, by_time);
  const int64_t age = chn_now_ms() - (sorted[(n - 1) * DELAY_PERCENT / 100] - c->o.shift_ms);
  const int64_t wait = c->o.delay_ms - age;
  return nap(c, wait < c->o.delay_ms ? wait : c->o.delay_ms);
}

static void note(const struct stream_chain *c, const struct chn_err *err)
{
  if (c->o.log != NULL) {
    struct chn_buf line = { 0 };
    chn_buf_addf(&line, "features of %s: %s; consumption waits for them", c->join->meta_data->name,
                 err->msg);
    c->o.log(c->o.self, chn_buf_str(&line));
    chn_buf_deinit(&line);
  }
}

// ---- running ----------------------------------------------------------------------------------

static void make_room(struct stream_chain *c, size_t n)
{
  if (n >= c->room) {
    c->room = n + 1;
    c->rows = chn_realloc(c->rows, c->room * sizeof *c->rows);
    c->good = chn_realloc(c->good, c->room * sizeof *c->good);
    c->at = chn_realloc(c->at, c->room * sizeof *c->at);
    c->from = chn_realloc(c->from, c->room * sizeof *c->from);
  }
}

struct run {
  struct stream_chain *c;
  const struct decoded *rows;
  const struct stream_message *messages;
  struct stream_rejects *rejects;
  size_t n;      ///< rows that passed
  size_t n_good; ///< of them, those with features
};

/// The left side's rows: where they are and their instants.
static chn_status take_left(struct run *r, struct chn_err *err)
{
  struct stream_chain *c = r->c;
  make_room(c, r->rows->n);
  chn_status s = stream_select_run(c->left, r->rows, r->messages, r->rejects, err);
  const struct row_col *ts = &stream_select_cols(c->left)[c->ts];
  for (size_t i = 0; i < r->rows->n && s == CHN_OK; i++) {
    if (!stream_select_passes(c->left, i)) {
      continue;
    }
    if (row_is_null(ts, i)) {
      s = stream_reject(r->rejects, &r->messages[r->rows->from[i]], STREAM_NO_TIME,
                        "its time column is null", err);
      continue;
    }
    c->rows[r->n] = (int64_t)i;
    c->at[r->n++] = ((const int64_t *)ts->data)[i] + c->o.shift_ms;
  }
  return s;
}

/// Asks until there is an answer.
static chn_status ask(struct stream_chain *c, const struct row_col *keys, const int64_t *at,
                      size_t n, bool *given_up, struct chn_err *err)
{
  int64_t wait = FIRST_WAIT_MS;
  for (;;) {
    const double started = chn_monotonic_ms();
    memset(c->failed, 0, n * sizeof *c->failed);
    const chn_status s = c->o.enrich->fetch(c->session, keys, at, n, c->fetched, c->failed, err);
    if (s != CHN_E_IO) {
      if (c->o.seconds != NULL) {
        obs_observe(c->o.seconds, (chn_monotonic_ms() - started) / 1e3);
      }
      return s;
    }
    if (wait == FIRST_WAIT_MS) {
      note(c, err);
    }
    if (!nap(c, wait)) {
      *given_up = true;
      return CHN_OK;
    }
    wait = 2 * wait < LONGEST_WAIT_MS ? 2 * wait : LONGEST_WAIT_MS;
  }
}

/// Rows that passed, [from, from + n): their features, or why there are none.
static chn_status fetch_chunk(struct run *r, size_t from, size_t n, bool *given_up,
                              struct chn_err *err)
{
  struct stream_chain *c = r->c;
  const struct row_col *left = stream_select_cols(c->left);
  struct row_col *keys = chn_calloc((size_t)c->keys->n_fields + 1, sizeof *keys);
  for (int32_t i = 0; i < c->keys->n_fields; i++) {
    row_builder_clear(c->key_rows[i]);
    row_builder_gather(c->key_rows[i], &left[c->key_at[i]], c->rows + from, n);
    keys[i] = *row_builder_col(c->key_rows[i]);
  }
  chn_status s = ask(c, keys, c->at + from, n, given_up, err);
  free(keys);
  for (size_t i = 0; i < n && s == CHN_OK && !*given_up; i++) {
    if (c->failed[i] != NULL) {
      const uint32_t message = r->rows->from[c->rows[from + i]];
      s = stream_reject(r->rejects, &r->messages[message], STREAM_BAD_EVALUATE, c->failed[i], err);
    } else {
      c->good[r->n_good++] = (int64_t)(from + i);
    }
  }
  return s;
}

/// The columns of the rows that have features.
static void put_together(struct run *r, struct decoded *out)
{
  struct stream_chain *c = r->c;
  const struct row_col *left = stream_select_cols(c->left);
  struct row_builder **features = c->fetched;
  if (r->n_good < r->n) {
    features = c->whole;
    for (int32_t i = 0; i < c->features->n_fields; i++) {
      row_builder_clear(c->whole[i]);
      row_builder_gather(c->whole[i], row_builder_col(c->fetched[i]), c->good, r->n_good);
    }
  }
  for (size_t i = 0; i < r->n_good; i++) {
    c->rows[i] = c->rows[c->good[i]];
    c->from[i] = r->rows->from[c->rows[i]];
  }
  for (int32_t i = 0; i < c->n_left; i++) {
    row_builder_clear(c->left_rows[i]);
    row_builder_gather(c->left_rows[i], &left[i], c->rows, r->n_good);
    c->cols[i] = *row_builder_col(c->left_rows[i]);
  }
  for (int32_t i = 0; i < c->n_kept; i++) {
    c->cols[c->n_left + i] = *row_builder_col(features[c->kept[i]]);
  }
  *out = (struct decoded){ .cols = c->cols, .from = c->from, .n = r->n_good };
}

chn_status stream_chain_run(struct stream_chain *c, const struct decoded *rows,
                            const struct stream_message *messages, struct stream_rejects *rejects,
                            struct decoded *out, bool *given_up, struct chn_err *err)
{
  struct decoded inner;
  struct run r = { .c = c, .rows = rows, .messages = messages, .rejects = rejects };
  chn_status s = CHN_OK;
  *given_up = false;
  *out = (struct decoded){ 0 };
  if (c->inner != NULL) {
    s = stream_chain_run(c->inner, rows, messages, rejects, &inner, given_up, err);
    r.rows = &inner;
  }
  if (s != CHN_OK || *given_up) {
    return s;
  }
  s = take_left(&r, err);
  *given_up = s == CHN_OK && !delay(c, r.n);
  for (int32_t i = 0; i < c->features->n_fields; i++) {
    row_builder_clear(c->fetched[i]);
  }
  for (size_t from = 0; from < r.n && s == CHN_OK && !*given_up; from += CHUNK) {
    s = fetch_chunk(&r, from, r.n - from < CHUNK ? r.n - from : CHUNK, given_up, err);
  }
  if (s == CHN_OK && !*given_up) {
    put_together(&r, out);
  }
  return s;
}
