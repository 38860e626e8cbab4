// Plain answers of which some rows were kept (decision 0018).
//
// A kept answer has the values as text, names are the plan's:
//
//     offset  size  what
//     0       2     n, the features; 0xFFFF: the row has none, not even an empty object
//     2       4     what all present names and texts take, without the first comma
//     6       2n    the length of each feature's text; 0xFFFF: it is absent
//     6+2n          the texts, one behind the other
//
// A row that can be kept is written from these bytes also the first time, so that there is one way.
#include <stdlib.h>
#include <string.h>

#include "base/time.h"
#include "fetcher/json_int.h"
#include "fetcher/keep_int.h"

enum { NONE = UINT16_MAX, SIZE_AT = 2, LENGTHS_AT = 6 };

// ---- the bytes --------------------------------------------------------------------------------

/// False: a text or the row is too long.
static bool pack(struct fetch_json *j, const struct fetch_result *q, size_t r)
{
  struct chn_buf *out = &j->answer;
  const bool values = q->rows[r] == FETCH_ROW_VALUES;
  const uint16_t n = values ? (uint16_t)j->n_names : NONE;
  uint32_t size = 0;
  if (j->n_names >= NONE) {
    return false;
  }
  chn_buf_clear(out);
  char *head = chn_buf_extend(out, LENGTHS_AT + (values ? n * sizeof n : 0));
  memcpy(head, &n, sizeof n);
  for (int32_t c = 0; c < j->n_names && values; c++) {
    const uint8_t cell = q->cells[(size_t)c * q->n + r];
    const size_t from = out->len;
    uint16_t len = NONE;
    if (cell == FETCH_NULL) {
      chn_buf_add(out, "null", 4);
    } else if (cell == FETCH_VALUE) {
      fetch_json_value(&q->cols[c], r, FETCH_JSON_PLAIN, out);
    }
    if (out->len - from >= NONE || out->truncated) {
      return false;
    }
    if (cell != FETCH_ABSENT) {
      len = (uint16_t)(out->len - from);
      size += (uint32_t)(j->name_at[c + 1] - j->name_at[c]) + len;
    }
    memcpy(out->data + LENGTHS_AT + (size_t)c * sizeof len, &len, sizeof len);
  }
  size -= size > 0 ? 1 : 0;
  memcpy(out->data + SIZE_AT, &size, sizeof size);
  return true;
}

static char *copy(char *to, const char *from, size_t n)
{
  memcpy(to, from, n);
  return to + n;
}

/// Names and texts in turns, in one piece of memory: this is most of what a kept answer costs.
static void add_values(struct fj_writing *w, uint16_t n, const char *bytes)
{
  const char *lengths = bytes + LENGTHS_AT;
  const char *text = lengths + n * sizeof n;
  const char *names = w->j->names.data;
  const size_t *at = w->j->name_at;
  uint32_t size = 0;
  memcpy(&size, bytes + SIZE_AT, sizeof size);
  char *to = chn_buf_extend(w->out, size);
  size_t comma = 1; // not before the first
  for (int32_t c = 0; c < n && to != NULL; c++) {
    uint16_t len = 0;
    memcpy(&len, lengths + (size_t)c * sizeof len, sizeof len);
    if (len != NONE) {
      to = copy(to, names + at[c] + comma, at[c + 1] - at[c] - comma);
      to = copy(to, text, len);
      text += len;
      comma = 0;
    }
  }
}

static void add_packed(struct fj_writing *w, size_t r, const char *bytes)
{
  uint16_t n = 0;
  memcpy(&n, bytes, sizeof n);
  fj_begin_row(w, r, false);
  if (n != NONE) {
    chn_buf_adds(w->out, ",\"features\":{");
    add_values(w, n, bytes);
    chn_buf_addc(w->out, '}');
  }
  chn_buf_addc(w->out, '}');
}

// ---- what was kept ----------------------------------------------------------------------------

static struct keep_question question_of(const struct fetch_json *j, size_t r)
{
  const struct fj_asked *a = &j->asked[r];
  return (struct keep_question){ j->questions.data + a->at, a->len, a->hash };
}

static void write_questions(struct fetch_json *j, struct keep *k, const struct fetch_request *q)
{
  if (q->n > j->asked_room) {
    j->asked_room = q->n;
    j->asked = chn_realloc(j->asked, q->n * sizeof *j->asked);
    j->rest_rows = chn_realloc(j->rest_rows, q->n * sizeof *j->rest_rows);
    j->rest_at = chn_realloc(j->rest_at, q->n * sizeof *j->rest_at);
  }
  chn_buf_clear(&j->questions);
  for (size_t r = 0; r < q->n; r++) {
    struct fj_asked *a = &j->asked[r];
    a->at = j->questions.len;
    keep_add_question(q, r, &j->questions);
    a->len = j->questions.len - a->at;
    a->hash = keep_hash(j->questions.data + a->at, a->len);
    keep_expect(k, a->hash);
  }
}

/// Looks for all rows as of one snapshot, and leaves those that were not found in the rest.
static chn_status find_kept(struct fetch_json *j, struct fetch_session *s,
                            const struct fetch_request *q, uint64_t *snapshot, struct chn_err *err)
{
  enum { AHEAD = 6 };
  struct keep *k = s->fetcher->keep;
  const int64_t now = chn_now_ms();
  const chn_status status = kv_read_begin(s->reader, err);
  if (status != CHN_OK) {
    return status;
  }
  *snapshot = kv_read_snapshot(s->reader);
  chn_buf_clear(&j->kept);
  j->n_rest = 0;
  for (size_t r = 0; r < q->n; r++) {
    struct fj_asked *a = &j->asked[r];
    const int64_t at = q->at != NULL && q->at[r] != INT64_MIN ? q->at[r] : now;
    const struct keep_question question = question_of(j, r);
    if (r + AHEAD < q->n) {
      keep_expect_soon(k, j->asked[r + AHEAD].hash);
    }
    a->answer_at = j->kept.len;
    a->kept = keep_find(k, &question, at, s->reader, &j->kept);
    if (!a->kept) {
      j->rest_rows[j->n_rest++] = (int64_t)r;
    }
  }
  kv_read_end(s->reader);
  return CHN_OK;
}

/// A request of the rows that were not found.
static struct fetch_request request_of_rest(struct fetch_json *j, const struct fetch_request *q)
{
  struct fetch_request rest = *q;
  if (j->n_rest == q->n) {
    return rest;
  }
  for (int32_t i = 0; i < q->plan->keys.n_fields; i++) {
    row_builder_clear(j->rest[i]);
    row_builder_gather(j->rest[i], &q->keys[i], j->rest_rows, j->n_rest);
    j->rest_cols[i] = *row_builder_col(j->rest[i]);
  }
  for (size_t i = 0; i < j->n_rest && q->at != NULL; i++) {
    j->rest_at[i] = q->at[j->rest_rows[i]];
  }
  rest.n = j->n_rest;
  rest.keys = j->rest_cols;
  rest.at = q->at != NULL ? j->rest_at : NULL;
  return rest;
}

/// Row i of the rest.
static void write_row(struct fj_writing *w, struct fetch_session *s, struct fetch_json *j, size_t i)
{
  const struct fetch_result *result = w->result;
  const size_t r = (size_t)j->rest_rows[i];
  struct keep_terms terms;
  const bool failed = w->error < result->n_errors && result->errors[w->error].row == i;
  if (failed || !keep_terms_of(s, result, i, &j->watches, &terms) || !pack(j, result, i)) {
    fj_add_row(w, i, r);
    return;
  }
  const struct keep_question question = question_of(j, r);
  keep_put(s->fetcher->keep, &question, &terms, j->answer.data, j->answer.len);
  add_packed(w, r, j->answer.data);
}

// ---- the whole --------------------------------------------------------------------------------

static chn_status run_all(struct fetch_json *j, struct fetch_session *s,
                          const struct fetch_request *q, struct chn_buf *out, struct chn_err *err)
{
  struct fetch_result result;
  const chn_status status = fetch_run(s, q, 1, &result, err);
  if (status == CHN_OK) {
    fetch_json_write(j, &result, FETCH_JSON_PLAIN, out);
  }
  return status;
}

static void write_all(struct fetch_json *j, struct fetch_session *s, const struct fetch_request *q,
                      const struct fetch_result *result, struct chn_buf *out)
{
  struct fj_writing w = { .j = j, .result = result, .out = out };
  size_t i = 0;
  fj_fit_names(j, q->plan);
  chn_buf_adds(out, "{\"results\":[");
  for (size_t r = 0; r < q->n; r++) {
    if (j->asked[r].kept) {
      add_packed(&w, r, j->kept.data + j->asked[r].answer_at);
    } else {
      write_row(&w, s, j, i++);
    }
  }
  chn_buf_adds(out, "]}");
}

static void count(struct fetcher *f, const struct fetch_plan *plan, size_t kept)
{
  if (kept > 0) {
    atomic_fetch_add(&f->answers_kept, (long long)kept);
    atomic_fetch_add(&f->requests[plan->kind], (long long)kept);
  }
}

chn_status fetch_json_answer(struct fetch_json *j, struct fetch_session *s,
                             const struct fetch_request *request, struct chn_buf *out,
                             struct chn_err *err)
{
  struct fetcher *f = s->fetcher;
  const struct fetch_request *q = request;
  struct fetch_result result = { .plan = q->plan };
  uint64_t snapshot = 0;
  if (f->keep == NULL || q->plan->keeps == KEEP_NEVER || q->missing != NULL || q->refused != NULL ||
      q->base) {
    return run_all(j, s, q, out, err);
  }
  write_questions(j, f->keep, q);
  chn_status status = find_kept(j, s, q, &snapshot, err);
  if (status == CHN_OK && j->n_rest > 0) {
    const struct fetch_request rest = request_of_rest(j, q);
    status = fetch_run(s, &rest, 1, &result, err);
    // A commit came between the two: what was found is of another snapshot than what was fetched.
    const bool moved = j->n_rest < q->n && s->snapshot != snapshot;
    if (status == CHN_OK && (moved || result.plan != q->plan)) {
      return run_all(j, s, q, out, err);
    }
  }
  if (status == CHN_OK) {
    count(f, q->plan, q->n - j->n_rest);
    write_all(j, s, q, &result, out);
  }
  return status;
}
