/// derive.h: derivations as a list of output columns.
#pragma once
#include "base/arena.h"
#include "model/model.h"

struct derived {
  const char *name;
  const char *sql; ///< DuckDB SQL over the base columns
};

/// Expands derivations over the base value columns, in their order: `*` stands for every base
/// column that no derivation names verbatim as its expression (renamed ones leave). Without
/// derivations the base columns themselves.
chn_status derive_columns(struct arena *a, const struct model_derivation *d, int32_t n_d,
                          const char *const *base, int32_t n_base, struct derived **out,
                          int32_t *n_out, struct chn_err *err);
