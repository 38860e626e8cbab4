// One served row taken apart: the run is watched, and what each feature was made of is noted.
#include "fetcher/fetch_explain.h"

#include <string.h>

#include "base/near.h"
#include "base/time.h"
#include "fetcher/fetch_json.h"
#include "fetcher/fetcher_int.h"

/// What was seen of one GroupBy.
struct seen {
  const struct fetch_plan *plan;
  int32_t use;       ///< of the plan in the run: a join may have a GroupBy twice
  int64_t batch_end; ///< INT64_MIN: no value of the key
  int64_t end;
  int64_t at;
  bool late;
  struct fetch_piece **pieces; ///< by base column
  size_t *n_pieces;
  size_t *room;
};

struct watching {
  struct arena *a;
  struct fetch_session *s;
  const struct fetch_request *request;
  const struct fetch_result *result;
  size_t row;
  struct seen *seen; ///< one a GroupBy that was merged
  int32_t n_seen;
  int32_t room;
};

static const char *text_of(struct watching *w, const struct row_col *c, size_t row)
{
  struct chn_buf text = { 0 };
  fetch_json_value(c, row, FETCH_JSON_DETAILED, &text);
  const char *copy = arena_strndup(w->a, chn_buf_str(&text), text.len);
  chn_buf_deinit(&text);
  return copy;
}

static void add_piece(struct watching *w, struct seen *seen, int32_t c, struct fetch_piece piece)
{
  if (seen->n_pieces[c] == seen->room[c]) {
    const size_t room = seen->room[c] > 0 ? 2 * seen->room[c] : 8;
    struct fetch_piece *pieces = arena_calloc(w->a, room, sizeof *pieces);
    if (seen->n_pieces[c] > 0) {
      memcpy(pieces, seen->pieces[c], seen->n_pieces[c] * sizeof *pieces);
    }
    seen->pieces[c] = pieces;
    seen->room[c] = room;
  }
  seen->pieces[c][seen->n_pieces[c]++] = piece;
}

// ---- what a piece alone holds -----------------------------------------------------------------

/// The finished value of part c of an IR of parts.
static const char *finished(struct watching *w, const struct agg_plan *aggs,
                            const struct agg_ir *ir, int32_t c)
{
  struct row_builder **outs =
      arena_calloc(w->a, (size_t)aggs->n_parts + 1, sizeof(struct row_builder *));
  for (int32_t i = 0; i < aggs->n_parts; i++) {
    outs[i] = row_builder_new(aggs->parts[i].output);
  }
  agg_ir_finish(ir, outs);
  const char *text = text_of(w, row_builder_col(outs[c]), 0);
  for (int32_t i = 0; i < aggs->n_parts; i++) {
    row_builder_free(outs[i]);
  }
  return text;
}

static const char *merged(struct watching *w, const struct agg_plan *aggs, int32_t c,
                          const struct agg_ir *from, int32_t from_part)
{
  struct agg_ir *ir = agg_ir_new(aggs->parts, aggs->n_parts);
  agg_ir_merge_part(ir, c, from, from_part, NULL);
  const char *text = finished(w, aggs, ir, c);
  agg_ir_free(ir);
  return text;
}

// ---- watching ---------------------------------------------------------------------------------

static struct seen *begin(struct watching *w, const struct fetch_job *j, bool found, int64_t end)
{
  if (w->n_seen == w->room) {
    w->room = w->room > 0 ? 2 * w->room : 8;
    struct seen *more = arena_calloc(w->a, (size_t)w->room, sizeof *more);
    if (w->n_seen > 0) {
      memcpy(more, w->seen, (size_t)w->n_seen * sizeof *more);
    }
    w->seen = more;
  }
  const size_t n = (size_t)j->plan->base.n_fields + 1;
  struct seen *seen = &w->seen[w->n_seen++];
  *seen = (struct seen){ .plan = j->plan,
                         .use = j->use,
                         .batch_end = found ? end : INT64_MIN,
                         .end = end,
                         .at = j->at[w->row],
                         .late = j->stale[w->row] };
  seen->pieces = arena_calloc(w->a, n, sizeof(struct fetch_piece *));
  seen->n_pieces = arena_calloc(w->a, n, sizeof *seen->n_pieces);
  seen->room = arena_calloc(w->a, n, sizeof *seen->room);
  return seen;
}

static void see_hops(struct watching *w, struct seen *seen, const struct fetch_job *j, int32_t c)
{
  const struct agg_plan *aggs = j->plan->gb.aggs;
  const struct agg_batch_ir *b = j->work->batch;
  const int64_t from = agg_batch_from(b, c, seen->at);
  const int64_t until = agg_batch_until(b, c);
  for (int32_t i = 0; i < agg_batch_hops(b, c); i++) {
    int64_t start = 0;
    const struct agg_ir *hop = agg_batch_hop(b, c, i, &start);
    const char *why = start < from     ? "before the window"
                      : start >= until ? "in the collapsed value"
                                       : "";
    add_piece(w, seen, c,
              (struct fetch_piece){ .kind = FETCH_PIECE_HOP,
                                    .from = start,
                                    .until = start + aggs->parts[c].hop_ms,
                                    .used = why[0] == '\0',
                                    .why = why,
                                    .value = merged(w, aggs, c, hop, aggs->parts[c].base) });
  }
}

static void see_batch(void *self, const struct fetch_job *j, bool found, int64_t end)
{
  struct watching *w = self;
  struct seen *seen = begin(w, j, found, end);
  const struct agg_plan *aggs = j->plan->gb.aggs;
  for (int32_t c = 0; c < j->plan->base.n_fields && found && j->plan->gb.temporal; c++) {
    add_piece(w, seen, c,
              (struct fetch_piece){
                  .kind = FETCH_PIECE_BATCH,
                  .from = end,
                  .until = end,
                  .used = true,
                  .why = "",
                  .value = merged(w, aggs, c, agg_batch_collapsed(j->work->batch), c) });
    see_hops(w, seen, j, c);
  }
}

static const char *why_not(const struct seen *seen, int64_t from, int64_t ts, int64_t mutation_ts)
{
  return mutation_ts < seen->end                     ? "before the batch end"
         : mutation_ts >= seen->at || ts >= seen->at ? "at or after the query time"
         : ts < from                                 ? "before the window"
                                                     : "";
}

static void see_streamed(void *self, const struct fetch_job *j, int64_t ts, int64_t mutation_ts,
                         bool is_before)
{
  struct watching *w = self;
  struct seen *seen = &w->seen[w->n_seen - 1];
  const struct fetch_gb *gb = &j->plan->gb;
  for (int32_t c = 0; c < gb->aggs->n_parts; c++) {
    const char *why = why_not(seen, agg_batch_from(j->work->batch, c, seen->at), ts, mutation_ts);
    const char *value = NULL;
    if (gb->tiled) {
      value = merged(w, gb->aggs, c, j->work->tile, gb->aggs->parts[c].base);
    } else {
      struct agg_ir *ir = agg_ir_new(gb->aggs->parts, gb->aggs->n_parts);
      agg_ir_update_part(ir, c, j->work->inputs, 0, ts, NULL);
      value = finished(w, gb->aggs, ir, c);
      agg_ir_free(ir);
    }
    add_piece(w, seen, c,
              (struct fetch_piece){ .kind = gb->tiled ? FETCH_PIECE_TILE : FETCH_PIECE_ROW,
                                    .from = ts,
                                    .until = mutation_ts,
                                    .used = why[0] == '\0',
                                    .why = why[0] == '\0' && is_before ? "taken back" : why,
                                    .value = value });
  }
}

// ---- features ---------------------------------------------------------------------------------

static const char *input_value(struct watching *w, const struct fetch_derive *d, int32_t input)
{
  const struct fetch_result *q = w->result;
  const int32_t at = d->input_at[input];
  if (at < d->n_keys) {
    return text_of(w, &w->request->keys[at], w->row);
  }
  if (at < d->n_keys + d->n_base) {
    const int32_t c = at - d->n_keys;
    return q->base_cells[(size_t)c * q->n + w->row] == FETCH_ABSENT
               ? NULL
               : text_of(w, &q->base[c], w->row);
  }
  int64_t ms = q->at[w->row];
  char ds[16];
  return strcmp(d->inputs.fields[input].name, "ts") == 0
             ? arena_printf(w->a, "%lld", (long long)ms)
             : arena_printf(w->a, "\"%s\"", chn_ds_of_day(chn_day_of_ms(ms), ds));
}

static void tell_expression(struct watching *w, const struct fetch_plan *plan,
                            const struct derive_out *o, struct fetch_explained *x)
{
  const struct fetch_derive *d = plan->derive;
  const bool own = plan == w->result->plan;
  const int32_t n = o->source >= 0 ? 1 : o->n_inputs;
  struct fetch_input *inputs = arena_calloc(w->a, (size_t)n + 1, sizeof *inputs);
  for (int32_t i = 0; i < n; i++) {
    const int32_t input = o->source >= 0 ? o->source : o->inputs[i];
    inputs[i] = (struct fetch_input){ arena_strdup(w->a, d->inputs.fields[input].name),
                                      own ? input_value(w, d, input) : NULL };
  }
  x->expression = arena_strdup(w->a, o->spark);
  x->inputs = inputs;
  x->n_inputs = (size_t)n;
}

/// The base column that a feature of a plan is a copy of; -1: derived or a key. What derives it is
/// told.
static int32_t base_of(struct watching *w, const struct fetch_plan *plan, int32_t feature,
                       struct fetch_explained *x)
{
  const struct fetch_derive *d = plan->derive;
  if (d == NULL) {
    return feature;
  }
  const struct derive_out *o = &d->outs[feature];
  if (!o->star) {
    tell_expression(w, plan, o, x);
  }
  const int32_t at = o->source >= 0 ? d->input_at[o->source] - d->n_keys : -1;
  return at >= 0 && at < d->n_base ? at : -1;
}

static const struct seen *find_seen(const struct watching *w, const struct fetch_plan *plan,
                                    int32_t use)
{
  for (int32_t i = 0; i < w->n_seen; i++) {
    if (w->seen[i].plan == plan && w->seen[i].use == use) {
      return &w->seen[i];
    }
  }
  return NULL;
}

/// What was seen of the GroupBy that a join's base column comes from, and the column there.
static const struct seen *seen_of(struct watching *w, const struct fetch_plan *plan, int32_t *base,
                                  struct fetch_explained *x, const struct fetch_plan **group_by)
{
  const struct fetch_join *join = &plan->join;
  for (int32_t p = 0; p < join->n_parts; p++) {
    const struct fetch_part *part = &join->parts[p];
    if (part->plan == NULL || *base < part->first ||
        *base >= part->first + part->plan->features.n_fields) {
      continue;
    }
    int32_t use = 0;
    for (int32_t before = 0; before < p; before++) {
      use += join->parts[before].plan == part->plan;
    }
    *base = base_of(w, part->plan, *base - part->first, x);
    *group_by = part->plan;
    return find_seen(w, part->plan, use);
  }
  *base = -1;
  return NULL;
}

/// Where the window of a part begins, asked for at `at` of values until `end`.
static void tell_window(const struct fetch_gb *gb, int32_t base, int64_t at, int64_t end,
                        struct fetch_explained *x)
{
  const struct agg_part *p = &gb->aggs->parts[base];
  const int64_t from = (gb->temporal ? at : end) - p->window_ms;
  x->window_ms = p->window_ms;
  x->hop_ms = p->hop_ms;
  x->window_from =
      p->window_ms == 0 ? INT64_MIN : from - (from % p->hop_ms + p->hop_ms) % p->hop_ms;
}

/// `seen` NULL: the store has nothing of the key.
static void tell(struct watching *w, const struct fetch_plan *plan, const struct seen *seen,
                 int32_t base, struct fetch_explained *x)
{
  const struct fetch_gb *gb = &plan->gb;
  const int64_t end = seen != NULL ? seen->end : plan->batch_end;
  x->group_by = arena_strdup(w->a, plan->name);
  if (base >= 0) {
    x->column = arena_strdup(w->a, plan->base.fields[base].name);
  }
  if (base >= 0 && gb->aggs != NULL) {
    tell_window(gb, base, x->at, end, x);
  }
  if (seen == NULL) {
    return;
  }
  x->batch_end = seen->batch_end;
  x->late = seen->late;
  if (base >= 0) {
    x->pieces = seen->pieces[base];
    x->n_pieces = seen->n_pieces[base];
  }
  if (base >= 0 && !gb->temporal && x->value != NULL && seen->batch_end != INT64_MIN) {
    struct fetch_piece *whole = arena_calloc(w->a, 1, sizeof *whole);
    *whole = (struct fetch_piece){ FETCH_PIECE_BATCH, seen->end, seen->end, true, "", x->value };
    x->pieces = whole;
    x->n_pieces = 1;
  }
}

/// The error entry that a feature's name begins with, or the row's own.
static const char *error_of(struct watching *w, const char *feature)
{
  const struct fetch_result *q = w->result;
  const char *text = q->row_errors[w->row];
  for (size_t i = 0; i < q->n_errors && text == NULL; i++) {
    const size_t len = strlen(q->errors[i].name) - strlen("_exception");
    if (q->errors[i].row == w->row && (strncmp(feature, q->errors[i].name, len) == 0 ||
                                       strncmp(q->errors[i].name, "derivation_", 11) == 0)) {
      text = q->errors[i].text;
    }
  }
  return text != NULL ? arena_strdup(w->a, text) : NULL;
}

static void explain_feature(struct watching *w, int32_t c, struct fetch_explained *x)
{
  const struct fetch_result *q = w->result;
  const struct fetch_plan *plan = q->plan;
  const uint8_t cell = q->cells[(size_t)c * q->n + w->row];
  const struct seen *seen = NULL;
  const struct fetch_plan *group_by = NULL;
  *x = (struct fetch_explained){ .at = q->at[w->row],
                                 .batch_end = INT64_MIN,
                                 .window_from = INT64_MIN };
  int32_t base = base_of(w, plan, c, x);
  x->feature = arena_strdup(w->a, plan->features.fields[c].name);
  x->value = cell == FETCH_ABSENT ? NULL
             : cell == FETCH_NULL ? "null"
                                  : text_of(w, &q->cols[c], w->row);
  x->error = cell == FETCH_ABSENT ? error_of(w, x->feature) : NULL;
  if (plan->kind == FETCH_GROUP_BY) {
    group_by = plan;
    seen = w->n_seen > 0 ? &w->seen[0] : NULL;
  } else if (base >= 0) {
    seen = seen_of(w, plan, &base, x, &group_by);
  }
  if (group_by != NULL) {
    tell(w, group_by, seen, base, x);
  }
}

static chn_status no_feature(const struct fetch_plan *plan, const char *feature, struct arena *a,
                             struct chn_err *err)
{
  const char **names = arena_calloc(a, (size_t)plan->features.n_fields + 1, sizeof(char *));
  for (int32_t c = 0; c < plan->features.n_fields; c++) {
    names[c] = plan->features.fields[c].name;
  }
  const char *near = chn_near(feature, names, (size_t)plan->features.n_fields);
  return chn_fail(err, CHN_E_NOT_FOUND, "%s has no feature %s%s%s%s", plan->name, feature,
                  near != NULL ? " (did you mean " : "", near != NULL ? near : "",
                  near != NULL ? "?)" : "");
}

chn_status fetch_explain(struct fetch_session *s, const struct fetch_request *request, size_t row,
                         const char *feature, struct arena *a, struct fetch_explained **out,
                         size_t *n, struct chn_err *err)
{
  const struct fetch_plan *plan = request->plan;
  const int32_t only = feature != NULL ? row_schema_find(&plan->features, feature) : -1;
  if (feature != NULL && only < 0) {
    return no_feature(plan, feature, a, err);
  }
  if (row >= request->n) {
    return chn_fail(err, CHN_E_ARGUMENT, "row %zu of a request of %zu", row, request->n);
  }
  struct fetch_result result;
  struct fetch_request watched = *request;
  watched.base = true;
  struct watching w = { .a = a, .s = s, .request = &watched, .result = &result, .row = row };
  const struct fetch_trace trace = { &w, row, see_batch, see_streamed };
  s->trace = &trace;
  const chn_status status = fetch_run(s, &watched, 1, &result, err);
  s->trace = NULL;
  if (status != CHN_OK) {
    return status;
  }
  *out = arena_calloc(a, (size_t)plan->features.n_fields + 1, sizeof **out);
  *n = 0;
  for (int32_t c = 0; c < plan->features.n_fields; c++) {
    if (only < 0 || c == only) {
      explain_feature(&w, c, &(*out)[(*n)++]);
    }
  }
  return CHN_OK;
}
