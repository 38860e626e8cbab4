/// upload_rows.h: columns of keys and values become rows of an upload.
#pragma once
#include "batch/upload.h"
#include "codec/avro.h"

struct upload_rows_writer;

/// Makes the Avro schemas: record Key of `keys`, `value_name` of `values`. Fails with
/// CHN_E_ARGUMENT on columns that Avro cannot hold. The schemas' types must outlive the writer.
chn_status upload_rows_new(struct batch_job *job, const struct upload_sink *sink,
                           const struct row_schema *keys, const char *value_name,
                           const struct row_schema *values, struct upload_rows_writer **out,
                           struct chn_err *err);
void upload_rows_free(struct upload_rows_writer *w);

/// Adds row key_row of the key columns with row value_row of the value columns. Rows go to the
/// sink some megabytes at a time.
chn_status upload_rows_add(struct upload_rows_writer *w, const struct row_col *keys, size_t key_row,
                           const struct row_col *values, size_t value_row, struct chn_err *err);

/// Adds a row of plain texts: the serving info.
chn_status upload_rows_text(struct upload_rows_writer *w, const char *key, const char *value,
                            struct chn_err *err);

/// Gives what is left to the sink.
chn_status upload_rows_flush(struct upload_rows_writer *w, struct chn_err *err);

uint64_t upload_rows_count(const struct upload_rows_writer *w);
