// Definitions: by name out of the repo's files, and as JSON.
#include <string.h>

#include "base/near.h"
#include "base/time.h"
#include "batch/source.h"
#include "compile/compile.h"
#include "explore/explore_int.h"
#include "model/names.h"
#include "model/read.h"
#include "warehouse/fs.h"

// ---- from a file ------------------------------------------------------------------------------

/// `team/file.v1` and `team.file.v1` as the latter.
static char *dotted(struct arena *a, const char *name)
{
  char *out = arena_strdup(a, name);
  for (char *c = out; *c != '\0'; c++) {
    *c = *c == '/' ? '.' : *c;
  }
  return out;
}

/// The definition file that a name tells, relative to the repo; NULL when there is none.
static const char *file_of(struct explore *e, const char *name)
{
  static const char *const folders[] = { "group_bys", "joins", "staging_queries" };
  const char *last = strrchr(name, '.');
  if (last == NULL) {
    return NULL;
  }
  char *path = arena_strndup(&e->call, name, (size_t)(last - name));
  for (char *c = path; *c != '\0'; c++) {
    *c = *c == '.' ? '/' : *c;
  }
  for (size_t i = 0; i < 3; i++) {
    const char *file = arena_printf(&e->call, "%s/%s.lua", folders[i], path);
    if (fs_exists(arena_printf(&e->call, "%s/%s", e->options.repo, file))) {
      return file;
    }
  }
  return NULL;
}

static chn_status unknown(struct explore *e, const char *name, struct chn_err *err)
{
  const char *known[2048];
  size_t n = 0;
  struct chn_buf names = { 0 };
  explore_definition_names(e, &names);
  char *text = arena_strdup(&e->call, chn_buf_str(&names));
  chn_buf_deinit(&names);
  for (char *save = NULL, *line = strtok_r(text, "\n", &save); line != NULL && n < 2048;
       line = strtok_r(NULL, "\n", &save)) {
    known[n++] = line;
  }
  const char *near = chn_near(name, known, n);
  const size_t len = near != NULL ? strlen(near) : 0;
  if (len > 0 && near[len - 1] == '.') { // a file that is not compiled
    near = arena_printf(&e->call, "%sVARIABLE", near);
  }
  return chn_fail(err, CHN_E_NOT_FOUND,
                  "no definition is called %s%s%s%s; a name is team.file.variable, as in "
                  "group_bys/team/file.lua",
                  name, near != NULL ? " (did you mean " : "", near != NULL ? near : "",
                  near != NULL ? "?)" : "");
}

static chn_status take(struct explore *e, const struct compile_report *report, const char *name,
                       int32_t *kind, struct chn_buf *json, struct chn_err *err)
{
  const char **known = arena_calloc(&e->call, (size_t)report->n_items + 1, sizeof *known);
  size_t n = 0;
  for (int32_t i = 0; i < report->n_items; i++) {
    const struct compile_item *item = &report->items[i];
    if (item->conf == NULL) { // the file itself could not be loaded
      return chn_fail(err, CHN_E_ARGUMENT, "%s: %s", item->where, item->message);
    }
    known[n++] = item->name;
    if (strcmp(item->name, name) != 0) {
      continue;
    }
    if (item->text == NULL) {
      return chn_fail(err, CHN_E_ARGUMENT, "%s: %s: %s", item->where != NULL ? item->where : "",
                      name, item->message != NULL ? item->message : "it has no compiled form");
    }
    *kind = (int32_t)item->kind;
    chn_buf_adds(json, item->text);
    return CHN_OK;
  }
  const char *near = chn_near(name, known, n);
  return near != NULL ? chn_fail(err, CHN_E_NOT_FOUND,
                                 "no definition is called %s (did you mean "
                                 "%s?)",
                                 name, near)
                      : unknown(e, name, err);
}

static chn_status load(struct explore *e, const char *given, int32_t *kind, struct chn_buf *json,
                       struct chn_err *err)
{
  if (e->options.repo == NULL) {
    return chn_fail(err, CHN_E_NOT_FOUND,
                    "there is no repo here, so no definition has a name: start in a repo, or with "
                    "--repo DIR");
  }
  const char *name = dotted(&e->call, given);
  const char *file = file_of(e, name);
  if (file == NULL) {
    return unknown(e, given, err);
  }
  // What is compiled already, and online perhaps, does not count here: an edit is to be tried.
  const struct compile_options options = { .repo = e->options.repo,
                                           .inputs = &file,
                                           .n_inputs = 1,
                                           .output_root = ".explore/production",
                                           .force_overwrite = true,
                                           .dry_run = true };
  struct compile_report report = { 0 };
  chn_status s = compile_run(&options, &report, err);
  if (s == CHN_OK) {
    s = take(e, &report, name, kind, json, err);
  }
  compile_report_deinit(&report);
  return s;
}

chn_status explore_load(struct explore *e, const char *name, int32_t *kind, struct chn_buf *json,
                        struct chn_err *err)
{
  explore_begin(e);
  return explore_end(e, load(e, name, kind, json, err), err);
}

// ---- from JSON --------------------------------------------------------------------------------

chn_status explore_conf(struct explore *e, int32_t kind, const char *json, struct model_conf *out,
                        struct chn_err *err)
{
  struct arena *a = &e->call;
  const struct codec_json *doc = NULL;
  const bool known = kind >= MODEL_GROUP_BY && kind <= MODEL_STAGING_QUERY;
  const struct model_struct *type = known ? model_kind_struct((enum model_kind)kind) : NULL;
  if (type == NULL) {
    return chn_fail(err, CHN_E_ARGUMENT, "a GroupBy, Join or StagingQuery is needed");
  }
  const char *text = arena_strdup(a, json);
  const char *what = model_kind_name((enum model_kind)kind);
  if (codec_json_parse(a, text, strlen(text), what, &doc, err) != CHN_OK) {
    return err->code;
  }
  void *any = arena_calloc(a, 1, type->size);
  if (model_read_struct(a, doc, type, MODEL_BY_PERSON, what, any, err) != CHN_OK) {
    return err->code = CHN_E_ARGUMENT;
  }
  *out = model_conf_of((enum model_kind)kind, any);
  if (out->name == NULL || out->meta_data == NULL) {
    return chn_fail(err, CHN_E_ARGUMENT, "%s: it has no name", what);
  }
  return CHN_OK;
}

static const struct model_source *first_source(const struct model_conf *conf)
{
  switch (conf->kind) {
  case MODEL_GROUP_BY:
    return conf->as.group_by->n_sources > 0 ? &conf->as.group_by->sources[0] : NULL;
  case MODEL_JOIN: return conf->as.join->left;
  default: return NULL;
  }
}

chn_status explore_last_day(struct explore *e, const struct model_conf *conf, const char **ds,
                            struct chn_err *err)
{
  char text[CHN_DS_SIZE];
  const struct model_source *source = first_source(conf);
  const char *table = source != NULL ? model_source_table(&e->call, source) : NULL;
  int32_t day = chn_today();
  if (table != NULL) {
    const struct batch_options options = { .wh = e->wh };
    struct batch_report report = { 0 };
    struct batch_job job;
    struct day_set days = { 0 };
    bool partitioned = false;
    job_init(&job, &options, &report);
    const chn_status s = source_days(
        &job, table, source_partition_column(model_source_query(source)), &partitioned, &days, err);
    day = partitioned && days.n > 0 ? days.day[days.n - 1] : day;
    batch_report_deinit(&report);
    if (s != CHN_OK) {
      return s;
    }
  }
  *ds = arena_strdup(&e->call, chn_ds_of_day(day, text));
  return CHN_OK;
}
