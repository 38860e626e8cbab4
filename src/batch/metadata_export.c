// Every compiled definition as its own JSON with `features` beside it, for catalogues of features.
// A definition that cannot be described is exported all the same, with the reason as `exception`.
#include <string.h>

#include "base/time.h"
#include "batch/analyze.h"
#include "batch/part.h"
#include "codec/json.h"
#include "model/json.h"
#include "warehouse/fs.h"

/// What a path says of the definition in it, asked in this order.
struct entity {
  const char *folder;
  const char *type; ///< entityType of the table
};

static const struct entity entities[] = {
  { "embedded_group_bys", "embeddedGroupBy" },
  { "group_bys", "groupBy" },
  { "joins", "join" },
  { "staging_queries", "stagingQueries" },
};

static const struct entity unknown = { NULL, "unknown" };

struct export
{
  const struct batch_options *o;
  const struct batch_export_options *where;
  struct batch_exported *out;
  struct arena arena;
  struct fs_list files;
  struct fs_list known;           ///< names of GroupBys that are exported
  struct fs_list taken;           ///< paths written to
  struct row_builder *columns[3]; ///< path, metadata, entityType
};

static const struct entity *entity_of(struct arena *a, const char *path)
{
  for (size_t i = 0; i < sizeof entities / sizeof *entities; i++) {
    if (strstr(path, arena_printf(a, "/%s/", entities[i].folder)) != NULL) {
      return &entities[i];
    }
  }
  return &unknown;
}

static bool has(const struct fs_list *list, const char *text)
{
  for (size_t i = 0; i < list->n; i++) {
    if (strcmp(list->at[i], text) == 0) {
      return true;
    }
  }
  return false;
}

static void walk(struct export *x, const char *folder)
{
  const struct fs_list names = fs_names(&x->arena, folder, false);
  for (size_t i = 0; i < names.n; i++) {
    char *path = arena_printf(&x->arena, "%s/%s", folder, names.at[i]);
    if (fs_is_folder(path)) {
      walk(x, path);
    } else {
      fs_list_add(&x->arena, &x->files, path);
    }
  }
}

static void fail(struct export *x, const char *path, const struct chn_err *err)
{
  struct batch_exported *out = x->out;
  const char **more = arena_alloc(&out->arena, ((size_t)out->n_failures + 1) * sizeof *more);
  for (int32_t i = 0; i < out->n_failures; i++) {
    more[i] = out->failures[i];
  }
  // A reader's message begins with the path already.
  more[out->n_failures++] = strncmp(err->msg, path, strlen(path)) == 0
                                ? arena_strdup(&out->arena, err->msg)
                                : arena_printf(&out->arena, "%s: %s", path, err->msg);
  out->failures = more;
}

// ---- one definition ---------------------------------------------------------------------------

static void add_text(struct codec_json_writer *w, const char *key, const char *text)
{
  codec_json_key(w, key);
  if (text != NULL) {
    codec_json_string(w, text, strlen(text));
  } else {
    codec_json_null(w);
  }
}

static void add_features(struct codec_json_writer *w, const struct batch_analysis *analysis)
{
  codec_json_key(w, "features");
  codec_json_begin(w, '[');
  for (int32_t i = 0; i < analysis->n_columns; i++) {
    const struct batch_column *c = &analysis->columns[i];
    if (strcmp(c->role, "output") != 0) {
      continue;
    }
    codec_json_begin(w, '{');
    add_text(w, "name", c->name);
    add_text(w, "window", c->window);
    add_text(w, "columnType", c->chronon_type);
    add_text(w, "inputColumn", c->input);
    add_text(w, "operation", c->operation);
    add_text(w, "groupBy", c->group_by);
    codec_json_end(w, '}');
  }
  codec_json_end(w, ']');
}

/// Appends what is known of the features, or why nothing is.
static void describe(struct export *x, const struct model_conf *conf, const char *exception,
                     struct codec_json_writer *w)
{
  static const struct batch_analyze_options schemas = { .schemas_only = true };
  struct batch_options o = *x->o;
  struct batch_report report = { 0 };
  struct batch_analysis analysis = { 0 };
  struct batch_job job;
  struct chn_err err = { 0 };
  o.start_ds = NULL;
  job_init(&job, &o, &report);
  if (exception == NULL && analysis_run(&job, conf, &schemas, &analysis, &err) != CHN_OK) {
    exception = err.msg;
  } else if (exception == NULL && analysis.n_problems > 0) {
    exception = analysis.problems[0];
  }
  if (exception == NULL) {
    add_features(w, &analysis);
  } else {
    add_text(w, "exception", exception);
    x->out->exceptions++;
  }
  batch_analysis_deinit(&analysis);
  batch_report_deinit(&report);
}

static chn_status enrich(struct export *x, const char *path, const char *text, size_t len,
                         const struct entity *e, const struct model_conf *conf,
                         const char *exception, struct chn_buf *out, struct chn_err *err)
{
  const struct codec_json *json = NULL;
  struct codec_json_writer w;
  chn_status status = codec_json_parse(&x->arena, text, len, path, &json, err);
  if (status == CHN_OK && json->kind != CODEC_JSON_OBJECT) {
    status = chn_fail(err, CHN_E_CORRUPT, "an object is needed, not %s",
                      codec_json_kind_name(json->kind));
  }
  if (status != CHN_OK) {
    return status;
  }
  codec_json_writer_init(&w, out, CODEC_JSON_COMPACT);
  codec_json_begin(&w, '{');
  for (int32_t i = 0; i < json->n; i++) {
    codec_json_key(&w, json->members[i].key);
    codec_json_value(&w, &json->members[i].value);
  }
  if (e == &unknown) {
    exception = arena_printf(&x->arena, "Unknown entity type for %s", path);
  }
  describe(x, conf, exception, &w);
  codec_json_end(&w, '}');
  return CHN_OK;
}

// ---- where it goes ----------------------------------------------------------------------------

/// `<root>/<kind>/<file>`. Two teams may have files of one name; the later one keeps its team's
/// folder, where upstream would lose the earlier.
static const char *file_path(struct export *x, const char *path, const struct entity *e)
{
  const char *file = strrchr(path, '/') + 1;
  const char *team = file - 1;
  while (team > path && team[-1] != '/') {
    team--;
  }
  const char *root = x->where->output_root;
  char *out = arena_printf(&x->arena, "%s/%s/%s", root, e->folder, file);
  if (has(&x->taken, out)) {
    out = arena_printf(&x->arena, "%s/%s/%s", root, e->folder, team);
  }
  fs_list_add(&x->arena, &x->taken, out);
  return out;
}

static chn_status put(struct export *x, const char *path, const struct entity *e,
                      const struct chn_buf *json, struct chn_err *err)
{
  if (x->where->output_root == NULL) {
    row_builder_string(x->columns[0], path, strlen(path));
    row_builder_string(x->columns[1], json->data, json->len);
    row_builder_string(x->columns[2], e->type, strlen(e->type));
    x->out->written++;
    return CHN_OK;
  }
  if (e == &unknown) {
    return CHN_OK; // it has no folder there
  }
  const char *to = file_path(x, path, e);
  const char *slash = strrchr(to, '/');
  chn_status status = fs_make(arena_strndup(&x->arena, to, (size_t)(slash - to)), err);
  if (status == CHN_OK) {
    status = fs_write(to, json->data, json->len, err);
  }
  x->out->written += status == CHN_OK;
  return status;
}

static chn_status export_text(struct export *x, const char *path, const char *text, size_t len,
                              const struct model_conf *conf, const char *exception,
                              struct chn_err *err)
{
  struct chn_buf json = { 0 };
  struct chn_err why = { 0 };
  const struct entity *e = entity_of(&x->arena, path);
  chn_status status = CHN_OK;
  if (enrich(x, path, text, len, e, conf, exception, &json, &why) != CHN_OK) {
    fail(x, path, &why);
  } else {
    status = put(x, path, e, &json, err);
  }
  chn_buf_deinit(&json);
  return status;
}

static chn_status export_file(struct export *x, const char *path, struct chn_err *err)
{
  struct chn_buf text = { 0 };
  struct model_conf conf = { 0 };
  struct chn_err why = { 0 };
  if (!fs_read(path, &text)) {
    chn_buf_deinit(&text);
    chn_fail(&why, CHN_E_IO, "cannot be read");
    fail(x, path, &why);
    return CHN_OK;
  }
  const bool good = model_read_file(&x->arena, path, &conf, &why) == CHN_OK;
  if (good && conf.kind == MODEL_GROUP_BY && conf.name != NULL) {
    fs_list_add(&x->arena, &x->known, arena_strdup(&x->arena, conf.name));
  }
  chn_status status =
      export_text(x, path, chn_buf_str(&text), text.len, &conf, good ? NULL : why.msg, err);
  chn_buf_deinit(&text);
  return status;
}

/// GroupBys of a join that have no file of their own, each once.
static chn_status export_embedded(struct export *x, const char *root, const char *path,
                                  struct chn_err *err)
{
  struct model_conf conf = { 0 };
  struct part_list parts;
  chn_status status = CHN_OK;
  if (entity_of(&x->arena, path) != &entities[2] ||
      model_read_file(&x->arena, path, &conf, NULL) != CHN_OK || conf.kind != MODEL_JOIN) {
    return CHN_OK;
  }
  part_list_of(&x->arena, conf.as.join, &parts);
  for (int32_t i = 0; i < parts.n && status == CHN_OK; i++) {
    struct model_group_by *gb = parts.defs[i]->group_by;
    const char *name = gb->meta_data->name;
    if (name == NULL || has(&x->known, name)) {
      continue;
    }
    fs_list_add(&x->arena, &x->known, arena_strdup(&x->arena, name));
    const struct model_conf own = {
      .kind = MODEL_GROUP_BY, .as.group_by = gb, .meta_data = gb->meta_data, .name = name
    };
    struct chn_buf text = { 0 };
    status = model_write_compact("GroupBy", gb, &text, err);
    if (status == CHN_OK) {
      status = export_text(x, arena_printf(&x->arena, "%s/%s/%s", root, entities[0].folder, name),
                           chn_buf_str(&text), text.len, &own, NULL, err);
    }
    chn_buf_deinit(&text);
  }
  return status;
}

// ---- the table --------------------------------------------------------------------------------

static chn_status read_properties(struct export *x, struct wh_write_options *o, struct chn_err *err)
{
  const char *text = x->where->table_properties;
  const struct codec_json *json = NULL;
  if (text == NULL) {
    return CHN_OK;
  }
  chn_status status =
      codec_json_parse(&x->arena, text, strlen(text), "--output-table-properties-json", &json, err);
  if (status != CHN_OK) {
    return chn_fail(err, CHN_E_ARGUMENT, "%s", arena_strdup(&x->arena, err->msg));
  }
  bool texts = json->kind == CODEC_JSON_OBJECT;
  for (int32_t i = 0; texts && i < json->n; i++) {
    texts = json->members[i].value.kind == CODEC_JSON_STRING;
  }
  if (!texts) {
    return chn_fail(err, CHN_E_ARGUMENT,
                    "--output-table-properties-json: an object of texts is needed");
  }
  const char **names = arena_alloc(&x->arena, ((size_t)json->n + 1) * sizeof *names);
  const char **values = arena_alloc(&x->arena, ((size_t)json->n + 1) * sizeof *values);
  for (int32_t i = 0; i < json->n; i++) {
    names[i] = json->members[i].key;
    values[i] = json->members[i].value.text;
  }
  o->property_names = names;
  o->property_values = values;
  o->n_properties = json->n;
  return CHN_OK;
}

static chn_status write_table(struct export *x, struct chn_err *err)
{
  static const char *const partitions[] = { "ds", "entityType" };
  static const char *const names[] = { "path", "metadata", "entityType" };
  struct wh_write_options options = { .partition_columns = partitions,
                                      .n_partition_columns = 2,
                                      .auto_expand = true };
  char today[CHN_DS_SIZE];
  const char *ds = x->o->end_ds != NULL ? x->o->end_ds : chn_ds_of_day(chn_today(), today);
  const char *sql = arena_printf(&x->arena,
                                 "SELECT path, metadata, '%s' AS ds, \"entityType\" FROM "
                                 "wh_frame('export')",
                                 ds);
  struct wh_extra columns[3];
  struct wh_writer *writer = NULL;
  struct wh_written written = { 0 };
  for (int i = 0; i < 3; i++) {
    columns[i] = (struct wh_extra){ names[i], row_builder_col(x->columns[i]), NULL };
  }
  chn_status status = read_properties(x, &options, err);
  if (status == CHN_OK) {
    status = wh_write_begin(x->o->wh, x->where->output_table, &options, &writer, err);
  }
  if (status != CHN_OK) {
    return status;
  }
  status =
      wh_frame_add(x->o->wh, "export", NULL, row_builder_count(x->columns[0]), columns, 3, err);
  if (status == CHN_OK) {
    status = wh_write_select(writer, sql, err);
    wh_frame_remove(x->o->wh, "export");
  }
  if (status != CHN_OK) {
    wh_write_abort(writer);
    return status;
  }
  return wh_write_commit(writer, &written, err);
}

// ---- the whole --------------------------------------------------------------------------------

chn_status batch_metadata_export(const struct batch_options *o,
                                 const struct batch_export_options *where,
                                 struct batch_exported *out, struct chn_err *err)
{
  struct export x = { .o = o, .where = where, .out = out };
  struct batch_report report = { 0 };
  struct batch_job job;
  *out = (struct batch_exported){ 0 };
  chn_status status = CHN_OK;
  if (!fs_is_folder(where->input_root)) {
    return chn_fail(err, CHN_E_NOT_FOUND, "metadata-export: the input root %s is no folder",
                    where->input_root);
  }
  const char *root = fs_absolute(&x.arena, where->input_root);
  job_init(&job, o, &report);
  for (int i = 0; i < 3; i++) {
    x.columns[i] = row_builder_new(row_scalar(ROW_STRING));
  }
  walk(&x, root);
  for (size_t i = 0; i < x.files.n && status == CHN_OK; i++) {
    job_stage(&job, "%zu of %zu: %s", i + 1, x.files.n, x.files.at[i]);
    status = job_check(&job, err);
    if (status == CHN_OK) {
      status = export_file(&x, x.files.at[i], err);
    }
  }
  for (size_t i = 0; i < x.files.n && where->embedded && status == CHN_OK; i++) {
    status = export_embedded(&x, root, x.files.at[i], err);
  }
  if (status == CHN_OK && where->output_root == NULL) {
    status = write_table(&x, err);
  }
  for (int i = 0; i < 3; i++) {
    row_builder_free(x.columns[i]);
  }
  batch_report_deinit(&report);
  arena_deinit(&x.arena);
  return status == CHN_OK ? CHN_OK : chn_wrap(err, "metadata-export");
}

void batch_exported_deinit(struct batch_exported *e)
{
  arena_deinit(&e->arena);
  *e = (struct batch_exported){ 0 };
}
