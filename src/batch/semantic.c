#include "batch/semantic.h"

#include <string.h>
#include <time.h>

#include "base/time.h"
#include "codec/json.h"
#include "model/json.h"
#include "model/names.h"

/// The first 10 characters of base64(md5(text)), by DuckDB: hashing is not this program's.
static chn_status hash_text(struct batch_job *job, const char *text, const char **out,
                            struct chn_err *err)
{
  struct wh_rows *rows = NULL;
  const char *sql = arena_printf(job->arena, "SELECT left(to_base64(unhex(md5(%s))), 10)",
                                 wh_quote_string(job->arena, text));
  chn_status status = wh_rows_load(job->wh, sql, &rows, err);
  if (status != CHN_OK) {
    return status;
  }
  struct row_col col;
  wh_rows_chunk(rows, 0, &col);
  const struct row_str *s = col.data;
  *out = arena_strndup(job->arena, row_str_bytes(s), s->len);
  wh_rows_free(rows);
  return CHN_OK;
}

/// A copy of a source without its topics, which say where data come from and not what they mean.
static struct model_source without_topics(struct arena *a, const struct model_source *s)
{
  struct model_source copy = *s;
  if (s->events != NULL) {
    copy.events = arena_alloc(a, sizeof *copy.events);
    *copy.events = *s->events;
    copy.events->topic = s->events->topic != NULL ? "" : NULL;
  }
  if (s->entities != NULL) {
    copy.entities = arena_alloc(a, sizeof *copy.entities);
    *copy.entities = *s->entities;
    copy.entities->mutation_topic = s->entities->mutation_topic != NULL ? "" : NULL;
  }
  return copy;
}

static chn_status hash_struct(struct batch_job *job, const char *name, const void *value,
                              const char **out, struct chn_err *err)
{
  struct chn_buf text = { 0 };
  chn_status status = model_write_compact(name, value, &text, err);
  if (status == CHN_OK) {
    status = hash_text(job, chn_buf_str(&text), out, err);
  }
  chn_buf_deinit(&text);
  return status;
}

static chn_status hash_group_by(struct batch_job *job, const struct model_group_by *gb,
                                const char **out, struct chn_err *err)
{
  struct model_group_by copy = *gb;
  copy.meta_data = NULL;
  copy.set &= ~((uint64_t)1 << 1);
  copy.sources = arena_alloc(job->arena, (size_t)gb->n_sources * sizeof *copy.sources);
  for (int32_t i = 0; i < gb->n_sources; i++) {
    copy.sources[i] = without_topics(job->arena, &gb->sources[i]);
  }
  return hash_struct(job, "GroupBy", &copy, out, err);
}

chn_status semantic_bootstrap_hash(struct batch_job *job, const struct model_bootstrap_part *p,
                                   const char **out, struct chn_err *err)
{
  struct model_bootstrap_part copy = *p;
  copy.meta_data = NULL;
  copy.set &= ~((uint64_t)1 << 1);
  return hash_struct(job, "BootstrapPart", &copy, out, err);
}

static chn_status hash_bootstrap(struct batch_job *job, const struct model_join *j,
                                 const char **out, struct chn_err *err)
{
  struct chn_buf text = { 0 };
  chn_status status = CHN_OK;
  for (int32_t i = 0; i < j->n_bootstrap_parts && status == CHN_OK; i++) {
    status = model_write_compact("BootstrapPart", &j->bootstrap_parts[i], &text, err);
  }
  if (status == CHN_OK) {
    status = hash_text(job, chn_buf_str(&text), out, err);
  }
  chn_buf_deinit(&text);
  return status;
}

static chn_status hash_derivations(struct batch_job *job, const struct model_join *j,
                                   const char **out, struct chn_err *err)
{
  struct chn_buf text = { 0 };
  for (int32_t i = 0; i < j->n_derivations; i++) {
    chn_buf_addf(&text, "%s as %s\n", j->derivations[i].expression, j->derivations[i].name);
  }
  chn_status status = hash_text(job, chn_buf_str(&text), out, err);
  chn_buf_deinit(&text);
  return status;
}

static chn_status semantic_hash(struct batch_job *job, const struct model_join *j,
                                const struct part_list *parts, const char **out,
                                struct chn_err *err)
{
  struct chn_buf json = { 0 };
  const char *hash = NULL;
  const struct model_source left = without_topics(job->arena, j->left);
  chn_status status = hash_struct(job, "Source", &left, &hash, err);
  chn_buf_addf(&json, "{\"left_source\":\"%s\"", status == CHN_OK ? hash : "");
  const char *join = model_table(job->arena, j->meta_data, "");
  for (int32_t i = 0; i < parts->n && status == CHN_OK; i++) {
    status = hash_group_by(job, parts->defs[i]->group_by, &hash, err);
    chn_buf_addf(&json, ",\"%s\":\"%s\"", join_part_table(job->arena, j, parts->prefixes[i]), hash);
  }
  if (status == CHN_OK && j->n_bootstrap_parts > 0) {
    status = hash_bootstrap(job, j, &hash, err);
    chn_buf_addf(&json, ",\"%s_bootstrap\":\"%s\"", join, hash);
  }
  if (status == CHN_OK && j->n_derivations > 0) {
    status = hash_derivations(job, j, &hash, err);
    chn_buf_addf(&json, ",\"derived\":\"%s\"", hash);
  }
  chn_buf_addc(&json, '}');
  *out = arena_strdup(job->arena, chn_buf_str(&json));
  chn_buf_deinit(&json);
  return status == CHN_OK ? CHN_OK : chn_wrap(err, "semantic hash");
}

static const char *archive_name(struct arena *a, const char *table)
{
  const time_t now = (time_t)(chn_now_ms() / 1000);
  struct tm utc;
  char stamp[32];
  gmtime_r(&now, &utc);
  strftime(stamp, sizeof stamp, "%Y%m%d%H%M%S", &utc);
  return arena_printf(a, "%s_%s", table, stamp);
}

/// Renames a table that another definition made.
static chn_status archive(struct batch_job *job, const char *table, struct chn_err *err)
{
  const char *options = wh_property(job->wh, table, "semantic_hash_options", job->arena);
  if (options == NULL || strstr(options, "\"exclude_topic\":\"true\"") == NULL) {
    return chn_fail(err, CHN_E_CONFLICT,
                    "%s was made by another definition, or by one with other topics, which its "
                    "hash does not tell apart; check it, then pass --unset-semantic-hash to keep "
                    "its partitions",
                    table);
  }
  const char *to = archive_name(job->arena, table);
  if (job->o->dry_run) {
    job_note(job, "the definition has changed: %s would be archived as %s and computed anew", table,
             to);
    return CHN_OK;
  }
  chn_status status = wh_table_rename(job->wh, table, to, err);
  if (status != CHN_OK && !wh_table_exists(job->wh, table)) {
    return CHN_OK; // another of the join's jobs was faster
  }
  if (status == CHN_OK) {
    status = wh_property_set(job->wh, to, "chronon_archived", "true", err);
  }
  if (status == CHN_OK) {
    job_note(job, "the definition has changed: %s is archived as %s and computed anew", table, to);
  }
  return status;
}

/// What a table's `semantic_hash` says, or NULL where it has none that can be read.
static const struct codec_json *hash_of_table(struct batch_job *job, const char *table)
{
  const struct codec_json *map = NULL;
  const char *text = wh_property(job->wh, table, "semantic_hash", job->arena);
  if (text == NULL ||
      codec_json_parse(job->arena, text, strlen(text), "semantic_hash", &map, NULL) != CHN_OK) {
    return NULL;
  }
  return map->kind == CODEC_JSON_OBJECT ? map : NULL;
}

static const char *hash_of_key(const struct codec_json *map, const char *key)
{
  const struct codec_json *v = codec_json_get(map, key);
  return v != NULL && v->kind == CODEC_JSON_STRING ? v->text : "";
}

static bool differs(const struct codec_json *x, const struct codec_json *y, const char *key)
{
  return strcmp(hash_of_key(x, key), hash_of_key(y, key)) != 0;
}

static bool any_differs(const struct codec_json *x, const struct codec_json *y)
{
  bool any = x->n != y->n;
  for (int32_t i = 0; i < x->n; i++) {
    any |= differs(x, y, x->members[i].key);
  }
  return any;
}

bool semantic_stale(const struct join_side *s, const char *table, const char *part,
                    const char *hash)
{
  struct batch_job *job = s->job;
  const struct codec_json *now = NULL;
  const struct codec_json *then = hash_of_table(job, table);
  if (then == NULL || job->o->unset_semantic_hash ||
      codec_json_parse(job->arena, hash, strlen(hash), "semantic_hash", &now, NULL) != CHN_OK) {
    return false;
  }
  if (part == NULL) {
    return any_differs(then, now);
  }
  return differs(then, now, "left_source") || differs(then, now, part) ||
         differs(then, now, model_table(job->arena, s->join->meta_data, "_bootstrap"));
}

chn_status semantic_changed(const struct join_side *s, bool *out, struct chn_err *err)
{
  struct arena *a = s->job->arena;
  const char *hash = NULL;
  const char *left = model_table(a, s->join->meta_data, "_bootstrap");
  chn_status status = semantic_hash(s->job, s->join, &s->parts, &hash, err);
  *out = status == CHN_OK && (semantic_stale(s, model_join_output_table(a, s->join), NULL, hash) ||
                              semantic_stale(s, left, left, hash));
  return status;
}

/// Tables of parts that the definition which made `table` had, and this one has not.
static chn_status archive_deleted(const struct join_side *s, const char *table, const char *hash,
                                  struct chn_err *err)
{
  const struct codec_json *then = hash_of_table(s->job, table);
  chn_status status = CHN_OK;
  for (int32_t i = 0; then != NULL && i < then->n && status == CHN_OK; i++) {
    const char *key = then->members[i].key;
    const bool kept = strstr(hash, arena_printf(s->job->arena, "\"%s\":", key)) != NULL;
    if (!kept && strchr(key, '.') != NULL && wh_table_exists(s->job->wh, key)) {
      status = archive(s->job, key, err);
    }
  }
  return status;
}

static chn_status archive_stale(const struct join_side *s, const char *table, const char *part,
                                const char *hash, struct chn_err *err)
{
  return semantic_stale(s, table, part, hash) ? archive(s->job, table, err) : CHN_OK;
}

chn_status semantic_archive(const struct join_side *s, enum semantic_scope scope,
                            const int32_t *chosen, int32_t n_chosen, const char **hash,
                            struct chn_err *err)
{
  struct arena *a = s->job->arena;
  const char *output = model_join_output_table(a, s->join);
  const char *left = model_table(a, s->join->meta_data, "_bootstrap");
  chn_status status = semantic_hash(s->job, s->join, &s->parts, hash, err);
  if (status != CHN_OK || s->job->o->unset_semantic_hash) {
    return status;
  }
  if (scope == SEMANTIC_ALL) {
    status = archive_deleted(s, output, *hash, err);
    if (status == CHN_OK) {
      status = archive_deleted(s, left, *hash, err);
    }
    if (status == CHN_OK) {
      status = archive_stale(s, left, left, *hash, err);
    }
  }
  const int32_t n = scope == SEMANTIC_ALL ? s->parts.n : scope == SEMANTIC_PARTS ? n_chosen : 0;
  for (int32_t i = 0; i < n && status == CHN_OK; i++) {
    const int32_t part = scope == SEMANTIC_ALL ? i : chosen[i];
    const char *table = join_part_table(a, s->join, s->parts.prefixes[part]);
    status = archive_stale(s, table, table, *hash, err);
  }
  return status == CHN_OK ? archive_stale(s, output, NULL, *hash, err) : status;
}
