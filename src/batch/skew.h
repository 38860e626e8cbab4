/// skew.h: conditions that leave out the rows of skewed keys.
#pragma once
#include "model/model.h"

/// DuckDB SQL of a join's skew keys: per key NOT IN its values, OR-ed over keys (spec/05 §5.1). The
/// values are SQL literals as authored. With `part` only over the keys that the part has, under
/// their names in its GroupBy; else over all, as columns of the left. NULL when there are none.
chn_status skew_condition(struct arena *a, const struct model_join *j,
                          const struct model_join_part *part, const char **sql,
                          struct chn_err *err);
