/// upload_store.h: an upload into the online store: dataset `<UPPER(name)>_BATCH`, ts = batch end.
///
/// A load is a new generation of the dataset: it appears at once at upload_store_commit, and until
/// then readers have the last one (kv/kv.h). Rows streamed long before the batch end are of no use
/// to any reader afterwards and are removed.
#pragma once
#include "batch/upload.h"
#include "kv/kv.h"

struct upload_store {
  struct kv_store *store;
  struct kv_load *load;
  const char *group_by; ///< metaData.name
  int64_t batch_end;
  int64_t last_end; ///< of the load before; INT64_MIN: there is none
  uint64_t rows;    ///< added, the serving info included
};

/// Begins the load of the batch that ends after `day`. CHN_E_CONFLICT when the store has a later
/// one: a fetch would go back in time, without the rows streamed since (batch_options.allow_older).
chn_status upload_store_begin(struct upload_store *u, struct batch_job *job, struct kv_store *store,
                              const struct model_group_by *gb, int32_t day, struct chn_err *err);

/// Adds rows: keys and values are read, the JSON is not.
chn_status upload_store_add(struct upload_store *u, const struct upload_rows *rows,
                            struct chn_err *err);

/// Ends the load; the struct is done with either way.
chn_status upload_store_commit(struct upload_store *u, struct arena *a, struct chn_err *err);
void upload_store_abort(struct upload_store *u);
