// Rows that are made here become a result by way of a frame.
#include <math.h>
#include <string.h>

#include "explore/explore_int.h"

void out_column(struct out *o, const char *name, enum row_kind kind)
{
  o->fields[o->n] = (struct row_field){ name, row_scalar(kind) };
  o->builders[o->n] = row_builder_new(o->fields[o->n].type);
  o->n++;
}

void out_text(struct out *o, int32_t column, const char *text)
{
  if (text == NULL) {
    row_builder_null(o->builders[column]);
  } else {
    row_builder_string(o->builders[column], text, strlen(text));
  }
}

void out_long(struct out *o, int32_t column, int64_t value)
{
  row_builder_value(o->builders[column], &value);
}

void out_double(struct out *o, int32_t column, double value)
{
  if (isnan(value)) {
    row_builder_null(o->builders[column]);
  } else {
    row_builder_value(o->builders[column], &value);
  }
}

void out_bool(struct out *o, int32_t column, bool value)
{
  row_builder_value(o->builders[column], &value);
}

void out_instant(struct out *o, int32_t column, int64_t ms)
{
  if (ms == INT64_MIN) {
    row_builder_null(o->builders[column]);
  } else {
    out_long(o, column, ms * 1000);
  }
}

chn_status out_keep_columns(struct explore *e, const struct wh_extra *columns, int32_t n,
                            size_t rows, struct explore_result *result, struct chn_err *err)
{
  struct wh *wh;
  chn_status s = explore_warehouse(e, &wh, err);
  if (s == CHN_OK) {
    s = wh_frame_add(wh, "explore", NULL, rows, columns, n, err);
  }
  if (s == CHN_OK) {
    s = explore_keep(e, "SELECT * FROM wh_frame('explore')", result, err);
    wh_frame_remove(wh, "explore");
  }
  return s;
}

chn_status out_keep(struct explore *e, struct out *o, struct explore_result *result,
                    struct chn_err *err)
{
  struct wh_extra columns[OUT_MAX];
  for (int32_t i = 0; i < o->n; i++) {
    columns[i] = (struct wh_extra){ o->fields[i].name, row_builder_col(o->builders[i]), NULL };
  }
  const size_t rows = row_builder_count(o->builders[0]);
  const chn_status s = out_keep_columns(e, columns, o->n, rows, result, err);
  for (int32_t i = 0; i < o->n; i++) {
    row_builder_free(o->builders[i]);
  }
  o->n = 0;
  return s;
}
