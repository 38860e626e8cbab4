// A folder's files keep their numbers: which file is which partition is a mark of its own, since a
// file that is added may sort before those that were there.
#include <string.h>

#include "stream/job_int.h"

/// The names as the store has them, in the job's memory; NULL: none yet.
static chn_status read_names(struct stream_job *j, const char *mark, const char **names,
                             struct chn_err *err)
{
  struct kv_reader *reader = NULL;
  const void *data = NULL;
  size_t len = 0;
  chn_status s = kv_reader_open(&reader, j->store, err);
  if (s == CHN_OK) {
    s = kv_read_begin(reader, err);
  }
  if (s == CHN_OK) {
    s = kv_read_mark(reader, mark, &data, &len, err);
    *names = s == CHN_OK && data != NULL ? arena_strndup(&j->arena, data, len) : NULL;
    kv_read_end(reader);
  }
  kv_reader_close(reader);
  return s;
}

/// Refused where another process has numbered the files meanwhile.
static chn_status write_names(struct stream_job *j, const char *mark, const char *known,
                              const char *names, struct chn_err *err)
{
  const struct kv_mark m = { .name = mark,
                             .data = names,
                             .len = strlen(names),
                             .fenced = true,
                             .expect = known,
                             .expect_len = known != NULL ? strlen(known) : 0 };
  const chn_status s = kv_commit(j->store, NULL, 0, &m, 1, err);
  return s == CHN_E_CONFLICT
             ? chn_fail(err, s, "another process streams %s under group %s", j->o.file, j->o.group)
             : s;
}

chn_status job_open_files(struct stream_job *j, struct chn_err *err)
{
  const char *mark = arena_printf(&j->arena, "%s/files", job_marks(j));
  const char *known = NULL;
  chn_status s = read_names(j, mark, &known, err);
  struct source_file_options lines = j->o.lines;
  lines.known = known;
  if (s == CHN_OK) {
    s = source_file_open(j->o.file, &lines, &j->source, err);
  }
  const char *names = s == CHN_OK ? source_file_names(j->source) : NULL;
  if (names != NULL && !j->o.dry && (known == NULL || strcmp(known, names) != 0)) {
    s = write_names(j, mark, known, names, err);
  }
  return s;
}
