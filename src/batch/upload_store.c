#include "batch/upload_store.h"

#include <string.h>

#include "base/time.h"
#include "model/serving.h"

/// Batch end of the last load; INT64_MIN before the first.
static chn_status last_end(struct kv_store *store, const char *dataset, int64_t *out,
                           struct chn_err *err)
{
  struct kv_info *list = NULL;
  size_t n = 0;
  const chn_status status = kv_list(store, &list, &n, err);
  *out = INT64_MIN;
  for (size_t i = 0; i < n && status == CHN_OK; i++) {
    *out = strcmp(list[i].name, dataset) == 0 ? list[i].version_ts : *out;
  }
  kv_list_free(list);
  return status;
}

chn_status upload_store_begin(struct upload_store *u, struct batch_job *job, struct kv_store *store,
                              const struct model_group_by *gb, int32_t day, struct chn_err *err)
{
  const char *name = model_dataset(job->arena, gb->meta_data->name, "_BATCH");
  int32_t dataset = 0;
  *u = (struct upload_store){ .store = store,
                              .group_by = gb->meta_data->name,
                              .batch_end = chn_ms_of_day(day + 1) };
  chn_status status = last_end(store, name, &u->last_end, err);
  if (status == CHN_OK && u->last_end > u->batch_end && !job->o->allow_older) {
    char have[CHN_DS_SIZE], asked[CHN_DS_SIZE];
    return chn_fail(err, CHN_E_CONFLICT,
                    "%s: %s has the upload of %s, which is later than %s; --allow-older goes back "
                    "to it",
                    kv_url(store), name, chn_ds_of_day(chn_day_of_ms(u->last_end) - 1, have),
                    chn_ds_of_day(day, asked));
  }
  if (status == CHN_OK) {
    status = kv_dataset(store, name, &dataset, err);
  }
  if (status == CHN_OK) {
    status = kv_load_begin(&u->load, store, dataset, u->batch_end, err);
  }
  return status == CHN_OK ? CHN_OK : chn_wrap(err, "%s: dataset %s", kv_url(store), name);
}

chn_status upload_store_add(struct upload_store *u, const struct upload_rows *rows,
                            struct chn_err *err)
{
  const struct row_str *keys = rows->key_bytes.data;
  const struct row_str *values = rows->value_bytes.data;
  for (size_t i = 0; i < rows->n; i++) {
    const chn_status status = kv_load_add(u->load, row_str_bytes(&keys[i]), keys[i].len,
                                          row_str_bytes(&values[i]), values[i].len, err);
    if (status != CHN_OK) {
      return chn_wrap(err, "%s", kv_url(u->store));
    }
  }
  u->rows += rows->n;
  return CHN_OK;
}

/// Rows that were streamed before the last batch end are in the batch now and in the one before
/// it, which requests that are still under way may be reading.
static chn_status expire(const struct upload_store *u, struct arena *a, struct chn_err *err)
{
  int32_t dataset = 0;
  chn_status status =
      kv_dataset(u->store, model_dataset(a, u->group_by, "_STREAMING"), &dataset, err);
  if (status == CHN_OK && u->last_end != INT64_MIN && u->last_end <= u->batch_end) {
    status = kv_expire(u->store, dataset, u->last_end, NULL, err);
  }
  // Nothing was ever streamed where there is no dataset.
  return status == CHN_OK || status == CHN_E_NOT_FOUND
             ? CHN_OK
             : chn_wrap(err, "the upload is in place, but old streamed rows could not be removed");
}

chn_status upload_store_commit(struct upload_store *u, struct arena *a, struct chn_err *err)
{
  chn_status status = kv_load_commit(u->load, err);
  u->load = NULL;
  if (status == CHN_OK) {
    status = expire(u, a, err);
  }
  return status == CHN_OK ? CHN_OK : chn_wrap(err, "%s", kv_url(u->store));
}

void upload_store_abort(struct upload_store *u)
{
  kv_load_abort(u->load);
  u->load = NULL;
}
