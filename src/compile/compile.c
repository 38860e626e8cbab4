// The run: load, check, decide, and only then write.
#include "compile/compile.h"

#include <stdlib.h>
#include <string.h>

#include "compile/compile_int.h"
#include "model/json.h"

const char *compile_outcome_name(enum compile_outcome outcome)
{
  static const char *const names[] = { "written", "unchanged", "skipped", "failed" };
  return names[outcome];
}

void compile_report_deinit(struct compile_report *report)
{
  arena_deinit(&report->arena);
  *report = (struct compile_report){ 0 };
}

// ---- one definition -------------------------------------------------------------------------

/// A GroupBy that nobody runs by itself needs no file: its joins embed it.
static bool is_only_embedded(const struct run *run, const struct unit *unit)
{
  const struct model_group_by *g = unit->conf.as.group_by;
  return unit->conf.kind == MODEL_GROUP_BY && !unit->extra && !run->opts->force_overwrite &&
         !g->meta_data->online && !(g->backfill_start_date && *g->backfill_start_date);
}

static void keep_sample_percent(struct run *run, struct unit *unit)
{
  struct model_number percent = { 0 };
  struct model_meta_data *m = (struct model_meta_data *)unit->conf.meta_data;
  if (run->opts->disable_logging || unit->conf.kind != MODEL_JOIN ||
      model_has(m->set, MODEL_META_DATA_SAMPLE_PERCENT) || !unit->old_text ||
      !compiled_sample_percent(unit->old_text, &percent)) {
    return;
  }
  m->sample_percent = percent;
  m->set |= 1U << MODEL_META_DATA_SAMPLE_PERCENT;
  run_warn(run, unit->where,
           "join %s gives no sample_percent, and goes on logging %g %% of its requests as compiled "
           "before; --disable-logging stops that",
           unit->name, percent.value);
}

static chn_status set_text(struct run *run, struct unit *unit, const char *text,
                           struct chn_err *err)
{
  unit->text = defaults_resolve(run, text, &unit->text_len, err);
  return unit->text ? CHN_OK : err->code;
}

/// What is written must be read back: a bug of ours would show here and not in production.
static chn_status reread(struct run *run, struct unit *unit, const char *text, size_t len,
                         struct model_conf *conf, struct chn_err *err)
{
  return model_read_json(run->arena, text, len, unit->conf.kind, unit->name, conf, err);
}

static chn_status keep_env(struct run *run, struct unit *unit, struct chn_err *err)
{
  struct chn_buf merged = { 0 };
  struct chn_buf text = { 0 };
  struct model_conf conf;
  chn_status status = CHN_OK;
  if (compiled_keep_env(unit->old_text, unit->text, &merged)) {
    status = reread(run, unit, merged.data, merged.len, &conf, err);
    if (!status) {
      model_write_json(&conf, &text);
      status = set_text(run, unit, text.data, err);
    }
  }
  chn_buf_deinit(&merged);
  chn_buf_deinit(&text);
  return status;
}

static chn_status render(struct run *run, struct unit *unit, struct chn_err *err)
{
  struct chn_buf text = { 0 };
  struct model_conf ignored;
  model_write_json(&unit->conf, &text);
  chn_status status = set_text(run, unit, chn_buf_str(&text), err);
  chn_buf_deinit(&text);
  if (!status && run->opts->keep_env && unit->old_text) {
    status = keep_env(run, unit, err);
  }
  return status ? status : reread(run, unit, unit->text, unit->text_len, &ignored, err);
}

/// The compiled joins and GroupBys that embed a definition and are not compiled by this run.
static struct names dependents(const struct run *run, const struct unit *unit)
{
  struct names names = { 0 };
  for (int32_t i = 0; i < run->compiled.n; i++) {
    const struct compiled *c = &run->compiled.items[i];
    const bool below = unit->conf.kind == MODEL_GROUP_BY ? c->kind == MODEL_JOIN
                       : unit->conf.kind == MODEL_JOIN   ? c->kind == MODEL_GROUP_BY
                                                         : false;
    if (below && !c->stale && names_has(&c->uses, unit->name)) {
      names_add(run->arena, &names, c->name);
    }
  }
  return names;
}

static const char *joined(struct run *run, const struct names *names)
{
  const char *text = "";
  for (int32_t i = 0; i < names->n; i++) {
    text = arena_printf(run->arena, "%s%s%s", text, i > 0 ? ", " : "", names->items[i]);
  }
  return text;
}

/// A dependent is recompiled from its source, whose path its name tells. One with a short name was
/// made inside another file and comes with that.
static void add_dependent(struct run *run, struct unit *unit, const char *name)
{
  const enum model_kind kind = unit->conf.kind == MODEL_GROUP_BY ? MODEL_JOIN : MODEL_GROUP_BY;
  const char *var = strrchr(name, '.');
  if (!var || strchr(name, '.') == var) {
    return;
  }
  char *path = arena_strndup(run->arena, name, (size_t)(var - name));
  for (char *p = path; *p; p++) {
    *p = *p == '.' ? '/' : *p;
  }
  const char *file = arena_printf(run->arena, "%s/%s.lua", model_kind_folder(kind), path);
  struct chn_err err;
  const int32_t before = run->n_units;
  if (loader_load(run, file, name, &err) || run->n_units == before) {
    unit_fail(run, unit, "%s depends on it and cannot be compiled from %s: %s", name, file,
              run->n_units == before ? "it is not there" : err.msg);
    return;
  }
  run->units[before]->extra = true;
}

static void check_dependents(struct run *run, struct unit *unit)
{
  const struct names names = dependents(run, unit);
  if (names.n == 0) {
    return;
  }
  if (unit->extra && !run->opts->force_overwrite) {
    run_warn(run, unit->where, "%s changes, and these embed it as it was: %s", unit->name,
             joined(run, &names));
  } else if (!run->opts->force_overwrite) {
    unit_fail(run, unit,
              "these compiled definitions embed it as it was: %s; compile them in the same run "
              "(--all), or pass --force-overwrite to have them compiled too",
              joined(run, &names));
  }
  for (int32_t i = 0; run->opts->force_overwrite && i < names.n; i++) {
    add_dependent(run, unit, names.items[i]);
  }
}

/// The GroupBys of a join that run by themselves: they get files of their own. Each is read from
/// its own JSON, so that what is filled into one copy does not show in the other.
static void add_parts(struct run *run, const struct unit *unit)
{
  const struct model_join *join = unit->conf.as.join;
  for (int32_t i = 0; unit->conf.kind == MODEL_JOIN && i < join->n_join_parts; i++) {
    struct model_group_by *g = join->join_parts[i].group_by;
    const bool runs = g->meta_data->online || (g->backfill_start_date && *g->backfill_start_date);
    if (!runs || run_find_unit(run, MODEL_GROUP_BY, g->meta_data->name)) {
      continue;
    }
    struct chn_buf text = { 0 };
    struct model_conf conf = { .kind = MODEL_GROUP_BY, .as.group_by = g };
    struct chn_err err;
    model_write_json(&conf, &text);
    if (model_read_json(run->arena, text.data, text.len, MODEL_GROUP_BY, g->meta_data->name, &conf,
                        &err) == CHN_OK) {
      run_add_unit(run, &conf, unit->where, unit->source)->extra = true;
    }
    chn_buf_deinit(&text);
  }
}

static void decide(struct run *run, struct unit *unit)
{
  struct chn_err err = { 0 };
  const char *full = arena_printf(run->arena, "%s/%s", run->repo, unit->path);
  unit->old_text = output_read(run->arena, full, &unit->old_len, &err);
  if (!unit->old_text && err.code != CHN_E_NOT_FOUND) {
    unit_fail(run, unit, "%s", err.msg);
    return;
  }
  keep_sample_percent(run, unit);
  if (render(run, unit, &err)) {
    unit_fail(run, unit, "%s", err.msg);
    return;
  }
  const bool same = unit->old_text && unit->old_len == unit->text_len &&
                    memcmp(unit->old_text, unit->text, unit->text_len) == 0;
  if (same) {
    unit->outcome = COMPILE_UNCHANGED;
    return;
  }
  const struct compiled *before = compiled_find(&run->compiled, unit->conf.kind, unit->name);
  if (before && before->online && !run->opts->force_overwrite &&
      compiled_differs(unit->conf.kind, unit->old_text ? unit->old_text : "", unit->text)) {
    unit_fail(run, unit,
              "%s is online, and the change would make its stored values wrong: give the new "
              "version a new name, or pass --force-overwrite",
              unit->path);
    return;
  }
  check_dependents(run, unit);
}

static void process(struct run *run, struct unit *unit)
{
  struct chn_err err;
  if (!unit->path) {
    unit_fail(run, unit, "the name \"%s\" has no file: it must be team.name", unit->name);
    return;
  }
  if (is_only_embedded(run, unit)) {
    unit_skip(run, unit,
              "it is neither online nor has it a backfill_start_date, so nothing runs it "
              "by itself; the joins that use it embed it");
    return;
  }
  if (defaults_apply(run, unit, &err)) {
    unit_fail(run, unit, "%s", err.msg);
    return;
  }
  rules_check(run, unit);
  if (unit->outcome != COMPILE_FAILED) {
    decide(run, unit);
  }
  if (unit->outcome != COMPILE_FAILED) {
    add_parts(run, unit);
  }
}

// ---- the run --------------------------------------------------------------------------------

static bool is_deprecated_later(const char *date, const char *than)
{
  return !date || strcmp(date, than) > 0;
}

/// What is deprecated should not be used by what stays.
static void warn_of_deprecation(struct run *run, const struct unit *unit)
{
  const char *own = unit->conf.meta_data->deprecation_date;
  for (int32_t i = 0; unit->conf.kind == MODEL_JOIN && i < unit->conf.as.join->n_join_parts; i++) {
    const struct model_meta_data *m = unit->conf.as.join->join_parts[i].group_by->meta_data;
    if (m->deprecation_date && is_deprecated_later(own, m->deprecation_date)) {
      run_warn(run, unit->where, "join %s uses %s, which goes away on %s", unit->name, m->name,
               m->deprecation_date);
    }
  }
  for (int32_t i = 0; own && i < run->compiled.n; i++) {
    const struct compiled *c = &run->compiled.items[i];
    if (c->kind != unit->conf.kind && !c->stale && names_has(&c->uses, unit->name) &&
        is_deprecated_later(c->deprecation_date, own)) {
      run_warn(run, unit->where, "%s goes away on %s, and %s uses it", unit->name, own, c->name);
    }
  }
}

static void write_all(struct run *run)
{
  for (int32_t i = 0; i < run->n_units; i++) {
    struct unit *unit = run->units[i];
    struct chn_err err;
    if (unit->outcome == COMPILE_WRITTEN && !run->opts->dry_run &&
        output_write(arena_printf(run->arena, "%s/%s", run->repo, unit->path), unit->text,
                     unit->text_len, &err)) {
      unit_fail(run, unit, "%s", err.msg);
    }
  }
}

/// Length of the "file.lua:line" that a message begins with, or 0.
static size_t place_len(const char *message)
{
  const char *end = strstr(message, ".lua:");
  if (!end || strcspn(message, " \n") < (size_t)(end - message)) {
    return 0;
  }
  const char *digits = end + strlen(".lua:");
  const size_t n = strspn(digits, "0123456789");
  return n > 0 && strncmp(digits + n, ": ", 2) == 0 ? (size_t)(digits + n - message) : 0;
}

/// Cuts "file:line" off a message that begins with it; without a line it is the file. A mistake in
/// a file that this one requires is there, not here.
static const char *place_of(struct arena *a, const char *file, const char **message)
{
  const size_t n = strlen(file);
  if (strncmp(*message, file, n) != 0 || (*message)[n] != ':') {
    const size_t other = place_len(*message);
    if (other == 0) {
      return file;
    }
    const char *inner = arena_strndup(a, *message, other);
    *message = arena_printf(a, "%s (required by %s)", *message + other + 2, file);
    return inner;
  }
  const size_t digits = strspn(*message + n + 1, "0123456789");
  const size_t where = digits > 0 ? n + 1 + digits : n;
  if (strncmp(*message + where, ": ", 2) != 0) {
    return file;
  }
  const char *place = arena_strndup(a, *message, where);
  *message += where + 2;
  return place;
}

static void add_failed_file(struct run *run, const char *file, const char *message)
{
  const char *where = place_of(run->arena, file, &message);
  struct compile_report *report = run->report;
  struct compile_item *items = arena_calloc(run->arena, (size_t)report->n_items + 1, sizeof *items);
  if (report->n_items > 0) {
    memcpy(items, report->items, (size_t)report->n_items * sizeof *items);
  }
  items[report->n_items++] = (struct compile_item){
    .name = file,
    .where = where,
    .outcome = COMPILE_FAILED,
    .message = arena_strdup(run->arena, message),
  };
  report->items = items;
}

static chn_status prepare(struct run *run, const char ***files, int32_t *n, struct chn_err *err)
{
  chn_status status = teams_read(run->arena, run->repo, &run->teams, err);
  if (!status) {
    status = compiled_load(run->arena, run->repo, run->output_root, &run->compiled, err);
  }
  for (int32_t i = 0; !status && i < run->teams.n_warnings; i++) {
    run_warn(run, NULL, "%s", run->teams.warnings[i]);
  }
  return status ? status : inputs_expand(run, files, n, err);
}

static chn_status work(struct run *run, struct chn_err *err)
{
  const char **files = NULL;
  int32_t n = 0;
  chn_status status = prepare(run, &files, &n, err);
  if (!status) {
    status = loader_open(run, err);
  }
  for (int32_t i = 0; !status && i < n; i++) {
    struct chn_err why;
    if (loader_load(run, files[i], NULL, &why)) {
      add_failed_file(run, files[i], why.msg);
    }
  }
  for (int32_t i = 0; !status && i < run->n_units; i++) { // grows by parts and dependents
    process(run, run->units[i]);
    warn_of_deprecation(run, run->units[i]);
  }
  if (!status) {
    write_all(run);
    run_report(run);
  }
  loader_close(run);
  return status;
}

chn_status compile_run(const struct compile_options *opts, struct compile_report *report,
                       struct chn_err *err)
{
  struct run run = {
    .opts = opts,
    .repo = opts->repo ? opts->repo : ".",
    .output_root = opts->output_root ? opts->output_root : "production",
    .arena = &report->arena,
    .report = report,
  };
  return work(&run, err);
}
