// From keys to the store's bytes: one read for everything a run wants to know.
#include <string.h>

#include "fetcher/fetcher_int.h"

static void add_get(struct fetch_session *s, int32_t dataset, size_t key_at, size_t key_len,
                    int64_t after)
{
  if (s->n_gets == s->gets_room) {
    s->gets_room = s->gets_room > 0 ? 2 * s->gets_room : 64;
    s->gets = chn_realloc(s->gets, s->gets_room * sizeof *s->gets);
    s->key_at = chn_realloc(s->key_at, s->gets_room * sizeof *s->key_at);
  }
  s->key_at[s->n_gets] = key_at;
  s->gets[s->n_gets++] =
      (struct kv_get){ .dataset = dataset, .key_len = key_len, .after_ts = after };
}

void fetch_read_keys(struct fetch_session *s, struct fetch_job *j)
{
  const struct fetch_gb *gb = &j->plan->gb;
  for (size_t r = 0; r < j->n; r++) {
    if (j->rows[r] != FETCH_ROW_VALUES) {
      continue;
    }
    const size_t from = s->keys.len;
    if (avro_encode(gb->key, j->keys, r, &s->keys, &s->err) != CHN_OK) {
      fetch_job_fail(
          s, j, r,
          arena_printf(&s->arena,
                       "Failed to encode key for %s: Couldn't encode request keys or casted "
                       "keys: %s",
                       j->plan->name, s->err.msg));
      continue;
    }
    j->gets[r] = s->n_gets;
    add_get(s, gb->batch_set, from, s->keys.len - from, INT64_MIN);
    if (gb->temporal) {
      add_get(s, gb->stream_set, from, s->keys.len - from, j->plan->batch_end);
    }
  }
}

chn_status fetch_read_store(struct fetch_session *s, struct chn_err *err)
{
  for (size_t i = 0; i < s->n_gets; i++) {
    s->gets[i].key = s->keys.data + s->key_at[i];
  }
  chn_status status = kv_read_begin(s->reader, err);
  s->snapshot = status == CHN_OK ? kv_read_snapshot(s->reader) : 0;
  if (status != CHN_OK || s->n_gets == 0) {
    return status;
  }
  atomic_fetch_add(&s->fetcher->keys_read, (long long)s->n_gets);
  struct chn_err *why = err != NULL ? err : &s->err;
  status = kv_read(s->reader, s->gets, s->n_gets, why);
  if (status == CHN_OK) {
    return CHN_OK;
  }
  s->store_error = arena_strdup(&s->arena, why->msg);
  for (size_t i = 0; i < s->n_gets; i++) {
    if (s->gets[i].status == CHN_OK) {
      return CHN_OK; // the others are failures of their rows
    }
  }
  kv_read_end(s->reader);
  return status;
}
