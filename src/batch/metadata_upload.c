#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/time.h"
#include "batch/batch.h"
#include "codec/base64.h"
#include "codec/json.h"
#include "kv/kv.h"
#include "model/json.h"

struct work {
  const struct batch_metadata_options *o;
  struct batch_metadata_report *r;
  struct arena *a;
  int32_t confs;    ///< dataset
  int32_t entities; ///< dataset
  struct kv_put *puts;
  size_t n_puts;
  size_t cap;
};

static void *grown(void *items, size_t n, size_t *cap, size_t size)
{
  if (n < *cap) {
    return items;
  }
  *cap = *cap == 0 ? 64 : *cap * 2;
  return chn_realloc(items, *cap * size);
}

// ---- which files -------------------------------------------------------------------------------

struct paths {
  char **items;
  size_t n, cap;
};

static int by_text(const void *x, const void *y)
{
  return strcmp(*(char *const *)x, *(char *const *)y);
}

/// Regular files below `path`, hidden ones left out; links to folders are not followed.
static chn_status walk(struct arena *a, const char *path, struct paths *out, struct chn_err *err)
{
  struct stat st;
  if (lstat(path, &st) == 0 && S_ISLNK(st.st_mode) && stat(path, &st) == 0 && S_ISDIR(st.st_mode)) {
    return CHN_OK;
  }
  DIR *dir = stat(path, &st) == 0 && S_ISDIR(st.st_mode) ? opendir(path) : NULL;
  if (dir == NULL) {
    if (S_ISREG(st.st_mode)) {
      out->items = grown(out->items, out->n, &out->cap, sizeof *out->items);
      out->items[out->n++] = arena_strdup(a, path);
    }
    return S_ISDIR(st.st_mode) ? chn_fail(err, CHN_E_IO, "%s cannot be read", path) : CHN_OK;
  }
  chn_status status = CHN_OK;
  for (struct dirent *e; status == CHN_OK && (e = readdir(dir)) != NULL;) {
    if (e->d_name[0] != '.') {
      status = walk(a, arena_printf(a, "%s/%s", path, e->d_name), out, err);
    }
  }
  closedir(dir);
  return status;
}

/// The last three segments, `joins/team/file.v1`; NULL when the path has fewer.
static const char *conf_key(const char *path)
{
  const char *at = path + strlen(path);
  for (int slashes = 0; at > path; at--) {
    slashes += at[-1] == '/';
    if (slashes == 3) {
      return at;
    }
  }
  int slashes = 0;
  for (const char *c = path; *c != '\0'; c++) {
    slashes += *c == '/';
  }
  return slashes == 2 ? path : NULL;
}

/// What the store keeps confs of: "joins", "group_bys", "staging_queries"; else NULL.
static const char *folder_of(const char *key)
{
  static const char *const folders[] = { "joins", "group_bys", "staging_queries" };
  for (size_t i = 0; key != NULL && i < sizeof folders / sizeof *folders; i++) {
    const size_t n = strlen(folders[i]);
    if (strncmp(key, folders[i], n) == 0 && key[n] == '/') {
      return folders[i];
    }
  }
  return NULL;
}

// ---- puts --------------------------------------------------------------------------------------

static void put(struct work *w, int32_t dataset, const char *key, const char *value, size_t len)
{
  w->puts = grown(w->puts, w->n_puts, &w->cap, sizeof *w->puts);
  w->puts[w->n_puts++] = (struct kv_put){ .dataset = dataset,
                                          .key = key,
                                          .key_len = strlen(key),
                                          .value = value,
                                          .value_len = len,
                                          .ts = INT64_MIN,
                                          .replace = true };
}

/// customJson's team_override, or metaData.team; NULL where neither is set.
static const char *team_of(struct arena *a, const struct model_meta_data *m)
{
  const struct codec_json *custom = NULL;
  if (m->custom_json != NULL && codec_json_parse(a, m->custom_json, strlen(m->custom_json),
                                                 "customJson", &custom, NULL) == CHN_OK) {
    const struct codec_json *team = codec_json_get(custom, "team_override");
    if (team != NULL && team->kind == CODEC_JSON_STRING) {
      return team->text;
    }
  }
  return m->team;
}

static void skip(struct work *w, const char *path, const char *why)
{
  struct batch_metadata_report *r = w->r;
  size_t cap = (size_t)r->cap_skipped;
  r->skipped = grown(r->skipped, (size_t)r->n_skipped, &cap, sizeof *r->skipped);
  r->cap_skipped = (int32_t)cap;
  r->skipped[r->n_skipped++] =
      (struct batch_metadata_skipped){ arena_strdup(w->a, path), arena_strdup(w->a, why) };
}

/// A team's list: base64 of each of its confs' keys, with commas between (spec/06 §1).
struct team {
  const char *key; ///< "joins/team"
  struct chn_buf list;
};

struct teams {
  struct team *items;
  size_t n, cap;
};

static void add_entry(struct team *t, const char *entry, size_t len)
{
  const char *at = chn_buf_str(&t->list);
  for (size_t n; *at != '\0'; at += n + (at[n] == ',')) {
    n = strcspn(at, ",");
    if (n == len && memcmp(at, entry, n) == 0) {
      return;
    }
  }
  chn_buf_adds(&t->list, t->list.len > 0 ? "," : "");
  chn_buf_add(&t->list, entry, len);
}

/// The team's list as this upload makes it. A single file adds itself to what the store has; a
/// folder says all there is.
static chn_status team_find(struct work *w, struct kv_reader *reader, struct teams *teams,
                            const char *key, bool keep, struct team **out, struct chn_err *err)
{
  for (size_t i = 0; i < teams->n; i++) {
    if (strcmp(teams->items[i].key, key) == 0) {
      *out = &teams->items[i];
      return CHN_OK;
    }
  }
  teams->items = grown(teams->items, teams->n, &teams->cap, sizeof *teams->items);
  *out = &teams->items[teams->n++];
  **out = (struct team){ .key = arena_strdup(w->a, key) };
  if (!keep) {
    return CHN_OK;
  }
  struct kv_get get = {
    .dataset = w->entities, .key = key, .key_len = strlen(key), .after_ts = INT64_MIN
  };
  const char *list = NULL;
  size_t len = 0;
  const chn_status status = kv_read_newest(reader, &get, w->a, &list, &len, err);
  if (list != NULL) {
    chn_buf_add(&(*out)->list, list, len);
  }
  return status;
}

static chn_status add_conf(struct work *w, struct kv_reader *reader, struct teams *teams,
                           const char *path, bool single, struct chn_err *err)
{
  struct model_conf conf;
  struct chn_err why = { 0 };
  const char *key = conf_key(path);
  const char *folder = folder_of(key);
  if (folder == NULL) {
    skip(w, path, "its path does not end in joins/, group_bys/ or staging_queries/, team, name");
    return CHN_OK;
  }
  if (model_read_file(w->a, path, &conf, &why) != CHN_OK) {
    skip(w, path, why.msg);
    return CHN_OK;
  }
  if (conf.name == NULL) {
    skip(w, path, "it has no metaData.name");
    return CHN_OK;
  }
  struct chn_buf text = { 0 };
  chn_status status = model_write_compact(model_kind_name(conf.kind), conf.as.any, &text, err);
  const char *team = team_of(w->a, conf.meta_data);
  if (status == CHN_OK) {
    put(w, w->confs, key, arena_strdup(w->a, chn_buf_str(&text)), text.len);
    w->r->n_confs++;
  }
  chn_buf_clear(&text);
  struct team *t = NULL;
  if (status == CHN_OK && team != NULL) {
    status =
        team_find(w, reader, teams, arena_printf(w->a, "%s/%s", folder, team), single, &t, err);
  }
  if (status == CHN_OK && t != NULL) {
    codec_base64_encode(key, strlen(key), &text);
    add_entry(t, chn_buf_str(&text), text.len);
  }
  chn_buf_deinit(&text);
  return status;
}

// ---- the whole ---------------------------------------------------------------------------------

static chn_status open_datasets(struct work *w, struct chn_err *err)
{
  struct kv_store *store = w->o->store;
  chn_status status = kv_dataset(store, "ZIPLINE_METADATA", &w->confs, err);
  if (status == CHN_OK) {
    status = kv_create(store, w->confs, err);
  }
  if (status == CHN_OK) {
    status = kv_dataset(store, "CHRONON_ENTITY_BY_TEAM", &w->entities, err);
  }
  return status == CHN_OK ? kv_create(store, w->entities, err) : status;
}

static chn_status commit(struct work *w, struct chn_err *err)
{
  const size_t batch = w->o->batch_size > 0 ? (size_t)w->o->batch_size : 50;
  chn_status status = CHN_OK;
  for (size_t i = 0; i < w->n_puts && status == CHN_OK; i += batch) {
    const size_t n = w->n_puts - i < batch ? w->n_puts - i : batch;
    status = kv_commit(w->o->store, w->puts + i, n, NULL, 0, err);
  }
  return status;
}

chn_status batch_metadata_upload(const char *path, const struct batch_metadata_options *o,
                                 struct batch_metadata_report *report, struct chn_err *err)
{
  struct work w = { .o = o, .r = report, .a = &report->arena };
  struct paths files = { 0 };
  struct teams teams = { 0 };
  struct kv_reader *reader = NULL;
  struct stat st;
  if (stat(path, &st) != 0) {
    return chn_fail(err, CHN_E_NOT_FOUND, "%s does not exist", path);
  }
  chn_status status = walk(w.a, path, &files, err);
  if (status == CHN_OK) {
    status = open_datasets(&w, err);
  }
  if (status == CHN_OK) {
    status = kv_reader_open(&reader, o->store, err);
  }
  if (files.n > 0) {
    qsort(files.items, files.n, sizeof *files.items, by_text);
  }
  for (size_t i = 0; i < files.n && status == CHN_OK; i++) {
    status = add_conf(&w, reader, &teams, files.items[i], !S_ISDIR(st.st_mode), err);
  }
  for (size_t i = 0; i < teams.n; i++) {
    put(&w, w.entities, teams.items[i].key, chn_buf_str(&teams.items[i].list),
        teams.items[i].list.len);
  }
  report->n_lists = (int32_t)teams.n;
  if (status == CHN_OK) {
    status = commit(&w, err);
  }
  for (size_t i = 0; i < teams.n; i++) {
    chn_buf_deinit(&teams.items[i].list);
  }
  kv_reader_close(reader);
  free(teams.items);
  free(files.items);
  free(w.puts);
  return status;
}

void batch_metadata_report_deinit(struct batch_metadata_report *r)
{
  free(r->skipped);
  arena_deinit(&r->arena);
  *r = (struct batch_metadata_report){ 0 };
}
