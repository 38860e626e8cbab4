// A request's body to columns.
#include <stdlib.h>
#include <string.h>

#include "fetcher/json_int.h"

struct fetch_json *fetch_json_new(void)
{
  struct fetch_json *j = chn_calloc(1, sizeof *j);
  j->kept.max = j->answer.max = CHN_BUF_MAX;
  return j;
}

static void free_builders(struct fetch_json *j)
{
  for (int32_t i = 0; i < j->n_builders; i++) {
    row_builder_free(j->builders[i]);
    row_builder_free(j->rest[i]);
  }
  free(j->builders);
  free(j->rest);
  free(j->rest_cols);
  free(j->types);
  free(j->cols);
  j->builders = NULL;
  j->rest = NULL;
  j->rest_cols = NULL;
  j->types = NULL;
  j->cols = NULL;
  j->n_builders = 0;
}

void fetch_json_free(struct fetch_json *j)
{
  if (j == NULL) {
    return;
  }
  free_builders(j);
  chn_buf_deinit(&j->names);
  free(j->name_at);
  chn_buf_deinit(&j->kept);
  chn_buf_deinit(&j->questions);
  chn_buf_deinit(&j->watches);
  chn_buf_deinit(&j->answer);
  free(j->asked);
  free(j->rest_rows);
  free(j->rest_at);
  arena_deinit(&j->types_arena);
  arena_deinit(&j->arena);
  free(j);
}

/// Builders of the plan's keys. They outlive it, so types that are not shared by all plans, which a
/// contextual source may have, are copied.
static void fit_builders(struct fetch_json *j, const struct row_schema *keys)
{
  bool same = j->n_builders == keys->n_fields && j->builders != NULL;
  for (int32_t i = 0; i < keys->n_fields && same; i++) {
    const struct row_type *type = keys->fields[i].type;
    same = j->types[i] == type || row_type_equal(j->types[i], type);
  }
  if (!same) {
    const size_t n = (size_t)keys->n_fields + 1;
    free_builders(j);
    arena_reset(&j->types_arena);
    const struct row_schema copy = row_schema_copy(&j->types_arena, keys);
    j->n_builders = keys->n_fields;
    j->builders = chn_calloc(n, sizeof(struct row_builder *));
    j->rest = chn_calloc(n, sizeof(struct row_builder *));
    j->rest_cols = chn_calloc(n, sizeof *j->rest_cols);
    j->types = chn_calloc(n, sizeof(struct row_type *));
    j->cols = chn_calloc(n, sizeof *j->cols);
    for (int32_t i = 0; i < keys->n_fields; i++) {
      const enum row_kind kind = keys->fields[i].type->kind;
      j->types[i] = kind < ROW_MAP ? row_scalar(kind) : copy.fields[i].type;
      j->builders[i] = row_builder_new(j->types[i]);
      j->rest[i] = row_builder_new(j->types[i]);
    }
  }
  for (int32_t i = 0; i < j->n_builders; i++) {
    row_builder_clear(j->builders[i]);
  }
}

static bool scalar_of(const struct codec_json *v, struct cast_from *out)
{
  switch (v->kind) {
  case CODEC_JSON_BOOL:
    *out = (struct cast_from){ .kind = CAST_BOOL, .whole = v->as.boolean };
    return true;
  case CODEC_JSON_INT:
    *out = (struct cast_from){ .kind = CAST_INT, .whole = v->as.integer };
    return true;
  case CODEC_JSON_REAL:
    *out = (struct cast_from){ .kind = CAST_REAL, .real = v->as.real };
    return true;
  case CODEC_JSON_STRING:
    *out = (struct cast_from){ .kind = CAST_TEXT, .text = v->text, .len = v->text_len };
    return true;
  default: return false;
  }
}

static const char *cannot_encode(struct fetch_json *j, const struct fetch_plan *plan)
{
  return arena_printf(&j->arena,
                      "Failed to encode key for %s: Couldn't encode request keys or casted keys",
                      fetch_plan_name(plan));
}

/// What a word says where texts are not cast: its JSON, or else itself.
static const struct codec_json *word(struct fetch_json *j, enum row_kind kind,
                                     const struct codec_json *v)
{
  const struct codec_json *said = NULL;
  struct chn_err ignored;
  const bool cast = kind == ROW_LONG || kind == ROW_DOUBLE || kind == ROW_STRING;
  if (v == NULL || v->kind != CODEC_JSON_STRING || cast || kind == ROW_BINARY ||
      codec_json_parse(&j->arena, v->text, v->text_len, "key", &said, &ignored) != CHN_OK ||
      said->kind == CODEC_JSON_STRING || said->kind == CODEC_JSON_NULL) {
    return v;
  }
  return said;
}

/// One key of one row. Returns why it means nothing, or NULL.
static const char *read_key(struct fetch_json *j, const struct fetch_plan *plan, int32_t k,
                            const struct codec_json *given)
{
  const struct codec_json *v = j->words ? word(j, j->types[k]->kind, given) : given;
  struct row_builder *b = j->builders[k];
  struct cast_from from;
  const char *why = NULL;
  if (v == NULL || v->kind == CODEC_JSON_NULL) {
    row_builder_null(b);
    return NULL;
  }
  if (j->types[k]->kind >= ROW_MAP && fj_fits(j->types[k], v)) {
    fj_put(b, j->types[k], v);
    return NULL;
  }
  if (scalar_of(v, &from) && fetch_cast_put(b, j->types[k], &from, &j->arena, &why)) {
    return NULL;
  }
  row_builder_null(b);
  return why == NULL || strncmp(why, "For input", 9) != 0 ? cannot_encode(j, plan) : why;
}

/// The row's members as Scala prints a Map's, for messages about missing keys.
static const char *row_text(struct fetch_json *j, const struct codec_json *row)
{
  struct chn_buf text = { 0 };
  for (int32_t i = 0; i < row->n; i++) {
    const struct codec_json *v = &row->members[i].value;
    chn_buf_addf(&text, "%s%s -> ", i > 0 ? ", " : "", row->members[i].key);
    if (v->kind == CODEC_JSON_STRING) {
      chn_buf_add(&text, v->text, v->text_len);
    } else if (v->kind == CODEC_JSON_REAL) {
      fetch_java_double(v->as.real, &text);
    } else {
      codec_json_write(v, CODEC_JSON_COMPACT, &text);
    }
  }
  const char *copy = arena_strdup(&j->arena, chn_buf_str(&text));
  chn_buf_deinit(&text);
  return copy;
}

static chn_status parse(struct fetch_json *j, const char *text, size_t len, struct chn_err *err)
{
  arena_reset(&j->arena);
  j->rows = NULL;
  j->n = 0;
  const chn_status s = codec_json_parse(&j->arena, text, len, "body", &j->rows, err);
  if (s != CHN_OK) {
    return s;
  }
  if (j->rows->kind != CODEC_JSON_ARRAY) {
    return chn_fail(err, CHN_E_CORRUPT, "body:%d:%d: %s, want an array of key objects",
                    (int)j->rows->line, (int)j->rows->column, codec_json_kind_name(j->rows->kind));
  }
  for (int32_t r = 0; r < j->rows->n; r++) {
    const struct codec_json *row = &j->rows->members[r].value;
    if (row->kind != CODEC_JSON_OBJECT) {
      return chn_fail(err, CHN_E_CORRUPT, "body:%d:%d: %s, want an object of keys", (int)row->line,
                      (int)row->column, codec_json_kind_name(row->kind));
    }
  }
  j->n = (size_t)j->rows->n;
  return CHN_OK;
}

static chn_status read_body(struct fetch_json *j, const struct fetch_plan *plan, const char *text,
                            size_t len, struct fetch_request *out, struct chn_err *err)
{
  const chn_status s = parse(j, text, len, err);
  if (s != CHN_OK) {
    return s;
  }
  const struct row_schema *keys = fetch_plan_keys(plan);
  uint8_t *missing = arena_calloc(&j->arena, (size_t)keys->n_fields * j->n + 1, 1);
  const char **refused = arena_calloc(&j->arena, j->n + 1, sizeof(char *));
  const char **texts = arena_calloc(&j->arena, j->n + 1, sizeof(char *));
  bool any_missing = false;
  bool any_refused = false;
  fit_builders(j, keys);
  j->kind = fetch_plan_kind(plan);
  j->keys = *keys;
  for (size_t r = 0; r < j->n; r++) {
    const struct codec_json *row = &j->rows->members[r].value;
    for (int32_t k = 0; k < keys->n_fields; k++) {
      const struct codec_json *v = codec_json_get(row, keys->fields[k].name);
      const char *why = read_key(j, plan, k, v);
      missing[(size_t)k * j->n + r] = v == NULL ? FETCH_KEY_MISSING : FETCH_KEY_GIVEN;
      refused[r] = refused[r] == NULL ? why : refused[r];
      any_refused = any_refused || why != NULL;
      if (v == NULL && texts[r] == NULL) {
        texts[r] = row_text(j, row);
        any_missing = true;
      }
    }
  }
  for (int32_t k = 0; k < keys->n_fields; k++) {
    j->cols[k] = *row_builder_col(j->builders[k]);
  }
  *out = (struct fetch_request){
    .plan = plan,
    .n = j->n,
    .keys = j->cols,
    .missing = any_missing ? missing : NULL,
    .refused = any_refused ? refused : NULL,
    .keys_text = any_missing ? texts : NULL,
  };
  return CHN_OK;
}

chn_status fetch_json_read(struct fetch_json *j, const struct fetch_plan *plan, const char *text,
                           size_t len, struct fetch_request *out, struct chn_err *err)
{
  j->words = false;
  return read_body(j, plan, text, len, out, err);
}

chn_status fetch_json_read_words(struct fetch_json *j, const struct fetch_plan *plan,
                                 const char *text, size_t len, struct fetch_request *out,
                                 struct chn_err *err)
{
  j->words = true;
  return read_body(j, plan, text, len, out, err);
}

chn_status fetch_json_refuse(struct fetch_json *j, const char *text, size_t len, const char *why,
                             enum fetch_json_form form, struct chn_buf *out, struct chn_err *err)
{
  (void)form; // a failure is the same in both
  const chn_status s = parse(j, text, len, err);
  if (s != CHN_OK) {
    return s;
  }
  j->kind = FETCH_GROUP_BY;
  chn_buf_adds(out, "{\"results\":[");
  bool first = true;
  for (size_t r = 0; r < j->n; r++) {
    const struct codec_json *row = &j->rows->members[r].value;
    bool dropped = false;
    for (int32_t i = 0; i < row->n; i++) {
      dropped = dropped || row->members[i].value.kind == CODEC_JSON_NULL;
    }
    if (!dropped) {
      chn_buf_adds(out, first ? "{\"status\":\"Failure\"," : ",{\"status\":\"Failure\",");
      fj_entity_keys(j, r, out);
      chn_buf_adds(out, ",\"error\":");
      fj_string(why, strlen(why), out);
      chn_buf_addc(out, '}');
      first = false;
    }
  }
  chn_buf_adds(out, "]}");
  return CHN_OK;
}
