// Backfills as documents, and the rows of one beside those that are expected.
#include <string.h>

#include "base/near.h"
#include "base/time.h"
#include "batch/batch.h"
#include "explore/trial_int.h"
#include "fetcher/fetch_json.h"

// ---- a backfill's rows ------------------------------------------------------------------------

static chn_status read_chunk(struct arena *a, const struct row_col *cols, size_t n,
                             struct trial_answer *out, struct chn_err *err)
{
  struct chn_buf text = { 0 };
  chn_status s = CHN_OK;
  for (size_t r = 0; r < n && s == CHN_OK; r++) {
    struct codec_json *row = &out->rows[out->n_rows++];
    *row = (struct codec_json){ .kind = CODEC_JSON_OBJECT, .n = out->n_columns };
    row->members = arena_calloc(a, (size_t)out->n_columns + 1, sizeof *row->members);
    for (int32_t c = 0; c < out->n_columns && s == CHN_OK; c++) {
      const struct codec_json *value = NULL;
      chn_buf_clear(&text);
      if (row_is_null(&cols[c], r)) {
        chn_buf_adds(&text, "null");
      } else {
        fetch_json_value(&cols[c], r, FETCH_JSON_DETAILED, &text);
      }
      const char *copy = arena_strndup(a, chn_buf_str(&text), text.len);
      s = codec_json_parse(a, copy, text.len, out->columns[c], &value, err);
      if (s == CHN_OK) {
        row->members[c] = (struct codec_json_member){ out->columns[c], *value };
      }
    }
  }
  chn_buf_deinit(&text);
  return s;
}

chn_status trial_read(struct trial_run *r, const char *sql, struct trial_answer *out,
                      struct chn_err *err)
{
  struct arena *a = r->a;
  struct wh_rows *rows = NULL;
  chn_status s = wh_readable(r->t->wh, a, true, &sql, err);
  if (s == CHN_OK) {
    s = wh_rows_load(r->t->wh, sql, &rows, err);
  }
  if (s != CHN_OK) {
    return s;
  }
  const struct row_schema *schema = wh_rows_schema(rows);
  struct row_col *cols = arena_calloc(a, (size_t)schema->n_fields + 1, sizeof *cols);
  out->n_columns = schema->n_fields;
  out->columns = arena_calloc(a, (size_t)schema->n_fields + 1, sizeof *out->columns);
  out->rows = arena_calloc(a, wh_rows_count(rows) + 1, sizeof *out->rows);
  for (int32_t c = 0; c < schema->n_fields; c++) {
    out->columns[c] = arena_strdup(a, schema->fields[c].name);
  }
  for (size_t k = 0; k < wh_rows_chunks(rows) && s == CHN_OK; k++) {
    s = read_chunk(a, cols, wh_rows_chunk(rows, k, cols), out, err);
  }
  wh_rows_free(rows);
  return s;
}

static chn_status read_table(struct trial_run *r, const char *table, struct trial_answer *out,
                             struct chn_err *err)
{
  const char *dot = strchr(table, '.');
  const char *space = arena_strndup(r->a, table, (size_t)(dot - table));
  const chn_status s = wh_use(r->t->wh, table, err);
  return s != CHN_OK
             ? s
             : trial_read(r,
                          arena_printf(r->a, "SELECT * FROM %s.%s", wh_quote_name(r->a, space),
                                       wh_quote_name(r->a, dot + 1)),
                          out, err);
}

chn_status trial_backfill(struct trial_run *r, const struct model_conf *conf, const char *start_ds,
                          const char *end_ds, struct trial_answer *out, struct chn_err *err)
{
  const struct trial_options *o = &r->t->options;
  const struct batch_progress progress = { .user = o->user, .cancelled = o->cancelled };
  const struct batch_options options = { .wh = r->t->wh,
                                         .start_ds = start_ds,
                                         .end_ds = end_ds,
                                         .threads = o->threads,
                                         .memory_limit = o->memory_limit,
                                         .run_first_hole = true,
                                         .progress = &progress };
  struct batch_report report = { 0 };
  *out = (struct trial_answer){ .n_rows = 0 };
  chn_status s = batch_backfill(conf, &options, &report, err);
  if (s == CHN_OK && report.idle != NULL) {
    out->idle = arena_strdup(r->a, report.idle);
  }
  if (s == CHN_OK && wh_table_exists(r->t->wh, report.table)) {
    s = read_table(r, report.table, out, err);
  }
  batch_report_deinit(&report);
  trial_clean(r, false);
  return s;
}

// ---- expected rows ----------------------------------------------------------------------------

/// How many columns of a wanted row a row has.
static int32_t likeness(const struct codec_json *got, const struct codec_json *want)
{
  int32_t n = 0;
  for (int32_t i = 0; i < want->n; i++) {
    const struct codec_json *v = codec_json_get(got, want->members[i].key);
    n += v != NULL && trial_same(v, &want->members[i].value);
  }
  return n;
}

struct pairing {
  struct trial_run *r;
  const struct codec_json *check;
  const char *where;
  const char *name;
  const struct trial_answer *answer;
  const struct codec_json *want; ///< an array
  int32_t *got_of;               ///< per wanted row: its row, or -1
  bool *taken;                   ///< per row
};

/// Gives each wanted row the row that has the most of it: first those that have all.
static void pair(struct pairing *p)
{
  for (int32_t i = 0; i < p->want->n; i++) {
    p->got_of[i] = -1;
  }
  for (int32_t round = 0; round < 2; round++) {
    for (int32_t i = 0; i < p->want->n; i++) {
      const struct codec_json *want = &p->want->members[i].value;
      int32_t best = -1, most = round == 0 ? want->n - 1 : 0;
      for (int32_t k = 0; k < p->answer->n_rows && p->got_of[i] < 0; k++) {
        const int32_t same = p->taken[k] ? -1 : likeness(&p->answer->rows[k], want);
        if (same > most) {
          best = k;
          most = same;
        }
      }
      if (best >= 0) {
        p->got_of[i] = best;
        p->taken[best] = true;
      }
    }
  }
}

/// The columns of a wanted row that are as expected, to know it by.
static const char *known_by(struct arena *a, const struct codec_json *got,
                            const struct codec_json *want)
{
  struct codec_json row = { .kind = CODEC_JSON_OBJECT };
  row.members = arena_calloc(a, (size_t)want->n + 1, sizeof *row.members);
  for (int32_t i = 0; i < want->n; i++) {
    const struct codec_json *v = codec_json_get(got, want->members[i].key);
    if (v != NULL && trial_same(v, &want->members[i].value)) {
      row.members[row.n++] = want->members[i];
    }
  }
  return trial_show(a, &row);
}

static void tell_differences(struct pairing *p, const struct codec_json *got,
                             const struct codec_json *want)
{
  for (int32_t i = 0; i < want->n; i++) {
    const struct codec_json *v = codec_json_get(got, want->members[i].key);
    if (trial_same(v, &want->members[i].value)) {
      continue;
    }
    struct trial_failure *f = trial_fail(p->r, p->where);
    f->definition = p->name;
    f->feature = want->members[i].key;
    f->keys = known_by(p->r->a, got, want);
    f->got = trial_show(p->r->a, v);
    f->want = trial_show(p->r->a, &want->members[i].value);
  }
}

static void tell_pairs(struct pairing *p)
{
  struct arena *a = p->r->a;
  for (int32_t i = 0; i < p->want->n; i++) {
    const struct codec_json *want = &p->want->members[i].value;
    if (p->got_of[i] >= 0) {
      tell_differences(p, &p->answer->rows[p->got_of[i]], want);
    } else {
      trial_fail_text(p->r, p->where, "%s: no row is like %s%s%s", p->name, trial_show(a, want),
                      p->answer->idle != NULL ? ": " : "",
                      p->answer->idle != NULL ? p->answer->idle : "");
    }
  }
  for (int32_t k = 0; k < p->answer->n_rows; k++) {
    if (!p->taken[k]) {
      trial_fail_text(p->r, p->where, "%s: a row that is not expected: %s", p->name,
                      trial_show(a, &p->answer->rows[k]));
    }
  }
}

/// A column that there is not would make every row differ: said once.
static bool knows_columns(struct pairing *p)
{
  const struct trial_answer *answer = p->answer;
  for (int32_t i = 0; i < p->want->n && answer->n_rows > 0; i++) {
    const struct codec_json *want = &p->want->members[i].value;
    for (int32_t k = 0; k < want->n; k++) {
      const char *name = want->members[k].key;
      if (codec_json_get(&answer->rows[0], name) == NULL) {
        const char *near = chn_near(name, answer->columns, (size_t)answer->n_columns);
        trial_fail_text(p->r, p->where, "%s has no column %s%s%s%s; it has %s", p->name, name,
                        near != NULL ? " (did you mean " : "", near != NULL ? near : "",
                        near != NULL ? "?)" : "",
                        trial_names(p->r->a, answer->columns, answer->n_columns));
        return false;
      }
    }
  }
  return true;
}

/// The days of the test's tables: from the first to the last.
static void find_days(struct trial_run *r, const char **first, const char **last)
{
  for (int32_t i = 0; i < r->n_fixtures; i++) {
    struct trial_uses uses;
    struct chn_err ignored;
    char **days = NULL;
    size_t n = 0;
    trial_uses(r, r->fixtures[i], &uses);
    const char *column = uses.partition != NULL ? uses.partition : "ds";
    if (wh_partitions(r->t->wh, r->fixtures[i], column, NULL, 0, r->a, &days, &n, &ignored) !=
            CHN_OK ||
        n == 0) {
      continue;
    }
    *first = *first == NULL || strcmp(days[0], *first) < 0 ? days[0] : *first;
    *last = *last == NULL || strcmp(days[n - 1], *last) > 0 ? days[n - 1] : *last;
  }
}

static bool has_start(const struct model_conf *conf)
{
  return conf->kind == MODEL_GROUP_BY
             ? conf->as.group_by->backfill_start_date != NULL
             : conf->kind == MODEL_STAGING_QUERY && conf->as.staging_query->start_partition != NULL;
}

chn_status trial_rows(struct trial_run *r, const struct codec_json *check, struct chn_err *err)
{
  const char *error = NULL;
  const struct trial_definition *d = trial_definition(r, check, &error);
  const struct codec_json *want = codec_json_get(check, "want");
  const char *start = trial_text(check, "start_ds"), *end = trial_text(check, "ds");
  const char *first = NULL, *last = NULL;
  struct trial_answer answer = { .n_rows = 0 };
  struct chn_err why;
  if (d != NULL) {
    find_days(r, &first, &last);
    start = start != NULL || has_start(&d->conf) || d->kind == MODEL_JOIN ? start : first;
    const chn_status s =
        trial_backfill(r, &d->conf, start, end != NULL ? end : last, &answer, &why);
    if (s == CHN_E_CANCELLED) {
      *err = why;
      return s;
    }
    error = s == CHN_OK ? NULL : arena_printf(r->a, "%s: %s", d->name, why.msg);
  }
  trial_expect_message(r, check, error);
  if (error == NULL && want != NULL && trial_text(check, "fails") == NULL) {
    struct pairing p = { .r = r,
                         .check = check,
                         .where = trial_text(check, "where"),
                         .name = d->name,
                         .answer = &answer,
                         .want = want };
    p.got_of = arena_calloc(r->a, (size_t)want->n + 1, sizeof *p.got_of);
    p.taken = arena_calloc(r->a, (size_t)answer.n_rows + 1, sizeof *p.taken);
    if (knows_columns(&p)) {
      pair(&p);
      tell_pairs(&p);
    }
  }
  return CHN_OK;
}
