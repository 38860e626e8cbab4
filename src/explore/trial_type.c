// Types of columns out of the values of rows.
#include <string.h>

#include "explore/trial_int.h"

/// The values of one column, or of one place inside it.
struct values {
  const struct codec_json **at;
  int32_t n;
};

static chn_status type_of(struct arena *a, const struct values *v, const char *what,
                          const char **out, struct chn_err *err);

static void add_value(struct values *v, const struct codec_json *x)
{
  v->at[v->n++] = x;
}

static chn_status list_type(struct arena *a, const struct values *v, const char *what,
                            const char **out, struct chn_err *err)
{
  size_t n = 0;
  for (int32_t i = 0; i < v->n; i++) {
    n += v->at[i]->kind == CODEC_JSON_ARRAY ? (size_t)v->at[i]->n : 0;
  }
  struct values inner = { arena_calloc(a, n + 1, sizeof *inner.at), 0 };
  for (int32_t i = 0; i < v->n; i++) {
    for (int32_t k = 0; v->at[i]->kind == CODEC_JSON_ARRAY && k < v->at[i]->n; k++) {
      add_value(&inner, &v->at[i]->members[k].value);
    }
  }
  const char *element = NULL;
  const chn_status s = type_of(a, &inner, what, &element, err);
  *out = s == CHN_OK ? arena_printf(a, "%s[]", element) : NULL;
  return s;
}

static bool has_name(const char *const *names, int32_t n, const char *name)
{
  for (int32_t i = 0; i < n; i++) {
    if (strcmp(names[i], name) == 0) {
      return true;
    }
  }
  return false;
}

/// The names of all objects' members in order of appearance.
static const char **member_names(struct arena *a, const struct values *v, int32_t *n)
{
  size_t most = 0;
  for (int32_t i = 0; i < v->n; i++) {
    most += (size_t)v->at[i]->n;
  }
  const char **names = arena_calloc(a, most + 1, sizeof *names);
  for (int32_t i = 0; i < v->n; i++) {
    for (int32_t k = 0; v->at[i]->kind == CODEC_JSON_OBJECT && k < v->at[i]->n; k++) {
      if (!has_name(names, *n, v->at[i]->members[k].key)) {
        names[(*n)++] = v->at[i]->members[k].key;
      }
    }
  }
  return names;
}

static chn_status struct_type(struct arena *a, const struct values *v, const char *what,
                              const char **out, struct chn_err *err)
{
  int32_t n = 0;
  const char **names = member_names(a, v, &n);
  const char *text = "STRUCT(";
  for (int32_t i = 0; i < n; i++) {
    struct values inner = { arena_calloc(a, (size_t)v->n + 1, sizeof *inner.at), 0 };
    for (int32_t k = 0; k < v->n; k++) {
      const struct codec_json *x = codec_json_get(v->at[k], names[i]);
      if (x != NULL) {
        add_value(&inner, x);
      }
    }
    const char *type = NULL;
    if (type_of(a, &inner, arena_printf(a, "%s.%s", what, names[i]), &type, err) != CHN_OK) {
      return err->code;
    }
    text = arena_printf(a, "%s%s%s %s", text, i > 0 ? ", " : "", wh_quote_name(a, names[i]), type);
  }
  *out = arena_printf(a, "%s)", text);
  return CHN_OK;
}

static chn_status type_of(struct arena *a, const struct values *v, const char *what,
                          const char **out, struct chn_err *err)
{
  int32_t seen[CODEC_JSON_OBJECT + 1] = { 0 };
  int32_t kinds = 0;
  const char *names[2] = { NULL, NULL };
  for (int32_t i = 0; i < v->n; i++) {
    enum codec_json_kind kind = v->at[i]->kind;
    kind = kind == CODEC_JSON_INT ? CODEC_JSON_REAL : kind; // one kind, of two widths
    if (kind != CODEC_JSON_NULL && seen[kind]++ == 0 && kinds < 2) {
      names[kinds++] = kind == CODEC_JSON_REAL ? "a number" : codec_json_kind_name(kind);
    }
  }
  if (kinds > 1) {
    return chn_fail(err, CHN_E_ARGUMENT,
                    "%s has values of two types, %s and %s: write them alike, or give the type, "
                    "columns = { name = \"string\" }",
                    what, names[0], names[1]);
  }
  bool whole = true;
  for (int32_t i = 0; i < v->n; i++) {
    whole = whole && v->at[i]->kind != CODEC_JSON_REAL;
  }
  if (seen[CODEC_JSON_ARRAY] > 0) {
    return list_type(a, v, what, out, err);
  }
  if (seen[CODEC_JSON_OBJECT] > 0) {
    return struct_type(a, v, what, out, err);
  }
  *out = seen[CODEC_JSON_BOOL] > 0   ? "BOOLEAN"
         : seen[CODEC_JSON_REAL] > 0 ? (whole ? "BIGINT" : "DOUBLE")
                                     : "VARCHAR";
  return CHN_OK;
}

chn_status trial_type(struct arena *a, const char *column, const struct codec_json *rows,
                      int32_t n_rows, const char **out, struct chn_err *err)
{
  struct values v = { arena_calloc(a, (size_t)n_rows + 1, sizeof *v.at), 0 };
  for (int32_t i = 0; i < n_rows; i++) {
    const struct codec_json *x = codec_json_get(&rows[i], column);
    if (x != NULL) {
      add_value(&v, x);
    }
  }
  return type_of(a, &v, column, out, err);
}
