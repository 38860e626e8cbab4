// Columns to the bytes of an answer.
#include <stdlib.h>
#include <string.h>

#include "fetcher/json_int.h"

/// A value of the request as it was given, with Java's numbers.
static void add_given(const struct codec_json *v, struct chn_buf *out)
{
  switch (v->kind) {
  case CODEC_JSON_STRING: fj_string(v->text, v->text_len, out); break;
  case CODEC_JSON_REAL: fj_real(v->as.real, false, out); break;
  case CODEC_JSON_ARRAY:
  case CODEC_JSON_OBJECT:
    chn_buf_addc(out, v->kind == CODEC_JSON_ARRAY ? '[' : '{');
    for (int32_t i = 0; i < v->n; i++) {
      if (i > 0) {
        chn_buf_addc(out, ',');
      }
      if (v->kind == CODEC_JSON_OBJECT) {
        fj_string(v->members[i].key, strlen(v->members[i].key), out);
        chn_buf_addc(out, ':');
      }
      add_given(&v->members[i].value, out);
    }
    chn_buf_addc(out, v->kind == CODEC_JSON_ARRAY ? ']' : '}');
    break;
  default: codec_json_write(v, CODEC_JSON_COMPACT, out); break;
  }
}

/// Joins show the keys that they know as they cast them, GroupBys all as they came.
void fj_entity_keys(const struct fetch_json *j, size_t r, struct chn_buf *out)
{
  const struct codec_json *row = &j->rows->members[r].value;
  chn_buf_adds(out, "\"entityKeys\":{");
  for (int32_t i = 0; i < row->n; i++) {
    const char *key = row->members[i].key;
    const int32_t at = j->kind == FETCH_JOIN ? row_schema_find(&j->keys, key) : -1;
    if (i > 0) {
      chn_buf_addc(out, ',');
    }
    fj_string(key, strlen(key), out);
    chn_buf_addc(out, ':');
    if (at >= 0 && !row_is_null(&j->cols[at], r)) {
      fetch_json_value(&j->cols[at], r, FETCH_JSON_PLAIN, out);
    } else {
      add_given(&row->members[i].value, out);
    }
  }
  chn_buf_addc(out, '}');
}

/// Writes `,"feature":` of each feature once a plan.
void fj_fit_names(struct fetch_json *j, const struct fetch_plan *plan)
{
  const struct row_schema *features = fetch_plan_features(plan);
  if (j->named == plan->id) {
    return;
  }
  j->named = plan->id;
  j->n_names = features->n_fields;
  j->name_at = chn_realloc(j->name_at, ((size_t)j->n_names + 1) * sizeof *j->name_at);
  chn_buf_clear(&j->names);
  for (int32_t c = 0; c < j->n_names; c++) {
    const char *name = features->fields[c].name;
    j->name_at[c] = j->names.len;
    chn_buf_addc(&j->names, ',');
    fj_string(name, strlen(name), &j->names);
    chn_buf_addc(&j->names, ':');
  }
  j->name_at[j->n_names] = j->names.len;
}

static void add_name(const struct fj_writing *w, int32_t c, bool first)
{
  const size_t from = w->j->name_at[c] + (first ? 1 : 0);
  chn_buf_add(w->out, w->j->names.data + from, w->j->name_at[c + 1] - from);
}

/// The entries of the row that are errors.
static void add_errors(struct fj_writing *w, size_t r, bool first)
{
  const struct fetch_result *q = w->result;
  for (; w->error < q->n_errors && q->errors[w->error].row == r; w->error++) {
    const struct fetch_error *e = &q->errors[w->error];
    if (!first) {
      chn_buf_addc(w->out, ',');
    }
    fj_string(e->name, strlen(e->name), w->out);
    chn_buf_addc(w->out, ':');
    fj_string(e->text, strlen(e->text), w->out);
    first = false;
  }
}

static void add_plain(struct fj_writing *w, size_t r)
{
  const struct fetch_result *q = w->result;
  bool first = true;
  chn_buf_adds(w->out, ",\"features\":{");
  for (int32_t c = 0; c < w->j->n_names; c++) {
    const uint8_t cell = q->cells[(size_t)c * q->n + r];
    if (cell == FETCH_ABSENT) {
      continue;
    }
    add_name(w, c, first);
    first = false;
    if (cell == FETCH_NULL) {
      chn_buf_add(w->out, "null", 4);
    } else {
      fetch_json_value(&q->cols[c], r, FETCH_JSON_PLAIN, w->out);
    }
  }
  add_errors(w, r, first);
  chn_buf_addc(w->out, '}');
}

static void add_detailed(struct fj_writing *w, size_t r)
{
  const struct fetch_result *q = w->result;
  chn_buf_adds(w->out, ",\"features\":{");
  for (int32_t c = 0; c < w->j->n_names; c++) {
    const size_t cell = (size_t)c * q->n + r;
    add_name(w, c, c == 0);
    chn_buf_adds(w->out, "{\"value\":");
    if (q->cells[cell] == FETCH_VALUE) {
      fetch_json_value(&q->cols[c], r, FETCH_JSON_DETAILED, w->out);
    } else {
      chn_buf_add(w->out, "null", 4);
    }
    chn_buf_addf(w->out, ",\"status\":\"%s\"}",
                 fetch_status_name((enum fetch_status)q->status[cell]));
  }
  chn_buf_adds(w->out, "},\"errors\":{");
  add_errors(w, r, true);
  chn_buf_addc(w->out, '}');
}

void fj_begin_row(struct fj_writing *w, size_t r, bool failed)
{
  if (w->any) {
    chn_buf_addc(w->out, ',');
  }
  w->any = true;
  chn_buf_adds(w->out, failed ? "{\"status\":\"Failure\"," : "{\"status\":\"Success\",");
  fj_entity_keys(w->j, r, w->out);
}

void fj_add_row(struct fj_writing *w, size_t r, size_t asked)
{
  const struct fetch_result *q = w->result;
  const enum fetch_row row = (enum fetch_row)q->rows[r];
  if (row == FETCH_ROW_DROPPED && w->form == FETCH_JSON_PLAIN) {
    return;
  }
  fj_begin_row(w, asked, row == FETCH_ROW_FAILED);
  if (row == FETCH_ROW_FAILED) {
    chn_buf_adds(w->out, ",\"error\":");
    fj_string(q->row_errors[r], strlen(q->row_errors[r]), w->out);
  } else if (w->form == FETCH_JSON_DETAILED) {
    add_detailed(w, r);
  } else if (row == FETCH_ROW_VALUES) {
    add_plain(w, r);
  }
  while (w->error < q->n_errors && q->errors[w->error].row <= r) {
    w->error++; // of rows that show none
  }
  chn_buf_addc(w->out, '}');
}

void fetch_json_write(struct fetch_json *j, const struct fetch_result *result,
                      enum fetch_json_form form, struct chn_buf *out)
{
  struct fj_writing w = { .j = j, .result = result, .form = form, .out = out };
  fj_fit_names(j, result->plan);
  chn_buf_adds(out, "{\"results\":[");
  for (size_t r = 0; r < result->n; r++) {
    fj_add_row(&w, r, r);
  }
  chn_buf_adds(out, "]}");
}
