// A run: requests become jobs, one a GroupBy, all read at once; joins are put together of theirs.
#include <stdlib.h>
#include <string.h>

#include "base/time.h"
#include "fetcher/fetcher_int.h"

void fetch_job_error(struct fetch_session *s, struct fetch_job *j, size_t row, const char *name,
                     const char *text)
{
  if (j->n_errors == j->errors_room) {
    const size_t room = j->errors_room > 0 ? 2 * j->errors_room : 8;
    struct fetch_error *errors = arena_alloc(&s->arena, room * sizeof *errors);
    if (j->n_errors > 0) {
      memcpy(errors, j->errors, j->n_errors * sizeof *errors);
    }
    j->errors = errors;
    j->errors_room = room;
  }
  j->errors[j->n_errors++] = (struct fetch_error){ row, name, text };
}

void fetch_job_fail(struct fetch_session *s, struct fetch_job *j, size_t row, const char *text)
{
  (void)s;
  j->rows[row] = FETCH_ROW_FAILED;
  j->row_errors[row] = text;
  fetch_meta_want(j->work->plan); // perhaps what is known of it is old
}

static void init_job(struct fetch_session *s, struct fetch_job *j, struct fetch_plan *plan,
                     size_t n, const int64_t *at)
{
  struct arena *a = &s->arena;
  const size_t cells = (size_t)plan->base.n_fields * n + 1;
  *j = (struct fetch_job){ .plan = plan, .work = fetch_session_work(s, plan), .n = n, .at = at };
  j->use = fetch_work_use(j->work);
  j->rows = arena_calloc(a, n + 1, 1);
  j->row_errors = arena_calloc(a, n + 1, sizeof(char *));
  j->gets = arena_calloc(a, n + 1, sizeof *j->gets);
  j->stale = arena_calloc(a, n + 1, sizeof *j->stale);
  j->ahead = arena_calloc(a, n + 1, sizeof *j->ahead);
  j->base = arena_calloc(a, (size_t)plan->base.n_fields + 1, sizeof *j->base);
  j->base_cells = arena_calloc(a, cells, 1);
  j->base_status = arena_alloc(a, cells);
  memset(j->base_status, FETCH_S_MISSING_KEY, cells);
}

static const int64_t *instants(struct fetch_session *s, const struct fetch_request *q)
{
  int64_t *at = arena_alloc(&s->arena, (q->n + 1) * sizeof *at);
  for (size_t r = 0; r < q->n; r++) {
    at[r] = q->at != NULL && q->at[r] != INT64_MIN ? q->at[r] : s->now;
  }
  return at;
}

static bool is_missing(const struct fetch_request *q, int32_t key, size_t r)
{
  return q->missing != NULL && q->missing[(size_t)key * q->n + r] == FETCH_KEY_MISSING;
}

// ---- GroupBys ---------------------------------------------------------------------------------

static void start_group_by(struct fetch_session *s, struct run_item *it)
{
  const struct fetch_request *q = it->request;
  struct fetch_job *j = it->job;
  j->keys = q->keys;
  for (size_t r = 0; r < q->n; r++) {
    if (q->refused != NULL && q->refused[r] != NULL) {
      j->rows[r] = FETCH_ROW_FAILED;
      j->row_errors[r] = q->refused[r];
      continue;
    }
    for (int32_t k = 0; k < it->plan->keys.n_fields; k++) {
      if (row_is_null(&q->keys[k], r) && !is_missing(q, k, r)) {
        j->rows[r] = FETCH_ROW_DROPPED;
      }
    }
  }
  fetch_read_keys(s, j);
}

// ---- parts of joins ---------------------------------------------------------------------------

/// The keys of a request's row as Scala prints a Map's entries.
static const char *keys_text(struct fetch_session *s, const struct run_item *it, size_t r)
{
  const struct fetch_request *q = it->request;
  if (q->keys_text != NULL && q->keys_text[r] != NULL) {
    return q->keys_text[r];
  }
  struct chn_buf text = { 0 };
  for (int32_t k = 0; k < it->plan->keys.n_fields; k++) {
    if (!is_missing(q, k, r)) {
      chn_buf_addf(&text, "%s%s -> ", text.len > 0 ? ", " : "", it->plan->keys.fields[k].name);
      fetch_cast_text(&q->keys[k], r, &text);
    }
  }
  const char *copy = arena_strdup(&s->arena, chn_buf_str(&text));
  chn_buf_deinit(&text);
  return copy;
}

const char *fetch_run_missing(struct fetch_session *s, const struct fetch_request *q,
                              const char *prefix, const char *const *names, const int32_t *at,
                              int32_t n, size_t r)
{
  struct chn_buf list = { 0 };
  for (int32_t i = 0; i < n; i++) {
    if (at[i] >= 0 && is_missing(q, at[i], r)) {
      chn_buf_addf(&list, "%s%s", list.len > 0 ? ", " : "", names[i]);
    }
  }
  const struct run_item it = { .request = q, .plan = (struct fetch_plan *)q->plan };
  const char *text =
      list.len == 0 ? NULL
                    : arena_printf(&s->arena,
                                   "Failed to fetch %s: Missing keys Vector(%s) required by %s in "
                                   "query: Map(%s)",
                                   prefix, chn_buf_str(&list), prefix, keys_text(s, &it, r));
  chn_buf_deinit(&list);
  return text;
}

/// The part's keys as columns of its own types; rows that cannot be cast fail.
static void part_columns(struct fetch_session *s, const struct fetch_request *q,
                         const struct fetch_part *p, struct fetch_job *j)
{
  struct row_col *cols = arena_calloc(&s->arena, (size_t)p->n_keys + 1, sizeof *cols);
  for (int32_t k = 0; k < p->n_keys; k++) {
    const struct row_col *from = &q->keys[p->keys[k]];
    const struct row_type *type = p->plan->keys.fields[k].type;
    if (row_type_equal(from->type, type)) {
      cols[k] = *from;
      continue;
    }
    struct row_builder *to = fetch_session_temp(s, type);
    for (size_t r = 0; r < q->n; r++) {
      const char *why = NULL;
      if (!fetch_cast_value(to, type, from, r, &s->arena, &why)) {
        row_builder_null(to);
        if (j->rows[r] == FETCH_ROW_VALUES) {
          fetch_job_fail(s, j, r, why);
        }
      }
    }
    cols[k] = *row_builder_col(to);
  }
  j->keys = cols;
}

static void start_part(struct fetch_session *s, struct run_item *it, const struct fetch_part *p,
                       struct fetch_job *j)
{
  const struct fetch_request *q = it->request;
  for (size_t r = 0; r < q->n; r++) {
    if (it->job->rows[r] != FETCH_ROW_VALUES) {
      j->rows[r] = FETCH_ROW_DROPPED;
      continue;
    }
    const char *missing = q->missing != NULL ? fetch_run_missing(s, q, p->prefix, p->left_names,
                                                                 p->keys, p->n_keys, r)
                                             : NULL;
    if (missing != NULL) {
      j->rows[r] = FETCH_ROW_FAILED;
      j->row_errors[r] = missing;
      continue;
    }
    for (int32_t k = 0; k < p->n_keys; k++) {
      if (row_is_null(&q->keys[p->keys[k]], r)) {
        j->rows[r] = FETCH_ROW_DROPPED;
      }
    }
  }
  part_columns(s, q, p, j);
  fetch_read_keys(s, j);
}

static void start_join(struct fetch_session *s, struct run_item *it)
{
  const struct fetch_join *join = &it->plan->join;
  const struct fetch_request *q = it->request;
  for (size_t r = 0; r < q->n; r++) {
    const char *why = q->refused != NULL ? q->refused[r] : NULL;
    why = why == NULL && join->refused_name == NULL ? join->refused : why;
    if (why != NULL) {
      it->job->rows[r] = FETCH_ROW_FAILED;
      it->job->row_errors[r] = why;
    }
  }
  if (join->refused != NULL) {
    return;
  }
  it->parts = arena_calloc(&s->arena, (size_t)join->n_parts + 1, sizeof *it->parts);
  for (int32_t p = 0; p < join->n_parts; p++) {
    if (join->parts[p].plan != NULL) {
      init_job(s, &it->parts[p], join->parts[p].plan, q->n, it->job->at);
      start_part(s, it, &join->parts[p], &it->parts[p]);
    }
  }
}

// ---- putting joins together -------------------------------------------------------------------

/// Errors of a part become entries of the join.
static void take_errors(struct fetch_session *s, struct fetch_job *join, const struct fetch_part *p,
                        const struct fetch_job *j)
{
  for (size_t r = 0; r < j->n; r++) {
    if (j->rows[r] == FETCH_ROW_FAILED) {
      fetch_job_error(s, join, r, p->exception, j->row_errors[r]);
    }
  }
  for (size_t i = 0; i < j->n_errors; i++) {
    fetch_job_error(s, join, j->errors[i].row,
                    arena_printf(&s->arena, "%s_%s", p->prefix, j->errors[i].name),
                    j->errors[i].text);
  }
}

/// A part whose serving info is not to be had: an error in each row that asks for it.
static void fail_part(struct fetch_session *s, struct run_item *it, const struct fetch_part *p)
{
  struct fetch_job *j = it->job;
  const struct fetch_request *q = it->request;
  for (size_t r = 0; r < j->n; r++) {
    bool asked = j->rows[r] == FETCH_ROW_VALUES;
    for (int32_t k = 0; k < p->n_keys; k++) {
      const int32_t key = p->keys[k];
      asked = asked && (key < 0 || is_missing(q, key, r) || !row_is_null(&q->keys[key], r));
    }
    if (asked) {
      const char *missing =
          fetch_run_missing(s, q, p->prefix, p->left_names, p->keys, p->n_keys, r);
      fetch_job_error(s, j, r, p->exception, missing != NULL ? missing : p->failure);
    }
  }
}

static void take_part(struct fetch_session *s, struct run_item *it, const struct fetch_part *p,
                      struct fetch_job *part)
{
  struct fetch_job *j = it->job;
  if (p->plan == NULL) {
    fail_part(s, it, p);
    return;
  }
  fetch_derive_job(s, part, part->keys);
  take_errors(s, j, p, part);
  const size_t n = (size_t)p->plan->features.n_fields;
  const size_t at = (size_t)p->first;
  memcpy(j->base + at, part->cols, n * sizeof *j->base);
  memcpy(j->base_cells + at * j->n, part->cells, n * j->n);
  memcpy(j->base_status + at * j->n, part->status, n * j->n);
}

static void finish_join(struct fetch_session *s, struct run_item *it)
{
  struct fetch_job *j = it->job;
  const struct fetch_join *join = &it->plan->join;
  const char *name = join->refused != NULL ? join->refused_name : "join_codec_fetch_exception";
  const char *text = join->refused != NULL ? join->refused : join->codec_failure;
  if (text == NULL) {
    fetch_derive_job(s, j, it->request->keys);
    return;
  }
  j->n_errors = 0;
  for (size_t r = 0; r < j->n && name != NULL; r++) {
    if (j->rows[r] == FETCH_ROW_VALUES) {
      fetch_job_error(s, j, r, name, text);
    }
  }
  const size_t cells = (size_t)it->plan->features.n_fields * j->n;
  j->cols = arena_calloc(&s->arena, (size_t)it->plan->features.n_fields + 1, sizeof *j->cols);
  for (int32_t c = 0; c < it->plan->features.n_fields; c++) {
    j->cols[c].type = it->plan->features.fields[c].type;
  }
  j->cells = arena_calloc(&s->arena, cells + 1, 1);
  j->status = arena_alloc(&s->arena, cells + 1);
  memset(j->status, FETCH_S_ERROR, cells + 1);
}

// ---- the whole --------------------------------------------------------------------------------

static int by_row(const void *x, const void *y)
{
  const struct fetch_error *a = x;
  const struct fetch_error *b = y;
  return a->row != b->row ? (a->row < b->row ? -1 : 1) : strcmp(a->name, b->name);
}

static void answer(struct fetch_session *s, const struct run_item *it, struct fetch_result *out)
{
  struct fetch_job *j = it->job;
  struct fetcher *f = s->fetcher;
  size_t failed = 0;
  for (size_t r = 0; r < j->n; r++) {
    failed += j->rows[r] == FETCH_ROW_FAILED ? 1 : 0;
  }
  if (j->n_errors > 1) {
    qsort(j->errors, j->n_errors, sizeof *j->errors, by_row);
  }
  atomic_fetch_add(&f->requests[it->plan->kind], (long long)j->n);
  if (failed > 0) {
    atomic_fetch_add(&f->failed_rows, (long long)failed);
  }
  if (j->n_errors > 0) {
    atomic_fetch_add(&f->errors, (long long)j->n_errors);
  }
  *out = (struct fetch_result){
    .plan = it->plan,
    .n = j->n,
    .rows = j->rows,
    .row_errors = j->row_errors,
    .cols = j->cols,
    .cells = j->cells,
    .status = j->status,
    .keys = it->request->keys,
    .at = j->at,
    .errors = j->errors,
    .n_errors = j->n_errors,
    .base = it->request->base ? j->base : NULL,
    .base_cells = it->request->base ? j->base_cells : NULL,
  };
}

static void merge_all(struct fetch_session *s, struct run_item *items, size_t n)
{
  for (size_t i = 0; i < n; i++) {
    struct fetch_job *j = NULL;
    for (int32_t k = 0; (j = fetch_run_job(&items[i], k)) != NULL; k++) {
      if (j->plan != NULL) {
        fetch_merge_job(s, j);
      }
    }
  }
}

static void finish_all(struct fetch_session *s, struct run_item *items, size_t n)
{
  struct ext_use *uses = arena_calloc(&s->arena, n + 1, sizeof *uses);
  size_t n_uses = 0;
  for (size_t i = 0; i < n; i++) {
    struct run_item *it = &items[i];
    if (it->plan->kind == FETCH_GROUP_BY) {
      fetch_derive_job(s, it->job, it->request->keys);
      continue;
    }
    for (int32_t p = 0; it->parts != NULL && p < it->plan->join.n_parts; p++) {
      take_part(s, it, &it->plan->join.parts[p], &it->parts[p]);
    }
    if (it->parts != NULL && it->plan->join.n_exts > 0) {
      uses[n_uses++] = (struct ext_use){ it->job, it->request };
    }
  }
  fetch_external_run(s, uses, n_uses);
  for (size_t i = 0; i < n; i++) {
    if (items[i].plan->kind == FETCH_JOIN) {
      finish_join(s, &items[i]);
    }
  }
}

static void start_all(struct fetch_session *s, struct run_item *items, size_t n)
{
  for (size_t i = 0; i < n; i++) {
    struct run_item *it = &items[i];
    it->parts = NULL;
    it->job = arena_alloc(&s->arena, sizeof *it->job);
    init_job(s, it->job, it->plan, it->request->n, instants(s, it->request));
    if (it->plan->kind == FETCH_GROUP_BY) {
      start_group_by(s, it);
    } else {
      start_join(s, it);
    }
  }
}

/// Reads once, and again where what was read is of an upload that a plan does not know.
static chn_status read_all(struct fetch_session *s, struct run_item *items, size_t n,
                           struct chn_err *err)
{
  enum { ATTEMPTS = 4 };
  for (int i = 1;; i++) {
    start_all(s, items, n);
    const chn_status status = fetch_read_store(s, err);
    if (status != CHN_OK || !fetch_run_moved(s, items, n)) {
      return status;
    }
    if (i == ATTEMPTS) {
      fetch_run_fail_moved(s, items, n);
      return CHN_OK;
    }
    kv_read_end(s->reader);
    if (s->trace != NULL) {
      return chn_fail(err, CHN_E_CONFLICT, "an upload came in between: ask again");
    }
    fetch_run_renew(s, items, n);
    fetch_session_again(s);
  }
}

chn_status fetch_run(struct fetch_session *s, const struct fetch_request *requests, size_t n,
                     struct fetch_result *results, struct chn_err *err)
{
  fetch_session_begin(s);
  s->now = chn_now_ms();
  struct run_item *items = arena_calloc(&s->arena, n + 1, sizeof *items);
  s->items = items;
  for (size_t i = 0; i < n; i++) {
    items[i].request = &requests[i];
    items[i].plan = (struct fetch_plan *)requests[i].plan;
  }
  const chn_status status = read_all(s, items, n, err);
  if (status != CHN_OK) {
    return status;
  }
  merge_all(s, items, n);
  kv_read_end(s->reader);
  finish_all(s, items, n);
  for (size_t i = 0; i < n; i++) {
    answer(s, &items[i], &results[i]);
  }
  return CHN_OK;
}
