// What a name and keys may have meant: the nearest that the store knows.
#include <string.h>

#include "base/near.h"
#include "cli/fetch.h"
#include "kv/kv.h"

enum { MAX_NAMES = 10000 };

struct names {
  struct arena a;
  const char **at;
  size_t n;
};

static void add_name(struct names *names, const char *text, size_t len)
{
  if (names->at == NULL) {
    names->at = arena_alloc(&names->a, MAX_NAMES * sizeof *names->at);
  }
  if (names->n < MAX_NAMES) {
    names->at[names->n++] = arena_strndup(&names->a, text, len);
  }
}

/// The joins that were uploaded, as `team/file.v1`.
static void add_joins(struct cli_fetch *f, struct names *names)
{
  static const char prefix[] = "joins/";
  const size_t skip = sizeof prefix - 1;
  struct kv_reader *reader = NULL;
  struct kv_scan *scan = NULL;
  struct kv_item item;
  struct chn_err ignored;
  int32_t dataset;
  bool found = true;
  if (kv_dataset(f->store, "ZIPLINE_METADATA", &dataset, &ignored) != CHN_OK ||
      kv_reader_open(&reader, f->store, &ignored) != CHN_OK) {
    return;
  }
  if (kv_read_begin(reader, &ignored) == CHN_OK) {
    if (kv_scan_open(&scan, reader, dataset, prefix, skip, NULL, &ignored) == CHN_OK) {
      while (kv_scan_next(scan, &item, &found, &ignored) == CHN_OK && found) {
        add_name(names, (const char *)item.key + skip, item.key_len - skip);
      }
      kv_scan_close(scan);
    }
    kv_read_end(reader);
  }
  kv_reader_close(reader);
}

/// The GroupBys that were uploaded, by their datasets: TEAM_FILE_V1 has the name in its plan.
static void add_group_bys(struct cli_fetch *f, struct names *names)
{
  static const char suffix[] = "_BATCH";
  struct kv_info *list = NULL;
  size_t n = 0;
  struct chn_err ignored;
  if (kv_list(f->store, &list, &n, &ignored) != CHN_OK) {
    return;
  }
  for (size_t i = 0; i < n; i++) {
    const size_t len = strlen(list[i].name), tail = sizeof suffix - 1;
    if (len > tail && strcmp(list[i].name + len - tail, suffix) == 0) {
      add_name(names, list[i].name, len - tail);
    }
  }
  kv_list_free(list);
}

static char *dataset_name(struct arena *a, const char *name)
{
  char *out = arena_strdup(a, name);
  for (char *c = out; *c != '\0'; c++) {
    *c = *c == '/' || *c == '.' ? '_' : *c;
  }
  return out;
}

/// `team.file.v1` as `team/file.v1`.
static const char *as_path(struct arena *a, const char *name)
{
  char *out = arena_strdup(a, name);
  char *dot = strchr(out, '.');
  if (dot != NULL) {
    *dot = '/';
  }
  return out;
}

const char *cli_fetch_near(struct cli_fetch *f, enum cli_fetch_type type, const char *name,
                           struct arena *a)
{
  struct names names = { 0 };
  struct chn_err ignored;
  const struct fetch_plan *plan = NULL;
  const char *out = NULL;
  if (type == CLI_FETCH_JOIN) {
    add_joins(f, &names);
    out = chn_near(as_path(&names.a, name), names.at, names.n);
    out = out != NULL ? arena_strdup(a, out) : NULL;
  } else {
    add_group_bys(f, &names);
    const char *near = chn_near(dataset_name(&names.a, name), names.at, names.n);
    if (near != NULL &&
        fetch_plan_get(f->session, FETCH_GROUP_BY, near, &plan, &ignored) == CHN_OK) {
      out = as_path(a, fetch_plan_name(plan));
      fetch_plan_release(plan);
    }
  }
  arena_deinit(&names.a);
  return out;
}

static const char *keys_of(const struct row_schema *keys, struct arena *a)
{
  struct chn_buf out = { 0 };
  for (int32_t i = 0; i < keys->n_fields; i++) {
    chn_buf_addf(&out, "%s%s", i > 0 ? ", " : "", keys->fields[i].name);
  }
  const char *text = arena_strdup(a, chn_buf_str(&out));
  chn_buf_deinit(&out);
  return text;
}

void cli_fetch_check_keys(struct cli_context *ctx, const struct fetch_plan *plan, const char *body)
{
  const struct row_schema *keys = fetch_plan_keys(plan);
  const struct codec_json *doc = NULL;
  struct arena a = { 0 };
  struct chn_err ignored;
  if (codec_json_parse(&a, body, strlen(body), "keys", &doc, &ignored) != CHN_OK || doc->n == 0) {
    arena_deinit(&a);
    return;
  }
  const struct codec_json *row = &doc->members[0].value;
  const char **names = arena_calloc(&a, (size_t)keys->n_fields + 1, sizeof *names);
  for (int32_t i = 0; i < keys->n_fields; i++) {
    names[i] = keys->fields[i].name;
    if (fetch_plan_kind(plan) == FETCH_GROUP_BY && codec_json_get(row, names[i]) == NULL) {
      cli_note(ctx, "the key %s of %s is not given, which is as null", names[i],
               fetch_plan_name(plan));
    }
  }
  for (int32_t i = 0; i < row->n; i++) {
    const char *name = row->members[i].key;
    if (row_schema_find(keys, name) < 0) {
      const char *near = chn_near(name, names, (size_t)keys->n_fields);
      cli_note(ctx, "%s is no key of %s%s%s%s; its keys are: %s", name, fetch_plan_name(plan),
               near ? " (did you mean " : "", near ? near : "", near ? "?)" : "",
               keys_of(keys, &a));
    }
  }
  arena_deinit(&a);
}
