// A session: what is open, and what is running.
#include <stdlib.h>
#include <unistd.h>

#include "explore/explore_int.h"
#include "fetcher/fetch_json.h"
#include "kv/kv.h"
#include "warehouse/fs.h"

struct explore *explore_open(const struct explore_options *options)
{
  struct explore *e = chn_calloc(1, sizeof *e);
  e->options = *options;
  return e;
}

void explore_close(struct explore *e)
{
  if (e == NULL) {
    return;
  }
  fetch_json_free(e->json);
  fetch_session_close(e->fetches);
  fetcher_close(e->fetcher);
  kv_close(e->store);
  wh_close(e->wh);
  if (e->makes_folder) {
    rmdir(e->options.warehouse); // unless something was written
  }
  for (int32_t i = 0; i < e->n_kept; i++) {
    free(e->kept[i].name);
    arena_deinit(&e->kept[i].arena);
  }
  free(e->kept);
  arena_deinit(&e->call);
  arena_deinit(&e->arena);
  free(e);
}

void explore_interrupt(struct explore *e)
{
  if (e == NULL || !e->busy) {
    return;
  }
  e->interrupted = 1;
  if (e->scratch != NULL) {
    wh_interrupt(e->scratch);
  }
  if (e->wh != NULL) {
    wh_interrupt(e->wh);
  }
}

bool explore_busy(const struct explore *e)
{
  return e != NULL && e->busy;
}

void explore_begin(struct explore *e)
{
  arena_deinit(&e->call);
  e->interrupted = 0;
  e->busy = 1;
}

chn_status explore_end(struct explore *e, chn_status status, struct chn_err *err)
{
  e->busy = 0;
  if (status != CHN_OK && e->interrupted) { // whatever the interrupted part made of it
    return chn_fail(err, CHN_E_CANCELLED, "stopped by the user");
  }
  return status;
}

chn_status explore_warehouse(struct explore *e, struct wh **out, struct chn_err *err)
{
  const struct wh_options options = { .root = e->options.warehouse,
                                      .sources = e->options.sources,
                                      .n_sources = e->options.n_sources,
                                      .threads = e->options.threads,
                                      .memory_limit = e->options.memory_limit };
  if (e->wh == NULL) {
    struct wh *wh = NULL;
    e->makes_folder = !fs_exists(e->options.warehouse);
    if (wh_open(&options, &wh, err) != CHN_OK) {
      return err->code;
    }
    e->wh = wh;
  }
  *out = e->wh;
  return CHN_OK;
}
