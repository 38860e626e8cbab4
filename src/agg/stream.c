// Plans, and the beginning and end of an answer; reading is in stream_irs.c and stream_rows.c.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "agg/op_int.h"
#include "agg/stream_int.h"
#include "codec/utf8.h"

// ---- what is simple ---------------------------------------------------------------------------

static bool is_scalar(const struct avro_schema *s)
{
  return s->in == AVRO_NULL_FIRST && s->kind != AVRO_ARRAY && s->kind != AVRO_MAP &&
         s->kind != AVRO_RECORD && s->kind != AVRO_FIXED && s->kind != AVRO_ENUM;
}

bool stream_is_simple(const struct agg_part *p)
{
  if (p->shape != AGG_SHAPE_DIRECT || p->bucket >= 0) {
    return false;
  }
  switch (p->op) {
  case AGG_COUNT: return true;
  case AGG_FIRST:
  case AGG_LAST:
    return p->value->kind != ROW_LIST && p->value->kind != ROW_MAP && p->value->kind != ROW_STRUCT;
  case AGG_SUM:
  case AGG_AVERAGE:
  case AGG_VARIANCE:
  case AGG_MIN:
  case AGG_MAX: return row_kind_is_numeric(p->value->kind);
  default: return false;
  }
}

static bool is_record(const struct avro_schema *s, enum avro_union in, int32_t n_fields)
{
  return s->kind == AVRO_RECORD && s->in == in && s->n_fields == n_fields;
}

/// Whether a stored IR is what stream_read.c takes for it.
static bool fits_ir(const struct agg_part *p, const struct avro_schema *s)
{
  if (!stream_is_simple(p)) {
    return row_type_equal(s->type, p->ir);
  }
  const bool timed = p->op == AGG_FIRST || p->op == AGG_LAST;
  const int32_t n = timed || p->op == AGG_AVERAGE ? 2 : p->op == AGG_VARIANCE ? 3 : 0;
  if (n == 0) {
    return is_scalar(s);
  }
  bool ok = is_record(s, AVRO_NULL_FIRST, n);
  for (int32_t i = 0; i < n && ok; i++) {
    ok = is_scalar(s->fields[i].schema);
  }
  return ok;
}

static bool fits_irs(const struct agg_part *parts, int32_t n, const struct avro_schema *record)
{
  bool ok = true;
  for (int32_t i = 0; i < n && ok; i++) {
    ok = fits_ir(&parts[i], record->fields[i].schema);
  }
  return ok;
}

static bool fits_batch(const struct agg_plan *plan, const struct avro_schema *s)
{
  if (!is_record(s, s->in, 2) || !is_record(s->fields[0].schema, AVRO_NULL_FIRST, plan->n_parts) ||
      !fits_irs(plan->parts, plan->n_parts, s->fields[0].schema)) {
    return false;
  }
  const struct avro_schema *sizes = s->fields[1].schema;
  if (sizes->kind != AVRO_ARRAY || sizes->in != AVRO_NULL_FIRST) {
    return false;
  }
  const struct avro_schema *list = sizes->fields[0].schema;
  if (list->kind != AVRO_ARRAY || list->in != AVRO_PLAIN) {
    return false;
  }
  const struct avro_schema *hop = list->fields[0].schema;
  return is_record(hop, AVRO_PLAIN, plan->n_bases + 1) &&
         fits_irs(plan->bases, plan->n_bases, hop) && is_scalar(hop->fields[plan->n_bases].schema);
}

static bool fits_tile(const struct agg_plan *plan, const struct avro_schema *s)
{
  return is_record(s, s->in, 2) && is_scalar(s->fields[1].schema) &&
         is_record(s->fields[0].schema, AVRO_NULL_FIRST, plan->n_bases) &&
         fits_irs(plan->bases, plan->n_bases, s->fields[0].schema);
}

static int32_t field_of(const struct avro_schema *row, const char *name)
{
  for (int32_t i = 0; i < row->n_fields; i++) {
    if (strcmp(row->fields[i].name, name) == 0) {
      return i;
    }
  }
  return -1;
}

static bool all_simple(const struct agg_plan *plan)
{
  bool ok = true;
  for (int32_t i = 0; i < plan->n_parts && ok; i++) {
    ok = stream_is_simple(&plan->parts[i]);
  }
  return ok;
}

static bool fits_rows(const struct agg_plan *plan, const struct avro_schema *row)
{
  bool ok = true;
  for (int32_t i = 0; i < row->n_fields && all_simple(plan); i++) {
    ok = ok && is_scalar(row->fields[i].schema);
  }
  for (int32_t i = 0; i < plan->inputs.n_fields && ok; i++) {
    const int32_t at = field_of(row, plan->inputs.fields[i].name);
    ok = at >= 0 && row_type_equal(row->fields[at].schema->type, plan->inputs.fields[i].type);
  }
  for (int32_t i = 0; i < plan->n_parts && ok; i++) {
    const char *input = plan->inputs.fields[plan->parts[i].input].name;
    ok = !stream_is_simple(&plan->parts[i]) || is_scalar(row->fields[field_of(row, input)].schema);
  }
  return ok;
}

static bool fits(const struct agg_plan *plan, const struct avro_schema *batch,
                 const struct avro_schema *streamed, bool tiled)
{
  return fits_batch(plan, batch) && (tiled ? fits_tile(plan, streamed) : fits_rows(plan, streamed));
}

// ---- making -----------------------------------------------------------------------------------

static enum stream_code code_of(const struct agg_part *p, enum avro_kind kind)
{
  const bool adds = p->op == AGG_SUM || p->op == AGG_COUNT;
  if (kind == AVRO_LONG) {
    return adds ? STREAM_ADDS_WHOLE : STREAM_OTHER;
  }
  if (kind != AVRO_DOUBLE) {
    return p->op == AGG_AVERAGE                      ? STREAM_AVERAGE
           : p->op == AGG_FIRST || p->op == AGG_LAST ? STREAM_ENDS_IR
                                                     : STREAM_OTHER;
  }
  return adds ? STREAM_ADDS_REAL : STREAM_BEST_REAL;
}

static struct stream_ir *irs_of(const struct agg_part *parts, int32_t n,
                                const struct avro_schema *record)
{
  struct stream_ir *irs = chn_calloc((size_t)n + 1, sizeof *irs);
  for (int32_t i = 0; i < n; i++) {
    const struct avro_schema *schema = record->fields[i].schema;
    irs[i] = (struct stream_ir){ .code = code_of(&parts[i], schema->kind),
                                 .part = &parts[i],
                                 .schema = schema,
                                 .is_float = agg_is_float(parts[i].value) };
  }
  return irs;
}

static unsigned needs_of(enum agg_op op)
{
  switch (op) {
  case AGG_MIN:
  case AGG_MAX: return STREAM_EXTREMES;
  case AGG_VARIANCE: return STREAM_VARIANCE;
  case AGG_FIRST:
  case AGG_LAST: return STREAM_ENDS;
  default: return 0;
  }
}

static void make_fields(struct agg_stream *s, const struct avro_schema *row)
{
  s->n_fields = row->n_fields;
  s->fields = chn_calloc((size_t)row->n_fields + 1, sizeof *s->fields);
  for (int32_t i = 0; i < row->n_fields; i++) {
    s->fields[i] = (struct stream_field){ .kind = row->fields[i].schema->kind,
                                          .tallies = s->of_rows + i * s->n_windows,
                                          .schema = row->fields[i].schema,
                                          .plain = is_scalar(row->fields[i].schema),
                                          .name = row->fields[i].name };
  }
  for (int32_t i = 0; i < s->plan->n_parts; i++) {
    const struct agg_part *p = &s->plan->parts[i];
    if (stream_is_simple(p)) {
      s->field_of[i] = field_of(row, s->plan->inputs.fields[p->input].name);
      s->fields[s->field_of[i]].needs |= needs_of(p->op);
    }
  }
}

static void make_windows(struct agg_stream *s)
{
  const struct agg_plan *plan = s->plan;
  for (int32_t i = 0; i < plan->n_parts; i++) {
    const struct agg_part *p = &plan->parts[i];
    int32_t k = 0;
    if (!stream_is_simple(p)) {
      continue;
    }
    while (k < s->n_windows && (s->windows[k].part->window_ms != p->window_ms ||
                                s->windows[k].part->hop_ms != p->hop_ms)) {
      k++;
    }
    struct stream_window *w = &s->windows[k];
    if (k == s->n_windows) {
      s->n_windows++;
      w->part = p;
      w->parts = chn_calloc((size_t)plan->n_parts, sizeof *w->parts);
    }
    w->parts[w->n_parts++] = i;
    s->window_of[i] = k;
  }
}

struct agg_stream *agg_stream_new(const struct agg_plan *plan, enum agg_batch_rule rule,
                                  const struct avro_schema *batch,
                                  const struct avro_schema *streamed, bool tiled)
{
  if (!fits(plan, batch, streamed, tiled)) {
    return NULL;
  }
  struct agg_stream *s = chn_calloc(1, sizeof *s);
  const size_t n = (size_t)plan->n_parts + 1;
  const size_t n_bases = (size_t)plan->n_bases + 1;
  s->plan = plan;
  s->rule = rule;
  s->name = streamed->name;
  s->windows = chn_calloc(n, sizeof *s->windows);
  s->window_of = chn_calloc(n, sizeof *s->window_of);
  s->field_of = chn_calloc(n, sizeof *s->field_of);
  s->of_parts = chn_calloc(n, sizeof *s->of_parts);
  s->hop = chn_calloc(n_bases, sizeof *s->hop);
  make_windows(s);
  const size_t n_windows = (size_t)s->n_windows + 1;
  s->group_from = chn_calloc(n_windows, sizeof *s->group_from);
  s->parts = irs_of(plan->parts, plan->n_parts, batch->fields[0].schema);
  s->hops = irs_of(plan->bases, plan->n_bases,
                   batch->fields[1].schema->fields[0].schema->fields[0].schema);
  if (tiled) {
    s->tiles = irs_of(plan->bases, plan->n_bases, streamed->fields[0].schema);
    s->of_tiles = chn_calloc(n_bases * n_windows, sizeof *s->of_tiles);
  } else {
    s->of_rows = chn_calloc((size_t)(streamed->n_fields + 1) * n_windows, sizeof *s->of_rows);
    make_fields(s, streamed);
  }
  if (!all_simple(plan)) {
    stream_rest_attach(s, batch, streamed);
  }
  return s;
}

void agg_stream_free(struct agg_stream *s)
{
  if (s == NULL) {
    return;
  }
  for (int32_t i = 0; i < s->n_windows; i++) {
    free(s->windows[i].parts);
  }
  stream_rest_free(s->rest);
  free(s->windows);
  free(s->window_of);
  free(s->group_from);
  free(s->parts);
  free(s->hops);
  free(s->tiles);
  free(s->fields);
  free(s->field_of);
  free(s->of_parts);
  free(s->of_tiles);
  free(s->of_rows);
  free(s->hop);
  free(s);
}

// ---- an answer --------------------------------------------------------------------------------

static const struct stream_tally no_rows = {
  .least = INT64_MAX,
  .greatest = INT64_MIN,
  .min = INFINITY,
  .max = -INFINITY,
  .first_ts = INT64_MAX,
  .last_ts = INT64_MIN,
};

/// Keeps the instants since which windows hold the stream, each once and ascending.
static void add_group(struct agg_stream *s, int64_t from)
{
  int32_t i = s->n_groups;
  for (int32_t k = 0; k < s->n_groups; k++) {
    if (s->group_from[k] == from) {
      return;
    }
  }
  for (; i > 0 && s->group_from[i - 1] > from; i--) {
    s->group_from[i] = s->group_from[i - 1];
  }
  s->group_from[i] = from;
  s->n_groups++;
}

static int64_t streamed_from(const struct agg_stream *s, const struct stream_window *w)
{
  return w->from > s->end ? w->from : s->end;
}

static void place_windows(struct agg_stream *s)
{
  s->n_groups = 0;
  for (int32_t i = 0; i < s->n_windows; i++) {
    struct stream_window *w = &s->windows[i];
    const struct agg_edges e = agg_edges_of(w->part, s->rule, s->end);
    w->size = w->part->window_ms != 0 ? e.size : -1;
    w->from = agg_tail_at(w->part, s->q);
    w->until = e.tail_until;
    add_group(s, streamed_from(s, w));
  }
  for (int32_t i = 0; i < s->n_windows; i++) {
    struct stream_window *w = &s->windows[i];
    w->group = 0;
    while (s->group_from[w->group] != streamed_from(s, w)) {
      w->group++;
    }
  }
}

void agg_stream_begin(struct agg_stream *s, int64_t end, int64_t q)
{
  s->end = end;
  s->q = q;
  place_windows(s);
  memset(s->of_parts, 0, (size_t)s->plan->n_parts * sizeof *s->of_parts);
  if (s->tiles != NULL) {
    memset(s->of_tiles, 0, (size_t)s->plan->n_bases * (size_t)s->n_windows * sizeof *s->of_tiles);
  }
  for (int32_t i = 0; i < s->n_fields * s->n_windows; i++) {
    s->of_rows[i] = no_rows;
  }
  if (s->rest != NULL) {
    stream_rest_begin(s);
  }
}

chn_status agg_stream_add(struct agg_stream *s, const struct agg_streamed *values, size_t n,
                          struct chn_err *err)
{
  stream_rest_clear(s);
  const chn_status status =
      s->tiles != NULL ? stream_add_tiles(s, values, n, err) : stream_add_rows(s, values, n, err);
  return status == CHN_OK ? stream_rest_add(s, err) : status;
}

bool stream_is_better(const struct stream_ir *ir, const struct stream_value *x,
                      const struct stream_value *y)
{
  const bool least = ir->part->op == AGG_MIN;
  if (!ir->is_float) {
    return least ? x->whole < y->whole : x->whole > y->whole;
  }
  if (isnan(x->real) || isnan(y->real)) {
    return isnan(x->real); // Math.min, Math.max: NaN wins, and -0.0 is less than 0.0
  }
  if (x->real == y->real) {
    return least == (signbit(x->real) != 0) && (signbit(x->real) != 0) != (signbit(y->real) != 0);
  }
  return least ? x->real < y->real : x->real > y->real;
}

static void merge_variance(struct stream_fold *into, const struct stream_fold *from)
{
  const double n1 = (double)into->count;
  const double n2 = (double)from->count;
  const double delta = from->v.real - into->v.real;
  into->m2 += from->m2 + delta * (delta / (n1 + n2)) * n1 * n2;
  into->v.real = agg_combined_mean(n1, into->v.real, n2, from->v.real);
  into->count += from->count;
}

void stream_merge(const struct stream_ir *ir, struct stream_fold *into,
                  const struct stream_fold *from)
{
  if (!from->has) {
    return;
  }
  if (!into->has) {
    *into = *from;
    return;
  }
  switch (ir->part->op) {
  case AGG_VARIANCE: merge_variance(into, from); break;
  case AGG_MIN:
  case AGG_MAX: into->v = stream_is_better(ir, &from->v, &into->v) ? from->v : into->v; break;
  case AGG_FIRST: *into = from->ts < into->ts ? *from : *into; break;
  case AGG_LAST: *into = from->ts > into->ts ? *from : *into; break;
  default: // SUM, COUNT, AVERAGE
    into->v.whole = (int64_t)((uint64_t)into->v.whole + (uint64_t)from->v.whole);
    into->v.real += from->v.real;
    into->count = (int64_t)((uint64_t)into->count + (uint64_t)from->count);
  }
}

/// What a field's tally says to an operation.
static struct stream_fold fold_of(enum agg_op op, const struct avro_schema *s,
                                  const struct stream_tally *t)
{
  struct stream_fold f = { .has = t->count > 0, .count = t->count };
  if (t->count == 0) {
    return f;
  }
  switch (op) {
  case AGG_MIN:
    f.v.whole = t->least;
    f.v.real = t->nan ? (double)NAN : t->min;
    break;
  case AGG_MAX:
    f.v.whole = t->greatest;
    f.v.real = t->nan ? (double)NAN : t->max;
    break;
  case AGG_VARIANCE:
    f.v.real = t->mean;
    f.m2 = t->m2;
    break;
  case AGG_FIRST:
    f.ts = t->first_ts;
    f.v = stream_value_at(s, t->first, t->first_end);
    break;
  case AGG_LAST:
    f.ts = t->last_ts;
    f.v = stream_value_at(s, t->last, t->last_end);
    break;
  default: // SUM, COUNT, AVERAGE
    f.v.whole = t->whole;
    f.v.real = t->real;
  }
  return f;
}

static void add_streamed(struct agg_stream *s, int32_t i)
{
  const int32_t group = s->windows[s->window_of[i]].group;
  const struct stream_ir *ir = &s->parts[i];
  if (s->tiles != NULL) {
    stream_merge(ir, &s->of_parts[i], &s->of_tiles[ir->part->base * s->n_windows + group]);
    return;
  }
  const int32_t field = s->field_of[i];
  const struct stream_fold f =
      fold_of(ir->part->op, s->fields[field].schema, &s->of_rows[field * s->n_windows + group]);
  stream_merge(ir, &s->of_parts[i], &f);
}

static bool answers_value(const struct agg_part *p)
{
  return p->op == AGG_FIRST || p->op == AGG_LAST;
}

static void emit(const struct stream_ir *ir, const struct stream_fold *f, struct row_builder *out)
{
  const struct agg_part *p = ir->part;
  if (!f->has) {
    row_builder_null(out);
  } else if (p->op == AGG_COUNT) {
    row_builder_value(out, &f->count);
  } else if (p->op == AGG_AVERAGE) {
    agg_emit_final(p, out, p->output, f->v.real / (double)(int32_t)f->count);
  } else if (p->op == AGG_VARIANCE) {
    agg_emit_final(p, out, p->output, f->m2 / (double)f->count);
  } else if (ir->is_float) {
    agg_emit_final(p, out, p->output, f->v.real);
  } else if (agg_is_bytes(p->value)) {
    row_builder_string(out, (const char *)f->v.bytes, f->v.len);
  } else {
    agg_emit_int(out, p->output, f->v.whole);
  }
}

chn_status agg_stream_end(struct agg_stream *s, struct row_builder *const *outs,
                          struct chn_err *err)
{
  const int32_t n = s->plan->n_parts;
  for (int32_t i = 0; i < n; i++) {
    const struct stream_fold *f = &s->of_parts[i];
    const struct agg_part *p = s->parts[i].part;
    if (s->parts[i].code == STREAM_REST) {
      continue;
    }
    add_streamed(s, i);
    if (f->has && answers_value(p) && p->value->kind == ROW_STRING &&
        !codec_utf8_valid(f->v.bytes, f->v.len)) {
      return chn_fail(err, CHN_E_CORRUPT, "%s: a string that is not UTF-8", p->name);
    }
  }
  const chn_status status = stream_rest_end(s, err);
  if (status != CHN_OK) {
    return status;
  }
  for (int32_t i = 0; i < n; i++) {
    if (s->parts[i].code != STREAM_REST) {
      emit(&s->parts[i], &s->of_parts[i], outs[i]);
    }
  }
  stream_rest_emit(s, outs);
  return CHN_OK;
}
