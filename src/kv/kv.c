// What all kinds of stores share: opening by URL, names and their handles, checks of arguments.
#include "kv/kv.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/hash.h"
#include "base/near.h"
#include "base/time.h"
#include "kv/kv_int.h"

static const struct kv_ops *const KINDS[] = { &kv_lmdb_ops, &kv_redis_ops, &kv_memory_ops };

static const struct kv_ops *ops_of(const char *scheme)
{
  for (size_t i = 0; i < sizeof KINDS / sizeof *KINDS; i++) {
    if (strcmp(KINDS[i]->schemes[0], scheme) == 0 ||
        (KINDS[i]->schemes[1] && strcmp(KINDS[i]->schemes[1], scheme) == 0)) {
      return KINDS[i];
    }
  }
  return NULL;
}

chn_status kv_open(struct kv_store **out, const char *text, bool create, struct chn_err *err)
{
  *out = NULL;
  struct kv_url url;
  chn_status status = kv_url_parse(&url, text, err);
  if (!status) {
    const struct kv_ops *ops = ops_of(url.scheme);
    status = ops ? ops->open(out, &url, create, err)
                 : chn_fail(err, CHN_E_ARGUMENT, "this build has no %s stores", url.scheme);
    if (!status) {
      struct kv_store *store = *out;
      store->ops = ops;
      store->url = chn_strdup(url.text);
      store->names = chn_dict_new(16);
      pthread_mutex_init(&store->names_lock, NULL);
    }
  }
  if (status) {
    status = chn_wrap(err, "store %s", url.text);
  }
  kv_url_deinit(&url);
  return status;
}

void kv_close(struct kv_store *store)
{
  if (!store) {
    return;
  }
  free(store->url);
  chn_dict_free(store->names);
  pthread_mutex_destroy(&store->names_lock);
  store->ops->close(store);
}

const char *kv_url(const struct kv_store *store)
{
  return store->url;
}

static chn_status wrapped(const struct kv_store *store, chn_status status, struct chn_err *err)
{
  return status ? chn_wrap(err, "store %s", store->url) : CHN_OK;
}

chn_status kv_ping(struct kv_store *store, struct chn_err *err)
{
  return wrapped(store, store->ops->ping(store, err), err);
}

// --- names ---

static bool name_char(char c)
{
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '.' || c == '-';
}

chn_status kv_dataset(struct kv_store *store, const char *name, int32_t *dataset,
                      struct chn_err *err)
{
  const size_t len = strlen(name);
  bool good = len > 0 && len <= KV_NAME_MAX;
  for (size_t i = 0; i < len; i++) {
    good = good && name_char(name[i]);
  }
  if (!good) {
    return chn_fail(err, CHN_E_ARGUMENT, "dataset \"%s\": want 1 to %d of [A-Za-z0-9_.-]", name,
                    KV_NAME_MAX);
  }
  pthread_mutex_lock(&store->names_lock);
  *dataset = chn_dict_intern(store->names, name, len);
  pthread_mutex_unlock(&store->names_lock);
  return CHN_OK;
}

const char *kv_name(struct kv_store *store, int32_t dataset)
{
  pthread_mutex_lock(&store->names_lock);
  const bool known = dataset >= 0 && dataset < chn_dict_size(store->names);
  size_t len;
  const char *name = known ? chn_dict_bytes(store->names, dataset, &len) : NULL;
  pthread_mutex_unlock(&store->names_lock);
  return name;
}

static chn_status name_of(struct kv_store *store, int32_t dataset, const char **name,
                          struct chn_err *err)
{
  *name = kv_name(store, dataset);
  return *name ? CHN_OK
               : chn_fail(err, CHN_E_ARGUMENT, "%d is no dataset of this store: ask kv_dataset",
                          dataset);
}

chn_status kv_no_dataset(struct chn_err *err, const char *name, const struct kv_info *list,
                         size_t count)
{
  const char **names = chn_malloc((count + 1) * sizeof *names);
  for (size_t i = 0; i < count; i++) {
    names[i] = list[i].name;
  }
  const char *near = chn_near(name, names, count);
  free(names);
  return chn_fail(err, CHN_E_NOT_FOUND, "dataset %s does not exist%s%s%s", name,
                  near ? " (did you mean " : "", near ? near : "", near ? "?)" : "");
}

chn_status kv_create(struct kv_store *store, int32_t dataset, struct chn_err *err)
{
  const char *name;
  chn_status status = name_of(store, dataset, &name, err);
  if (!status) {
    status = store->ops->create(store, name, err);
  }
  return wrapped(store, status, err);
}

static int by_name(const void *a, const void *b)
{
  return strcmp(((const struct kv_info *)a)->name, ((const struct kv_info *)b)->name);
}

chn_status kv_list(struct kv_store *store, struct kv_info **list, size_t *count,
                   struct chn_err *err)
{
  *list = NULL;
  *count = 0;
  const chn_status status = store->ops->list(store, list, count, err);
  if (status) {
    kv_list_free(*list);
    *list = NULL;
    *count = 0;
    return wrapped(store, status, err);
  }
  if (*count) {
    qsort(*list, *count, sizeof **list, by_name);
  }
  return CHN_OK;
}

void kv_list_free(struct kv_info *list)
{
  free(list);
}

// --- answers ---

struct kv_answers_old {
  struct kv_answers_old *next;
  struct kv_version versions[];
};

void kv_answers_start(struct kv_answers *a)
{
  a->start = a->count;
}

// The answer under way moves to a larger array; finished ones stay where they are.
static void grow(struct kv_answers *a, size_t more)
{
  const size_t open = a->count - a->start;
  size_t cap = a->cap ? a->cap * 2 : 256;
  while (cap - open < more) {
    cap *= 2;
  }
  struct kv_answers_old *block = chn_malloc(sizeof *block + cap * sizeof *block->versions);
  if (open) {
    memcpy(block->versions, a->versions + a->start, open * sizeof *block->versions);
  }
  block->next = a->old;
  a->old = block;
  a->versions = block->versions;
  a->cap = cap;
  a->start = 0;
  a->count = open;
}

struct kv_version *kv_answers_room(struct kv_answers *a, size_t more)
{
  if (a->cap - a->count < more) {
    grow(a, more);
  }
  a->count += more;
  return a->versions + a->count - more;
}

void kv_answers_add(struct kv_answers *a, int64_t ts, const void *data, size_t len)
{
  *kv_answers_room(a, 1) = (struct kv_version){ .ts = ts, .data = data, .len = len };
}

void kv_answers_finish(struct kv_answers *a, struct kv_get *get)
{
  get->count = a->count - a->start;
  get->versions = get->count ? a->versions + a->start : NULL;
  get->status = CHN_OK;
}

// Keeps the newest array, the largest.
void kv_answers_clear(struct kv_answers *a)
{
  a->count = 0;
  a->start = 0;
  while (a->old && a->old->next) {
    struct kv_answers_old *block = a->old->next;
    a->old->next = block->next;
    free(block);
  }
}

void kv_answers_deinit(struct kv_answers *a)
{
  kv_answers_clear(a);
  free(a->old);
  *a = (struct kv_answers){ 0 };
}

// --- reading ---

chn_status kv_reader_open(struct kv_reader **out, struct kv_store *store, struct chn_err *err)
{
  *out = NULL;
  const chn_status status = store->ops->reader_open(out, store, err);
  if (status) {
    return wrapped(store, status, err);
  }
  (*out)->store = store;
  return CHN_OK;
}

void kv_reader_close(struct kv_reader *reader)
{
  if (!reader) {
    return;
  }
  kv_read_end(reader);
  kv_answers_deinit(&reader->answers);
  reader->store->ops->reader_close(reader);
}

chn_status kv_read_begin(struct kv_reader *reader, struct chn_err *err)
{
  if (reader->reading) {
    return chn_fail(err, CHN_E_INTERNAL, "store %s: this reader is reading already",
                    reader->store->url);
  }
  const chn_status status = reader->store->ops->read_begin(reader, err);
  if (status) {
    return wrapped(reader->store, status, err);
  }
  reader->reading = true;
  return CHN_OK;
}

void kv_read_end(struct kv_reader *reader)
{
  if (!reader->reading) {
    return;
  }
  reader->reading = false;
  kv_answers_clear(&reader->answers);
  reader->store->ops->read_end(reader);
}

static chn_status must_read(const struct kv_reader *reader, struct chn_err *err)
{
  return reader->reading
             ? CHN_OK
             : chn_fail(err, CHN_E_INTERNAL, "a read outside of kv_read_begin and kv_read_end");
}

chn_status kv_read(struct kv_reader *reader, struct kv_get *gets, size_t count, struct chn_err *err)
{
  const chn_status status = must_read(reader, err);
  return wrapped(reader->store,
                 status ? status : reader->store->ops->read(reader, gets, count, err), err);
}

chn_status kv_read_newest(struct kv_reader *reader, struct kv_get *get, struct arena *a,
                          const char **bytes, size_t *len, struct chn_err *err)
{
  *bytes = NULL;
  *len = 0;
  chn_status s = kv_read_begin(reader, err);
  if (s != CHN_OK) {
    return s;
  }
  s = kv_read(reader, get, 1, err);
  if (s == CHN_OK && get->count > 0) {
    const struct kv_version *newest = &get->versions[get->count - 1];
    *bytes = arena_strndup(a, newest->data, newest->len);
    *len = newest->len;
  }
  kv_read_end(reader);
  return s;
}

chn_status kv_read_mark(struct kv_reader *reader, const char *name, const void **data, size_t *len,
                        struct chn_err *err)
{
  *data = NULL;
  *len = 0;
  const chn_status status = must_read(reader, err);
  return wrapped(reader->store,
                 status ? status : reader->store->ops->read_mark(reader, name, data, len, err),
                 err);
}

bool kv_has_snapshots(const struct kv_store *store)
{
  return store->ops->snapshot != NULL;
}

uint64_t kv_read_snapshot(struct kv_reader *reader)
{
  const struct kv_ops *ops = reader->store->ops;
  return reader->reading && ops->snapshot != NULL ? ops->snapshot(reader) : 0;
}

uint32_t kv_watch(const struct kv_get *get)
{
  // Spread: with small seeds a short key would hash as its neighbour does in the next dataset.
  const uint64_t seed = get->generation * UINT64_C(0x9e3779b97f4a7c15);
  return (uint32_t)chn_hash(get->key, get->key_len, seed);
}

bool kv_unchanged(struct kv_reader *reader, uint64_t since, const uint32_t *watches, size_t count)
{
  const uint64_t now = kv_read_snapshot(reader);
  return now != 0 && since != 0 &&
         (since == now || reader->store->ops->unchanged(reader, since, watches, count));
}

// --- writing ---

static chn_status check_marks(const struct kv_mark *marks, size_t count, struct chn_err *err)
{
  for (size_t i = 0; i < count; i++) {
    const size_t len = strlen(marks[i].name);
    if (len == 0 || len > KV_NAME_MAX) {
      return chn_fail(err, CHN_E_ARGUMENT, "mark \"%s\": want a name of 1 to %d bytes",
                      marks[i].name, KV_NAME_MAX);
    }
  }
  return CHN_OK;
}

chn_status kv_mark_check(const struct kv_mark *mark, const void *data, size_t len,
                         struct chn_err *err)
{
  if (!mark->fenced) {
    return CHN_OK;
  }
  const bool same = mark->expect
                        ? data && len == mark->expect_len && memcmp(data, mark->expect, len) == 0
                        : !data;
  return same ? CHN_OK
              : chn_fail(err, CHN_E_CONFLICT,
                         "mark %s was changed by another writer; nothing was written", mark->name);
}

chn_status kv_commit(struct kv_store *store, const struct kv_put *puts, size_t put_count,
                     const struct kv_mark *marks, size_t mark_count, struct chn_err *err)
{
  chn_status status = check_marks(marks, mark_count, err);
  const int64_t now = chn_now_ms();
  struct kv_put *timed = NULL; // a copy, once a put asks for the time
  for (size_t i = 0; i < put_count && !status; i++) {
    const char *name;
    status = name_of(store, puts[i].dataset, &name, err);
    if (!status && puts[i].append && puts[i].replace) {
      status = chn_fail(err, CHN_E_ARGUMENT, "a put of dataset %s both appends and replaces", name);
    }
    if (!timed && puts[i].ts == INT64_MIN) {
      timed = chn_malloc(put_count * sizeof *timed);
      memcpy(timed, puts, put_count * sizeof *timed);
    }
    if (timed && timed[i].ts == INT64_MIN) {
      timed[i].ts = now;
    }
  }
  if (!status) {
    status = store->ops->commit(store, timed ? timed : puts, put_count, marks, mark_count, err);
  }
  free(timed);
  return wrapped(store, status, err);
}

chn_status kv_expire(struct kv_store *store, int32_t dataset, int64_t before, int64_t *removed,
                     struct chn_err *err)
{
  int64_t count = 0;
  const char *name;
  chn_status status = name_of(store, dataset, &name, err);
  if (!status) {
    status = store->ops->expire(store, name, before, &count, err);
  }
  if (removed) {
    *removed = count;
  }
  return wrapped(store, status, err);
}

// --- bulk load ---

chn_status kv_load_begin(struct kv_load **out, struct kv_store *store, int32_t dataset, int64_t ts,
                         struct chn_err *err)
{
  *out = NULL;
  const char *name;
  chn_status status = name_of(store, dataset, &name, err);
  if (!status && ts == INT64_MIN) {
    status = chn_fail(err, CHN_E_ARGUMENT, "dataset %s: a load needs its time", name);
  }
  if (!status) {
    status = store->ops->load_begin(out, store, name, ts, err);
  }
  if (status) {
    return wrapped(store, status, err);
  }
  (*out)->store = store;
  return CHN_OK;
}

chn_status kv_load_add(struct kv_load *load, const void *key, size_t key_len, const void *value,
                       size_t value_len, struct chn_err *err)
{
  return wrapped(load->store, load->store->ops->load_add(load, key, key_len, value, value_len, err),
                 err);
}

chn_status kv_load_commit(struct kv_load *load, struct chn_err *err)
{
  struct kv_store *store = load->store;
  return wrapped(store, store->ops->load_commit(load, err), err);
}

void kv_load_abort(struct kv_load *load)
{
  if (load) {
    load->store->ops->load_abort(load);
  }
}

// --- scanning ---

chn_status kv_scan_open(struct kv_scan **out, struct kv_reader *reader, int32_t dataset,
                        const void *prefix, size_t prefix_len, const char *token,
                        struct chn_err *err)
{
  *out = NULL;
  struct kv_store *store = reader->store;
  const char *name;
  chn_status status = must_read(reader, err);
  if (!status) {
    status = name_of(store, dataset, &name, err);
  }
  if (!status) {
    status = store->ops->scan_open(out, reader, name, prefix, prefix_len, token, err);
  }
  if (status) {
    return wrapped(store, status, err);
  }
  (*out)->reader = reader;
  return CHN_OK;
}

chn_status kv_scan_next(struct kv_scan *scan, struct kv_item *item, bool *found,
                        struct chn_err *err)
{
  *found = false;
  struct kv_store *store = scan->reader->store;
  return wrapped(store, store->ops->scan_next(scan, item, found, err), err);
}

const char *kv_scan_token(struct kv_scan *scan)
{
  return scan->reader->store->ops->scan_token(scan);
}

void kv_scan_close(struct kv_scan *scan)
{
  if (scan) {
    scan->reader->store->ops->scan_close(scan);
  }
}

int kv_compare(const void *a, size_t a_len, const void *b, size_t b_len)
{
  const size_t n = a_len < b_len ? a_len : b_len;
  const int order = n ? memcmp(a, b, n) : 0;
  return order ? order : (a_len > b_len) - (a_len < b_len);
}
