/// upload.h: a GroupBy at the end of a day, as bytes by key: what an online store is filled with.
///
/// Keys and values are Avro without header (codec/avro.h, spec/05 §9, docs/reference/upload.md).
/// What a value holds follows from accuracy and source:
///
///     SNAPSHOT events               the finished outputs at the end of the day
///     SNAPSHOT entities             the same of the day's partition; without aggregations its rows
///     TEMPORAL events and entities  batch IRs (agg/batch_ir.h), to be merged with streamed rows
///
/// One more row tells the fetcher what it needs: key `group_by_serving_info`, value
/// GroupByServingInfo as TSimpleJSON. It comes last, and also when there is no data.
#pragma once
#include "batch/job.h"

/// A batch of rows; columns of BINARY, BINARY, STRING, STRING with n rows each.
struct upload_rows {
  struct row_col key_bytes;
  struct row_col value_bytes;
  struct row_col key_json;   ///< Avro's JSON of the key
  struct row_col value_json; ///< of the value, or NULL (a sample is enough to look at)
  size_t n;
};

/// Where the rows go: a table, a store. Called from the thread that runs the upload; the memory is
/// the upload's and valid during the call. A failure ends the upload and is returned by it.
struct upload_sink {
  void *user;
  chn_status (*rows)(void *user, const struct upload_rows *rows, struct chn_err *err);
  bool bytes_only; ///< key_json and value_json are not wanted: they stay empty columns
};

/// Computes the upload of `day` (its batch end is the day after, 00:00 UTC). Keys are worked on in
/// passes as scan.h says, so memory stays within the limit; rows come in no order.
chn_status upload_group_by(struct batch_job *job, const struct model_group_by *gb, int32_t day,
                           const struct upload_sink *sink, struct chn_err *err);

/// The job behind `run --mode upload`: into the un-partitioned table `<output>_upload`, the online
/// store, or both from one computation.
chn_status upload_run(struct batch_job *job, const struct model_group_by *gb, struct chn_err *err);
