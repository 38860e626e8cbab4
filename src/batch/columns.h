/// columns.h: whether the columns that a query names are in its table, told before anything runs
/// and by the place that names them.
#pragma once
#include "model/model.h"
#include "warehouse/warehouse.h"

/// Fails with CHN_E_ARGUMENT where a select, a where or the time column of `q` (may be NULL) names
/// a column that neither the table nor another select has. What does not parse is left to the
/// rendering.
chn_status columns_check(struct arena *a, const struct wh_table *table, const struct model_query *q,
                         struct chn_err *err);

/// Fails where `name`, which the job needs from the table itself, is not in it.
chn_status columns_need(struct arena *a, const struct wh_table *table, const char *name,
                        struct chn_err *err);
