/// series.h: values by time, as a flat table and as an upload: what statistics and consistency
/// metrics become.
///
/// The flat table has the columns `JoinPath`, the values, `ts` (the start of the time bucket) and,
/// where it is partitioned, `ds` (the day of `ts`). The upload has key_bytes (Avro {JoinPath}),
/// value_bytes (Avro of the values), key_json, value_json, ts and ds, and two rows more that tell a
/// reader the schemas: keys `<name>__keySchema` and `<name>__valueSchema`, with the time of writing
/// and so in the partition of that day.
#pragma once
#include "batch/output.h"

struct series {
  struct batch_job *job;
  const char *name; ///< JoinPath
  struct row_schema values;
  struct row_builder **columns; ///< append a value to each, then call series_add
  struct row_builder *path;
  struct row_builder *ts;
};

/// `name` and `values` must outlive the series.
void series_init(struct series *s, struct batch_job *job, const char *name,
                 const struct row_schema *values);
void series_deinit(struct series *s);

/// Ends a row. Instants are distinct.
void series_add(struct series *s, int64_t ts);

size_t series_count(const struct series *s);

/// Writes the flat table; `more` are further columns between `ts` and `ds`. A series without rows
/// writes nothing.
chn_status series_write(const struct series *s, const struct output *o, const struct wh_extra *more,
                        int32_t n_more, struct wh_written *written, struct chn_err *err);

/// Writes the upload, partitioned by ds. Fails with CHN_E_ARGUMENT on values that Avro cannot hold.
chn_status series_write_upload(const struct series *s, const struct output *o, struct chn_err *err);
