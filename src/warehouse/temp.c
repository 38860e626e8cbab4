// Where spilled data go: a hidden folder in the warehouse, so on a disk that holds its tables.
//
// `<root>/.tmp-XXXXXX/` (fs_temp.c) holds the folder `sql` of DuckDB and one numbered folder for
// each wh_temp_folder. Whoever opens a warehouse removes those of dead processes.
#include "warehouse/wh_int.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

void wh_random_hex(char out[9])
{
  uint32_t r;
  if (getrandom(&r, sizeof r, 0) != (ssize_t)sizeof r) {
    r = (uint32_t)getpid() * 2654435761U;
  }
  snprintf(out, 9, "%08x", r);
}

static const char PREFIX[] = ".tmp-";

/// Makes the folder, the first time that it is needed.
static chn_status make(struct wh *wh, struct chn_err *err)
{
  if (wh->temp != NULL) {
    return CHN_OK;
  }
  const char *folder = NULL;
  chn_status s = fs_temp(&wh->arena, wh->root, PREFIX, &folder, &wh->temp_lock, err);
  if (s != CHN_OK) {
    return chn_wrap(err, "folder for spilled data");
  }
  wh->temp = folder;
  // Fails only when DuckDB has spilled to its first folder already: then that one stays.
  const char *sql = arena_printf(&wh->arena, "%s/sql", folder);
  const char *set =
      arena_printf(&wh->arena, "SET GLOBAL temp_directory = %s", wh_quote_string(&wh->arena, sql));
  wh_do(wh->side, set, NULL);
  return CHN_OK;
}

// A warehouse that does not exist yet is not created for a query: until something is written,
// DuckDB spills to the system's folder for large temporary files.
void wh_temp_open(struct wh *wh)
{
  if (fs_is_folder(wh->root)) {
    fs_temp_sweep(wh->root, PREFIX);
    if (access(wh->root, W_OK) == 0 && make(wh, NULL) == CHN_OK) {
      return;
    }
  }
  const char *tmp = getenv("TMPDIR");
  char hex[9];
  wh_random_hex(hex);
  const char *folder = arena_printf(&wh->arena, "%s/chronon-%s",
                                    tmp != NULL && tmp[0] != '\0' ? tmp : "/var/tmp", hex);
  wh_do(wh->side,
        arena_printf(&wh->arena, "SET GLOBAL temp_directory = %s",
                     wh_quote_string(&wh->arena, folder)),
        NULL);
}

void wh_temp_close(struct wh *wh)
{
  if (wh->temp != NULL) {
    fs_temp_remove(wh->temp, wh->temp_lock);
  }
}

chn_status wh_temp_folder(struct wh *wh, struct arena *a, const char **path, struct chn_err *err)
{
  const chn_status s = make(wh, err);
  if (s != CHN_OK) {
    return s;
  }
  *path = arena_printf(a, "%s/%d", wh->temp, (int)wh->n_temp++);
  return fs_make(*path, err);
}

void wh_temp_remove(struct wh *wh, const char *path)
{
  const size_t len = wh->temp != NULL ? strlen(wh->temp) : 0;
  if (len > 0 && strncmp(path, wh->temp, len) == 0 && path[len] == '/') {
    fs_remove(path);
  }
}
