// Uploads that come between a plan and a read. A bulk load replaces the values of a GroupBy and its
// serving info in one instant and makes another generation of the dataset, so a plan fits what was
// read when their generations are the same; the bytes themselves cannot tell (a SUM of another
// column decodes as well). Otherwise the run is made again with the plan that fits.
#include "fetcher/fetcher_int.h"

static bool job_moved(const struct fetch_session *s, const struct fetch_job *j)
{
  const struct fetch_gb *gb = &j->plan->gb;
  for (size_t r = 0; r < j->n; r++) {
    if (j->rows[r] != FETCH_ROW_VALUES) {
      continue;
    }
    const struct kv_get *get = &s->gets[j->gets[r]];
    if (get->status == CHN_OK) { // one generation of a dataset answers a read
      return get->generation != gb->generation && get->generation != 0;
    }
  }
  return false;
}

struct fetch_job *fetch_run_job(const struct run_item *it, int32_t i)
{
  if (it->plan->kind == FETCH_GROUP_BY) {
    return i == 0 ? it->job : NULL;
  }
  return it->parts != NULL && i < it->plan->join.n_parts ? &it->parts[i] : NULL;
}

static bool item_moved(const struct fetch_session *s, const struct run_item *it)
{
  bool moved = false;
  struct fetch_job *j = NULL;
  for (int32_t i = 0; !moved && (j = fetch_run_job(it, i)) != NULL; i++) {
    moved = j->plan != NULL && job_moved(s, j);
  }
  return moved;
}

bool fetch_run_moved(const struct fetch_session *s, const struct run_item *items, size_t n)
{
  bool moved = false;
  for (size_t i = 0; i < n && !moved; i++) {
    moved = item_moved(s, &items[i]);
  }
  return moved;
}

// ---- requests of the new plan -----------------------------------------------------------------

static bool same_keys(const struct row_schema *x, const struct row_schema *y)
{
  bool same = x->n_fields == y->n_fields;
  for (int32_t i = 0; i < x->n_fields && same; i++) {
    same = row_schema_find(x, y->fields[i].name) == i &&
           row_type_equal(x->fields[i].type, y->fields[i].type);
  }
  return same;
}

/// A column of the request as a key of the new plan; `from` -1: the request did not have it.
static struct row_col key_of(struct fetch_session *s, const struct fetch_request *q, int32_t from,
                             const struct row_type *type, const char **refused)
{
  struct row_builder *to = fetch_session_temp(s, type);
  for (size_t r = 0; r < q->n; r++) {
    const char *why = NULL;
    if (from < 0) {
      row_builder_null(to);
    } else if (!fetch_cast_value(to, type, &q->keys[from], r, &s->arena, &why)) {
      row_builder_null(to);
      refused[r] = why;
    }
  }
  return *row_builder_col(to);
}

/// The request with the keys of another plan: by name, and cast where types differ.
static const struct fetch_request *
request_for(struct fetch_session *s, const struct fetch_request *old, const struct fetch_plan *plan)
{
  struct arena *a = &s->arena;
  const struct row_schema *keys = &plan->keys;
  struct fetch_request *q = arena_alloc(a, sizeof *q);
  *q = *old;
  q->plan = plan;
  if (same_keys(&old->plan->keys, keys)) {
    return q;
  }
  const size_t n = q->n;
  struct row_col *cols = arena_calloc(a, (size_t)keys->n_fields + 1, sizeof *cols);
  uint8_t *missing = arena_calloc(a, (size_t)keys->n_fields * n + 1, 1);
  const char **refused = arena_calloc(a, n + 1, sizeof(char *));
  for (size_t r = 0; r < n && old->refused != NULL; r++) {
    refused[r] = old->refused[r];
  }
  for (int32_t k = 0; k < keys->n_fields; k++) {
    const int32_t from = row_schema_find(&old->plan->keys, keys->fields[k].name);
    cols[k] = key_of(s, old, from, keys->fields[k].type, refused);
    for (size_t r = 0; r < n; r++) {
      missing[(size_t)k * n + r] = from < 0               ? FETCH_KEY_MISSING
                                   : old->missing == NULL ? FETCH_KEY_GIVEN
                                                          : old->missing[(size_t)from * n + r];
    }
  }
  q->keys = cols;
  q->missing = missing;
  q->refused = refused;
  return q;
}

// ---- plans ------------------------------------------------------------------------------------

static void note(struct fetch_session *s, const struct chn_err *err)
{
  s->renew_error = arena_strdup(&s->arena, err->msg);
}

void fetch_run_renew(struct fetch_session *s, struct run_item *items, size_t n)
{
  struct fetcher *f = s->fetcher;
  struct chn_err err;
  for (size_t i = 0; i < n; i++) {
    struct run_item *it = &items[i];
    struct fetch_job *j = NULL;
    if (!item_moved(s, it)) {
      continue;
    }
    for (int32_t k = 0; (j = fetch_run_job(it, k)) != NULL; k++) {
      if (j->plan != NULL && job_moved(s, j) &&
          fetch_meta_renew(f, s->reader, j->plan, &err) != CHN_OK) {
        note(s, &err);
      }
    }
    struct fetch_plan *plan = NULL;
    if (fetch_meta_plan(f, s->reader, it->plan->slot, &plan, &err) != CHN_OK) {
      note(s, &err);
      continue;
    }
    fetch_session_work(s, plan); // which keeps it as long as the run
    it->request = request_for(s, it->request, plan);
    it->plan = plan;
    fetch_plan_release(plan);
  }
}

void fetch_run_fail_moved(struct fetch_session *s, struct run_item *items, size_t n)
{
  for (size_t i = 0; i < n; i++) {
    struct fetch_job *j = NULL;
    for (int32_t k = 0; (j = fetch_run_job(&items[i], k)) != NULL; k++) {
      if (j->plan == NULL || !job_moved(s, j)) {
        continue;
      }
      const char *why =
          s->renew_error != NULL
              ? s->renew_error
              : arena_printf(&s->arena,
                             "uploads of %s replace each other faster than they can be read",
                             j->plan->name);
      for (size_t r = 0; r < j->n; r++) {
        if (j->rows[r] == FETCH_ROW_VALUES) {
          fetch_job_fail(s, j, r, why);
        }
      }
    }
  }
}
