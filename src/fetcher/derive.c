// Derivations of many rows at once: copies are views, expressions one statement of the SQL engine.
#include <string.h>

#include "base/time.h"
#include "fetcher/fetcher_int.h"

/// One derivation on its way.
struct deriving {
  struct fetch_session *s;
  struct fetch_job *j;
  const struct fetch_derive *d;
  struct row_col *inputs;
  bool *failed; ///< rows whose expressions failed
};

/// The status and cell of an input in a row.
static uint8_t input_status(const struct deriving *x, int32_t input, size_t r)
{
  const int32_t at = x->d->input_at[input];
  const int32_t n_keys = x->d->n_keys;
  if (at >= n_keys && at < n_keys + x->d->n_base) {
    return x->j->base_status[(size_t)(at - n_keys) * x->j->n + r];
  }
  return row_is_null(&x->inputs[input], r) ? FETCH_S_MISSING_KEY : FETCH_S_PRESENT;
}

static bool is_absent(const struct deriving *x, int32_t input, size_t r)
{
  const int32_t at = x->d->input_at[input] - x->d->n_keys;
  return at >= 0 && at < x->d->n_base && x->j->base_cells[(size_t)at * x->j->n + r] == FETCH_ABSENT;
}

static void take_inputs(struct deriving *x, const struct row_col *keys)
{
  const struct fetch_derive *d = x->d;
  struct fetch_work *w = x->j->work;
  row_builder_clear(w->ts);
  row_builder_clear(w->ds);
  for (size_t r = 0; r < x->j->n; r++) {
    char ds[CHN_DS_SIZE];
    chn_ds_of_day(chn_day_of_ms(x->j->at[r]), ds);
    row_builder_value(w->ts, &x->j->at[r]);
    row_builder_string(w->ds, ds, strlen(ds));
  }
  const int32_t n = d->n_keys + d->n_base;
  for (int32_t i = 0; i < d->inputs.n_fields; i++) {
    const int32_t at = d->input_at[i];
    x->inputs[i] = at < d->n_keys ? keys[at]
                   : at < n       ? x->j->base[at - d->n_keys]
                   : at == n      ? *row_builder_col(w->ts)
                                  : *row_builder_col(w->ds);
  }
}

// ---- expressions ------------------------------------------------------------------------------

static chn_status open_eval(struct deriving *x)
{
  struct fetch_work *w = x->j->work;
  struct wh *wh = NULL;
  if (w->eval != NULL) {
    return CHN_OK;
  }
  const chn_status s = fetcher_wh(x->s->fetcher, &wh, &x->s->err);
  return s == CHN_OK
             ? wh_eval_open(wh, &x->d->inputs, x->d->exprs, x->d->n_exprs, &w->eval, &x->s->err)
             : s;
}

static void row_failed(struct deriving *x, size_t r, struct fetch_cols *outs)
{
  for (int32_t i = 0; i < outs->n; i++) {
    row_builder_null(outs->at[i]);
  }
  x->failed[r] = true;
  if (x->j->rows[r] == FETCH_ROW_VALUES) {
    fetch_job_error(x->s, x->j, r, "derivation_fetch_exception",
                    arena_strdup(&x->s->arena, x->s->err.msg));
  }
}

/// All rows at once; if that fails, each alone, so that one row's failure is its own.
static void run_exprs(struct deriving *x, struct fetch_cols *outs)
{
  const size_t n = x->j->n;
  fetch_cols_fit(outs, &x->d->expr_schema);
  chn_status s = open_eval(x);
  const bool can = s == CHN_OK;
  if (can) {
    s = wh_eval_run(x->j->work->eval, x->inputs, 0, n, outs->at, &x->s->err);
  }
  if (s == CHN_OK) {
    return;
  }
  fetch_cols_clear(outs);
  for (size_t r = 0; r < n; r++) {
    if (!can || n == 1 ||
        wh_eval_run(x->j->work->eval, x->inputs, r, 1, outs->at, &x->s->err) != CHN_OK) {
      row_failed(x, r, outs);
    }
  }
}

// ---- cells ------------------------------------------------------------------------------------

/// A null is as its inputs are, the worst of them first.
static uint8_t expr_status(const struct deriving *x, const struct derive_out *o, size_t r,
                           bool null)
{
  bool seen[FETCH_S_ERROR + 1] = { false };
  for (int32_t i = 0; i < o->n_inputs; i++) {
    seen[input_status(x, o->inputs[i], r)] = true;
  }
  if (!null) {
    return seen[FETCH_S_STALE_BATCH] ? FETCH_S_STALE_BATCH : FETCH_S_PRESENT;
  }
  return seen[FETCH_S_ERROR]         ? FETCH_S_ERROR
         : seen[FETCH_S_MISSING_KEY] ? FETCH_S_MISSING_KEY
                                     : FETCH_S_NULL;
}

static void mark(const struct deriving *x, const struct derive_out *o, int32_t c, size_t r)
{
  struct fetch_job *j = x->j;
  const size_t cell = (size_t)c * j->n + r;
  if (j->rows[r] == FETCH_ROW_FAILED || j->rows[r] == FETCH_ROW_DROPPED) {
    j->cells[cell] = FETCH_ABSENT;
    j->status[cell] = j->rows[r] == FETCH_ROW_FAILED ? FETCH_S_ERROR : FETCH_S_MISSING_KEY;
    return;
  }
  const bool null = row_is_null(&j->cols[c], r);
  j->cells[cell] = null ? FETCH_NULL : FETCH_VALUE;
  if (o->source < 0) {
    j->status[cell] = x->failed[r] ? FETCH_S_ERROR : expr_status(x, o, r, null);
    j->cells[cell] = x->failed[r] ? FETCH_ABSENT : j->cells[cell];
    return;
  }
  j->status[cell] = input_status(x, o->source, r);
  const bool renames = x->d->renames || x->failed[r];
  if (o->star && renames && is_absent(x, o->source, r)) {
    j->cells[cell] = FETCH_ABSENT;
  }
}

/// What is named after a part that failed is taken out of the row.
static void take_out(struct deriving *x, const struct fetch_error *e)
{
  static const char suffix[] = "_exception";
  const size_t len = strlen(e->name) - (sizeof suffix - 1);
  for (int32_t c = 0; c < x->j->plan->features.n_fields; c++) {
    if (strncmp(x->j->plan->features.fields[c].name, e->name, len) == 0) {
      x->j->cells[(size_t)c * x->j->n + e->row] = FETCH_ABSENT;
      x->j->status[(size_t)c * x->j->n + e->row] = FETCH_S_ERROR;
    }
  }
}

void fetch_derive_job(struct fetch_session *s, struct fetch_job *j, const struct row_col *keys)
{
  const struct fetch_derive *d = j->plan->derive;
  if (d == NULL) {
    j->cols = j->base;
    j->cells = j->base_cells;
    j->status = j->base_status;
    return;
  }
  const int32_t n_cols = j->plan->features.n_fields;
  struct deriving x = { .s = s, .j = j, .d = d };
  x.inputs = arena_calloc(&s->arena, (size_t)d->inputs.n_fields + 1, sizeof *x.inputs);
  x.failed = arena_calloc(&s->arena, j->n + 1, sizeof *x.failed);
  j->cols = arena_calloc(&s->arena, (size_t)n_cols + 1, sizeof *j->cols);
  j->cells = arena_alloc(&s->arena, (size_t)n_cols * j->n + 1);
  j->status = arena_alloc(&s->arena, (size_t)n_cols * j->n + 1);
  const size_t n_before = j->n_errors;
  struct fetch_cols *outs = &j->work->derived[j->use];
  take_inputs(&x, keys);
  if (d->n_exprs > 0 && d->broken == NULL) {
    run_exprs(&x, outs);
  }
  for (size_t r = 0; r < j->n && d->broken != NULL; r++) {
    if (j->rows[r] == FETCH_ROW_VALUES || j->rows[r] == FETCH_ROW_NONE) {
      fetch_job_error(s, j, r, "derivation_fetch_exception", d->broken);
    }
  }
  for (int32_t c = 0; c < n_cols; c++) {
    const struct derive_out *o = &d->outs[c];
    j->cols[c] = o->source >= 0 ? x.inputs[o->source] : *row_builder_col(outs->at[o->expr]);
    for (size_t r = 0; r < j->n; r++) {
      mark(&x, o, c, r);
    }
  }
  for (size_t i = 0; i < n_before; i++) {
    take_out(&x, &j->errors[i]);
  }
  for (size_t r = 0; r < j->n; r++) {
    j->rows[r] = j->rows[r] == FETCH_ROW_NONE ? FETCH_ROW_VALUES : j->rows[r];
  }
}
