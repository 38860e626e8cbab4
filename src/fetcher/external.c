// External parts of joins: the request's own keys (`contextual`), and sources that handlers answer.
// One call a source and run, with each question once, whichever joins and rows ask it.
#include <stdlib.h>
#include <string.h>

#include "fetcher/fetcher_int.h"
#include "model/names.h"

/// A part that asks a source.
struct asker {
  struct ext_use *use;
  const struct fetch_ext *ext;
  int64_t *question; ///< of each row; -1: none
  bool done;
};

/// The questions to one source, and its answers.
struct source_call {
  struct fetch_session *s;
  const struct fetch_ext *ext;
  struct chn_dict *seen;
  struct fetch_cols keys;
  struct row_col *key_cols;
  struct row_builder **outs;
  struct row_col *answers;
  const char **errors;
  const char *failure; ///< of all
};

static void mark_ext(struct fetch_job *j, const struct fetch_ext *e, int32_t value, size_t r,
                     bool failed)
{
  const size_t column = (size_t)(e->first + value);
  const bool null = row_is_null(&j->base[column], r);
  const size_t cell = column * j->n + r;
  if (j->rows[r] != FETCH_ROW_VALUES || failed) {
    j->base_cells[cell] = FETCH_ABSENT;
    j->base_status[cell] = failed ? FETCH_S_ERROR : FETCH_S_MISSING_KEY;
  } else {
    j->base_cells[cell] = null ? FETCH_NULL : FETCH_VALUE;
    j->base_status[cell] = null ? FETCH_S_NULL : FETCH_S_PRESENT;
  }
}

// ---- contextual -------------------------------------------------------------------------------

static void echo(struct fetch_session *s, struct ext_use *use, const struct fetch_ext *e)
{
  struct fetch_job *j = use->job;
  for (int32_t i = 0; i < e->values.n_fields; i++) {
    const int32_t key = row_schema_find(&e->keys, e->values.fields[i].name);
    const struct row_type *type = e->values.fields[i].type;
    const struct row_col *from = key >= 0 ? &use->request->keys[e->key_at[key]] : NULL;
    struct row_col *to = &j->base[e->first + i];
    if (from != NULL && row_type_equal(from->type, type)) {
      *to = *from;
    } else {
      struct row_builder *b = fetch_session_temp(s, type);
      for (size_t r = 0; r < j->n; r++) {
        const char *why = NULL;
        if (from == NULL || !fetch_cast_value(b, type, from, r, &s->arena, &why)) {
          row_builder_null(b);
        }
      }
      *to = *row_builder_col(b);
    }
    for (size_t r = 0; r < j->n; r++) {
      mark_ext(j, e, i, r, false);
    }
  }
}

// ---- questions --------------------------------------------------------------------------------

/// The number of a row's question, new or one that was asked before.
static int64_t question_of(struct source_call *c, const struct row_col *cols, size_t r)
{
  struct chn_buf bytes = { 0 };
  int64_t id = -1;
  if (avro_encode(c->ext->key, cols, r, &bytes, &c->s->err) == CHN_OK) {
    const int32_t before = chn_dict_size(c->seen);
    id = chn_dict_intern(c->seen, chn_buf_str(&bytes), bytes.len);
    for (int32_t k = 0; id == before && k < c->keys.n; k++) {
      row_builder_append(c->keys.at[k], &cols[k], r, 1);
    }
  }
  chn_buf_deinit(&bytes);
  return id;
}

static void ask(struct source_call *c, struct asker *a)
{
  const struct fetch_request *q = a->use->request;
  const struct fetch_ext *e = a->ext;
  struct fetch_job *j = a->use->job;
  struct row_col *cols = arena_calloc(&c->s->arena, (size_t)e->keys.n_fields + 1, sizeof *cols);
  bool *bad = arena_calloc(&c->s->arena, j->n + 1, sizeof *bad);
  for (int32_t k = 0; k < e->keys.n_fields; k++) {
    struct row_builder *b = fetch_session_temp(c->s, e->keys.fields[k].type);
    for (size_t r = 0; r < j->n; r++) {
      const char *why = NULL;
      const struct row_col *from = &q->keys[e->key_at[k]];
      if (row_type_equal(from->type, e->keys.fields[k].type)) {
        row_builder_append(b, from, r, 1);
      } else if (!fetch_cast_value(b, e->keys.fields[k].type, from, r, &c->s->arena, &why)) {
        row_builder_null(b);
        bad[r] = true;
        fetch_job_error(c->s, j, r, e->exception, why);
      }
    }
    cols[k] = *row_builder_col(b);
  }
  a->question = arena_alloc(&c->s->arena, (j->n + 1) * sizeof *a->question);
  for (size_t r = 0; r < j->n; r++) {
    a->question[r] = -1;
    if (j->rows[r] != FETCH_ROW_VALUES || bad[r]) {
      continue;
    }
    const char *missing =
        fetch_run_missing(c->s, q, e->prefix, e->left_names, e->key_at, e->keys.n_fields, r);
    if (missing != NULL) {
      fetch_job_error(c->s, j, r, e->exception, missing);
    } else if ((a->question[r] = question_of(c, cols, r)) < 0) {
      fetch_job_error(c->s, j, r, e->exception, arena_strdup(&c->s->arena, c->s->err.msg));
    }
  }
}

// ---- handlers ---------------------------------------------------------------------------------

/// What answers a source: a registered handler, or one that its factoryConfig asks for.
static chn_status find_handler(struct source_call *c, struct ext_source *built_in,
                               struct fetch_handler *out, struct chn_err *err)
{
  struct fetcher *f = c->s->fetcher;
  *out = fetcher_handler(f, c->ext->source);
  if (out->fn != NULL) {
    return CHN_OK;
  }
  const struct model_external_source_factory_config *factory = c->ext->conf->source->factory_config;
  const char *name = factory != NULL ? factory->factory_name : NULL;
  *built_in = (struct ext_source){ f, factory };
  out->self = built_in;
  if (name != NULL && strcmp(name, "http") == 0) {
    out->fn = fetch_external_http;
  } else if (name != NULL && strcmp(name, "lua") == 0) {
    out->fn = fetch_external_lua;
  } else if (name != NULL) {
    return chn_fail(err, CHN_E_NOT_FOUND,
                    "%s is not registered among handlers: its factory '%s' is unknown, available "
                    "factories: [http, lua]",
                    c->ext->source, name);
  } else {
    return chn_fail(err, CHN_E_NOT_FOUND,
                    "%s is not registered among handlers: [contextual]; give the source a "
                    "factoryConfig (http, lua) or register a handler",
                    c->ext->source);
  }
  return CHN_OK;
}

static int32_t timeout_of(struct source_call *c)
{
  const struct model_external_source_factory_config *factory = c->ext->conf->source->factory_config;
  const char *text = factory != NULL ? model_pair_find(factory->factory_params,
                                                       factory->n_factory_params, "timeout_ms")
                                     : NULL;
  const long own = text != NULL ? strtol(text, NULL, 10) : 0;
  return own > 0 && own < 600000 ? (int32_t)own : c->s->fetcher->options.external_ms;
}

static void call(struct source_call *c)
{
  struct fetch_session *s = c->s;
  const size_t n = (size_t)chn_dict_size(c->seen);
  const int32_t n_values = c->ext->values.n_fields;
  struct fetch_handler handler;
  struct ext_source built_in;
  c->key_cols = arena_calloc(&s->arena, (size_t)c->keys.n + 1, sizeof *c->key_cols);
  for (int32_t k = 0; k < c->keys.n; k++) {
    c->key_cols[k] = *row_builder_col(c->keys.at[k]);
  }
  c->outs = arena_calloc(&s->arena, (size_t)n_values + 1, sizeof(struct row_builder *));
  c->answers = arena_calloc(&s->arena, (size_t)n_values + 1, sizeof *c->answers);
  c->errors = arena_calloc(&s->arena, n + 1, sizeof(char *));
  for (int32_t i = 0; i < n_values; i++) {
    c->outs[i] = fetch_session_temp(s, c->ext->values.fields[i].type);
  }
  const struct fetch_external_call question = {
    .source = c->ext->source,
    .keys = &c->ext->keys,
    .key_cols = c->key_cols,
    .n = n,
    .values = &c->ext->values,
    .outs = c->outs,
    .errors = c->errors,
    .arena = &s->arena,
    .timeout_ms = timeout_of(c),
  };
  chn_status status = find_handler(c, &built_in, &handler, &s->err);
  if (status == CHN_OK) {
    status = handler.fn(handler.self, &question, &s->err);
  }
  for (int32_t i = 0; i < n_values && status == CHN_OK; i++) {
    c->answers[i] = *row_builder_col(c->outs[i]);
    if (c->answers[i].count != n) {
      status =
          chn_fail(&s->err, CHN_E_CORRUPT, "%zu answers for %zu questions", c->answers[i].count, n);
    }
  }
  if (status != CHN_OK) {
    c->failure = arena_printf(&s->arena, "external source %s: %s", c->ext->source, s->err.msg);
  }
}

static void take_answers(struct source_call *c, struct asker *a)
{
  struct fetch_session *s = c->s;
  struct fetch_job *j = a->use->job;
  bool *failed = arena_calloc(&s->arena, j->n + 1, sizeof *failed);
  for (size_t r = 0; r < j->n; r++) {
    const int64_t q = a->question[r];
    const char *why = q < 0 ? NULL : c->failure != NULL ? c->failure : c->errors[q];
    failed[r] = why != NULL || (q < 0 && j->rows[r] == FETCH_ROW_VALUES);
    if (why != NULL) {
      fetch_job_error(s, j, r, a->ext->exception, why);
    }
  }
  for (int32_t i = 0; i < a->ext->values.n_fields; i++) {
    struct row_builder *b = fetch_session_temp(s, a->ext->values.fields[i].type);
    for (size_t r = 0; r < j->n; r++) {
      const int64_t none = -1;
      row_builder_gather(b, c->failure == NULL ? &c->answers[i] : NULL,
                         failed[r] ? &none : &a->question[r], 1);
    }
    j->base[a->ext->first + i] = *row_builder_col(b);
    for (size_t r = 0; r < j->n; r++) {
      mark_ext(j, a->ext, i, r, failed[r]);
    }
  }
  a->done = true;
}

static bool same_source(const struct fetch_ext *x, const struct fetch_ext *y)
{
  const struct row_type a = { ROW_STRUCT, NULL, x->keys.fields, x->keys.n_fields };
  const struct row_type b = { ROW_STRUCT, NULL, y->keys.fields, y->keys.n_fields };
  const struct row_type v = { ROW_STRUCT, NULL, x->values.fields, x->values.n_fields };
  const struct row_type w = { ROW_STRUCT, NULL, y->values.fields, y->values.n_fields };
  return strcmp(x->source, y->source) == 0 && row_type_equal(&a, &b) && row_type_equal(&v, &w);
}

/// Asks the source of askers[first], for all askers that it has.
static void run_source(struct fetch_session *s, struct asker *askers, size_t n, size_t first)
{
  struct source_call c = { .s = s, .ext = askers[first].ext, .seen = chn_dict_new(0) };
  c.keys.n = c.ext->keys.n_fields;
  c.keys.at = arena_calloc(&s->arena, (size_t)c.keys.n + 1, sizeof(struct row_builder *));
  for (int32_t k = 0; k < c.keys.n; k++) {
    c.keys.at[k] = fetch_session_temp(s, c.ext->keys.fields[k].type);
  }
  for (size_t i = first; i < n; i++) {
    if (!askers[i].done && same_source(askers[i].ext, c.ext)) {
      ask(&c, &askers[i]);
    }
  }
  if (chn_dict_size(c.seen) > 0) {
    call(&c);
  } else {
    c.failure = "nobody asks";
  }
  for (size_t i = first; i < n; i++) {
    if (askers[i].question != NULL && !askers[i].done) {
      take_answers(&c, &askers[i]);
    }
  }
  chn_dict_free(c.seen);
}

void fetch_external_run(struct fetch_session *s, struct ext_use *uses, size_t n)
{
  size_t n_askers = 0;
  for (size_t i = 0; i < n; i++) {
    n_askers += (size_t)uses[i].job->plan->join.n_exts;
  }
  struct asker *askers = arena_calloc(&s->arena, n_askers + 1, sizeof *askers);
  n_askers = 0;
  for (size_t i = 0; i < n; i++) {
    for (int32_t e = 0; e < uses[i].job->plan->join.n_exts; e++) {
      const struct fetch_ext *ext = &uses[i].job->plan->join.exts[e];
      if (ext->contextual) {
        echo(s, &uses[i], ext);
      } else {
        askers[n_askers++] = (struct asker){ .use = &uses[i], .ext = ext };
      }
    }
  }
  for (size_t i = 0; i < n_askers; i++) {
    if (!askers[i].done) {
      run_source(s, askers, n_askers, i);
    }
  }
}
