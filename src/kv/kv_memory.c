// The store of this process, for specs and trials: `memory:NAME`, shared by name while it is open
// anywhere.
//
// One lock guards everything and is held for one call. What an open read may point at is not freed
// but buried, until no read is open: so a read never blocks a write and sees no freed bytes.
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/time.h"
#include "kv/memory_int.h"

struct store {
  struct kv_store base;
  struct mem_core *core;
};

struct load {
  struct kv_load base;
  struct mem_core *core;
  size_t dataset;
  struct mem_generation *generation;
  int64_t ts, bytes;
};

struct scan {
  struct kv_scan base;
  struct mem_core *core;
  struct mem_generation *generation;
  char *prefix;
  size_t prefix_len;
  size_t key, version; ///< where it stands
  char token[64];
};

static pthread_mutex_t cores_lock = PTHREAD_MUTEX_INITIALIZER;
static struct mem_core *cores;

static struct mem_core *core_of(struct kv_store *store)
{
  return ((struct store *)store)->core;
}

// --- opening ---

static struct mem_core *core_new(const char *name)
{
  struct mem_core *c = chn_calloc(1, sizeof *c);
  c->name = chn_strdup(name);
  c->names = chn_dict_new(16);
  pthread_mutex_init(&c->lock, NULL);
  c->next = cores;
  cores = c;
  return c;
}

static void core_free(struct mem_core *c)
{
  c->reads = 0;
  mem_bury_dead(c);
  for (int32_t i = 0; i < chn_dict_size(c->names); i++) {
    mem_generation_free(c->datasets[i].live);
  }
  for (size_t i = 0; i < c->mark_count; i++) {
    free(c->marks[i].name);
    free(c->marks[i].value);
  }
  free(c->marks);
  free(c->datasets);
  chn_dict_free(c->names);
  pthread_mutex_destroy(&c->lock);
  free(c->name);
  free(c);
}

static chn_status memory_open(struct kv_store **out, const struct kv_url *url, bool create,
                              struct chn_err *err)
{
  (void)create; // as the first to open it, one is always the creator
  (void)err;
  struct store *s = chn_calloc(1, sizeof *s);
  pthread_mutex_lock(&cores_lock);
  struct mem_core *c = cores;
  while (c && strcmp(c->name, url->path) != 0) {
    c = c->next;
  }
  s->core = c ? c : core_new(url->path);
  s->core->users++;
  pthread_mutex_unlock(&cores_lock);
  *out = &s->base;
  return CHN_OK;
}

static void memory_close(struct kv_store *store)
{
  struct mem_core *c = core_of(store);
  pthread_mutex_lock(&cores_lock);
  if (--c->users == 0) {
    struct mem_core **link = &cores;
    while (*link != c) {
      link = &(*link)->next;
    }
    *link = c->next;
    core_free(c);
  }
  pthread_mutex_unlock(&cores_lock);
  free(store);
}

static chn_status memory_ping(struct kv_store *store, struct chn_err *err)
{
  (void)store;
  (void)err;
  return CHN_OK;
}

static chn_status memory_create(struct kv_store *store, const char *name, struct chn_err *err)
{
  (void)err;
  struct mem_core *c = core_of(store);
  pthread_mutex_lock(&c->lock);
  mem_make_dataset(c, name);
  pthread_mutex_unlock(&c->lock);
  return CHN_OK;
}

// Under the lock.
static void list_all(struct mem_core *c, struct kv_info **list, size_t *count)
{
  const size_t n = (size_t)chn_dict_size(c->names);
  *list = chn_calloc(n + 1, sizeof **list);
  *count = n;
  for (size_t i = 0; i < n; i++) {
    const struct mem_dataset *d = &c->datasets[i];
    size_t len;
    const char *name = chn_dict_bytes(c->names, (int32_t)i, &len);
    (*list)[i] = (struct kv_info){ .versions = d->versions,
                                   .bytes = d->bytes,
                                   .version_ts = d->version_ts,
                                   .switched_ms = d->switched_ms,
                                   .loading = d->loading };
    snprintf((*list)[i].name, sizeof(*list)[i].name, "%s", name);
  }
}

static chn_status memory_list(struct kv_store *store, struct kv_info **list, size_t *count,
                              struct chn_err *err)
{
  (void)err;
  struct mem_core *c = core_of(store);
  pthread_mutex_lock(&c->lock);
  list_all(c, list, count);
  pthread_mutex_unlock(&c->lock);
  return CHN_OK;
}

// --- reading ---

static chn_status memory_reader_open(struct kv_reader **out, struct kv_store *store,
                                     struct chn_err *err)
{
  (void)store;
  (void)err;
  *out = chn_calloc(1, sizeof **out);
  return CHN_OK;
}

static void memory_reader_close(struct kv_reader *reader)
{
  free(reader);
}

static void count_read(struct mem_core *c, int change)
{
  pthread_mutex_lock(&c->lock);
  c->reads += change;
  mem_bury_dead(c);
  pthread_mutex_unlock(&c->lock);
}

static chn_status memory_read_begin(struct kv_reader *reader, struct chn_err *err)
{
  (void)err;
  count_read(core_of(reader->store), 1);
  return CHN_OK;
}

static void memory_read_end(struct kv_reader *reader)
{
  count_read(core_of(reader->store), -1);
}

static void answer(struct mem_core *c, struct kv_answers *a, struct kv_get *get, const char *name)
{
  kv_answers_start(a);
  const struct mem_dataset *d = mem_find_dataset(c, name);
  get->generation = d ? d->live->id : 0;
  const int32_t id =
      d ? chn_dict_find(d->live->keys, get->key_len ? get->key : "", get->key_len) : CHN_DICT_NONE;
  if (id != CHN_DICT_NONE) {
    const struct mem_versions *k = &d->live->of_key[id];
    for (size_t i = mem_place(k, get->after_ts); i < k->count; i++) {
      kv_answers_add(a, k->list[i]->ts, k->list[i]->data, k->list[i]->len);
    }
  }
  kv_answers_finish(a, get);
}

static chn_status memory_read(struct kv_reader *reader, struct kv_get *gets, size_t count,
                              struct chn_err *err)
{
  struct mem_core *c = core_of(reader->store);
  chn_status first = CHN_OK;
  pthread_mutex_lock(&c->lock);
  for (size_t i = 0; i < count; i++) {
    const char *name = kv_name(reader->store, gets[i].dataset);
    if (name) {
      answer(c, &reader->answers, &gets[i], name);
    } else {
      gets[i].count = 0;
      gets[i].versions = NULL;
      gets[i].status = CHN_E_ARGUMENT;
      first =
          first ? first
                : chn_fail(err, CHN_E_ARGUMENT, "%d is no dataset of this store", gets[i].dataset);
    }
  }
  pthread_mutex_unlock(&c->lock);
  return first;
}

static chn_status memory_read_mark(struct kv_reader *reader, const char *name, const void **data,
                                   size_t *len, struct chn_err *err)
{
  (void)err;
  struct mem_core *c = core_of(reader->store);
  pthread_mutex_lock(&c->lock);
  const struct mem_mark *m = mem_find_mark(c, name);
  if (m) {
    *data = m->value->data;
    *len = m->value->len;
  }
  pthread_mutex_unlock(&c->lock);
  return CHN_OK;
}

// --- writing ---

static void drop_versions(struct mem_core *c, struct mem_dataset *d, struct mem_versions *k,
                          size_t key_len, size_t n)
{
  for (size_t i = 0; i < n; i++) {
    d->bytes -= (int64_t)(key_len + k->list[i]->len);
    mem_bury(c, k->list[i]);
  }
  d->versions -= (int64_t)n;
  k->count -= n;
  if (k->count) {
    memmove(k->list, k->list + n, k->count * sizeof *k->list);
  }
}

static struct mem_value *new_value(const struct mem_versions *k, const struct kv_put *p)
{
  const size_t at = mem_place(k, p->ts);
  if (!p->append || at == k->count || k->list[at]->ts != p->ts) {
    return mem_value_new(p->ts, p->value, p->value_len);
  }
  return mem_value_join(k->list[at], p->value, p->value_len);
}

static void put(struct mem_core *c, const char *name, const struct kv_put *p)
{
  struct mem_dataset *d = mem_find_dataset(c, name);
  struct mem_versions *k = mem_versions_of(d->live, p->key, p->key_len);
  if (p->replace) {
    drop_versions(c, d, k, p->key_len, k->count);
  }
  struct mem_value *v = new_value(k, p);
  struct mem_value *old = mem_set_version(k, v);
  d->versions += !old;
  d->bytes += (int64_t)v->len + (old ? -(int64_t)old->len : (int64_t)p->key_len);
  mem_bury(c, old);
}

static void set_mark(struct mem_core *c, const struct kv_mark *mark)
{
  struct mem_mark *m = mem_find_mark(c, mark->name);
  if (!m) {
    c->marks = chn_realloc(c->marks, (c->mark_count + 1) * sizeof *c->marks);
    m = &c->marks[c->mark_count++];
    *m = (struct mem_mark){ .name = chn_strdup(mark->name) };
  }
  mem_bury(c, m->value);
  m->value = mem_value_new(0, mark->data, mark->len);
}

static chn_status check_commit(struct kv_store *store, const struct kv_put *puts, size_t put_count,
                               const struct kv_mark *marks, size_t mark_count, struct chn_err *err)
{
  struct mem_core *c = core_of(store);
  for (size_t i = 0; i < put_count; i++) {
    const char *name = kv_name(store, puts[i].dataset);
    if (!mem_find_dataset(c, name)) {
      struct kv_info *list;
      size_t count;
      list_all(c, &list, &count);
      const chn_status status = kv_no_dataset(err, name, list, count);
      free(list);
      return status;
    }
  }
  for (size_t i = 0; i < mark_count; i++) {
    const struct mem_mark *m = mem_find_mark(c, marks[i].name);
    const chn_status status =
        kv_mark_check(&marks[i], m ? m->value->data : NULL, m ? m->value->len : 0, err);
    if (status) {
      return status;
    }
  }
  return CHN_OK;
}

static chn_status memory_commit(struct kv_store *store, const struct kv_put *puts, size_t put_count,
                                const struct kv_mark *marks, size_t mark_count, struct chn_err *err)
{
  struct mem_core *c = core_of(store);
  pthread_mutex_lock(&c->lock);
  const chn_status status = check_commit(store, puts, put_count, marks, mark_count, err);
  if (!status) {
    for (size_t i = 0; i < put_count; i++) {
      put(c, kv_name(store, puts[i].dataset), &puts[i]);
    }
    for (size_t i = 0; i < mark_count; i++) {
      set_mark(c, &marks[i]);
    }
    mem_bury_dead(c);
  }
  pthread_mutex_unlock(&c->lock);
  return status;
}

static chn_status memory_expire(struct kv_store *store, const char *name, int64_t before,
                                int64_t *removed, struct chn_err *err)
{
  (void)err;
  struct mem_core *c = core_of(store);
  pthread_mutex_lock(&c->lock);
  struct mem_dataset *d = mem_find_dataset(c, name);
  for (int32_t i = 0; d && i < chn_dict_size(d->live->keys); i++) {
    struct mem_versions *k = &d->live->of_key[i];
    const size_t n = mem_place(k, before);
    size_t len;
    chn_dict_bytes(d->live->keys, i, &len);
    drop_versions(c, d, k, len, n);
    *removed += (int64_t)n;
  }
  mem_bury_dead(c);
  pthread_mutex_unlock(&c->lock);
  return CHN_OK;
}

// --- bulk load ---

static chn_status memory_load_begin(struct kv_load **out, struct kv_store *store, const char *name,
                                    int64_t ts, struct chn_err *err)
{
  struct mem_core *c = core_of(store);
  chn_status status = CHN_OK;
  pthread_mutex_lock(&c->lock);
  struct mem_dataset *d = mem_make_dataset(c, name);
  if (d->loading) {
    status = chn_fail(err, CHN_E_CONFLICT, "dataset %s: another load of it is under way", name);
  } else {
    struct load *l = chn_calloc(1, sizeof *l);
    *l = (struct load){ .core = c,
                        .dataset = (size_t)(d - c->datasets),
                        .generation = mem_generation_new(),
                        .ts = ts,
                        .bytes = 0 };
    d->loading = true;
    *out = &l->base;
  }
  pthread_mutex_unlock(&c->lock);
  return status;
}

static chn_status memory_load_add(struct kv_load *load, const void *key, size_t key_len,
                                  const void *value, size_t value_len, struct chn_err *err)
{
  (void)err;
  struct load *l = (struct load *)load;
  struct mem_value *old = mem_set_version(mem_versions_of(l->generation, key, key_len),
                                          mem_value_new(l->ts, value, value_len));
  l->bytes += (int64_t)value_len + (old ? -(int64_t)old->len : (int64_t)key_len);
  free(old);
  return CHN_OK;
}

static chn_status memory_load_commit(struct kv_load *load, struct chn_err *err)
{
  (void)err;
  struct load *l = (struct load *)load;
  struct mem_core *c = l->core;
  pthread_mutex_lock(&c->lock);
  struct mem_dataset *d = &c->datasets[l->dataset];
  d->live->next = c->dead_generations;
  c->dead_generations = d->live;
  *d = (struct mem_dataset){ .live = l->generation,
                             .versions = chn_dict_size(l->generation->keys),
                             .bytes = l->bytes,
                             .version_ts = l->ts,
                             .switched_ms = chn_now_ms() };
  mem_bury_dead(c);
  pthread_mutex_unlock(&c->lock);
  free(l);
  return CHN_OK;
}

static void memory_load_abort(struct kv_load *load)
{
  struct load *l = (struct load *)load;
  pthread_mutex_lock(&l->core->lock);
  l->core->datasets[l->dataset].loading = false;
  pthread_mutex_unlock(&l->core->lock);
  mem_generation_free(l->generation);
  free(l);
}

// --- scanning: keys in the order they came; the token is (place of the key, ts) ---

static chn_status memory_scan_open(struct kv_scan **out, struct kv_reader *reader, const char *name,
                                   const void *prefix, size_t prefix_len, const char *token,
                                   struct chn_err *err)
{
  struct mem_core *c = core_of(reader->store);
  size_t key = 0;
  int64_t ts = INT64_MIN;
  if (token && sscanf(token, "%zu:%" SCNd64, &key, &ts) != 2) {
    return chn_fail(err, CHN_E_ARGUMENT, "\"%s\" is no token of a scan of this store", token);
  }
  struct scan *s = chn_calloc(1, sizeof *s);
  s->core = c;
  s->prefix = chn_malloc(prefix_len + 1);
  s->prefix_len = prefix_len;
  s->key = key;
  if (prefix_len) {
    memcpy(s->prefix, prefix, prefix_len);
  }
  pthread_mutex_lock(&c->lock);
  const struct mem_dataset *d = mem_find_dataset(c, name);
  s->generation = d ? d->live : NULL;
  if (s->generation && key < (size_t)chn_dict_size(s->generation->keys)) {
    s->version = mem_place(&s->generation->of_key[key], ts);
  }
  pthread_mutex_unlock(&c->lock);
  *out = &s->base;
  return CHN_OK;
}

// Under the lock: to the next version whose key has the prefix.
static bool settle(struct scan *s, const void **key, size_t *len)
{
  for (; s->generation && s->key < (size_t)chn_dict_size(s->generation->keys);
       s->key++, s->version = 0) {
    *key = chn_dict_bytes(s->generation->keys, (int32_t)s->key, len);
    const bool fits = *len >= s->prefix_len && memcmp(*key, s->prefix, s->prefix_len) == 0;
    if (fits && s->version < s->generation->of_key[s->key].count) {
      return true;
    }
  }
  return false;
}

static chn_status memory_scan_next(struct kv_scan *scan, struct kv_item *item, bool *found,
                                   struct chn_err *err)
{
  (void)err;
  struct scan *s = (struct scan *)scan;
  pthread_mutex_lock(&s->core->lock);
  *found = settle(s, &item->key, &item->key_len);
  if (*found) {
    const struct mem_value *v = s->generation->of_key[s->key].list[s->version++];
    item->version = (struct kv_version){ .ts = v->ts, .data = v->data, .len = v->len };
  }
  pthread_mutex_unlock(&s->core->lock);
  return CHN_OK;
}

static const char *memory_scan_token(struct kv_scan *scan)
{
  struct scan *s = (struct scan *)scan;
  const void *key;
  size_t len;
  pthread_mutex_lock(&s->core->lock);
  const int64_t ts =
      settle(s, &key, &len) ? s->generation->of_key[s->key].list[s->version]->ts : INT64_MIN;
  pthread_mutex_unlock(&s->core->lock);
  snprintf(s->token, sizeof s->token, "%zu:%" PRId64, s->key, ts);
  return s->token;
}

static void memory_scan_close(struct kv_scan *scan)
{
  free(((struct scan *)scan)->prefix);
  free(scan);
}

const struct kv_ops kv_memory_ops = {
  .schemes = { "memory" },
  .open = memory_open,
  .close = memory_close,
  .ping = memory_ping,
  .create = memory_create,
  .list = memory_list,
  .reader_open = memory_reader_open,
  .reader_close = memory_reader_close,
  .read_begin = memory_read_begin,
  .read_end = memory_read_end,
  .read = memory_read,
  .read_mark = memory_read_mark,
  .commit = memory_commit,
  .expire = memory_expire,
  .load_begin = memory_load_begin,
  .load_add = memory_load_add,
  .load_commit = memory_load_commit,
  .load_abort = memory_load_abort,
  .scan_open = memory_scan_open,
  .scan_next = memory_scan_next,
  .scan_token = memory_scan_token,
  .scan_close = memory_scan_close,
};
