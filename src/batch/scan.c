#include "batch/scan.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/time.h"

enum { CHUNK = 2048, PASSES_MAX = 4096 };

/// What a frame of few rows may take whatever the limit: its first rows cost as much as many.
static const size_t FRAME_LEAST = (size_t)32 << 20;

/// Column positions of a result.
struct layout {
  int32_t *keys;
  int32_t *inputs;
  int32_t ts; ///< -1: the plan needs none
};

struct pass {
  struct batch_job *job;
  const struct scan_request *r;
  struct agg_frame *frame;
  uint64_t rows; ///< read
  bool over;     ///< stopped because the frame outgrew its budget
  bool last;     ///< rows of one pass of a spill: there is no further one
};

static const char *column_list(struct arena *a, const struct scan_request *r)
{
  struct chn_buf out = { 0 };
  for (int32_t i = 0; i < r->n_key_columns; i++) {
    chn_buf_addf(&out, "%s%s", i > 0 ? ", " : "", wh_quote_name(a, r->key_columns[i]));
  }
  const char *text = arena_strdup(a, chn_buf_str(&out));
  chn_buf_deinit(&out);
  return text;
}

/// The keys as what decides a row's pass: values that key_set takes for one key (a NULL and an
/// empty string of a tuple) must fall into one pass.
static const char *hash_list(struct arena *a, const struct scan_request *r)
{
  struct chn_buf out = { 0 };
  for (int32_t i = 0; i < r->n_key_columns; i++) {
    const enum row_kind kind = r->keys->types[i]->kind;
    const char *empty = kind == ROW_STRING ? "''" : kind == ROW_BINARY ? "''::BLOB" : "NULL";
    chn_buf_addf(&out, "%scoalesce(%s, %s)", i > 0 ? ", " : "", wh_quote_name(a, r->key_columns[i]),
                 empty);
  }
  const char *text = arena_strdup(a, chn_buf_str(&out));
  chn_buf_deinit(&out);
  return text;
}

static bool is_key(const struct scan_request *r, const char *name)
{
  for (int32_t i = 0; i < r->n_key_columns; i++) {
    if (strcmp(r->key_columns[i], name) == 0) {
      return true;
    }
  }
  return false;
}

static void add_required_keys(struct chn_buf *out, const char *word, struct arena *a,
                              const struct scan_request *r)
{
  for (int32_t i = 0; i < r->n_required_keys; i++) {
    chn_buf_addf(out, "%s%s IS NOT NULL%s", i == 0 ? word : " OR ",
                 wh_quote_name(a, r->key_columns[i]), i == r->n_required_keys - 1 ? ")" : "");
  }
}

/// SELECT keys, ts, inputs FROM (sql): only what the engine needs, and only rows of use. Inputs
/// that are keys too appear once.
static const char *narrowed(struct arena *a, const struct scan_request *r)
{
  struct chn_buf out = { 0 };
  chn_buf_addf(&out, "SELECT %s", column_list(a, r));
  for (int32_t i = 0; i < r->plan->inputs.n_fields; i++) {
    const char *name = r->plan->inputs.fields[i].name;
    if (!is_key(r, name) && !(r->plan->needs_time && strcmp(name, "ts") == 0)) {
      chn_buf_addf(&out, ", %s", wh_quote_name(a, name));
    }
  }
  if (r->plan->needs_time) {
    chn_buf_addf(&out, ", CAST(\"ts\" AS BIGINT) AS \"ts\" FROM (%s) WHERE \"ts\" IS NOT NULL",
                 r->sql);
    add_required_keys(&out, " AND (", a, r);
    if (r->from != INT64_MIN) {
      chn_buf_addf(&out, " AND \"ts\" >= %lld", (long long)r->from);
    }
    if (r->to != INT64_MAX) {
      chn_buf_addf(&out, " AND \"ts\" < %lld", (long long)r->to);
    }
  } else {
    chn_buf_addf(&out, " FROM (%s)", r->sql);
    add_required_keys(&out, " WHERE (", a, r);
  }
  const char *text = arena_strdup(a, chn_buf_str(&out));
  chn_buf_deinit(&out);
  return text;
}

static chn_status layout_of(struct layout *l, const struct scan_request *r,
                            const struct row_schema *schema, struct arena *a, struct chn_err *err)
{
  l->keys = arena_alloc(a, (size_t)r->n_key_columns * sizeof *l->keys);
  l->inputs = arena_alloc(a, (size_t)r->plan->inputs.n_fields * sizeof *l->inputs);
  for (int32_t i = 0; i < r->n_key_columns; i++) {
    l->keys[i] = row_schema_find(schema, r->key_columns[i]);
    if (l->keys[i] < 0) {
      return chn_fail(err, CHN_E_ARGUMENT, "key \"%s\" is not selected", r->key_columns[i]);
    }
  }
  for (int32_t i = 0; i < r->plan->inputs.n_fields; i++) {
    l->inputs[i] = row_schema_find(schema, r->plan->inputs.fields[i].name);
  }
  l->ts = r->plan->needs_time ? row_schema_find(schema, "ts") : -1;
  return CHN_OK;
}

/// Feeds one chunk to the frame.
static chn_status feed(struct pass *p, const struct layout *l, const struct row_col *cols, size_t n,
                       struct chn_err *err)
{
  const struct scan_request *r = p->r;
  struct row_col keys[64];
  struct row_col inputs[256];
  int32_t ids[CHUNK];
  for (int32_t i = 0; i < r->n_key_columns; i++) {
    keys[i] = cols[l->keys[i]];
  }
  for (int32_t i = 0; i < r->plan->inputs.n_fields; i++) {
    inputs[i] = cols[l->inputs[i]];
  }
  key_set_encode(r->keys, keys, n, r->mode, r->nulls, ids);
  if (r->seen != NULL) {
    r->seen(r->user, keys, ids, n);
  }
  const int64_t *ts = l->ts >= 0 ? cols[l->ts].data : NULL;
  for (size_t i = 0; i < n && ts != NULL && r->newest != NULL; i++) {
    *r->newest = ts[i] > *r->newest ? ts[i] : *r->newest;
  }
  return agg_frame_append(p->frame, ids, ts, inputs, n, err);
}

/// Whether the frame is beyond its budget. Few rows may be long ones.
static bool outgrown(const struct pass *p)
{
  const size_t memory = agg_frame_memory(p->frame);
  const uint64_t stress = p->job->o->spill_rows;
  const bool many = p->rows >= (uint64_t)64 * CHUNK || memory > FRAME_LEAST;
  return (many && memory > p->job->frame_budget) || (stress > 0 && !p->last && p->rows > stress);
}

/// Reads one pass into a new frame.
static chn_status read_pass(struct pass *p, const char *sql, struct chn_err *err)
{
  const struct scan_request *r = p->r;
  if (r->n_key_columns > 63 || r->plan->inputs.n_fields > 256) {
    return chn_fail(err, CHN_E_ARGUMENT, "more than 63 keys or 256 aggregated columns");
  }
  struct arena scratch = { 0 };
  struct wh_result *result = NULL;
  struct layout l;
  p->frame = agg_frame_new(r->plan);
  chn_status status = wh_query(p->job->wh, sql, &result, err);
  if (status == CHN_OK) {
    status = layout_of(&l, r, wh_result_schema(result), &scratch, err);
  }
  size_t n = status == CHN_OK ? 1 : 0;
  const size_t width = status == CHN_OK ? (size_t)wh_result_schema(result)->n_fields : 0;
  struct row_col *cols = arena_calloc(&scratch, width, sizeof *cols);
  for (size_t chunk = 0; n > 0 && status == CHN_OK && !p->over; chunk++) {
    status = wh_result_next(result, cols, &n, err);
    if (status == CHN_OK && n > 0) {
      status = feed(p, &l, cols, n, err);
      p->rows += n;
      p->over = outgrown(p);
    }
    if (chunk % 64 == 63 && status == CHN_OK) {
      job_rows(p->job, p->rows, 0);
      status = job_check(p->job, err);
    }
  }
  wh_result_close(result);
  arena_deinit(&scratch);
  return status;
}

/// Sorts the frame and hands it over.
static chn_status finish_pass(struct pass *p, struct chn_err *err)
{
  double t = chn_monotonic_ms();
  chn_status status = agg_frame_seal(p->frame, key_set_size(p->r->keys), p->job->threads, err);
  job_time(p->job, "sort", t, agg_frame_rows(p->frame));
  return status == CHN_OK ? p->r->visit(p->r->user, p->frame, err) : status;
}

// ---- beyond memory ----------------------------------------------------------------------------

struct spill {
  const char *folder;
  int passes;
};

static void spill_remove(struct batch_job *job, const struct spill *s)
{
  wh_temp_remove(job->wh, s->folder);
}

/// Writes the narrowed rows to temporary files, one folder a pass, with their order kept in a
/// column: rows of equal time must arrive in the same order as without spilling.
static chn_status spill_write(struct pass *p, const char *sql, struct spill *s, struct chn_err *err)
{
  struct arena *a = p->job->arena;
  chn_status status = wh_temp_folder(p->job->wh, a, &s->folder, err);
  if (status != CHN_OK) {
    return status;
  }
  const char *copy = arena_printf(
      a,
      "COPY (SELECT *, row_number() OVER () AS __row, hash(%s) %% %d AS __pass FROM (%s)) TO %s "
      "(FORMAT parquet, PARTITION_BY (__pass), COMPRESSION snappy)",
      hash_list(a, p->r), s->passes, sql, wh_quote_string(a, s->folder));
  job_note(p->job,
           "the rows do not fit into memory: spilling to disk, %d passes (--memory-limit raises "
           "the limit)",
           s->passes);
  return wh_exec(p->job->wh, copy, err);
}

static chn_status spill_pass(struct pass *p, const struct spill *s, int pass, struct chn_err *err)
{
  struct arena *a = p->job->arena;
  const char *folder = arena_printf(a, "%s/__pass=%d", s->folder, pass);
  struct stat found;
  if (stat(folder, &found) != 0) {
    return CHN_OK; // no key fell here
  }
  const char *files = arena_printf(a, "%s/*.parquet", folder);
  const char *sql = arena_printf(a, "SELECT * EXCLUDE (__row) FROM read_parquet(%s) ORDER BY __row",
                                 wh_quote_string(a, files));
  struct pass next = { .job = p->job, .r = p->r, .last = true };
  if (p->r->begin != NULL) {
    p->r->begin(p->r->user);
  }
  const double t = chn_monotonic_ms();
  chn_status status = read_pass(&next, sql, err);
  job_time(p->job, "scan", t, 0);
  if (status == CHN_OK && next.over) {
    status = chn_fail(err, CHN_E_MEMORY,
                      "the rows of a few keys alone need more than the memory limit allows; raise "
                      "--memory-limit");
  }
  if (status == CHN_OK) {
    status = finish_pass(&next, err);
  }
  agg_frame_free(next.frame);
  return status;
}

static chn_status spill_run(struct pass *p, const char *sql, struct chn_err *err)
{
  // The rows read so far tell how many bytes one takes; the count tells how many there are.
  const uint64_t bytes_per_row = agg_frame_memory(p->frame) / (agg_frame_rows(p->frame) + 1) + 1;
  agg_frame_free(p->frame);
  p->frame = NULL;
  uint64_t rows = 0;
  chn_status status = job_count(p->job, sql, &rows, err);
  if (status != CHN_OK) {
    return status;
  }
  const uint64_t budget = p->job->frame_budget / 4 * 3 + 1;
  const uint64_t passes = rows * bytes_per_row / budget + 2;
  struct spill s = { .passes = passes > PASSES_MAX ? PASSES_MAX : (int)passes };
  status = spill_write(p, sql, &s, err);
  for (int pass = 0; pass < s.passes && status == CHN_OK; pass++) {
    status = spill_pass(p, &s, pass, err);
  }
  spill_remove(p->job, &s);
  return status;
}

chn_status scan_run(struct batch_job *job, const struct scan_request *r, struct chn_err *err)
{
  const char *sql = narrowed(job->arena, r);
  struct pass p = { .job = job, .r = r };
  if (r->newest != NULL) {
    *r->newest = INT64_MIN;
  }
  if (r->begin != NULL) {
    r->begin(r->user);
  }
  const double t = chn_monotonic_ms();
  chn_status status = read_pass(&p, sql, err);
  job_time(job, "scan", t, p.rows);
  if (status == CHN_OK) {
    status = p.over ? spill_run(&p, sql, err) : finish_pass(&p, err);
  }
  agg_frame_free(p.frame);
  return status;
}
