// Features at instants: the keys that a test asks for become the left side of a join, so that the
// engine computes them as it computes training rows.
#include <string.h>

#include "base/near.h"
#include "base/time.h"
#include "explore/left.h"
#include "explore/trial_int.h"
#include "model/names.h"
#include "model/read.h"

static const char QUESTIONS[] = "chronon_test.questions", NUMBER[] = "chronon_test_number",
                  ANSWERS[] = "chronon.test.answers";

/// The expectations of one definition, asked for together.
struct asking {
  struct trial_run *r;
  const struct trial_definition *definition;
  const struct codec_json **checks;
  int32_t n;
  const char **keys; ///< that the definition needs
  int32_t n_keys;
  const char *prefix; ///< of the features' columns; "" of a join
  struct codec_json *rows;
  const char *first_ds;
  const char *last_ds;
};

// ---- the questions ----------------------------------------------------------------------------

static void add_key(struct asking *q, const char *name)
{
  for (int32_t i = 0; i < q->n_keys; i++) {
    if (strcmp(q->keys[i], name) == 0) {
      return;
    }
  }
  q->keys[q->n_keys++] = name;
}

static void find_keys(struct asking *q)
{
  const struct model_conf *conf = &q->definition->conf;
  const struct model_join *join = conf->kind == MODEL_JOIN ? conf->as.join : NULL;
  size_t most = conf->kind == MODEL_GROUP_BY ? (size_t)conf->as.group_by->n_key_columns : 0;
  for (int32_t i = 0; join != NULL && i < join->n_join_parts; i++) {
    most += (size_t)join->join_parts[i].group_by->n_key_columns;
  }
  q->keys = arena_calloc(q->r->a, most + 1, sizeof *q->keys);
  for (int32_t i = 0; join == NULL && i < conf->as.group_by->n_key_columns; i++) {
    add_key(q, conf->as.group_by->key_columns[i]);
  }
  for (int32_t i = 0; join != NULL && i < join->n_join_parts; i++) {
    const struct model_join_part *part = &join->join_parts[i];
    for (int32_t k = 0; k < part->group_by->n_key_columns; k++) {
      add_key(q, model_left_key(part->key_mapping, part->n_key_mapping,
                                part->group_by->key_columns[k]));
    }
  }
}

/// Keys that are missing or, of a GroupBy, too many. A join's left side may bring what its
/// derivations and external parts need.
static chn_status check_keys(const struct asking *q, const struct codec_json *keys,
                             struct chn_err *err)
{
  for (int32_t i = 0; i < q->n_keys; i++) {
    if (codec_json_get(keys, q->keys[i]) == NULL) {
      return chn_fail(err, CHN_E_ARGUMENT, "the keys lack %s; %s has %s", q->keys[i],
                      q->definition->name, trial_names(q->r->a, q->keys, q->n_keys));
    }
  }
  for (int32_t i = 0; q->definition->kind == MODEL_GROUP_BY && i < keys->n; i++) {
    const char *name = keys->members[i].key;
    bool known = false;
    for (int32_t k = 0; k < q->n_keys; k++) {
      known = known || strcmp(name, q->keys[k]) == 0;
    }
    if (!known) {
      return chn_fail(err, CHN_E_ARGUMENT, "%s is no key of %s; its keys are %s", name,
                      q->definition->name, trial_names(q->r->a, q->keys, q->n_keys));
    }
  }
  return CHN_OK;
}

static struct codec_json integer(struct arena *a, int64_t value)
{
  const char *text = arena_printf(a, "%lld", (long long)value);
  return (struct codec_json){
    .kind = CODEC_JSON_INT, .as.integer = value, .text = text, .text_len = strlen(text)
  };
}

/// The keys, the instant, its day, and which expectation it is.
static chn_status ask(struct asking *q, int32_t i, struct chn_err *err)
{
  struct arena *a = q->r->a;
  const struct codec_json *check = q->checks[i];
  const struct codec_json *keys = codec_json_get(check, "keys");
  char ds[CHN_DS_SIZE];
  int64_t ms = 0;
  if (chn_ms_of_text(trial_text(check, "at"), &ms, err) != CHN_OK ||
      check_keys(q, keys, err) != CHN_OK) {
    return err->code;
  }
  struct codec_json *row = &q->rows[i];
  const char *day = arena_strdup(a, chn_ds_of_day(chn_day_of_ms(ms), ds));
  *row = (struct codec_json){ .kind = CODEC_JSON_OBJECT };
  row->members = arena_calloc(a, (size_t)keys->n + 3, sizeof *row->members);
  for (int32_t k = 0; k < keys->n; k++) {
    const char *name = keys->members[k].key;
    if (strcmp(name, "ts") != 0 && strcmp(name, "ds") != 0) {
      row->members[row->n++] = keys->members[k];
    }
  }
  row->members[row->n++] = (struct codec_json_member){ NUMBER, integer(a, i) };
  row->members[row->n++] = (struct codec_json_member){ "ts", integer(a, ms) };
  row->members[row->n++] = (struct codec_json_member){
    "ds", { .kind = CODEC_JSON_STRING, .text = day, .text_len = strlen(day) }
  };
  q->first_ds = q->first_ds == NULL || strcmp(day, q->first_ds) < 0 ? day : q->first_ds;
  q->last_ds = q->last_ds == NULL || strcmp(day, q->last_ds) > 0 ? day : q->last_ds;
  return CHN_OK;
}

/// A key is of the type that a table of the test gives it: u1 of a table has the type of u1 here.
static void take_key_types(struct asking *q, struct trial_column *columns, int32_t n)
{
  for (int32_t c = 0; c < n; c++) {
    const char *name = columns[c].name;
    const bool own =
        strcmp(name, NUMBER) == 0 || strcmp(name, "ts") == 0 || strcmp(name, "ds") == 0;
    for (int32_t i = 0; !own && columns[c].type == NULL && i < q->r->n_fixtures; i++) {
      columns[c].type = trial_column_type(q->r->t, q->r->a, q->r->fixtures[i], name);
    }
  }
}

static struct model_source *left_side(struct asking *q, const struct trial_column *columns,
                                      int32_t n)
{
  struct arena *a = q->r->a;
  struct model_event_source *events = arena_calloc(a, 1, sizeof *events);
  struct model_query *query = arena_calloc(a, 1, sizeof *query);
  struct model_source *left = arena_calloc(a, 1, sizeof *left);
  query->selects = arena_calloc(a, (size_t)n + 1, sizeof *query->selects);
  for (int32_t c = 0; c < n; c++) {
    const char *name = columns[c].name;
    if (strcmp(name, "ts") != 0 && strcmp(name, "ds") != 0) {
      query->selects[query->n_selects++] =
          (struct model_pair){ name, arena_printf(a, "`%s`", name) };
    }
  }
  query->time_column = "ts";
  events->table = QUESTIONS;
  events->query = query;
  left->events = events;
  return left;
}

/// The join that answers: of a GroupBy one of it alone; a Join without what belongs to its own
/// left rows.
static struct model_conf join_of(struct asking *q, struct model_source *left)
{
  struct arena *a = q->r->a;
  struct model_join *join = arena_calloc(a, 1, sizeof *join);
  struct model_meta_data *meta = arena_calloc(a, 1, sizeof *meta);
  const struct model_conf *conf = &q->definition->conf;
  if (conf->kind == MODEL_JOIN) {
    *join = *conf->as.join;
    q->prefix = "";
  } else {
    join->join_parts = arena_calloc(a, 1, sizeof *join->join_parts);
    join->join_parts[0].group_by = conf->as.group_by;
    join->n_join_parts = 1;
    q->prefix = arena_printf(a, "%s_", model_part_full_prefix(a, &join->join_parts[0]));
  }
  meta->name = ANSWERS;
  meta->team = conf->meta_data->team;
  meta->output_namespace = "chronon_test";
  join->meta_data = meta;
  explore_replace_left(join, left);
  return model_conf_of(MODEL_JOIN, join);
}

static chn_status answer(struct asking *q, struct trial_answer *out, struct chn_err *err)
{
  struct trial_run *r = q->r;
  int32_t n = 0;
  q->rows = arena_calloc(r->a, (size_t)q->n + 1, sizeof *q->rows);
  find_keys(q);
  for (int32_t i = 0; i < q->n; i++) {
    if (ask(q, i, err) != CHN_OK) {
      return err->code;
    }
  }
  struct trial_column *columns = trial_columns(r->a, q->rows, q->n, 0, &n);
  take_key_types(q, columns, n);
  chn_status s = trial_write(r->t, r->a, QUESTIONS, columns, n, q->rows, q->n, "ds", err);
  if (s == CHN_OK) {
    const struct model_conf conf = join_of(q, left_side(q, columns, n));
    s = trial_backfill(r, &conf, q->first_ds, q->last_ds, out, err);
  }
  return s;
}

// ---- the answers ------------------------------------------------------------------------------

static void unknown_feature(struct asking *q, const struct codec_json *check, const char *name,
                            const struct trial_answer *got)
{
  struct arena *a = q->r->a;
  const size_t skip = strlen(q->prefix);
  const char **names = arena_calloc(a, (size_t)got->n_columns + 1, sizeof *names);
  int32_t n = 0;
  for (int32_t c = 0; c < got->n_columns; c++) {
    const char *column = got->columns[c];
    bool asked =
        strcmp(column, NUMBER) == 0 || strcmp(column, "ts") == 0 || strcmp(column, "ds") == 0;
    asked = asked || codec_json_get(&q->rows[0], column) != NULL;
    if (!asked && strncmp(column, q->prefix, skip) == 0) {
      names[n++] = column + skip;
    }
  }
  const char *near = chn_near(name, names, (size_t)n);
  trial_fail_text(q->r, trial_text(check, "where"), "%s has no feature %s%s%s%s; it has %s",
                  q->definition->name, name, near != NULL ? " (did you mean " : "",
                  near != NULL ? near : "", near != NULL ? "?)" : "", trial_names(a, names, n));
}

static void compare(struct asking *q, const struct codec_json *check,
                    const struct trial_answer *all, const struct codec_json *row)
{
  struct arena *a = q->r->a;
  const struct codec_json *want = codec_json_get(check, "want");
  for (int32_t i = 0; want != NULL && i < want->n; i++) {
    const char *name = want->members[i].key;
    const struct codec_json *got = codec_json_get(row, arena_printf(a, "%s%s", q->prefix, name));
    if (got == NULL) {
      unknown_feature(q, check, name, all);
    } else if (!trial_same(got, &want->members[i].value)) {
      struct trial_failure *f = trial_fail(q->r, trial_text(check, "where"));
      f->definition = q->definition->name;
      f->feature = name;
      f->keys = trial_show(a, codec_json_get(check, "keys"));
      f->at = trial_text(check, "at");
      f->got = trial_show(a, got);
      f->want = trial_show(a, &want->members[i].value);
    }
  }
}

static void compare_all(struct asking *q, const struct trial_answer *all)
{
  for (int32_t i = 0; i < q->n; i++) {
    const struct codec_json *row = NULL;
    for (int32_t k = 0; k < all->n_rows && row == NULL; k++) {
      const struct codec_json *number = codec_json_get(&all->rows[k], NUMBER);
      row = number != NULL && number->as.integer == i ? &all->rows[k] : NULL;
    }
    if (row != NULL) {
      compare(q, q->checks[i], all, row);
    } else {
      trial_fail_text(q->r, trial_text(q->checks[i], "where"), "%s gives no row for %s%s%s",
                      q->definition->name,
                      trial_show(q->r->a, codec_json_get(q->checks[i], "keys")),
                      all->idle != NULL ? ": " : "", all->idle != NULL ? all->idle : "");
    }
  }
}

/// The join is ours: a message is about its definition, or about the one part it has.
static const char *without_join(const struct asking *q, const char *message)
{
  struct arena *a = q->r->a;
  const size_t n = strlen(q->prefix);
  const char *join = arena_printf(a, "join %s: ", ANSWERS);
  const char *part = arena_printf(a, "part %.*s: ", (int)(n > 0 ? n - 1 : 0), q->prefix);
  message += strncmp(message, join, strlen(join)) == 0 ? strlen(join) : 0;
  return message + (n > 0 && strncmp(message, part, strlen(part)) == 0 ? strlen(part) : 0);
}

/// Runs the expectations gathered; where that fails, it is their common failure.
static chn_status run(struct asking *q, const char *error, struct chn_err *err)
{
  struct trial_answer got = { .n_rows = 0 };
  struct chn_err why;
  if (error == NULL) {
    const chn_status s = answer(q, &got, &why);
    if (s == CHN_E_CANCELLED) {
      *err = why;
      return s;
    }
    error = s == CHN_OK
                ? NULL
                : arena_printf(q->r->a, "%s: %s", q->definition->name, without_join(q, why.msg));
  }
  trial_expect_message(q->r, q->checks[0], error);
  if (error == NULL && trial_text(q->checks[0], "fails") == NULL) {
    compare_all(q, &got);
  }
  return CHN_OK;
}

static bool is_at(const struct codec_json *check)
{
  return strcmp(trial_text(check, "kind"), "at") == 0;
}

/// Those that must fail run alone, because each has a message of its own.
static bool goes_with(const struct codec_json *first, const struct codec_json *check)
{
  return is_at(check) && trial_text(check, "fails") == NULL &&
         codec_json_get(first, "definition")->as.integer ==
             codec_json_get(check, "definition")->as.integer;
}

chn_status trial_at(struct trial_run *r, struct chn_err *err)
{
  const struct codec_json *checks = codec_json_get(r->test, "checks");
  bool *done = arena_calloc(r->a, (size_t)checks->n + 1, sizeof *done);
  chn_status s = CHN_OK;
  for (int32_t i = 0; i < checks->n && s == CHN_OK; i++) {
    const struct codec_json *first = &checks->members[i].value;
    const char *error = NULL;
    if (done[i] || !is_at(first)) {
      continue;
    }
    struct asking q = { .r = r, .prefix = "" };
    q.definition = trial_definition(r, first, &error);
    q.checks = arena_calloc(r->a, (size_t)checks->n + 1, sizeof *q.checks);
    q.checks[q.n++] = first;
    for (int32_t k = i + 1; trial_text(first, "fails") == NULL && k < checks->n; k++) {
      if (goes_with(first, &checks->members[k].value)) {
        q.checks[q.n++] = &checks->members[k].value;
        done[k] = true;
      }
    }
    s = run(&q, error, err);
  }
  return s;
}
