// From the store's bytes to base columns: the batch value of a key, and what was streamed since.
#include <stddef.h>

#include "fetcher/fetcher_int.h"

/// One row on its way.
struct merge {
  struct fetch_session *s;
  struct fetch_job *j;
  struct fetch_work *w;
  const struct fetch_gb *gb;
  struct row_builder *const *outs;
  const struct kv_version *batch; ///< NULL: the store has none that counts
  const struct kv_version *stream;
  size_t n_stream;
  size_t row;
  int64_t at;
  int64_t end; ///< of the batch
};

static const char *fail_text(struct merge *m, const char *what)
{
  return arena_printf(&m->s->arena, "Failed to decode %s for groupBy %s: %s", what,
                      m->j->plan->name, m->s->err.msg);
}

static bool fail(struct merge *m, const char *what)
{
  fetch_job_fail(m->s, m->j, m->row, fail_text(m, what));
  return false;
}

static const struct fetch_trace *trace_of(const struct merge *m)
{
  const struct fetch_trace *t = m->s->trace;
  return t != NULL && t->row == m->row ? t : NULL;
}

static void show_streamed(const struct merge *m, int64_t ts, int64_t mutation_ts, bool is_before)
{
  const struct fetch_trace *t = trace_of(m);
  if (t != NULL) {
    t->streamed(t->self, m->j, ts, mutation_ts, is_before);
  }
}

// ---- a value as it is -------------------------------------------------------------------------

/// Decoding appends as it goes, so bytes that mean nothing are found before.
static bool whole_value(struct merge *m)
{
  const struct fetch_trace *trace = trace_of(m);
  if (trace != NULL) {
    trace->batch(trace->self, m->j, m->batch != NULL, m->end);
  }
  if (m->batch == NULL) {
    m->j->rows[m->row] = FETCH_ROW_NONE;
    return false;
  }
  if (avro_check(m->gb->value, m->batch->data, m->batch->len, &m->s->err) != CHN_OK) {
    return fail(m, "batch value");
  }
  avro_decode(m->gb->value, m->batch->data, m->batch->len, m->outs, &m->s->err);
  return true;
}

// ---- batch IR and stream ----------------------------------------------------------------------

static void fit(struct merge *m, struct fetch_cols *cols, const struct avro_schema *schema)
{
  if (cols->at != NULL) {
    fetch_cols_clear(cols);
    return;
  }
  const struct row_schema columns = avro_columns(&m->s->arena, schema, false);
  fetch_cols_fit(cols, &columns);
}

/// Puts the value that was just loaded into the cache.
static void keep(struct merge *m, const struct kv_get *get)
{
  struct fetch_work *w = m->w;
  w->own = fetch_cache_put(w->cache, get, m->batch, w->batch);
  if (w->own == NULL) {
    w->own = agg_batch_ir_new(m->gb->aggs, m->gb->entities ? AGG_BATCH_ENTITIES : AGG_BATCH_EVENTS);
  }
}

static struct agg_batch_ir *find_cached(struct merge *m, const struct kv_get *get)
{
  struct fetch_cache *c = m->w->cache;
  struct agg_batch_ir *kept = c != NULL ? fetch_cache_find(c, get, m->batch) : NULL;
  if (kept != NULL) {
    atomic_fetch_add(&m->s->fetcher->batch_cached, 1);
  }
  return kept;
}

static bool load_batch(struct merge *m)
{
  struct fetch_work *w = m->w;
  const struct kv_get *get = &m->s->gets[m->j->gets[m->row]];
  const bool caches = w->fast == NULL && m->batch != NULL; // else they are its, of other parts
  struct agg_batch_ir *kept = caches ? find_cached(m, get) : NULL;
  w->batch = kept != NULL ? kept : w->own;
  if (kept != NULL) {
    return true;
  }
  agg_batch_ir_reset(w->batch, m->end);
  if (m->batch == NULL) {
    return true;
  }
  fit(m, &w->value, m->gb->value);
  if (avro_decode(m->gb->value, m->batch->data, m->batch->len, w->value.at, &m->s->err) != CHN_OK) {
    return fail(m, "batch IR");
  }
  const struct row_col cols[2] = { *row_builder_col(w->value.at[0]),
                                   *row_builder_col(w->value.at[1]) };
  if (agg_batch_ir_load(w->batch, cols, 0, &m->s->err) != CHN_OK) {
    return fail(m, "batch IR");
  }
  if (caches && w->cache != NULL) {
    keep(m, get);
  }
  return true;
}

/// Decodes the streamed value at *from of `v` into the work's columns and moves behind it.
static chn_status decode_streamed(struct merge *m, const struct kv_version *v, size_t *from)
{
  struct fetch_work *w = m->w;
  size_t used = 0;
  fit(m, &w->stream, m->gb->stream);
  const chn_status s = avro_decode_first(m->gb->stream, (const char *)v->data + *from,
                                         v->len - *from, w->stream.at, &used, &m->s->err);
  for (int32_t i = 0; i < w->stream.n && s == CHN_OK; i++) {
    w->stream_cols[i] = *row_builder_col(w->stream.at[i]);
  }
  *from += used;
  return s == CHN_OK && used == 0 ? chn_fail(&m->s->err, CHN_E_CORRUPT, "no row") : s;
}

static chn_status add_row(struct merge *m, const struct kv_version *v)
{
  struct fetch_work *w = m->w;
  const struct fetch_gb *gb = m->gb;
  for (int32_t i = 0; i < gb->aggs->inputs.n_fields; i++) {
    w->inputs[i] = w->stream_cols[gb->input_of[i]];
  }
  if (!gb->entities) {
    show_streamed(m, v->ts, v->ts, false);
    return agg_serve_row(w->batch, m->at, w->ir, w->inputs, 0, v->ts, &m->s->err);
  }
  const struct row_col *ts = &w->stream_cols[gb->ts_field];
  const struct row_col *before = &w->stream_cols[gb->before_field];
  if (row_is_null(ts, 0)) {
    return CHN_OK; // a row that no window can place
  }
  const bool is_before = !row_is_null(before, 0) && ((const bool *)before->data)[0];
  const int64_t row_ts = ((const int64_t *)ts->data)[0];
  show_streamed(m, row_ts, v->ts, is_before);
  return agg_serve_mutation(w->batch, m->at, w->ir, w->inputs, 0, row_ts, v->ts, is_before,
                            &m->s->err);
}

static chn_status add_tile(struct merge *m, const struct kv_version *v)
{
  struct fetch_work *w = m->w;
  agg_ir_clear(w->tile);
  chn_status s = CHN_OK;
  for (int32_t i = 0; i < m->gb->aggs->n_bases && s == CHN_OK; i++) {
    if (!row_is_null(&w->stream_cols[0], 0)) {
      s = agg_ir_load(w->tile, i, &w->stream_cols[0].child[i], 0, &m->s->err);
    }
  }
  if (s == CHN_OK) {
    show_streamed(m, v->ts, v->ts, false);
  }
  return s == CHN_OK ? agg_serve_tile(w->batch, m->at, w->ir, w->tile, v->ts, &m->s->err) : s;
}

/// A value holds one row, or several of one instant back to back: a store has one value a key and
/// instant, and the images before and after a mutation share theirs.
static chn_status add_value(struct merge *m, const struct kv_version *v)
{
  size_t from = 0;
  chn_status s = CHN_OK;
  do {
    s = decode_streamed(m, v, &from);
    if (s == CHN_OK) {
      s = m->gb->tiled ? add_tile(m, v) : add_row(m, v);
    }
  } while (s == CHN_OK && from < v->len);
  return s;
}

static bool add_stream(struct merge *m)
{
  const bool skip = m->s->fetcher->options.skip_bad_stream;
  for (size_t i = 0; i < m->n_stream; i++) {
    const struct kv_version *v = &m->stream[i];
    if (v->ts >= m->end && add_value(m, v) != CHN_OK && !skip) {
      return fail(m, m->gb->tiled ? "tile ir" : "streaming rows");
    }
  }
  return true;
}

_Static_assert(offsetof(struct kv_version, data) == offsetof(struct agg_streamed, bytes) &&
                   offsetof(struct kv_version, len) == offsetof(struct agg_streamed, len) &&
                   sizeof(struct kv_version) == sizeof(struct agg_streamed),
               "what a store answers is what a stream takes");

/// All at once from the bytes. What it cannot read the IRs answer, or say what is wrong with it.
static bool serve_fast(struct merge *m)
{
  struct fetch_work *w = m->w;
  struct agg_stream *f = w->fast;
  if (f == NULL || trace_of(m) != NULL) {
    return false;
  }
  const struct kv_get *get = &m->s->gets[m->j->gets[m->row]];
  const struct agg_batch_ir *kept = m->batch != NULL ? find_cached(m, get) : NULL;
  const struct agg_streamed *values = (const struct agg_streamed *)m->stream;
  agg_stream_begin(f, m->end, m->at);
  const bool done = (m->batch == NULL || agg_stream_batch(f, m->batch->data, m->batch->len, kept,
                                                          &m->s->err) == CHN_OK) &&
                    agg_stream_add(f, values, m->n_stream, &m->s->err) == CHN_OK &&
                    agg_stream_end(f, m->outs, &m->s->err) == CHN_OK;
  if (done && w->cache != NULL && m->batch != NULL && kept == NULL) {
    w->spare = fetch_cache_put(w->cache, get, m->batch, agg_stream_keep(f, w->spare));
  }
  return done;
}

static bool serve(struct merge *m)
{
  struct fetch_work *w = m->w;
  if (m->at < m->end) {
    fetch_job_fail(m->s, m->j, m->row,
                   arena_printf(&m->s->arena, "Request time of %lld is less than batch time %lld",
                                (long long)m->at, (long long)m->end));
    return false;
  }
  if (m->batch == NULL && m->n_stream == 0) {
    m->j->rows[m->row] = FETCH_ROW_NONE;
    return false;
  }
  if (serve_fast(m)) {
    return true;
  }
  if (!load_batch(m)) {
    return false;
  }
  const struct fetch_trace *trace = trace_of(m);
  if (trace != NULL) {
    trace->batch(trace->self, m->j, m->batch != NULL, m->end);
  }
  if (agg_serve_begin(w->batch, m->at, w->ir, &m->s->err) != CHN_OK) {
    return fail(m, "batch IR");
  }
  if (!add_stream(m)) {
    return false;
  }
  if (agg_serve_end(w->batch, m->at, w->ir, &m->s->err) != CHN_OK) {
    return fail(m, "batch IR");
  }
  agg_ir_finish(w->ir, m->outs);
  return true;
}

// ---- rows -------------------------------------------------------------------------------------

/// What the store answered for a row.
static bool take_answers(struct merge *m)
{
  const struct kv_get *get = &m->s->gets[m->j->gets[m->row]];
  const struct kv_get *stream = m->gb->temporal ? get + 1 : NULL;
  if (get->status != CHN_OK || (stream != NULL && stream->status != CHN_OK)) {
    fetch_job_fail(m->s, m->j, m->row,
                   arena_printf(&m->s->arena, "the store: %s", m->s->store_error));
    return false;
  }
  const struct kv_version *last = get->count > 0 ? &get->versions[get->count - 1] : NULL;
  const int64_t known = m->j->plan->batch_end;
  m->batch = last != NULL && last->ts >= known ? last : NULL;
  m->end = m->batch != NULL ? last->ts : known;
  if (m->end > known) {
    fetch_meta_want(m->w->plan); // a newer upload than the plan knows
  }
  m->stream = stream != NULL ? stream->versions : NULL;
  m->n_stream = stream != NULL ? stream->count : 0;
  m->j->ahead[m->row] = m->n_stream > 0 && m->stream[m->n_stream - 1].ts >= m->at;
  return true;
}

static bool merge_row(struct merge *m)
{
  if (m->j->rows[m->row] != FETCH_ROW_VALUES || !take_answers(m)) {
    return false;
  }
  // Both instants may be anything; unsigned, so that their difference is defined.
  m->j->stale[m->row] =
      m->at > m->end && (uint64_t)m->at - (uint64_t)m->end > (uint64_t)AGG_TAIL_BUFFER_MS;
  return m->gb->temporal ? serve(m) : whole_value(m);
}

/// Whether a value that is more than two days behind its batch may be wrong: an unbounded window
/// loses nothing, one of up to two days has only hops.
static bool can_be_stale(const struct fetch_gb *gb, int32_t column)
{
  return !gb->temporal || gb->aggs->parts[column].window_ms > AGG_TAIL_BUFFER_MS;
}

static void mark_cells(struct fetch_job *j, const struct fetch_gb *gb)
{
  for (int32_t c = 0; c < j->plan->base.n_fields; c++) {
    uint8_t *cells = j->base_cells + (size_t)c * j->n;
    uint8_t *status = j->base_status + (size_t)c * j->n;
    for (size_t r = 0; r < j->n; r++) {
      if (j->rows[r] != FETCH_ROW_VALUES) {
        cells[r] = FETCH_ABSENT;
        status[r] = j->rows[r] == FETCH_ROW_FAILED ? FETCH_S_ERROR : FETCH_S_MISSING_KEY;
        continue;
      }
      const bool null = row_is_null(&j->base[c], r);
      cells[r] = null ? FETCH_NULL : FETCH_VALUE;
      status[r] = null                                 ? FETCH_S_NULL
                  : j->stale[r] && can_be_stale(gb, c) ? FETCH_S_STALE_BATCH
                                                       : FETCH_S_PRESENT;
    }
  }
}

void fetch_merge_job(struct fetch_session *s, struct fetch_job *j)
{
  struct fetch_work *w = j->work;
  const int32_t n_cols = j->plan->base.n_fields;
  struct fetch_cols *outs = &w->outs[j->use];
  fetch_cols_fit(outs, &j->plan->base);
  struct merge m = { .s = s, .j = j, .w = w, .gb = &j->plan->gb, .outs = outs->at };
  for (size_t r = 0; r < j->n; r++) {
    m.row = r;
    m.at = j->at[r];
    if (!merge_row(&m)) {
      for (int32_t c = 0; c < n_cols; c++) {
        row_builder_null(outs->at[c]);
      }
    }
  }
  for (int32_t c = 0; c < n_cols; c++) {
    j->base[c] = *row_builder_col(outs->at[c]);
  }
  mark_cells(j, &j->plan->gb);
}
