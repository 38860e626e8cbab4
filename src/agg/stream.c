#include "agg/stream.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/// One accumulator: the rows of [from, q) of a base.
struct sum {
  const struct agg_part *part;
  int64_t from;
  bool has;
  bool is_float;
  int64_t count;
  int64_t whole; ///< SUM, MIN, MAX of whole numbers
  double real;   ///< SUM, MIN, MAX of floats; AVERAGE's sum; VARIANCE's mean
  double m2;     ///< VARIANCE
  int64_t ts;    ///< FIRST, LAST: of the row that counts
  const unsigned char *row;
  size_t row_len; ///< up to the end of its value
};

struct field {
  const struct avro_schema *schema;
  struct sum **sums; ///< those that this answer feeds with it
  int32_t n_sums;
};

struct agg_stream {
  const struct agg_plan *plan;
  const struct avro_schema *row;
  struct field *fields;
  int32_t *input_of; ///< of an input its field
  struct sum *sums;  ///< of part i at most the i-th
  int32_t *sum_of;   ///< of a part
  int64_t end;
  int64_t q;
  struct agg_ir *scratch;
  struct row_builder **columns; ///< one row, for FIRST and LAST
  struct row_col *inputs;
};

// ---- what is simple ---------------------------------------------------------------------------

static bool is_scalar(const struct avro_schema *s)
{
  return s->in == AVRO_NULL_FIRST && s->kind != AVRO_ARRAY && s->kind != AVRO_MAP &&
         s->kind != AVRO_RECORD && s->kind != AVRO_FIXED && s->kind != AVRO_ENUM;
}

static bool is_simple(const struct agg_part *p)
{
  if (p->shape != AGG_SHAPE_DIRECT || p->bucket >= 0) {
    return false;
  }
  switch (p->op) {
  case AGG_COUNT:
  case AGG_FIRST:
  case AGG_LAST: return true;
  case AGG_SUM:
  case AGG_AVERAGE:
  case AGG_VARIANCE:
  case AGG_MIN:
  case AGG_MAX: return row_kind_is_numeric(p->value->kind);
  default: return false;
  }
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

static bool fits(const struct agg_plan *plan, const struct avro_schema *row)
{
  bool ok = true;
  for (int32_t i = 0; i < plan->n_parts; i++) {
    ok = ok && is_simple(&plan->parts[i]);
  }
  for (int32_t i = 0; i < row->n_fields; i++) {
    ok = ok && is_scalar(row->fields[i].schema);
  }
  for (int32_t i = 0; i < plan->inputs.n_fields && ok; i++) {
    const int32_t at = field_of(row, plan->inputs.fields[i].name);
    ok = at >= 0 && row->fields[at].schema->type->kind == plan->inputs.fields[i].type->kind;
  }
  return ok;
}

struct agg_stream *agg_stream_new(const struct agg_plan *plan, const struct avro_schema *row)
{
  if (!fits(plan, row)) {
    return NULL;
  }
  struct agg_stream *s = chn_calloc(1, sizeof *s);
  const size_t n = (size_t)plan->n_parts;
  s->plan = plan;
  s->row = row;
  s->fields = chn_calloc((size_t)row->n_fields + 1, sizeof *s->fields);
  s->columns = chn_calloc((size_t)row->n_fields + 1, sizeof(struct row_builder *));
  for (int32_t i = 0; i < row->n_fields; i++) {
    s->fields[i].schema = row->fields[i].schema;
    s->fields[i].sums = chn_calloc(n + 1, sizeof(struct sum *));
    s->columns[i] = row_builder_new(row->fields[i].schema->type);
  }
  s->input_of = chn_calloc((size_t)plan->inputs.n_fields + 1, sizeof *s->input_of);
  s->inputs = chn_calloc((size_t)plan->inputs.n_fields + 1, sizeof *s->inputs);
  for (int32_t i = 0; i < plan->inputs.n_fields; i++) {
    s->input_of[i] = field_of(row, plan->inputs.fields[i].name);
  }
  s->sums = chn_calloc(n + 1, sizeof *s->sums);
  s->sum_of = chn_calloc(n + 1, sizeof *s->sum_of);
  s->scratch = agg_ir_new(plan->parts, plan->n_parts);
  return s;
}

void agg_stream_free(struct agg_stream *s)
{
  if (s == NULL) {
    return;
  }
  for (int32_t i = 0; i < s->row->n_fields; i++) {
    free(s->fields[i].sums);
    row_builder_free(s->columns[i]);
  }
  free(s->fields);
  free(s->columns);
  free(s->input_of);
  free(s->inputs);
  free(s->sums);
  free(s->sum_of);
  agg_ir_free(s->scratch);
  free(s);
}

void agg_stream_begin(struct agg_stream *s, const struct agg_batch_ir *b, int64_t q)
{
  s->end = agg_batch_end(b);
  s->q = q;
  for (int32_t i = 0; i < s->row->n_fields; i++) {
    s->fields[i].n_sums = 0;
  }
  for (int32_t i = 0; i < s->plan->n_parts; i++) {
    const struct agg_part *p = &s->plan->parts[i];
    const int64_t tail = agg_batch_from(b, i, q);
    const int64_t from = tail > s->end ? tail : s->end;
    int32_t k = 0;
    while (k < i &&
           (s->sum_of[k] != k || s->sums[k].part->base != p->base || s->sums[k].from != from)) {
      k++;
    }
    s->sum_of[i] = k;
    if (k == i) {
      const enum row_kind kind = p->value->kind;
      s->sums[i] = (struct sum){ .part = p,
                                 .from = from,
                                 .is_float = kind == ROW_FLOAT || kind == ROW_DOUBLE };
      struct field *f = &s->fields[s->input_of[p->input]];
      f->sums[f->n_sums++] = &s->sums[i];
    }
  }
}

// ---- reading ----------------------------------------------------------------------------------

struct value {
  int64_t whole;
  double real; ///< of any number
};

static void feed(struct sum *a, const struct value *v, int64_t ts, const unsigned char *row,
                 size_t row_len)
{
  switch (a->part->op) {
  case AGG_SUM:
    a->whole = (int64_t)((uint64_t)a->whole + (uint64_t)v->whole);
    a->real += v->real;
    break;
  case AGG_AVERAGE: a->real += v->real; break;
  case AGG_VARIANCE: {
    const double delta = v->real - a->real;
    a->real += delta / (double)(a->count + 1);
    a->m2 += delta * (v->real - a->real);
    break;
  }
  case AGG_MIN: // Math.min: NaN wins, -0.0 is less than 0.0
    a->whole = !a->has || v->whole < a->whole ? v->whole : a->whole;
    a->real =
        !a->has || isnan(v->real) || v->real < a->real || (v->real == a->real && signbit(v->real))
            ? v->real
            : a->real;
    break;
  case AGG_MAX:
    a->whole = !a->has || v->whole > a->whole ? v->whole : a->whole;
    a->real =
        !a->has || isnan(v->real) || v->real > a->real || (v->real == a->real && !signbit(v->real))
            ? v->real
            : a->real;
    break;
  case AGG_FIRST:
  case AGG_LAST:
    if (!a->has || (a->part->op == AGG_LAST ? ts > a->ts : ts < a->ts)) {
      a->ts = ts;
      a->row = row;
      a->row_len = row_len;
    }
    break;
  default: break; // COUNT
  }
  a->has = true;
  a->count++;
}

static bool take_long(const unsigned char **at, const unsigned char *end, int64_t *out)
{
  const unsigned char *p = *at;
  uint64_t value = 0;
  for (int shift = 0; shift < 70 && p < end; shift += 7) {
    const uint64_t byte = *p++;
    if (shift == 63 && byte > 1) {
      return false;
    }
    value |= (byte & 0x7f) << shift;
    if (byte < 0x80) {
      *at = p;
      *out = (int64_t)(value >> 1) ^ -(int64_t)(value & 1);
      return true;
    }
  }
  return false;
}

static bool take_raw(const unsigned char **at, const unsigned char *end, size_t n, void *out)
{
  if (n > (size_t)(end - *at)) {
    return false;
  }
  memcpy(out, *at, n);
  *at += n;
  return true;
}

/// One value behind its branch.
static bool take_value(const struct avro_schema *s, const unsigned char **at,
                       const unsigned char *end, struct value *v)
{
  float narrow = 0;
  unsigned char flag = 0;
  switch (s->kind) {
  case AVRO_BOOLEAN: v->whole = 0; return take_raw(at, end, 1, &flag) && flag <= 1;
  case AVRO_INT: {
    const enum row_kind kind = s->type->kind;
    const int64_t max = kind == ROW_BYTE ? INT8_MAX : kind == ROW_SHORT ? INT16_MAX : INT32_MAX;
    const bool ok = take_long(at, end, &v->whole) && v->whole <= max && v->whole >= -max - 1;
    v->real = (double)v->whole;
    return ok;
  }
  case AVRO_LONG: {
    const bool ok = take_long(at, end, &v->whole);
    v->real = (double)v->whole;
    return ok;
  }
  case AVRO_FLOAT:
    if (!take_raw(at, end, sizeof narrow, &narrow)) {
      return false;
    }
    v->real = (double)narrow;
    return true;
  case AVRO_DOUBLE: return take_raw(at, end, sizeof v->real, &v->real);
  default: // STRING, BYTES
    if (!take_long(at, end, &v->whole) || v->whole < 0 || v->whole > end - *at) {
      return false;
    }
    *at += v->whole;
    return true;
  }
}

chn_status agg_stream_add(struct agg_stream *s, const void *bytes, size_t len, int64_t ts,
                          struct chn_err *err)
{
  const unsigned char *at = bytes;
  const unsigned char *end = at + len;
  const bool counts = ts >= s->end && ts < s->q;
  do {
    const unsigned char *row = at;
    for (int32_t i = 0; i < s->row->n_fields; i++) {
      const struct field *f = &s->fields[i];
      struct value v = { 0 };
      if (at == end || (*at != 0 && *at != 2)) {
        return chn_fail(err, CHN_E_CORRUPT, "%s.%s: no branch of its union", s->row->name,
                        s->row->fields[i].name);
      }
      if (*at++ == 0) {
        continue;
      }
      if (!take_value(f->schema, &at, end, &v)) {
        return chn_fail(err, CHN_E_CORRUPT, "%s.%s: no value of its type", s->row->name,
                        s->row->fields[i].name);
      }
      for (int32_t k = 0; k < f->n_sums && counts; k++) {
        if (ts >= f->sums[k]->from) {
          feed(f->sums[k], &v, ts, row, (size_t)(end - row));
        }
      }
    }
  } while (at < end);
  return CHN_OK;
}

// ---- the end ----------------------------------------------------------------------------------

/// A column of one value, the stored form of a part of the accumulator.
struct stored {
  struct row_col col;
  struct row_col children[3];
  union {
    int8_t b;
    int16_t s;
    int32_t i;
    int64_t l;
    float f;
    double d;
  } value, child[3];
};

static void put(struct row_col *c, const struct row_type *t, void *value, int64_t whole,
                double real)
{
  *c = (struct row_col){ .type = t, .data = value, .count = 1 };
  switch (t->kind) {
  case ROW_BYTE: *(int8_t *)value = (int8_t)whole; break;
  case ROW_SHORT: *(int16_t *)value = (int16_t)whole; break;
  case ROW_INT: *(int32_t *)value = (int32_t)whole; break;
  case ROW_LONG: *(int64_t *)value = whole; break;
  case ROW_FLOAT: *(float *)value = (float)real; break;
  default: *(double *)value = real; break;
  }
}

static void store(const struct sum *a, const struct agg_part *p, struct stored *out)
{
  if (p->op == AGG_AVERAGE || p->op == AGG_VARIANCE) {
    const double reals[2] = { a->real, a->m2 };
    int32_t next = 0;
    for (int32_t i = 0; i < p->ir->n_fields; i++) {
      const struct row_type *t = p->ir->fields[i].type;
      const double real = t->kind == ROW_DOUBLE ? reals[next++] : 0;
      put(&out->children[i], t, &out->child[i], a->count, real);
    }
    out->col = (struct row_col){
      .type = p->ir, .child = out->children, .n_child = p->ir->n_fields, .count = 1
    };
    return;
  }
  put(&out->col, p->ir, &out->value, p->op == AGG_COUNT ? a->count : a->whole, a->real);
}

/// Decodes the row that FIRST or LAST keeps.
static chn_status load_row(struct agg_stream *s, const unsigned char *row, size_t max,
                           struct chn_err *err)
{
  size_t used = 0;
  for (int32_t i = 0; i < s->row->n_fields; i++) {
    row_builder_clear(s->columns[i]);
  }
  const chn_status status = avro_decode_first(s->row, row, max, s->columns, &used, err);
  for (int32_t i = 0; i < s->plan->inputs.n_fields && status == CHN_OK; i++) {
    s->inputs[i] = *row_builder_col(s->columns[s->input_of[i]]);
  }
  return status;
}

chn_status agg_stream_end(struct agg_stream *s, struct agg_ir *out, struct chn_err *err)
{
  const unsigned char *loaded = NULL;
  chn_status status = CHN_OK;
  agg_ir_clear(s->scratch);
  for (int32_t i = 0; i < s->plan->n_parts && status == CHN_OK; i++) {
    const struct agg_part *p = &s->plan->parts[i];
    const struct sum *a = &s->sums[s->sum_of[i]];
    if (!a->has) {
      continue;
    }
    if (p->op == AGG_FIRST || p->op == AGG_LAST) {
      status = loaded == a->row ? CHN_OK : load_row(s, a->row, a->row_len, err);
      loaded = a->row;
      status = status == CHN_OK ? agg_ir_update_part(out, i, s->inputs, 0, a->ts, err) : status;
      continue;
    }
    struct stored form;
    store(a, p, &form);
    status = agg_ir_load(s->scratch, i, &form.col, 0, err);
    status = status == CHN_OK ? agg_ir_merge_part(out, i, s->scratch, i, err) : status;
  }
  return status;
}
