#include "batch/skew.h"

#include <string.h>

#include "base/buf.h"
#include "model/names.h"
#include "warehouse/sql.h"

/// Whether a raw SQL literal of a skew key stands for NULL.
static bool is_null_literal(const char *value)
{
  return strcmp(value, "null") == 0 || strcmp(value, "Null") == 0 || strcmp(value, "NULL") == 0;
}

/// The key's column: itself, or the part's name for it; NULL where the part has none.
static const char *column_of(const struct model_join_part *part, const char *key)
{
  if (part == NULL) {
    return key;
  }
  const struct model_group_by *gb = part->group_by;
  for (int32_t k = 0; k < gb->n_key_columns; k++) {
    const char *left = model_left_key(part->key_mapping, part->n_key_mapping, gb->key_columns[k]);
    if (strcmp(left, key) == 0) {
      return gb->key_columns[k];
    }
  }
  return NULL;
}

/// NULL among the values is no value of NOT IN, which would never hold, but IS NOT NULL. A key
/// without values keeps every row.
static void add_key(struct chn_buf *out, const char *column, const struct model_list_pair *k)
{
  const char * or = out->len > 0 ? " OR (" : "(";
  const char *comma = "";
  bool null = false;
  for (int32_t v = 0; v < k->n_values; v++) {
    if (is_null_literal(k->values[v])) {
      null = true;
    } else if (comma[0] == '\0') {
      chn_buf_addf(out, "%s`%s` NOT IN (%s", or, column, k->values[v]);
      comma = ", ";
    } else {
      chn_buf_addf(out, "%s%s", comma, k->values[v]);
    }
  }
  if (comma[0] != '\0') {
    chn_buf_adds(out, null ? ") AND " : "))");
  } else if (null) {
    chn_buf_adds(out, or);
  }
  if (null) {
    chn_buf_addf(out, "`%s` IS NOT NULL)", column);
  }
}

chn_status skew_condition(struct arena *a, const struct model_join *j,
                          const struct model_join_part *part, const char **sql, struct chn_err *err)
{
  struct chn_buf where = { 0 };
  for (int32_t i = 0; i < j->n_skew_keys; i++) {
    const char *column = column_of(part, j->skew_keys[i].key);
    if (column != NULL) {
      add_key(&where, column, &j->skew_keys[i]);
    }
  }
  char *rendered = NULL;
  chn_status status = CHN_OK;
  if (where.len > 0) {
    status = sql_render_expr(a, chn_buf_str(&where), &rendered, err);
  }
  *sql = rendered;
  chn_buf_deinit(&where);
  return status == CHN_OK ? CHN_OK : chn_wrap(err, "skew_keys");
}
