// What files a table has. They are listed here, not by DuckDB's globs: hidden folders must stay
// unseen, the order of rows must not depend on a directory's, and a name may hold '*' or '['.
#include "warehouse/wh_int.h"

#include "base/hash.h"

#include <errno.h>
#include <glob.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

struct walk {
  struct arena *a;
  const char *table;
  const char *path;
  struct wh_layout *out;
  uint64_t hash;
  const char *odd;    ///< a file whose format differs from the first one's
  const char *uneven; ///< a folder whose keys differ from the first file's
};

/// The format by the name's ending, or -1. Compressed text is read as it is.
static int format_of(const char *name)
{
  static const struct {
    const char *ending;
    enum wh_format format;
  } endings[] = { { ".parquet", WH_PARQUET }, { ".parq", WH_PARQUET }, { ".pq", WH_PARQUET },
                  { ".csv", WH_CSV },         { ".tsv", WH_CSV },      { ".json", WH_JSON },
                  { ".jsonl", WH_JSON },      { ".ndjson", WH_JSON } };
  size_t len = strlen(name);
  static const char *const packed[] = { ".gz", ".zst" };
  for (size_t i = 0; i < sizeof packed / sizeof *packed; i++) {
    const size_t n = strlen(packed[i]);
    if (len > n && strcasecmp(name + len - n, packed[i]) == 0) {
      len -= n;
    }
  }
  for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
    const size_t n = strlen(endings[i].ending);
    if (len > n && strncasecmp(name + len - n, endings[i].ending, n) == 0) {
      return (int)endings[i].format;
    }
  }
  return -1;
}

static void add_file(struct walk *w, const char *path, const struct stat *st, int format)
{
  struct wh_layout *out = w->out;
  char *copy = arena_strdup(w->a, path);
  if (out->files.n == 0) {
    out->format = (enum wh_format)format;
  } else if ((enum wh_format)format != out->format) {
    w->odd = copy;
  }
  fs_list_add(w->a, &out->files, copy);
  out->bytes += (uint64_t)st->st_size;
  const int64_t facts[] = { (int64_t)st->st_size, (int64_t)st->st_ino, (int64_t)st->st_mtim.tv_sec,
                            (int64_t)st->st_mtim.tv_nsec };
  w->hash = chn_hash(path, strlen(path), w->hash);
  w->hash = chn_hash(facts, sizeof facts, w->hash);
}

/// The keys on the way to the first file are the table's; another way must have the same.
static void note_keys(struct walk *w, const struct fs_list *keys)
{
  struct fs_list *known = &w->out->keys;
  if (w->out->files.n == 0) {
    *known = (struct fs_list){ 0 };
    for (size_t i = 0; i < keys->n; i++) {
      fs_list_add(w->a, known, keys->at[i]);
    }
    return;
  }
  bool same = known->n == keys->n;
  for (size_t i = 0; same && i < keys->n; i++) {
    same = strcmp(known->at[i], keys->at[i]) == 0;
  }
  if (!same && w->uneven == NULL) {
    w->uneven = w->path;
  }
}

static void walk_folder(struct walk *w, const char *folder, struct fs_list *keys)
{
  const struct fs_list names = fs_names(w->a, folder, false);
  for (size_t i = 0; i < names.n; i++) {
    const char *path = arena_printf(w->a, "%s/%s", folder, names.at[i]);
    struct stat st;
    if (stat(path, &st) != 0) {
      continue;
    }
    if (!S_ISDIR(st.st_mode)) {
      const int format = format_of(names.at[i]);
      if (format >= 0) {
        note_keys(w, keys);
        add_file(w, path, &st, format);
      }
      continue;
    }
    const char *equals = strchr(names.at[i], '=');
    if (equals != NULL) {
      fs_list_add(w->a, keys, arena_strndup(w->a, names.at[i], (size_t)(equals - names.at[i])));
    }
    walk_folder(w, path, keys);
    keys->n -= equals != NULL ? 1 : 0;
  }
}

static chn_status walk_glob(struct walk *w, struct chn_err *err)
{
  glob_t found = { 0 };
  const int why = glob(w->path, 0, NULL, &found);
  for (size_t i = 0; why == 0 && i < found.gl_pathc; i++) {
    struct stat st;
    const int format = format_of(found.gl_pathv[i]);
    if (stat(found.gl_pathv[i], &st) == 0 && S_ISREG(st.st_mode) && format >= 0) {
      add_file(w, found.gl_pathv[i], &st, format);
    }
  }
  globfree(&found);
  if (w->out->files.n > 0) {
    return CHN_OK;
  }
  return strstr(w->path, "://") != NULL
             ? chn_fail(err, CHN_E_ARGUMENT,
                        "table %s: %s is a remote address; only files of this machine can be read",
                        w->table, w->path)
             : chn_fail(err, CHN_E_NOT_FOUND,
                        "table %s: there is no file, folder or glob match at %s", w->table,
                        w->path);
}

chn_status wh_layout_read(struct arena *a, const char *table, const char *path,
                          struct wh_layout *out, struct chn_err *err)
{
  *out = (struct wh_layout){ 0 };
  struct walk w = { .a = a, .table = table, .path = path, .out = out, .hash = 1 };
  struct stat st;
  chn_status s = CHN_OK;
  if (stat(path, &st) != 0) {
    s = walk_glob(&w, err);
  } else if (S_ISDIR(st.st_mode)) {
    out->folder = path;
    struct fs_list keys = { 0 };
    walk_folder(&w, path, &keys);
  } else if (format_of(path) >= 0) {
    add_file(&w, path, &st, format_of(path));
  } else {
    s = chn_fail(err, CHN_E_ARGUMENT,
                 "table %s: %s ends neither in .parquet nor .csv, .tsv, .json, .jsonl or .ndjson",
                 table, path);
  }
  if (s == CHN_OK && w.odd != NULL) {
    s = chn_fail(err, CHN_E_ARGUMENT, "table %s: %s and %s are of different formats", table,
                 out->files.at[0], w.odd);
  }
  if (s == CHN_OK && w.uneven != NULL) {
    s = chn_fail(err, CHN_E_ARGUMENT,
                 "table %s: the files below %s do not all have the same k=v folders", table, path);
  }
  out->signature = w.hash;
  return s;
}

static int hex_digit(char c)
{
  if (c >= '0' && c <= '9') {
    return c - '0';
  }
  const char lower = (char)(c | 32);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

char *wh_hive_decode(struct arena *a, const char *text, size_t len)
{
  char *out = arena_alloc(a, len + 1);
  size_t n = 0;
  for (size_t i = 0; i < len; i++) {
    const int high = text[i] == '%' && i + 2 < len ? hex_digit(text[i + 1]) : -1;
    const int low = high >= 0 ? hex_digit(text[i + 2]) : -1;
    if (low >= 0) {
      out[n++] = (char)(high * 16 + low);
      i += 2;
    } else {
      out[n++] = text[i];
    }
  }
  out[n] = '\0';
  return out;
}
