// Answers for people and for programs.
//
// The document that the fetcher makes is the one source of both: Chronon's pretty JSON with sorted
// names, and a table of features.
#include <stdlib.h>
#include <string.h>

#include "cli/fetch.h"

static const char NO_DATA[] = "No data present for the provided key.";

static const struct cli_column columns[] = {
  { "keys", false }, { "feature", false }, { "value", false }, { "status", false }
};

// ---- sorted JSON ------------------------------------------------------------------------------

static int by_key(const void *x, const void *y)
{
  return strcmp(((const struct codec_json_member *)x)->key,
                ((const struct codec_json_member *)y)->key);
}

struct codec_json *cli_json_sorted(struct arena *a, const struct codec_json *v)
{
  struct codec_json *out = arena_alloc(a, sizeof *out);
  *out = *v;
  if ((v->kind != CODEC_JSON_OBJECT && v->kind != CODEC_JSON_ARRAY) || v->n == 0) {
    return out;
  }
  out->members = arena_alloc(a, (size_t)v->n * sizeof *out->members);
  for (int32_t i = 0; i < v->n; i++) {
    out->members[i] =
        (struct codec_json_member){ v->members[i].key, *cli_json_sorted(a, &v->members[i].value) };
  }
  if (v->kind == CODEC_JSON_OBJECT) {
    qsort(out->members, (size_t)v->n, sizeof *out->members, by_key);
  }
  return out;
}

// ---- a row ------------------------------------------------------------------------------------

/// `user=5, item=x`, or that there are none.
static const char *keys_text(struct arena *a, const struct codec_json *keys)
{
  struct chn_buf out = { 0 };
  for (int32_t i = 0; keys != NULL && i < keys->n; i++) {
    const struct codec_json *v = &keys->members[i].value;
    chn_buf_addf(&out, "%s%s=", i > 0 ? ", " : "", keys->members[i].key);
    if (v->kind == CODEC_JSON_STRING) {
      chn_buf_add(&out, v->text, v->text_len);
    } else {
      codec_json_write(v, CODEC_JSON_COMPACT, &out);
    }
  }
  const char *text = out.len > 0 ? arena_strdup(a, chn_buf_str(&out)) : "no keys";
  chn_buf_deinit(&out);
  return text;
}

static void add_value(struct cli_fetch_printer *p, const struct codec_json *v)
{
  struct chn_buf out = { 0 };
  if (v == NULL || v->kind == CODEC_JSON_NULL) {
    cli_grid_add(&p->grid, NULL);
    return;
  }
  if (v->kind == CODEC_JSON_STRING) {
    cli_grid_add(&p->grid, v->text);
    return;
  }
  codec_json_write(v, CODEC_JSON_COMPACT, &out);
  cli_grid_add(&p->grid, chn_buf_str(&out));
  chn_buf_deinit(&out);
}

static void add_line(struct cli_fetch_printer *p, const char *keys, const char *feature,
                     const struct codec_json *value, const char *status)
{
  if (!p->one) {
    cli_grid_add(&p->grid, keys);
  }
  cli_grid_add(&p->grid, feature);
  add_value(p, value);
  if (p->detailed) {
    cli_grid_add(&p->grid, status);
  }
}

static bool is_exception(const char *feature)
{
  static const char suffix[] = "_exception";
  const size_t len = strlen(feature), n = sizeof suffix - 1;
  return len > n && strcmp(feature + len - n, suffix) == 0;
}

/// The lines of a row: one a feature, then its errors.
static void add_lines(struct cli_fetch_printer *p, struct arena *a, const struct codec_json *row)
{
  const struct codec_json *features = codec_json_get(row, "features");
  const struct codec_json *errors = codec_json_get(row, "errors");
  const char *keys = keys_text(a, codec_json_get(row, "entityKeys"));
  for (int32_t i = 0; features != NULL && i < features->n; i++) {
    const struct codec_json *v = &features->members[i].value;
    const struct codec_json *status = p->detailed ? codec_json_get(v, "status") : NULL;
    add_line(p, keys, features->members[i].key, p->detailed ? codec_json_get(v, "value") : v,
             status != NULL ? status->text : NULL);
  }
  for (int32_t i = 0; errors != NULL && i < errors->n; i++) {
    add_line(p, keys, errors->members[i].key, &errors->members[i].value, "error");
  }
}

static void json_row(struct cli_fetch_printer *p, struct arena *a, const struct codec_json *row)
{
  const struct codec_json *error = codec_json_get(row, "error");
  const struct codec_json *features = codec_json_get(row, "features");
  const struct codec_json *errors = codec_json_get(row, "errors");
  if (error == NULL && features == NULL) {
    codec_json_null(&p->json);
  } else if (error == NULL && errors == NULL) {
    codec_json_value(&p->json, cli_json_sorted(a, features));
  } else {
    codec_json_begin(&p->json, '{');
    if (error != NULL) {
      codec_json_key(&p->json, "error");
      codec_json_value(&p->json, error);
    } else {
      codec_json_key(&p->json, "errors");
      codec_json_value(&p->json, cli_json_sorted(a, errors));
      codec_json_key(&p->json, "features");
      codec_json_value(&p->json, cli_json_sorted(a, features));
    }
    codec_json_end(&p->json, '}');
  }
}

static void tell(struct cli_fetch_printer *p, const char *keys, const char *what)
{
  if (p->one) {
    cli_note(p->ctx, "%s", what);
  } else {
    cli_note(p->ctx, "%s: %s", keys, what);
  }
}

/// What a part could not give, whole: a cell of a table may be cut.
static void tell_errors(struct cli_fetch_printer *p, struct arena *a, const char *keys,
                        const struct codec_json *all)
{
  for (int32_t i = 0; all != NULL && i < all->n; i++) {
    const struct codec_json_member *m = &all->members[i];
    if (is_exception(m->key) && m->value.kind == CODEC_JSON_STRING) {
      tell(p, keys, arena_printf(a, "%s: %s", m->key, m->value.text));
    }
  }
}

/// A row of the answer; NULL: one that Chronon's list leaves out.
static void add_row(struct cli_fetch_printer *p, const struct codec_json *row, enum fetch_row state)
{
  struct arena a = { 0 };
  const struct codec_json *error = codec_json_get(row, "error");
  const char *keys = keys_text(&a, codec_json_get(row, "entityKeys"));
  const struct codec_json *features = codec_json_get(row, "features");
  p->rows++;
  if (state == FETCH_ROW_FAILED) {
    p->failed++;
    p->cause = p->cause == NULL ? chn_strdup(error != NULL ? error->text : "") : p->cause;
    if (!p->one) {
      tell(p, keys, error != NULL ? error->text : "");
    }
  } else if (state == FETCH_ROW_DROPPED) {
    tell(p, row != NULL ? keys : "a row", "a key is null: there is no answer");
  } else if (state == FETCH_ROW_NONE || features == NULL || features->n == 0) {
    tell(p, keys, NO_DATA);
  }
  if (p->ctx->style.format == CLI_JSON) {
    json_row(p, &a, row);
  } else {
    add_lines(p, &a, row);
    tell_errors(p, &a, keys, codec_json_get(row, p->detailed ? "errors" : "features"));
  }
  arena_deinit(&a);
}

// ---- the whole --------------------------------------------------------------------------------

void cli_fetch_print_begin(struct cli_fetch_printer *p, const struct cli_context *ctx,
                           bool detailed, bool one)
{
  *p = (struct cli_fetch_printer){ .ctx = ctx, .detailed = detailed, .one = one };
  cli_grid_init(&p->grid, one ? columns + 1 : columns, 4 - one - !detailed);
  codec_json_writer_init(&p->json, &p->out, CODEC_JSON_JACKSON);
  if (!one && ctx->style.format == CLI_JSON) {
    codec_json_begin(&p->json, '[');
  }
}

chn_status cli_fetch_print_add(struct cli_fetch_printer *p, const struct fetch_result *result,
                               const char *text, size_t len, struct chn_err *err)
{
  struct arena a = { 0 };
  const struct codec_json *doc = NULL;
  const chn_status s = codec_json_parse(&a, text, len, "the answer", &doc, err);
  const struct codec_json *rows = codec_json_get(doc, "results");
  int32_t at = 0;
  for (size_t r = 0; s == CHN_OK && r < result->n; r++) {
    const bool left_out = result->rows[r] == FETCH_ROW_DROPPED && !p->detailed;
    const struct codec_json *row = left_out || at >= rows->n ? NULL : &rows->members[at++].value;
    add_row(p, row, (enum fetch_row)result->rows[r]);
  }
  arena_deinit(&a);
  return s;
}

chn_status cli_fetch_print_end(struct cli_fetch_printer *p, struct chn_err *err)
{
  chn_status s = CHN_OK;
  if (p->ctx->style.format == CLI_JSON) {
    if (!p->one) {
      codec_json_end(&p->json, ']');
    }
    chn_buf_addc(&p->out, '\n');
  } else if (p->grid.n_cells > 0) {
    cli_grid_print(&p->grid, &p->ctx->style, &p->out);
  }
  if (!cli_print(&p->out)) {
    s = chn_fail(err, CHN_E_IO, "stdout cannot be written");
  } else if (p->failed > 0) {
    s = p->one ? chn_fail(err, CHN_E_ARGUMENT, "%s", p->cause)
               : chn_fail(err, CHN_E_ARGUMENT, "%lld of %lld rows failed, the first: %s",
                          (long long)p->failed, (long long)p->rows, p->cause);
  }
  fflush(stdout);
  free(p->cause);
  chn_buf_deinit(&p->out);
  cli_grid_deinit(&p->grid);
  return s;
}
