/// log_flatten.h: the raw log of fetches, Avro in base64, as a table with a column a field.
///
/// A raw row has key_base64, value_base64, ts_millis, schema_hash, name (`team/file.var`, as a Hive
/// folder with `%2F`) and ds. A row becomes one of `<join>_logged`: schema_hash, ts, the fields of
/// log_schemas.h, ds. Rows without a hash, and rows whose bytes are not of their schema, are left
/// out and told about. The table's properties carry the schemas it was made with
/// (`schema_hash_<hash>`), so that a bootstrap from it knows which columns a row was logged with.
#pragma once
#include "batch/job.h"

chn_status log_flatten(struct batch_job *job, const struct model_join *j, struct chn_err *err);
