#include "batch/output.h"

#include <string.h>

#include "base/buf.h"
#include "base/time.h"
#include "batch/source.h"

/// Set by ranges that run side by side, removed when all of them have ended well.
static const char OPEN_FROM[] = "chronon_open_from";

const char *output_open_from(struct batch_job *job, const char *table)
{
  return wh_property(job->wh, table, OPEN_FROM, job->arena);
}

chn_status output_close(struct batch_job *job, const char *table, struct chn_err *err)
{
  return output_open_from(job, table) != NULL
             ? wh_property_set(job->wh, table, OPEN_FROM, NULL, err)
             : CHN_OK;
}

/// What a write of one of several ranges says of their first day, NULL for others.
static const char *range_start(struct batch_job *job, const struct output *o)
{
  const char *start = job->o->all_start_ds;
  if (start == NULL || o->no_first || job->o->start_ds == NULL) {
    return NULL;
  }
  const char *open = output_open_from(job, o->table);
  return open != NULL && strcmp(open, start) < 0 ? open : start;
}

chn_status output_begin(struct batch_job *job, const struct output *o, struct wh_writer **w,
                        struct chn_err *err)
{
  static const char *const ds[] = { "ds" };
  const struct model_meta_data *m = o->meta_data;
  const int32_t n_own = m != NULL ? m->n_table_properties : 0;
  struct arena *a = job->arena;
  const size_t most = (size_t)n_own + (size_t)o->n_properties + 5;
  const char **names = arena_alloc(a, most * sizeof *names);
  const char **values = arena_alloc(a, most * sizeof *values);
  for (int32_t i = 0; i < n_own; i++) {
    names[i] = m->table_properties[i].key;
    values[i] = m->table_properties[i].value;
  }
  names[n_own] = "chronon_generated";
  values[n_own] = "true";
  names[n_own + 1] = "chronon_table_type";
  values[n_own + 1] = o->type;
  int32_t n = n_own + 2;
  if (o->semantic_hash != NULL) {
    names[n] = "semantic_hash";
    values[n++] = o->semantic_hash;
    names[n] = "semantic_hash_options";
    values[n++] = "{\"exclude_topic\":\"true\"}";
  }
  const char *open = range_start(job, o);
  if (open != NULL) {
    names[n] = OPEN_FROM;
    values[n++] = open;
  }
  for (int32_t i = 0; i < o->n_properties; i++) {
    names[n] = o->properties[i].key;
    values[n++] = o->properties[i].value;
  }
  char first[CHN_DS_SIZE], last[CHN_DS_SIZE];
  const struct wh_write_options options = {
    .partition_columns = o->unpartitioned       ? NULL
                         : o->partition_columns ? o->partition_columns
                                                : ds,
    .n_partition_columns = o->unpartitioned       ? 0
                           : o->partition_columns ? o->n_partition_columns
                                                  : 1,
    .auto_expand = o->auto_expand,
    .shared = job->o->all_end_ds != NULL,
    .property_names = names,
    .property_values = values,
    .n_properties = n,
    .first_ds = o->computed != NULL ? chn_ds_of_day(o->computed->first, first) : NULL,
    .last_ds = o->computed != NULL ? chn_ds_of_day(o->computed->last, last) : NULL,
  };
  return wh_write_begin(job->wh, o->table, &options, w, err);
}

static chn_status input_days(struct batch_job *job, const struct output_inputs *in,
                             struct days_request *r, struct chn_err *err)
{
  if (in->days != NULL) {
    r->inputs = in->days;
    r->n_inputs = in->n;
    return CHN_OK;
  }
  struct day_set *sets = arena_calloc(job->arena, (size_t)in->n + 1, sizeof *sets);
  for (int32_t i = 0; i < in->n; i++) {
    bool partitioned = false;
    chn_status status =
        source_days(job, in->tables[i], in->columns[i], &partitioned, &sets[i], err);
    if (status != CHN_OK) {
      return status;
    }
    if (!partitioned) {
      return CHN_OK; // it has every day
    }
  }
  r->inputs = sets;
  r->n_inputs = in->n;
  return CHN_OK;
}

/// "ns.a has 2024-01-01 to 2024-01-14, ns.b has no day".
static const char *input_spans(struct arena *a, const struct output_inputs *in,
                               const struct days_request *r)
{
  struct chn_buf text = { 0 };
  for (int32_t i = 0; i < r->n_inputs; i++) {
    const struct day_set *s = &r->inputs[i];
    char from[CHN_DS_SIZE], to[CHN_DS_SIZE];
    chn_buf_addf(&text, "%s%s has ", i > 0 ? ", " : "", in->tables[i]);
    if (s->n == 0) {
      chn_buf_adds(&text, "no day");
    } else {
      chn_buf_addf(&text, "%s to %s", chn_ds_of_day(s->day[0], from),
                   chn_ds_of_day(s->day[s->n - 1], to));
    }
  }
  const char *copy = arena_strdup(a, chn_buf_str(&text));
  chn_buf_deinit(&text);
  return copy;
}

/// Why a request has no steps.
static const char *idle_cause(struct arena *a, const struct output_inputs *in,
                              const struct days_request *r)
{
  char from[CHN_DS_SIZE], to[CHN_DS_SIZE];
  if (r->range.last < r->range.first) {
    return arena_printf(a, "the last day, %s, is before the first, %s",
                        chn_ds_of_day(r->range.last, to), chn_ds_of_day(r->range.first, from));
  }
  int32_t lacking = 0, early = 0;
  for (int32_t day = r->range.first; day <= r->range.last; day++) {
    const bool have = day_set_has(r->output, day);
    const bool expired = days_expired(r, day);
    lacking += !have && !expired;
    early += !have && expired;
  }
  if (lacking > 0) {
    return arena_printf(a, "no source has data for the %d missing day%s: %s", lacking,
                        lacking == 1 ? "" : "s", input_spans(a, in, r));
  }
  return early > 0 ? arena_printf(a,
                                  "every day is there since the table's first, %s; "
                                  "--run-first-hole fills the %d before it",
                                  chn_ds_of_day(r->output->day[0], from), early)
                   : "every day is there";
}

void output_tell_open(struct batch_job *job, const char *table, int32_t open, int32_t from,
                      int32_t first)
{
  char begin[CHN_DS_SIZE], text[CHN_DS_SIZE];
  if (!job->told_open && open < first && from < first) {
    job_note(job,
             "%s has no day before %s, and a run in ranges from %s did not end: those between are "
             "computed",
             table, chn_ds_of_day(first, text), chn_ds_of_day(open, begin));
    job->told_open = true;
  }
}

/// Days that a run in ranges left open are missing, not expired. A job that covers them all closes
/// them at its end.
static void reopen(struct batch_job *job, const char *table, struct days_request *r, int32_t *from)
{
  const char *open = output_open_from(job, table);
  job->closes = NULL;
  if (open == NULL || r->output->n == 0 || job->o->all_end_ds != NULL ||
      chn_day_of_ds(open, from, NULL) != CHN_OK) {
    return;
  }
  const int32_t first = r->output->day[0];
  r->open_from = from;
  job->closes = r->range.first <= *from && r->range.last >= first - 1 ? table : NULL;
  if (r->range.last >= *from) {
    output_tell_open(job, table, *from, r->range.first, first);
  }
}

chn_status output_steps(struct batch_job *job, const struct output *o, struct days range,
                        const struct output_inputs *inputs, struct days **steps, size_t *n,
                        struct chn_err *err)
{
  char **ds = NULL;
  size_t n_ds = 0;
  chn_status status = wh_partitions(job->wh, o->table, "ds", NULL, 0, job->arena, &ds, &n_ds, err);
  if (status != CHN_OK) {
    return status;
  }
  const struct day_set have = day_set_of(job->arena, ds, n_ds);
  struct days_request r = { .range = range,
                            .output = o->filled != NULL ? o->filled : &have,
                            .run_first_hole = job->o->run_first_hole };
  int32_t open_from = 0;
  reopen(job, o->table, &r, &open_from);
  if (!inputs->unchecked) {
    status = input_days(job, inputs, &r, err);
  }
  if (status == CHN_OK) {
    days_missing(job->arena, &r, job->o->step_days > 0 ? job->o->step_days : 30, steps, n);
    job->report->idle = *n == 0 ? idle_cause(job->arena, inputs, &r) : NULL;
  }
  return status;
}

/// Appends the steps to the report's and returns them.
static struct batch_step *report_steps(struct batch_job *job, const struct days *steps, size_t n)
{
  struct batch_report *r = job->report;
  struct batch_step *all = arena_calloc(job->arena, (size_t)r->n_steps + n, sizeof *all);
  if (r->n_steps > 0) {
    memcpy(all, r->steps, (size_t)r->n_steps * sizeof *all);
  }
  struct batch_step *mine = all + r->n_steps;
  for (size_t i = 0; i < n; i++) {
    chn_ds_of_day(steps[i].first, mine[i].start_ds);
    chn_ds_of_day(steps[i].last, mine[i].end_ds);
  }
  r->steps = all;
  r->n_steps += (int32_t)n;
  return mine;
}

chn_status output_run(struct batch_job *job, const struct days *steps, size_t n,
                      output_step_fn step, void *user, struct chn_err *err)
{
  struct batch_step *mine = report_steps(job, steps, n);
  struct batch_report *r = job->report;
  struct chn_err first = { 0 };
  int32_t failed = 0;
  for (size_t i = 0; i < n && !job->o->dry_run; i++) {
    struct batch_step *s = &mine[i];
    struct wh_written written = { 0 };
    struct chn_err e = { 0 };
    job_stage(job, "step %zu of %zu: %s to %s", i + 1, n, s->start_ds, s->end_ds);
    chn_status status = job_check(job, &e);
    if (status == CHN_OK) {
      status = step(user, steps[i], &written, &e);
    }
    if (status == CHN_OK) {
      s->done = true;
      s->rows = written.rows;
      r->rows += written.rows;
      r->partitions += written.partitions;
      continue;
    }
    chn_wrap(&e, "%s to %s", s->start_ds, s->end_ds);
    first = failed++ == 0 ? e : first;
    if (status == CHN_E_CANCELLED || status == CHN_E_IO) {
      break; // what the system refuses once, a full disk above all, it refuses the next step too
    }
  }
  if (failed == 0) {
    return CHN_OK;
  }
  if (err != NULL) {
    *err = first;
  }
  return n == 1 || first.code == CHN_E_CANCELLED
             ? first.code
             : chn_wrap(err, "%d of %zu steps failed, the first", failed, n);
}
