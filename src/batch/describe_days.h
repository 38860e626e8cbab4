/// describe_days.h: which rows are described, and which are the baseline.
#pragma once
#include "batch/describe.h"

/// Appends ` , <in rows>, <in baseline>` (booleans, never NULL) to `select` where there is a
/// baseline, and the WHERE that both make to `where`. `schema` is that of `from`, for messages.
chn_status describe_days(struct arena *a, const char *from, const struct row_schema *schema,
                         const struct describe_options *o, struct chn_buf *select,
                         struct chn_buf *where, struct chn_err *err);

/// Fails where one of o->columns is none of names.
chn_status describe_known(const char *from, const struct describe_options *o,
                          const char *const *names, int32_t n, struct chn_err *err);

/// Whether o wants the column.
bool describe_wants(const struct describe_options *o, const char *name);

/// The baseline without rows is an error.
chn_status describe_check_baseline(const char *from, const struct describe_options *o, int64_t rows,
                                   struct chn_err *err);
