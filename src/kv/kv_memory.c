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
#include "kv/kv_int.h"

struct value {
  struct value *next; ///< in the graveyard
  int64_t ts;
  size_t len;
  char data[];
};

struct versions { // of one key, ascending
  struct value **list;
  size_t count, cap;
};

struct generation {
  struct generation *next; ///< in the graveyard
  struct chn_dict *keys;
  struct versions *of_key; ///< by the key's id
  size_t cap;
};

struct dataset {
  struct generation *live;
  int64_t versions, bytes, version_ts, switched_ms;
  bool loading;
};

struct mark {
  char *name;
  struct value *value;
};

struct core { // what stores of one name share
  struct core *next;
  char *name;
  int users;
  pthread_mutex_t lock;
  struct chn_dict *names; ///< the dataset's name -> its place in `datasets`
  struct dataset *datasets;
  size_t dataset_cap;
  struct mark *marks;
  size_t mark_count;
  int reads;
  struct value *dead_values;
  struct generation *dead_generations;
};

struct store {
  struct kv_store base;
  struct core *core;
};

struct load {
  struct kv_load base;
  struct core *core;
  size_t dataset;
  struct generation *generation;
  int64_t ts, bytes;
};

struct scan {
  struct kv_scan base;
  struct core *core;
  struct generation *generation;
  char *prefix;
  size_t prefix_len;
  size_t key, version; ///< where it stands
  char token[64];
};

static pthread_mutex_t cores_lock = PTHREAD_MUTEX_INITIALIZER;
static struct core *cores;

static struct core *core_of(struct kv_store *store)
{
  return ((struct store *)store)->core;
}

// --- the tree of things, under the lock
// ------------------------------------------------------------

static struct generation *generation_new(void)
{
  struct generation *g = chn_calloc(1, sizeof *g);
  g->keys = chn_dict_new(16);
  return g;
}

static void generation_free(struct generation *g)
{
  for (size_t i = 0; i < g->cap; i++) {
    for (size_t v = 0; v < g->of_key[i].count; v++) {
      free(g->of_key[i].list[v]);
    }
    free(g->of_key[i].list);
  }
  free(g->of_key);
  chn_dict_free(g->keys);
  free(g);
}

static void bury_dead(struct core *c)
{
  while (c->reads == 0 && c->dead_values) {
    struct value *v = c->dead_values;
    c->dead_values = v->next;
    free(v);
  }
  while (c->reads == 0 && c->dead_generations) {
    struct generation *g = c->dead_generations;
    c->dead_generations = g->next;
    generation_free(g);
  }
}

static void bury(struct core *c, struct value *v)
{
  if (v) {
    v->next = c->dead_values;
    c->dead_values = v;
  }
}

static struct value *value_new(int64_t ts, const void *data, size_t len)
{
  struct value *v = chn_malloc(sizeof *v + len);
  *v = (struct value){ .ts = ts, .len = len };
  if (len) {
    memcpy(v->data, data, len);
  }
  return v;
}

static struct versions *versions_of(struct generation *g, const void *key, size_t len)
{
  const size_t id = (size_t)chn_dict_intern(g->keys, len ? key : "", len);
  if (id >= g->cap) {
    const size_t cap = g->cap ? g->cap * 2 : 16;
    g->of_key = chn_realloc(g->of_key, cap * sizeof *g->of_key);
    memset(g->of_key + g->cap, 0, (cap - g->cap) * sizeof *g->of_key);
    g->cap = cap;
  }
  return &g->of_key[id];
}

// The first version with this ts or a later one.
static size_t place(const struct versions *k, int64_t ts)
{
  size_t low = 0;
  size_t high = k->count;
  while (low < high) {
    const size_t middle = (low + high) / 2;
    if (k->list[middle]->ts < ts) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

// Returns what was there, or NULL.
static struct value *set_version(struct versions *k, struct value *v)
{
  const size_t at = place(k, v->ts);
  if (at < k->count && k->list[at]->ts == v->ts) {
    struct value *old = k->list[at];
    k->list[at] = v;
    return old;
  }
  if (k->count == k->cap) {
    k->cap = k->cap ? k->cap * 2 : 1;
    k->list = chn_realloc(k->list, k->cap * sizeof(struct value *));
  }
  memmove(k->list + at + 1, k->list + at, (k->count - at) * sizeof(struct value *));
  k->list[at] = v;
  k->count++;
  return NULL;
}

static struct dataset *find_dataset(struct core *c, const char *name)
{
  const int32_t id = chn_dict_find(c->names, name, strlen(name));
  return id == CHN_DICT_NONE ? NULL : &c->datasets[id];
}

static struct dataset *make_dataset(struct core *c, const char *name)
{
  struct dataset *d = find_dataset(c, name);
  if (d) {
    return d;
  }
  const size_t id = (size_t)chn_dict_intern(c->names, name, strlen(name));
  if (id >= c->dataset_cap) {
    c->dataset_cap = id * 2 + 8;
    c->datasets = chn_realloc(c->datasets, c->dataset_cap * sizeof *c->datasets);
  }
  c->datasets[id] = (struct dataset){ .live = generation_new(), .version_ts = INT64_MIN };
  return &c->datasets[id];
}

static struct mark *find_mark(struct core *c, const char *name)
{
  for (size_t i = 0; i < c->mark_count; i++) {
    if (strcmp(c->marks[i].name, name) == 0) {
      return &c->marks[i];
    }
  }
  return NULL;
}

// --- opening
// ---------------------------------------------------------------------------------------

static struct core *core_new(const char *name)
{
  struct core *c = chn_calloc(1, sizeof *c);
  c->name = chn_strdup(name);
  c->names = chn_dict_new(16);
  pthread_mutex_init(&c->lock, NULL);
  c->next = cores;
  cores = c;
  return c;
}

static void core_free(struct core *c)
{
  c->reads = 0;
  bury_dead(c);
  for (int32_t i = 0; i < chn_dict_size(c->names); i++) {
    generation_free(c->datasets[i].live);
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
  struct core *c = cores;
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
  struct core *c = core_of(store);
  pthread_mutex_lock(&cores_lock);
  if (--c->users == 0) {
    struct core **link = &cores;
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
  struct core *c = core_of(store);
  pthread_mutex_lock(&c->lock);
  make_dataset(c, name);
  pthread_mutex_unlock(&c->lock);
  return CHN_OK;
}

// Under the lock.
static void list_all(struct core *c, struct kv_info **list, size_t *count)
{
  const size_t n = (size_t)chn_dict_size(c->names);
  *list = chn_calloc(n + 1, sizeof **list);
  *count = n;
  for (size_t i = 0; i < n; i++) {
    const struct dataset *d = &c->datasets[i];
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
  struct core *c = core_of(store);
  pthread_mutex_lock(&c->lock);
  list_all(c, list, count);
  pthread_mutex_unlock(&c->lock);
  return CHN_OK;
}

// --- reading
// ---------------------------------------------------------------------------------------

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

static void count_read(struct core *c, int change)
{
  pthread_mutex_lock(&c->lock);
  c->reads += change;
  bury_dead(c);
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

static void answer(struct core *c, struct kv_answers *a, struct kv_get *get, const char *name)
{
  kv_answers_start(a);
  const struct dataset *d = find_dataset(c, name);
  const int32_t id =
      d ? chn_dict_find(d->live->keys, get->key_len ? get->key : "", get->key_len) : CHN_DICT_NONE;
  if (id != CHN_DICT_NONE) {
    const struct versions *k = &d->live->of_key[id];
    for (size_t i = place(k, get->after_ts); i < k->count; i++) {
      kv_answers_add(a, k->list[i]->ts, k->list[i]->data, k->list[i]->len);
    }
  }
  kv_answers_finish(a, get);
}

static chn_status memory_read(struct kv_reader *reader, struct kv_get *gets, size_t count,
                              struct chn_err *err)
{
  struct core *c = core_of(reader->store);
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
  struct core *c = core_of(reader->store);
  pthread_mutex_lock(&c->lock);
  const struct mark *m = find_mark(c, name);
  if (m) {
    *data = m->value->data;
    *len = m->value->len;
  }
  pthread_mutex_unlock(&c->lock);
  return CHN_OK;
}

// --- writing
// ---------------------------------------------------------------------------------------

static void drop_versions(struct core *c, struct dataset *d, struct versions *k, size_t key_len,
                          size_t n)
{
  for (size_t i = 0; i < n; i++) {
    d->bytes -= (int64_t)(key_len + k->list[i]->len);
    bury(c, k->list[i]);
  }
  d->versions -= (int64_t)n;
  k->count -= n;
  memmove(k->list, k->list + n, k->count * sizeof *k->list);
}

static void put(struct core *c, const char *name, const struct kv_put *p)
{
  struct dataset *d = find_dataset(c, name);
  struct versions *k = versions_of(d->live, p->key, p->key_len);
  if (p->replace) {
    drop_versions(c, d, k, p->key_len, k->count);
  }
  struct value *old = set_version(k, value_new(p->ts, p->value, p->value_len));
  d->versions += !old;
  d->bytes += (int64_t)p->value_len + (old ? -(int64_t)old->len : (int64_t)p->key_len);
  bury(c, old);
}

static void set_mark(struct core *c, const struct kv_mark *mark)
{
  struct mark *m = find_mark(c, mark->name);
  if (!m) {
    c->marks = chn_realloc(c->marks, (c->mark_count + 1) * sizeof *c->marks);
    m = &c->marks[c->mark_count++];
    *m = (struct mark){ .name = chn_strdup(mark->name) };
  }
  bury(c, m->value);
  m->value = value_new(0, mark->data, mark->len);
}

static chn_status check_commit(struct kv_store *store, const struct kv_put *puts, size_t put_count,
                               const struct kv_mark *marks, size_t mark_count, struct chn_err *err)
{
  struct core *c = core_of(store);
  for (size_t i = 0; i < put_count; i++) {
    const char *name = kv_name(store, puts[i].dataset);
    if (!find_dataset(c, name)) {
      struct kv_info *list;
      size_t count;
      list_all(c, &list, &count);
      const chn_status status = kv_no_dataset(err, name, list, count);
      free(list);
      return status;
    }
  }
  for (size_t i = 0; i < mark_count; i++) {
    const struct mark *m = find_mark(c, marks[i].name);
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
  struct core *c = core_of(store);
  pthread_mutex_lock(&c->lock);
  const chn_status status = check_commit(store, puts, put_count, marks, mark_count, err);
  if (!status) {
    for (size_t i = 0; i < put_count; i++) {
      put(c, kv_name(store, puts[i].dataset), &puts[i]);
    }
    for (size_t i = 0; i < mark_count; i++) {
      set_mark(c, &marks[i]);
    }
    bury_dead(c);
  }
  pthread_mutex_unlock(&c->lock);
  return status;
}

static chn_status memory_expire(struct kv_store *store, const char *name, int64_t before,
                                int64_t *removed, struct chn_err *err)
{
  (void)err;
  struct core *c = core_of(store);
  pthread_mutex_lock(&c->lock);
  struct dataset *d = find_dataset(c, name);
  for (int32_t i = 0; d && i < chn_dict_size(d->live->keys); i++) {
    struct versions *k = &d->live->of_key[i];
    const size_t n = place(k, before);
    size_t len;
    chn_dict_bytes(d->live->keys, i, &len);
    drop_versions(c, d, k, len, n);
    *removed += (int64_t)n;
  }
  bury_dead(c);
  pthread_mutex_unlock(&c->lock);
  return CHN_OK;
}

// --- bulk load
// -------------------------------------------------------------------------------------

static chn_status memory_load_begin(struct kv_load **out, struct kv_store *store, const char *name,
                                    int64_t ts, struct chn_err *err)
{
  struct core *c = core_of(store);
  chn_status status = CHN_OK;
  pthread_mutex_lock(&c->lock);
  struct dataset *d = make_dataset(c, name);
  if (d->loading) {
    status = chn_fail(err, CHN_E_CONFLICT, "dataset %s: another load of it is under way", name);
  } else {
    struct load *l = chn_calloc(1, sizeof *l);
    *l = (struct load){ .core = c,
                        .dataset = (size_t)(d - c->datasets),
                        .generation = generation_new(),
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
  struct value *old =
      set_version(versions_of(l->generation, key, key_len), value_new(l->ts, value, value_len));
  l->bytes += (int64_t)value_len + (old ? -(int64_t)old->len : (int64_t)key_len);
  free(old);
  return CHN_OK;
}

static chn_status memory_load_commit(struct kv_load *load, struct chn_err *err)
{
  (void)err;
  struct load *l = (struct load *)load;
  struct core *c = l->core;
  pthread_mutex_lock(&c->lock);
  struct dataset *d = &c->datasets[l->dataset];
  d->live->next = c->dead_generations;
  c->dead_generations = d->live;
  *d = (struct dataset){ .live = l->generation,
                         .versions = chn_dict_size(l->generation->keys),
                         .bytes = l->bytes,
                         .version_ts = l->ts,
                         .switched_ms = chn_now_ms() };
  bury_dead(c);
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
  generation_free(l->generation);
  free(l);
}

// --- scanning: keys in the order they came; the token is (place of the key, ts)
// ---------------------

static chn_status memory_scan_open(struct kv_scan **out, struct kv_reader *reader, const char *name,
                                   const void *prefix, size_t prefix_len, const char *token,
                                   struct chn_err *err)
{
  struct core *c = core_of(reader->store);
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
  const struct dataset *d = find_dataset(c, name);
  s->generation = d ? d->live : NULL;
  if (s->generation && key < (size_t)chn_dict_size(s->generation->keys)) {
    s->version = place(&s->generation->of_key[key], ts);
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
    const struct value *v = s->generation->of_key[s->key].list[s->version++];
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
