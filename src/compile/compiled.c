// Files that are compiled already. They are read as JSON trees and not as model structs, because
// one that another Chronon wrote must not stop a run that only asks who uses what.
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "codec/json.h"
#include "compile/compile_int.h"

static const struct codec_json *meta(const struct codec_json *definition, const char *field)
{
  return codec_json_get(codec_json_get(definition, "metaData"), field);
}

static const char *meta_text(const struct codec_json *definition, const char *field)
{
  const struct codec_json *value = meta(definition, field);
  return value && value->kind == CODEC_JSON_STRING ? value->text : NULL;
}

static bool is_on(const struct codec_json *definition, const char *flag)
{
  const struct codec_json *value = meta(definition, flag);
  return value && ((value->kind == CODEC_JSON_BOOL && value->as.boolean) ||
                   (value->kind == CODEC_JSON_INT && value->as.integer != 0));
}

/// Names of the definitions that one embeds.
static void read_uses(struct arena *a, struct compiled *c, const struct codec_json *root)
{
  const bool join = c->kind == MODEL_JOIN;
  const struct codec_json *list = codec_json_get(root, join ? "joinParts" : "sources");
  for (int32_t i = 0; list && list->kind == CODEC_JSON_ARRAY && i < list->n; i++) {
    const struct codec_json *item = &list->members[i].value;
    const struct codec_json *used =
        join ? codec_json_get(item, "groupBy")
             : codec_json_get(codec_json_get(item, "joinSource"), "join");
    const char *name = meta_text(used, "name");
    if (name) {
      names_add(a, &c->uses, name);
    }
  }
}

static void add(struct arena *a, struct compiled_set *set, const struct compiled *item)
{
  if ((set->n & (set->n - 1)) == 0) { // full at each power of two
    struct compiled *items = arena_calloc(a, set->n ? 2 * (size_t)set->n : 1, sizeof *items);
    if (set->n > 0) {
      memcpy(items, set->items, (size_t)set->n * sizeof *items);
    }
    set->items = items;
  }
  set->items[set->n++] = *item;
}

static chn_status load_file(struct arena *a, const char *repo, const char *path,
                            enum model_kind kind, struct compiled_set *set, struct chn_err *err)
{
  size_t len = 0;
  const char *full = arena_printf(a, "%s/%s", repo, path);
  const char *text = output_read(a, full, &len, err);
  if (!text) {
    return err->code;
  }
  const struct codec_json *root = NULL;
  if (codec_json_parse(a, text, len, full, &root, err)) {
    return chn_wrap(err, "a compiled file that cannot be read must be restored or removed");
  }
  struct compiled c = { .kind = kind, .path = path, .name = meta_text(root, "name") };
  if (c.name) {
    c.online = is_on(root, "online");
    c.production = is_on(root, "production");
    c.deprecation_date = meta_text(root, "deprecationDate");
    read_uses(a, &c, root);
    add(a, set, &c);
  }
  return CHN_OK;
}

static chn_status load_folder(struct arena *a, const char *repo, const char *folder,
                              enum model_kind kind, struct compiled_set *set, struct chn_err *err)
{
  struct dirent **entries;
  const char *full = arena_printf(a, "%s/%s", repo, folder);
  const int n = scandir(full, &entries, NULL, alphasort);
  chn_status status = CHN_OK;
  for (int i = 0; i < n; i++) {
    struct stat st;
    if (!status && entries[i]->d_name[0] != '.') {
      const char *path = arena_printf(a, "%s/%s", folder, entries[i]->d_name);
      const char *entry = arena_printf(a, "%s/%s", repo, path);
      if (stat(entry, &st) == 0) {
        status = S_ISDIR(st.st_mode) ? load_folder(a, repo, path, kind, set, err)
                                     : load_file(a, repo, path, kind, set, err);
      }
    }
    free(entries[i]);
  }
  if (n >= 0) {
    free(entries);
  }
  return status;
}

chn_status compiled_load(struct arena *a, const char *repo, const char *output_root,
                         struct compiled_set *set, struct chn_err *err)
{
  static const enum model_kind kinds[] = { MODEL_GROUP_BY, MODEL_JOIN };
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
    const char *folder = arena_printf(a, "%s/%s", output_root, model_kind_folder(kinds[i]));
    const chn_status status = load_folder(a, repo, folder, kinds[i], set, err);
    if (status) {
      return status;
    }
  }
  return CHN_OK;
}

struct compiled *compiled_find(const struct compiled_set *set, enum model_kind kind,
                               const char *name)
{
  for (int32_t i = 0; i < set->n; i++) {
    if (set->items[i].kind == kind && strcmp(set->items[i].name, name) == 0) {
      return &set->items[i];
    }
  }
  return NULL;
}

static bool is_in(const char *key, const char *const *keys)
{
  for (; *keys; keys++) {
    if (strcmp(key, *keys) == 0) {
      return true;
    }
  }
  return false;
}

static const char *const NONE[] = { NULL };
static const char *const META[] = { "metaData", NULL };
static const char *const META_AND_EXTERNAL[] = { "metaData", "onlineExternalParts", NULL };

static bool same(const struct codec_json *x, const struct codec_json *y);

/// Whether every member of x, but those of the keys left out, is the same in y.
static bool covers(const struct codec_json *x, const struct codec_json *y,
                   const char *const *left_out)
{
  for (int32_t i = 0; i < x->n; i++) {
    const struct codec_json_member *m = &x->members[i];
    if (!is_in(m->key, left_out)) {
      const struct codec_json *other = codec_json_get(y, m->key);
      if (!other || !same(&m->value, other)) {
        return false;
      }
    }
  }
  return true;
}

static bool same_objects(const struct codec_json *x, const struct codec_json *y,
                         const char *const *left_out)
{
  return covers(x, y, left_out) && covers(y, x, left_out);
}

static double number(const struct codec_json *x)
{
  return x->kind == CODEC_JSON_INT ? (double)x->as.integer : x->as.real;
}

/// Equal as Python's trees: 5 is 5.0, and members have no order.
static bool same(const struct codec_json *x, const struct codec_json *y)
{
  const bool numbers = (x->kind == CODEC_JSON_INT || x->kind == CODEC_JSON_REAL) &&
                       (y->kind == CODEC_JSON_INT || y->kind == CODEC_JSON_REAL);
  if (numbers) {
    return number(x) == number(y); // NOLINT: equal is what is asked
  }
  if (x->kind != y->kind || x->n != y->n) {
    return false;
  }
  switch (x->kind) {
  case CODEC_JSON_BOOL: return x->as.boolean == y->as.boolean;
  case CODEC_JSON_STRING:
    return x->text_len == y->text_len && memcmp(x->text, y->text, x->text_len) == 0;
  case CODEC_JSON_OBJECT: return same_objects(x, y, NONE);
  case CODEC_JSON_ARRAY: break;
  default: return true;
  }
  for (int32_t i = 0; i < x->n; i++) {
    if (!same(&x->members[i].value, &y->members[i].value)) {
      return false;
    }
  }
  return true;
}

static bool same_part(const struct codec_json *x, const struct codec_json *y)
{
  static const char *const group_by[] = { "groupBy", NULL };
  const struct codec_json *g = codec_json_get(x, "groupBy");
  const struct codec_json *h = codec_json_get(y, "groupBy");
  return g && h && same_objects(g, h, META) && same_objects(x, y, group_by);
}

static bool same_join(const struct codec_json *x, const struct codec_json *y)
{
  static const char *const body[] = { "metaData", "onlineExternalParts", "joinParts", NULL };
  const struct codec_json *parts = codec_json_get(x, "joinParts");
  const struct codec_json *others = codec_json_get(y, "joinParts");
  if (!parts || !others || parts->n != others->n) {
    return same_objects(x, y, META_AND_EXTERNAL);
  }
  for (int32_t i = 0; i < parts->n; i++) {
    if (!same_part(&parts->members[i].value, &others->members[i].value)) {
      return false;
    }
  }
  return same_objects(x, y, body);
}

static const struct codec_json *parse(struct arena *a, const char *text)
{
  const struct codec_json *root = NULL;
  struct chn_err ignored;
  return codec_json_parse(a, text, strlen(text), "", &root, &ignored) ? NULL : root;
}

bool compiled_differs(enum model_kind kind, const char *old_text, const char *new_text)
{
  struct arena a = { 0 };
  const struct codec_json *was = parse(&a, old_text);
  const struct codec_json *is = parse(&a, new_text);
  const bool equal =
      was && is && (kind == MODEL_JOIN ? same_join(was, is) : same_objects(was, is, META));
  arena_deinit(&a);
  return !equal;
}

bool compiled_sample_percent(const char *text, struct model_number *percent)
{
  struct arena a = { 0 };
  const struct codec_json *value = meta(parse(&a, text), "samplePercent");
  const bool is_number = value && (value->kind == CODEC_JSON_INT || value->kind == CODEC_JSON_REAL);
  if (is_number) {
    *percent = (struct model_number){ number(value), value->kind == CODEC_JSON_INT };
  }
  arena_deinit(&a);
  return is_number && percent->value > 0;
}

/// Writes `is`, and in place of each modeToEnvMap the one that `was` has there. A place that only
/// `was` has one in gets it too, if the object is still there.
static bool merge_env(struct codec_json_writer *w, const struct codec_json *was,
                      const struct codec_json *is)
{
  static const char key[] = "modeToEnvMap";
  if (is->kind != CODEC_JSON_OBJECT && is->kind != CODEC_JSON_ARRAY) {
    codec_json_value(w, is);
    return false;
  }
  const bool object = is->kind == CODEC_JSON_OBJECT;
  const struct codec_json *kept = object ? codec_json_get(was, key) : NULL;
  bool merged = kept != NULL;
  codec_json_begin(w, object ? '{' : '[');
  for (int32_t i = 0; i < is->n; i++) {
    const struct codec_json_member *m = &is->members[i];
    if (object) {
      codec_json_key(w, m->key);
    }
    if (kept && strcmp(m->key, key) == 0) {
      codec_json_value(w, kept);
      kept = NULL;
      continue;
    }
    const bool there = was && was->kind == is->kind && i < was->n;
    const struct codec_json *same_place = object  ? codec_json_get(was, m->key)
                                          : there ? &was->members[i].value
                                                  : NULL;
    merged |= merge_env(w, same_place, &m->value);
  }
  if (kept) {
    codec_json_key(w, key);
    codec_json_value(w, kept);
  }
  codec_json_end(w, object ? '}' : ']');
  return merged;
}

bool compiled_keep_env(const char *old_text, const char *new_text, struct chn_buf *out)
{
  struct arena a = { 0 };
  struct codec_json_writer w;
  const struct codec_json *was = parse(&a, old_text);
  const struct codec_json *is = parse(&a, new_text);
  codec_json_writer_init(&w, out, CODEC_JSON_COMPACT);
  const bool merged = was && is && merge_env(&w, was, is);
  arena_deinit(&a);
  return merged;
}
