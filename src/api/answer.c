// Answers: cells of columns as values.
#include "api/api_int.h"

#include <string.h>

_Static_assert((int)CHRONON_S_ERROR == (int)FETCH_S_ERROR, "statuses are the fetcher's");

size_t chronon_row_count(const chronon_answer *a)
{
  return a->result.n;
}

static const struct row_schema *features_of(const chronon_answer *a)
{
  return fetch_plan_features(a->result.plan);
}

size_t chronon_feature_count(const chronon_answer *a)
{
  return a->result.plan == NULL ? 0 : (size_t)features_of(a)->n_fields;
}

const char *chronon_feature_name(const chronon_answer *a, size_t feature)
{
  return feature < chronon_feature_count(a) ? features_of(a)->fields[feature].name : NULL;
}

int32_t chronon_feature_find(const chronon_answer *a, const char *name)
{
  return a->result.plan == NULL ? -1 : row_schema_find(features_of(a), name);
}

const char *chronon_status_name(enum chronon_status status)
{
  return fetch_status_name((enum fetch_status)status);
}

static void take_text(chronon_answer *a, struct chronon_value *out, enum chronon_kind kind,
                      const char *text, size_t len)
{
  out->kind = kind;
  out->text = arena_strndup(&a->arena, text, len);
  out->len = len;
}

static void take_json(chronon_answer *a, const struct row_col *c, size_t row,
                      struct chronon_value *out)
{
  struct chn_buf text = { 0 };
  fetch_json_value(c, row, FETCH_JSON_DETAILED, &text);
  take_text(a, out, CHRONON_JSON, chn_buf_str(&text), text.len);
  chn_buf_deinit(&text);
}

static void take_value(chronon_answer *a, const struct row_col *c, size_t row,
                       struct chronon_value *out)
{
  const struct row_str *s = NULL;
  out->kind = CHRONON_LONG;
  switch (c->type->kind) {
  case ROW_BOOLEAN:
    out->kind = CHRONON_BOOL;
    out->i = ((const bool *)c->data)[row];
    break;
  case ROW_BYTE: out->i = ((const int8_t *)c->data)[row]; break;
  case ROW_SHORT: out->i = ((const int16_t *)c->data)[row]; break;
  case ROW_INT: out->i = ((const int32_t *)c->data)[row]; break;
  case ROW_LONG: out->i = ((const int64_t *)c->data)[row]; break;
  case ROW_FLOAT:
    out->kind = CHRONON_DOUBLE;
    out->d = (double)((const float *)c->data)[row];
    break;
  case ROW_DOUBLE:
    out->kind = CHRONON_DOUBLE;
    out->d = ((const double *)c->data)[row];
    break;
  case ROW_STRING:
  case ROW_BINARY:
    s = &((const struct row_str *)c->data)[row];
    take_text(a, out, c->type->kind == ROW_STRING ? CHRONON_STRING : CHRONON_BYTES,
              row_str_bytes(s), s->len);
    break;
  default: take_json(a, c, row, out); break;
  }
}

enum chronon_status chronon_feature(const chronon_answer *a, size_t row, size_t feature,
                                    struct chronon_value *out)
{
  const struct fetch_result *q = &a->result;
  if (out != NULL) {
    *out = (struct chronon_value){ .kind = CHRONON_NULL };
  }
  if (row >= q->n || feature >= chronon_feature_count(a)) {
    return CHRONON_S_ERROR;
  }
  const size_t cell = feature * q->n + row;
  if (out != NULL && q->cells[cell] == FETCH_VALUE) {
    // The answer is the session's to write to: texts of values are made when they are asked for.
    take_value((chronon_answer *)(uintptr_t)a, &q->cols[feature], row, out);
  }
  return (enum chronon_status)q->status[cell];
}

const char *chronon_row_error(const chronon_answer *a, size_t row)
{
  return row < a->result.n ? a->result.row_errors[row] : NULL;
}

const char *chronon_part_error(const chronon_answer *a, size_t i, size_t *row, const char **name)
{
  if (i >= a->result.n_errors) {
    return NULL;
  }
  const struct fetch_error *e = &a->result.errors[i];
  if (row != NULL) {
    *row = e->row;
  }
  if (name != NULL) {
    *name = e->name;
  }
  return e->text;
}
