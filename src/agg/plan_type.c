// Which operation takes which type, and what comes out (spec/03 §2 and §4).
#include <string.h>

#include "agg/plan_int.h"

bool agg_op_is_timed(enum agg_op op)
{
  return op == AGG_FIRST || op == AGG_LAST || op == AGG_FIRST_K || op == AGG_LAST_K;
}

/// The kinds that features are made of; lists of them are exploded.
static bool is_scalar(const struct row_type *t)
{
  return t->kind <= ROW_BINARY && t->kind != ROW_BYTE;
}

/// INT, LONG, SHORT, DOUBLE, FLOAT: BYTE is no number to Chronon.
static bool is_number(const struct row_type *t)
{
  return row_kind_is_numeric(t->kind) && t->kind != ROW_BYTE;
}

static bool accepts(enum agg_op op, const struct row_type *t)
{
  switch (op) {
  case AGG_COUNT:
  case AGG_FIRST:
  case AGG_LAST:
  case AGG_FIRST_K:
  case AGG_LAST_K: return t->kind != ROW_DATE && t->kind != ROW_TIMESTAMP;
  case AGG_SUM: return is_number(t) || t->kind == ROW_BOOLEAN;
  case AGG_AVERAGE:
  case AGG_VARIANCE:
  case AGG_SKEW:
  case AGG_KURTOSIS:
  case AGG_APPROX_PERCENTILE: return is_number(t);
  case AGG_MIN:
  case AGG_MAX:
  case AGG_TOP_K:
  case AGG_BOTTOM_K:
  case AGG_APPROX_HISTOGRAM_K: return is_number(t) || t->kind == ROW_STRING;
  case AGG_UNIQUE_COUNT:
  case AGG_APPROX_UNIQUE_COUNT:
  case AGG_BOUNDED_UNIQUE_COUNT:
    return is_number(t) || t->kind == ROW_STRING || t->kind == ROW_BINARY;
  case AGG_HISTOGRAM: return t->kind == ROW_STRING;
  case AGG_OP_COUNT: break;
  }
  return false;
}

/// True when the type, or anything inside it, has no meaning outside the warehouse.
static bool has_other(const struct row_type *t)
{
  for (int32_t i = 0; i < t->n_fields; i++) {
    if (has_other(t->fields[i].type)) {
      return true;
    }
  }
  return t->kind == ROW_OTHER;
}

/// A type in Chronon's words: LONG, LIST<STRING>, MAP<STRING,DOUBLE>, STRUCT.
static void print_type(struct chn_buf *out, const struct row_type *t)
{
  static const char *const names[] = { "BOOLEAN", "BYTE",   "SHORT",  "INT",  "LONG",     "FLOAT",
                                       "DOUBLE",  "STRING", "BINARY", "DATE", "TIMESTAMP" };
  if (t->kind == ROW_LIST) {
    chn_buf_adds(out, "LIST<");
    print_type(out, t->fields[0].type);
    chn_buf_addc(out, '>');
  } else if (t->kind == ROW_MAP) {
    chn_buf_adds(out, "MAP<");
    print_type(out, t->fields[0].type);
    chn_buf_addc(out, ',');
    print_type(out, t->fields[1].type);
    chn_buf_addc(out, '>');
  } else if (t->kind == ROW_STRUCT) {
    chn_buf_adds(out, "STRUCT");
  } else if (t->kind == ROW_OTHER) {
    row_type_print(out, t);
  } else {
    chn_buf_adds(out, names[t->kind]);
  }
}

/// "LONG is incompatible with HISTOGRAM", and what to do where that is known.
static chn_status refuse(enum agg_op op, const struct row_type *t, struct chn_err *err)
{
  const char *advice = "";
  if (t->kind == ROW_TIMESTAMP) {
    advice = "; select it as milliseconds (LONG), for example unix_millis(ts)";
  } else if (t->kind == ROW_DATE) {
    advice = "; select it as a STRING or as days (LONG), for example unix_date(d)";
  } else if (t->kind == ROW_OTHER || t->kind == ROW_BYTE) {
    advice = "; cast it in the select, for example CAST(x AS DOUBLE) or CAST(x AS BIGINT)";
  } else if (op == AGG_HISTOGRAM) {
    advice = "; cast it to STRING in the select";
  } else if (t->kind == ROW_BOOLEAN) {
    advice = "; cast it to INT in the select";
  }
  struct chn_buf text = { 0 };
  print_type(&text, t);
  const chn_status status = chn_fail(err, CHN_E_ARGUMENT, "%s is incompatible with %s%s",
                                     chn_buf_str(&text), agg_op_name(op), advice);
  chn_buf_deinit(&text);
  return status;
}

chn_status agg_plan_shape(enum agg_op op, const struct row_type *input, bool element_wise,
                          enum agg_shape *shape, const struct row_type **value, struct chn_err *err)
{
  const bool scalars = input->kind == ROW_LIST && is_scalar(input->fields[0].type);
  *shape = AGG_SHAPE_DIRECT;
  *value = input;
  if (op == AGG_COUNT && input->kind == ROW_OTHER && !element_wise) {
    return CHN_OK; // only whether there is a value matters
  }
  if (has_other(input)) {
    return refuse(op, input, err);
  }
  if (agg_op_is_timed(op)) {
    return accepts(op, input) ? CHN_OK : refuse(op, input, err);
  }
  if (element_wise && !scalars) {
    struct chn_buf text = { 0 };
    print_type(&text, input);
    const chn_status status = chn_fail(err, CHN_E_ARGUMENT,
                                       "element-wise needs a LIST of scalars, not %s; leave "
                                       "element_wise out or select an array",
                                       chn_buf_str(&text));
    chn_buf_deinit(&text);
    return status;
  }
  if (scalars) {
    *shape = element_wise ? AGG_SHAPE_ELEMENTS : AGG_SHAPE_EXPLODE;
    *value = input->fields[0].type;
  } else if (input->kind == ROW_MAP && input->fields[0].type->kind == ROW_STRING) {
    *shape = AGG_SHAPE_MAP;
    *value = input->fields[1].type;
  }
  return accepts(op, *value) ? CHN_OK : refuse(op, input, err);
}

static void add_suffix(struct chn_buf *out, const struct row_type *t)
{
  static const char *const names[] = { "bool",   "byte",   "short",  "int",  "long",     "float",
                                       "double", "string", "binary", "date", "timestamp" };
  if (t->kind == ROW_LIST) {
    chn_buf_adds(out, "list_");
    add_suffix(out, t->fields[0].type);
  } else if (t->kind == ROW_MAP) {
    chn_buf_adds(out, "map_");
    add_suffix(out, t->fields[0].type);
    chn_buf_addc(out, '_');
    add_suffix(out, t->fields[1].type);
  } else if (t->kind == ROW_STRUCT) {
    chn_buf_addf(out, "struct_%s", t->name ? t->name : "");
  } else {
    chn_buf_adds(out, names[t->kind]);
  }
}

static const struct row_type *time_pair(struct arena *a, const struct row_type *payload)
{
  struct chn_buf name = { 0 };
  chn_buf_adds(&name, "TimePair_");
  add_suffix(&name, payload);
  const struct row_field fields[] = { { "epochMillis", row_scalar(ROW_LONG) },
                                      { "payload", payload } };
  const struct row_type *t = row_struct_of(a, chn_buf_str(&name), fields, 2);
  chn_buf_deinit(&name);
  return t;
}

static const struct row_type *sum_type(const struct row_type *t)
{
  return row_scalar(t->kind == ROW_FLOAT || t->kind == ROW_DOUBLE ? ROW_DOUBLE : ROW_LONG);
}

static const struct row_type *output_type(struct arena *a, enum agg_op op, const struct row_type *t)
{
  switch (op) {
  case AGG_MIN:
  case AGG_MAX:
  case AGG_FIRST:
  case AGG_LAST: return t;
  case AGG_SUM: return sum_type(t);
  case AGG_AVERAGE:
  case AGG_VARIANCE:
  case AGG_SKEW:
  case AGG_KURTOSIS: return row_scalar(ROW_DOUBLE);
  case AGG_APPROX_PERCENTILE: return row_list_of(a, row_scalar(ROW_FLOAT));
  case AGG_FIRST_K:
  case AGG_LAST_K:
  case AGG_TOP_K:
  case AGG_BOTTOM_K: return row_list_of(a, t);
  case AGG_HISTOGRAM: return row_map_of(a, row_scalar(ROW_STRING), row_scalar(ROW_INT));
  case AGG_APPROX_HISTOGRAM_K: return row_map_of(a, row_scalar(ROW_STRING), row_scalar(ROW_LONG));
  default: return row_scalar(ROW_LONG);
  }
}

static const struct row_type *ir_type(struct arena *a, enum agg_op op, const struct row_type *t)
{
  const struct row_type *f64 = row_scalar(ROW_DOUBLE);
  const struct row_type *i32 = row_scalar(ROW_INT);
  switch (op) {
  case AGG_FIRST:
  case AGG_LAST: return time_pair(a, t);
  case AGG_FIRST_K:
  case AGG_LAST_K: return row_list_of(a, time_pair(a, t));
  case AGG_UNIQUE_COUNT:
  case AGG_BOUNDED_UNIQUE_COUNT: return row_list_of(a, t);
  case AGG_AVERAGE:
    return row_struct_of(a, "AvgIr", (const struct row_field[]){ { "sum", f64 }, { "count", i32 } },
                         2);
  case AGG_VARIANCE:
    return row_struct_of(
        a, "VarianceIr",
        (const struct row_field[]){ { "count", i32 }, { "mean", f64 }, { "m2", f64 } }, 3);
  case AGG_SKEW:
  case AGG_KURTOSIS: return row_list_of(a, f64);
  case AGG_APPROX_UNIQUE_COUNT:
  case AGG_APPROX_PERCENTILE:
  case AGG_APPROX_HISTOGRAM_K: return row_scalar(ROW_BINARY);
  default: return output_type(a, op, t);
  }
}

void agg_plan_types(struct arena *a, struct agg_part *part)
{
  part->output = output_type(a, part->op, part->value);
  part->ir = ir_type(a, part->op, part->value);
  if (part->shape == AGG_SHAPE_ELEMENTS) {
    part->output = row_list_of(a, part->output);
    part->ir = row_list_of(a, part->ir);
  } else if (part->shape == AGG_SHAPE_MAP || part->bucket >= 0) {
    part->output = row_map_of(a, row_scalar(ROW_STRING), part->output);
    part->ir = row_map_of(a, row_scalar(ROW_STRING), part->ir);
  }
}
