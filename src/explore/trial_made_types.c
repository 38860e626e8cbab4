// The columns that a source reads: those of the repo's table, or what its expressions tell.
#include <string.h>

#include "explore/trial_int.h"
#include "model/names.h"
#include "warehouse/fs.h"
#include "warehouse/sql.h"

// ---- of the repo's table ----------------------------------------------------------------------

/// Where the repo's table lies, or NULL.
static const char *path_of(const struct trial *t, struct arena *a, const char *table)
{
  for (int32_t i = 0; i < t->options.n_sources; i++) {
    if (strcmp(t->options.sources[i].table, table) == 0) {
      return t->options.sources[i].path;
    }
  }
  const char *dot = strchr(table, '.');
  const char *folder =
      t->options.warehouse != NULL && dot != NULL
          ? arena_printf(a, "%s/%.*s/%s", t->options.warehouse, (int)(dot - table), table, dot + 1)
          : NULL;
  return folder != NULL && fs_is_folder(folder) ? folder : NULL;
}

/// Its columns, asked of an engine of its own: the scratch warehouse has another table of the name.
static struct trial_column *known_columns(struct trial *t, struct arena *a, const char *table,
                                          int32_t *n)
{
  const struct wh_source source = { table, path_of(t, a, table) };
  const struct wh_options options = { .root = arena_printf(a, "%s/types", t->folder),
                                      .sources = &source,
                                      .n_sources = 1,
                                      .threads = 1,
                                      .memory_limit = t->options.memory_limit };
  struct wh *wh = NULL;
  struct wh_table found;
  struct chn_err ignored;
  struct trial_column *columns = NULL;
  if (source.path == NULL || wh_open(&options, &wh, &ignored) != CHN_OK) {
    return NULL;
  }
  if (wh_table_find(wh, table, a, &found, &ignored) == CHN_OK) {
    struct trial other = { .wh = wh };
    columns = arena_calloc(a, (size_t)found.schema.n_fields + 1, sizeof *columns);
    for (int32_t i = 0; i < found.schema.n_fields; i++) {
      columns[i].name = arena_strdup(a, found.schema.fields[i].name);
      columns[i].type = trial_column_type(&other, a, table, columns[i].name);
    }
    *n = found.schema.n_fields;
  }
  wh_close(wh);
  return columns;
}

// ---- of expressions ---------------------------------------------------------------------------

struct guess {
  struct arena *a;
  struct trial_column *columns;
  int32_t n, cap;
};

static void add_columns(struct guess *g, const char *expression, const char *type)
{
  char **names = NULL;
  size_t n = 0;
  struct chn_err ignored;
  if (sql_expr_columns(g->a, expression, &names, &n, &ignored) != CHN_OK) {
    return;
  }
  for (size_t i = 0; i < n; i++) {
    struct trial_column *found = NULL;
    for (int32_t k = 0; k < g->n; k++) {
      found = strcmp(g->columns[k].name, names[i]) == 0 ? &g->columns[k] : found;
    }
    if (found == NULL) {
      if (g->n == g->cap) {
        struct trial_column *more = arena_calloc(g->a, 2 * (size_t)g->cap + 8, sizeof *more);
        if (g->n > 0) {
          memcpy(more, g->columns, (size_t)g->n * sizeof *more);
        }
        g->columns = more;
        g->cap = 2 * g->cap + 8;
      }
      found = &g->columns[g->n++];
      found->name = names[i];
    }
    found->type = found->type == NULL ? type : found->type;
  }
}

static bool wants_numbers(enum model_operation op)
{
  return op == MODEL_OP_SUM || op == MODEL_OP_AVERAGE || op == MODEL_OP_VARIANCE ||
         op == MODEL_OP_SKEW || op == MODEL_OP_KURTOSIS || op == MODEL_OP_APPROX_PERCENTILE ||
         op == MODEL_OP_MIN || op == MODEL_OP_MAX;
}

static struct trial_column *guess_columns(struct arena *a, const struct model_group_by *gb,
                                          int32_t *n)
{
  struct guess g = { .a = a };
  const struct model_query *q = model_source_query(&gb->sources[0]);
  if (q != NULL && q->time_column != NULL) {
    add_columns(&g, q->time_column, "BIGINT");
  }
  for (int32_t i = 0; i < gb->n_aggregations; i++) {
    const char *input = gb->aggregations[i].input_column;
    const char *expr = q != NULL ? model_pair_find(q->selects, q->n_selects, input) : NULL;
    add_columns(&g, expr != NULL ? expr : input,
                wants_numbers(gb->aggregations[i].operation) ? "DOUBLE" : NULL);
  }
  for (int32_t i = 0; q != NULL && i < q->n_selects; i++) {
    add_columns(&g, q->selects[i].value, NULL);
  }
  for (int32_t i = 0; q != NULL && i < q->n_wheres; i++) {
    add_columns(&g, q->wheres[i], NULL);
  }
  for (int32_t i = 0; i < gb->n_key_columns && (q == NULL || q->n_selects == 0); i++) {
    add_columns(&g, arena_printf(a, "`%s`", gb->key_columns[i]), NULL);
  }
  for (int32_t i = 0; i < g.n; i++) {
    g.columns[i].type = g.columns[i].type == NULL ? "VARCHAR" : g.columns[i].type;
  }
  *n = g.n;
  return g.columns;
}

struct trial_column *trial_source_columns(struct trial *t, struct arena *a,
                                          const struct model_group_by *gb, const char *table,
                                          int32_t *n)
{
  struct trial_column *known = known_columns(t, a, table, n);
  return known != NULL ? known : guess_columns(a, gb, n);
}
