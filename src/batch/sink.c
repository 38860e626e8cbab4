#include "batch/sink.h"

#include <stdlib.h>

enum {
  ROWS_MAX = 1 << 19,
  ROWS_CHECKED = 1 << 12, ///< after each so many the memory is looked at: rows may be wide
};

static void make_columns(struct sink *s)
{
  for (int32_t i = 0; i < s->n; i++) {
    s->columns[i] = row_builder_new(s->types[i]);
  }
  s->n_kept = 0;
}

static void free_columns(struct sink *s)
{
  for (int32_t i = 0; i < s->n; i++) {
    row_builder_free(s->columns[i]);
    s->columns[i] = NULL;
  }
}

void sink_init(struct sink *s, struct batch_job *job, struct wh_writer *writer, const char *select,
               const char **names, const struct row_type **types, int32_t n)
{
  *s = (struct sink){
    .job = job, .writer = writer, .select = select, .names = names, .types = types, .n = n
  };
  s->columns = chn_calloc((size_t)n, sizeof(struct row_builder *));
  s->kept = chn_malloc(ROWS_MAX * sizeof *s->kept);
  make_columns(s);
}

void sink_deinit(struct sink *s)
{
  free_columns(s);
  free(s->columns);
  free(s->kept);
  *s = (struct sink){ 0 };
}

chn_status sink_flush(struct sink *s, struct chn_err *err)
{
  chn_status status = CHN_OK;
  if (s->n_kept > 0) {
    struct wh_extra *extras = chn_calloc((size_t)s->n, sizeof *extras);
    for (int32_t i = 0; i < s->n; i++) {
      extras[i] = (struct wh_extra){ s->names[i], row_builder_col(s->columns[i]), s->kept };
    }
    status = wh_frame_add(s->job->wh, "sink", NULL, s->n_kept, extras, s->n, err);
    if (status == CHN_OK) {
      status = wh_write_select(s->writer, s->select, err);
      wh_frame_remove(s->job->wh, "sink");
    }
    free(extras);
  }
  free_columns(s);
  make_columns(s);
  return status;
}

static uint64_t memory(const struct sink *s)
{
  uint64_t bytes = 0;
  for (int32_t i = 0; i < s->n; i++) {
    bytes += row_builder_memory(s->columns[i]);
  }
  return bytes;
}

chn_status sink_row(struct sink *s, bool keep, struct chn_err *err)
{
  const size_t row = row_builder_count(s->columns[0]) - 1;
  if (keep) {
    s->kept[s->n_kept++] = (int32_t)row;
  }
  const bool full = row + 1 == ROWS_MAX ||
                    ((row + 1) % ROWS_CHECKED == 0 && memory(s) > s->job->frame_budget / 4);
  return full ? sink_flush(s, err) : CHN_OK;
}
