/// upload_info.h: GroupByServingInfo, what an upload tells the fetcher and the stream.
#pragma once
#include "batch/job.h"

/// Its JSON (TSimpleJSON on one line). `schema` is that of the sources' SQL, `keys` and `values`
/// the columns of keys and, for a GroupBy without aggregations, of values. Avro schemas are texts
/// in Avro's own pretty form; the input schema is there only for a GroupBy with a topic.
chn_status upload_info_json(struct batch_job *job, const struct model_group_by *gb, int32_t day,
                            const struct row_schema *schema, const struct row_schema *keys,
                            const struct row_schema *values, const char **out, struct chn_err *err);
