#include "batch/derive.h"

#include <string.h>

#include "warehouse/sql.h"
#include "warehouse/warehouse.h"

static bool renamed(const struct model_derivation *d, int32_t n, const char *column)
{
  for (int32_t i = 0; i < n; i++) {
    if (strcmp(d[i].expression, column) == 0) {
      return true;
    }
  }
  return false;
}

chn_status derive_columns(struct arena *a, const struct model_derivation *d, int32_t n_d,
                          const char *const *base, int32_t n_base, struct derived **out,
                          int32_t *n_out, struct chn_err *err)
{
  struct derived *list = arena_alloc(a, (size_t)(n_d + 1) * (size_t)(n_base + 1) * sizeof *list);
  int32_t n = 0;
  for (int32_t i = 0; i < n_base && n_d == 0; i++) {
    list[n++] = (struct derived){ base[i], wh_quote_name(a, base[i]) };
  }
  for (int32_t i = 0; i < n_d; i++) {
    if (strcmp(d[i].expression, "*") == 0) {
      for (int32_t b = 0; b < n_base; b++) {
        if (!renamed(d, n_d, base[b])) {
          list[n++] = (struct derived){ base[b], wh_quote_name(a, base[b]) };
        }
      }
      continue;
    }
    char *sql = NULL;
    chn_status status = sql_render_expr(a, d[i].expression, &sql, err);
    if (status != CHN_OK) {
      return chn_wrap(err, "derivation %s", d[i].name);
    }
    list[n++] = (struct derived){ d[i].name, sql };
  }
  *out = list;
  *n_out = n;
  return CHN_OK;
}
