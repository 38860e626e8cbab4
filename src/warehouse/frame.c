// wh_frame('<id>'): kept rows and computed columns as a table function.
//
// Chunk k of the frame is rows [2048 k, 2048 k + 2048): a chunk of the kept rows is handed over by
// reference, the extra columns are gathered into DuckDB's vectors. Threads take chunks by an
// atomic counter.
#include "warehouse/wh_int.h"

#include "warehouse/gather.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { CHUNK = 2048 };

struct wh_frame {
  struct wh_frame *next;
  char *id;
  const struct wh_rows *left;
  int32_t n_left; ///< columns of left
  size_t n;
  struct wh_extra *extras;
  int32_t n_extras;
};

struct scan {
  atomic_size_t next;
  idx_t n_columns;
  idx_t columns[]; ///< the projected ones, in the order of the output
};

// ---- callbacks of DuckDB ----------------------------------------------------------------------

static struct wh_frame *find(struct wh *wh, const char *id)
{
  struct wh_frame *f = wh->frames;
  while (f != NULL && strcmp(f->id, id) != 0) {
    f = f->next;
  }
  return f;
}

static void bind(duckdb_bind_info info)
{
  struct wh *wh = duckdb_bind_get_extra_info(info);
  duckdb_value value = duckdb_bind_get_parameter(info, 0);
  char *id = duckdb_get_varchar(value);
  pthread_mutex_lock(&wh->frames_lock);
  struct wh_frame *f = find(wh, id);
  pthread_mutex_unlock(&wh->frames_lock);
  duckdb_free(id);
  duckdb_destroy_value(&value);
  if (f == NULL) {
    duckdb_bind_set_error(info, "wh_frame: no such frame");
    return;
  }
  for (int32_t i = 0; i < f->n_left; i++) {
    duckdb_bind_add_result_column(info, wh_rows_schema(f->left)->fields[i].name,
                                  wh_rows_type(f->left, (idx_t)i));
  }
  for (int32_t i = 0; i < f->n_extras; i++) {
    duckdb_logical_type type = wh_logical_type(f->extras[i].col->type);
    duckdb_bind_add_result_column(info, f->extras[i].name, type);
    duckdb_destroy_logical_type(&type);
  }
  duckdb_bind_set_cardinality(info, f->n, true);
  duckdb_bind_set_bind_data(info, f, NULL);
}

static void init(duckdb_init_info info)
{
  const struct wh *wh = duckdb_init_get_extra_info(info);
  const idx_t n = duckdb_init_get_column_count(info);
  struct scan *scan = chn_calloc(1, sizeof *scan + n * sizeof *scan->columns);
  scan->n_columns = n;
  for (idx_t i = 0; i < n; i++) {
    scan->columns[i] = duckdb_init_get_column_index(info, i);
  }
  duckdb_init_set_init_data(info, scan, free);
  duckdb_init_set_max_threads(info, (idx_t)wh->threads);
}

static void produce(duckdb_function_info info, duckdb_data_chunk out)
{
  const struct wh_frame *f = duckdb_function_get_bind_data(info);
  struct scan *scan = duckdb_function_get_init_data(info);
  const size_t k = atomic_fetch_add(&scan->next, 1);
  if (k * CHUNK >= f->n) {
    duckdb_data_chunk_set_size(out, 0);
    return;
  }
  const size_t from = k * CHUNK;
  const size_t n = f->n - from < CHUNK ? f->n - from : CHUNK;
  for (idx_t i = 0; i < scan->n_columns; i++) {
    const idx_t column = scan->columns[i];
    duckdb_vector to = duckdb_data_chunk_get_vector(out, i);
    if (column < (idx_t)f->n_left) {
      duckdb_vector_reference_vector(to, wh_rows_vector(f->left, k, column));
    } else if (column < (idx_t)(f->n_left + f->n_extras)) {
      const struct wh_extra *x = &f->extras[column - (idx_t)f->n_left];
      wh_gather(to, x->col, x->index != NULL ? x->index + from : NULL, from, n);
    }
  }
  duckdb_data_chunk_set_size(out, n);
}

// ---- registry ---------------------------------------------------------------------------------

chn_status wh_frames_open(struct wh *wh, struct chn_err *err)
{
  duckdb_table_function function = duckdb_create_table_function();
  duckdb_logical_type varchar = duckdb_create_logical_type(DUCKDB_TYPE_VARCHAR);
  duckdb_table_function_set_name(function, "wh_frame");
  duckdb_table_function_add_parameter(function, varchar);
  duckdb_table_function_set_extra_info(function, wh, NULL);
  duckdb_table_function_set_bind(function, bind);
  duckdb_table_function_set_init(function, init);
  duckdb_table_function_set_function(function, produce);
  duckdb_table_function_supports_projection_pushdown(function, true);
  const duckdb_state state = duckdb_register_table_function(wh->con, function);
  duckdb_destroy_logical_type(&varchar);
  duckdb_destroy_table_function(&function);
  return state == DuckDBSuccess
             ? CHN_OK
             : chn_fail(err, CHN_E_INTERNAL, "the SQL engine refuses the function wh_frame");
}

static void free_frame(struct wh_frame *f)
{
  for (int32_t i = 0; i < f->n_extras; i++) {
    free((char *)f->extras[i].name);
  }
  free(f->extras);
  free(f->id);
  free(f);
}

void wh_frames_close(struct wh *wh)
{
  while (wh->frames != NULL) {
    struct wh_frame *f = wh->frames;
    wh->frames = f->next;
    free_frame(f);
  }
}

static bool has_other(const struct row_type *type)
{
  bool found = type->kind == ROW_OTHER;
  for (int32_t i = 0; i < type->n_fields && !found; i++) {
    found = has_other(type->fields[i].type);
  }
  return found;
}

static chn_status check(struct wh *wh, const char *id, const struct wh_rows *left, size_t n,
                        const struct wh_extra *extras, int32_t n_extras, struct chn_err *err)
{
  if (find(wh, id) != NULL) {
    return chn_fail(err, CHN_E_INTERNAL, "frame %s exists", id);
  }
  if (left != NULL && wh_rows_count(left) != n) {
    return chn_fail(err, CHN_E_INTERNAL, "frame %s: %zu rows, its left side has %zu", id, n,
                    wh_rows_count(left));
  }
  for (int32_t i = 0; i < n_extras; i++) {
    if (has_other(extras[i].col->type)) {
      return chn_fail(err, CHN_E_ARGUMENT, "column \"%s\" has a type that features cannot use",
                      extras[i].name);
    }
    if (extras[i].index == NULL && extras[i].col->count < n) {
      return chn_fail(err, CHN_E_INTERNAL, "frame %s: column \"%s\" has %zu rows of %zu", id,
                      extras[i].name, extras[i].col->count, n);
    }
  }
  return CHN_OK;
}

chn_status wh_frame_add(struct wh *wh, const char *id, const struct wh_rows *left, size_t n,
                        const struct wh_extra *extras, int32_t n_extras, struct chn_err *err)
{
  pthread_mutex_lock(&wh->frames_lock);
  const chn_status s = check(wh, id, left, n, extras, n_extras, err);
  if (s == CHN_OK) {
    struct wh_frame *f = chn_calloc(1, sizeof *f);
    f->id = chn_strdup(id);
    f->left = left;
    f->n_left = left != NULL ? wh_rows_schema(left)->n_fields : 0;
    f->n = n;
    f->n_extras = n_extras;
    f->extras = chn_calloc((size_t)n_extras + 1, sizeof *f->extras);
    for (int32_t i = 0; i < n_extras; i++) {
      f->extras[i] = extras[i];
      f->extras[i].name = chn_strdup(extras[i].name);
    }
    f->next = wh->frames;
    wh->frames = f;
  }
  pthread_mutex_unlock(&wh->frames_lock);
  return s;
}

struct wh_frame *wh_frame_find(struct wh *wh, const char *id)
{
  pthread_mutex_lock(&wh->frames_lock);
  struct wh_frame *f = find(wh, id);
  pthread_mutex_unlock(&wh->frames_lock);
  return f;
}

void wh_frame_point(struct wh_frame *f, const struct row_col *cols, const int32_t *index, size_t n)
{
  for (int32_t i = 0; i < f->n_extras; i++) {
    f->extras[i].col = &cols[i];
    f->extras[i].index = index;
  }
  f->n = n;
}

void wh_frame_remove(struct wh *wh, const char *id)
{
  pthread_mutex_lock(&wh->frames_lock);
  for (struct wh_frame **at = &wh->frames; *at != NULL; at = &(*at)->next) {
    if (strcmp((*at)->id, id) == 0) {
      struct wh_frame *f = *at;
      *at = f->next;
      free_frame(f);
      break;
    }
  }
  pthread_mutex_unlock(&wh->frames_lock);
}
