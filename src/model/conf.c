#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/json.h"
#include "model/read.h"

static const struct {
  const char *name;
  const char *folder;
  int32_t type;      ///< enum model_struct_id
  const char *shape; ///< the field by which it is told from the others
} kinds[] = {
  [MODEL_GROUP_BY] = { "GroupBy", "group_bys", MODEL_S_GROUP_BY, "sources" },
  [MODEL_JOIN] = { "Join", "joins", MODEL_S_JOIN, "left" },
  [MODEL_STAGING_QUERY] = { "StagingQuery", "staging_queries", MODEL_S_STAGING_QUERY, "query" },
  [MODEL_MODEL] = { "Model", "models", MODEL_S_MODEL, "inferenceSpec" },
};

const char *model_kind_name(enum model_kind kind)
{
  return kind == MODEL_NONE ? "definition" : kinds[kind].name;
}

const char *model_kind_folder(enum model_kind kind)
{
  return kinds[kind].folder;
}

const struct model_struct *model_kind_struct(enum model_kind kind)
{
  return kind == MODEL_NONE ? NULL : &model_structs[kinds[kind].type];
}

struct model_conf model_conf_of(enum model_kind kind, void *any)
{
  struct model_conf conf = { .kind = kind, .as.any = any };
  const struct model_struct *s = model_kind_struct(kind);
  const struct model_field *f = model_field_find(s, "metaData");
  conf.meta_data = model_field_pointer(f, any);
  conf.name = conf.meta_data != NULL ? conf.meta_data->name : NULL;
  return conf;
}

static enum model_kind kind_by_shape(const struct codec_json *v)
{
  for (int k = MODEL_GROUP_BY; k <= MODEL_MODEL; k++) {
    if (codec_json_get(v, kinds[k].shape) != NULL) {
      return (enum model_kind)k;
    }
  }
  return MODEL_NONE;
}

chn_status model_read_json(struct arena *a, const char *text, size_t len, enum model_kind kind,
                           const char *what, struct model_conf *conf, struct chn_err *err)
{
  const struct codec_json *v = NULL;
  chn_status s = codec_json_parse(a, text, len, what, &v, err);
  if (s != CHN_OK) {
    return s;
  }
  if (kind == MODEL_NONE) {
    kind = kind_by_shape(v);
  }
  if (kind == MODEL_NONE) {
    return chn_fail(err, CHN_E_CORRUPT,
                    "%s: neither a GroupBy (sources), a Join (left), a StagingQuery (query) nor a "
                    "Model (inferenceSpec)",
                    what);
  }
  const struct model_struct *type = model_kind_struct(kind);
  void *any = arena_calloc(a, 1, type->size);
  s = model_read_struct(a, v, type, MODEL_BY_COMPILER, what, any, err);
  if (s == CHN_OK) {
    *conf = model_conf_of(kind, any);
    conf->text = arena_strndup(a, text, len);
    conf->text_len = len;
  }
  return s;
}

/// The kind that the last folder of the path with a kind's name says.
static enum model_kind kind_by_path(const char *path)
{
  enum model_kind kind = MODEL_NONE;
  const char *end = strchr(path, '/');
  for (const char *part = path; end != NULL; part = end + 1, end = strchr(part, '/')) {
    for (int k = MODEL_GROUP_BY; k <= MODEL_MODEL; k++) {
      const size_t n = strlen(kinds[k].folder);
      if ((size_t)(end - part) == n && memcmp(part, kinds[k].folder, n) == 0) {
        kind = (enum model_kind)k;
      }
    }
  }
  return kind;
}

static chn_status read_all(FILE *file, const char *path, struct chn_buf *out, struct chn_err *err)
{
  char chunk[16384];
  for (size_t n = 1; n > 0;) {
    n = fread(chunk, 1, sizeof chunk, file);
    chn_buf_add(out, chunk, n);
  }
  if (ferror(file)) {
    return chn_fail(err, CHN_E_IO, "%s: cannot be read: %s", path, strerror(errno));
  }
  if (out->truncated) {
    return chn_fail(err, CHN_E_CORRUPT, "%s: larger than %d bytes", path,
                    (int)CODEC_JSON_MAX_BYTES);
  }
  return CHN_OK;
}

chn_status model_read_file(struct arena *a, const char *path, struct model_conf *conf,
                           struct chn_err *err)
{
  FILE *file = fopen(path, "rb");
  if (file == NULL) {
    return chn_fail(err, errno == ENOENT ? CHN_E_NOT_FOUND : CHN_E_IO, "%s: %s", path,
                    errno == ENOENT ? "there is no such file" : strerror(errno));
  }
  struct chn_buf text = { .max = CODEC_JSON_MAX_BYTES };
  chn_status s = read_all(file, path, &text, err);
  fclose(file);
  if (s == CHN_OK) {
    s = model_read_json(a, chn_buf_str(&text), text.len, kind_by_path(path), path, conf, err);
  }
  chn_buf_deinit(&text);
  return s;
}
