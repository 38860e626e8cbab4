// Metadata: which plan a name has now.
//
// A slot keeps the plan of a name and when it was last looked up. A plan is looked up again when it
// is older than the TTL, or older than the short time when something failed with it or newer data
// was seen. Meanwhile requests go on with the plan that is there; one that could not be read again
// stays. A join's plan is also made again when one of its parts has another plan.
#include <stdlib.h>
#include <string.h>

#include "base/time.h"
#include "codec/base64.h"
#include "fetcher/fetcher_int.h"
#include "model/json.h"
#include "model/names.h"
#include "model/serving.h"

struct fetch_meta_slot {
  enum fetch_kind kind;
  const char *name;
  struct fetch_plan *plan; ///< referenced; NULL: none could be read
  chn_status failed;       ///< of the last try
  char *failure;
  double tried_ms;
  bool tried;
  bool wanted;
  bool loading;
  bool queued;
  pthread_mutex_t renewing; ///< one request looks up what an upload changed, others wait for it
};

/// An upload whose serving info cannot be read is not asked for it by every request.
enum { RENEW_AGAIN_MS = 100 };

// ---- the store --------------------------------------------------------------------------------

chn_status fetch_meta_read(struct kv_reader *reader, struct fetcher *f, const char *dataset,
                           const char *key, struct arena *a, struct fetch_text *out,
                           struct chn_err *err)
{
  struct kv_get get = { .key = key, .key_len = strlen(key), .after_ts = INT64_MIN };
  chn_status s = kv_dataset(f->store, dataset, &get.dataset, err);
  if (s == CHN_OK) {
    s = kv_read_newest(reader, &get, a, &out->bytes, &out->len, err);
    out->generation = get.generation;
  }
  if (s == CHN_OK && out->bytes == NULL) {
    s = chn_fail(err, CHN_E_NOT_FOUND, "%s has no key %s", dataset, key);
  }
  return s;
}

/// The list of a team is base64 texts of conf keys (`joins/team/file.v1`) with commas between.
bool fetch_meta_is_listed(struct fetcher *f, struct kv_reader *reader, const char *folder,
                          const struct model_meta_data *m, const char *name)
{
  struct arena a = { 0 };
  const char *dot = strchr(name, '.');
  const char *team =
      m->team != NULL || dot == NULL ? m->team : arena_strndup(&a, name, (size_t)(dot - name));
  struct fetch_text list;
  bool found = false;
  char *want = arena_printf(&a, "%s/%s", folder, name);
  char *mark = strchr(want + strlen(folder) + 1, '.');
  if (mark != NULL && strchr(name, '/') == NULL) {
    *mark = '/';
  }
  if (fetch_meta_read(reader, f, "CHRONON_ENTITY_BY_TEAM",
                      arena_printf(&a, "%s/%s", folder, team != NULL ? team : ""), &a, &list,
                      NULL) == CHN_OK) {
    struct chn_buf text = { 0 };
    for (size_t from = 0; from <= list.len && !found;) {
      const char *comma = memchr(list.bytes + from, ',', list.len - from);
      const size_t end = comma != NULL ? (size_t)(comma - list.bytes) : list.len;
      chn_buf_clear(&text);
      found = codec_base64_decode(list.bytes + from, end - from, &text) &&
              strcmp(chn_buf_str(&text), want) == 0;
      from = end + 1;
    }
    chn_buf_deinit(&text);
  }
  arena_deinit(&a);
  return found;
}

static chn_status no_info(struct chn_err *err, const char *dataset)
{
  const char *cause = err->code == CHN_E_NOT_FOUND || err->code == CHN_E_ARGUMENT ? NULL : err->msg;
  struct chn_err because = *err;
  return chn_fail(
      err, err->code == CHN_E_ARGUMENT ? CHN_E_NOT_FOUND : err->code,
      "Couldn't fetch group by serving info for %s, please make sure a batch upload was "
      "successful%s%s",
      dataset, cause != NULL ? ": " : "", cause != NULL ? because.msg : "");
}

static chn_status load_group_by(struct fetcher *f, struct kv_reader *reader, const char *name,
                                struct arena *a, struct fetch_plan **out, struct chn_err *err)
{
  struct fetch_text info;
  const char *dataset = model_dataset(a, name, "_BATCH");
  chn_status s = fetch_meta_read(reader, f, dataset, "group_by_serving_info", a, &info, err);
  if (s == CHN_OK) {
    s = fetch_make_group_by(f, info.bytes, info.len, out, err);
  }
  if (s == CHN_OK) {
    (*out)->gb.generation = info.generation;
  }
  if (s == CHN_OK && f->options.check_entities &&
      !fetch_meta_is_listed(f, reader, "group_bys", (*out)->gb.conf->meta_data, (*out)->name)) {
    fetch_plan_release(*out);
    return chn_fail(err, CHN_E_NOT_FOUND, "Invalid entity %s", name);
  }
  return s == CHN_OK ? CHN_OK : no_info(err, dataset);
}

/// Of a join added by hand, of the store, of the repo; in this order.
static chn_status join_text(struct fetcher *f, struct kv_reader *reader, const char *name,
                            struct arena *a, struct fetch_text *out, struct chn_err *err)
{
  pthread_mutex_lock(&f->lock);
  const struct fetch_join_text *j = f->joins;
  while (j != NULL && strcmp(j->name, name) != 0) {
    j = j->next;
  }
  pthread_mutex_unlock(&f->lock);
  if (j != NULL) {
    *out = (struct fetch_text){ j->text, j->len, 0 };
    return CHN_OK;
  }
  const char *set = f->options.metadata != NULL ? f->options.metadata : "ZIPLINE_METADATA";
  const chn_status s =
      fetch_meta_read(reader, f, set, arena_printf(a, "joins/%s", name), a, out, err);
  if (s != CHN_E_NOT_FOUND || f->options.repo == NULL || strstr(name, "..") != NULL) {
    return s;
  }
  struct model_conf conf;
  const char *path = arena_printf(a, "%s/production/joins/%s", f->options.repo, name);
  const chn_status local = model_read_file(a, path, &conf, err);
  if (local == CHN_OK) {
    *out = (struct fetch_text){ conf.text, conf.text_len, 0 };
  }
  return local;
}

static chn_status load_join(struct fetcher *f, struct kv_reader *reader, const char *name,
                            struct arena *a, struct fetch_plan **out, struct chn_err *err)
{
  struct fetch_text text;
  chn_status s = join_text(f, reader, name, a, &text, err);
  if (s == CHN_OK) {
    s = fetch_make_join(f, reader, text.bytes, text.len, out, err);
    return s == CHN_OK ? s
                       : chn_wrap(err,
                                  "the join for key joins/%s cannot be read; metadata-upload "
                                  "puts it there again",
                                  name);
  }
  const char *dot = strchr(name, '.');
  const bool dotted = strchr(name, '/') == NULL && dot != NULL;
  const struct chn_err because = *err;
  return chn_fail(err, s,
                  "Couldn't fetch ai.chronon.api.Join for key joins/%s. Perhaps metadata upload "
                  "wasn't successful.%s%.*s%s%s%s%s",
                  name, dotted ? " A join is named with a slash: " : "",
                  dotted ? (int)(dot - name) : 0, name, dotted ? "/" : "", dotted ? dot + 1 : "",
                  s != CHN_E_NOT_FOUND ? " " : "", s != CHN_E_NOT_FOUND ? because.msg : "");
}

static chn_status load(struct fetcher *f, struct kv_reader *reader, enum fetch_kind kind,
                       const char *name, struct fetch_plan **out, struct chn_err *err)
{
  struct arena a = { 0 };
  struct chn_err local;
  err = err != NULL ? err : &local;
  const chn_status s = kind == FETCH_JOIN ? load_join(f, reader, name, &a, out, err)
                                          : load_group_by(f, reader, name, &a, out, err);
  arena_deinit(&a);
  if (s == CHN_OK) {
    atomic_fetch_add(&f->plans, 1);
  } else {
    atomic_fetch_add(&f->plan_errors, 1);
  }
  return s;
}

// ---- slots ------------------------------------------------------------------------------------

static struct fetch_meta_slot *find_slot(struct fetcher *f, enum fetch_kind kind, const char *name,
                                         bool make)
{
  struct arena scratch = { 0 };
  const char *key = kind == FETCH_JOIN ? name : model_dataset(&scratch, name, "");
  struct chn_dict *names = f->names[kind];
  int32_t id = chn_dict_find(names, key, strlen(key));
  if (id < 0 && make) {
    id = chn_dict_intern(names, key, strlen(key));
    if (id >= f->room[kind]) {
      f->room[kind] = id > 0 ? 2 * id : 16;
      f->slots[kind] =
          chn_realloc(f->slots[kind], (size_t)f->room[kind] * sizeof(struct fetch_meta_slot *));
    }
    struct fetch_meta_slot *slot = arena_calloc(&f->arena, 1, sizeof *slot);
    slot->kind = kind;
    pthread_mutex_init(&slot->renewing, NULL);
    slot->name = arena_strdup(&f->arena, name);
    f->slots[kind][id] = slot;
  }
  arena_deinit(&scratch);
  return id >= 0 ? f->slots[kind][id] : NULL;
}

struct fetch_meta_slot *fetch_meta_slot(struct fetcher *f, enum fetch_kind kind, const char *name,
                                        bool make)
{
  pthread_mutex_lock(&f->lock);
  struct fetch_meta_slot *slot = find_slot(f, kind, name, make);
  pthread_mutex_unlock(&f->lock);
  return slot;
}

static bool same_parts(const struct fetch_plan *x, const struct fetch_plan *y)
{
  if (x->kind == FETCH_JOIN && x->join.n_parts != y->join.n_parts) {
    return false;
  }
  for (int32_t i = 0; x->kind == FETCH_JOIN && i < x->join.n_parts; i++) {
    const struct fetch_part *p = &x->join.parts[i];
    const struct fetch_part *q = &y->join.parts[i];
    if (p->plan != q->plan || (p->failure == NULL) != (q->failure == NULL)) {
      return false;
    }
  }
  return true;
}

static bool same_plan(const struct fetch_plan *x, const struct fetch_plan *y)
{
  const bool same_text = x->text_len == y->text_len && memcmp(x->text, y->text, x->text_len) == 0;
  const bool same_list = (x->join.refused == NULL) == (y->join.refused == NULL);
  return x->gb.generation == y->gb.generation && same_text && same_list && same_parts(x, y);
}

/// What a try gave, kept in the slot; takes the plan. Returns whether another plan is current.
/// Holds the lock.
static bool settle(struct fetcher *f, struct fetch_meta_slot *slot, struct fetch_plan *plan,
                   const struct chn_err *err)
{
  slot->tried = true;
  slot->tried_ms = chn_monotonic_ms();
  slot->wanted = false;
  slot->loading = false;
  slot->failed = plan != NULL ? CHN_OK : err->code;
  free(slot->failure);
  slot->failure = plan != NULL ? NULL : chn_strdup(err->msg);
  if (plan == NULL) {
    return false;
  }
  if (slot->plan != NULL && same_plan(slot->plan, plan)) {
    fetch_plan_release(plan);
    return false;
  }
  struct fetch_plan *old = slot->plan;
  plan->slot = slot;
  slot->plan = plan;
  if (old != NULL) {
    atomic_store(&old->retired, true);
    atomic_fetch_add(&f->swaps, 1);
    fetch_plan_release(old);
  }
  return true;
}

static bool is_due(const struct fetcher *f, const struct fetch_meta_slot *slot)
{
  const double age = chn_monotonic_ms() - slot->tried_ms;
  const int64_t limit =
      slot->wanted || slot->failed != CHN_OK ? f->options.refresh_ms : f->options.ttl_ms;
  return !slot->tried || age >= (double)limit;
}

/// Looks a slot up now. Returns whether another plan is current.
static bool reload(struct fetcher *f, struct kv_reader *reader, struct fetch_meta_slot *slot,
                   chn_status *status, struct chn_err *err)
{
  struct chn_err local;
  struct chn_err *why = err != NULL ? err : &local;
  struct fetch_plan *plan = NULL;
  *status = load(f, reader, slot->kind, slot->name, &plan, why);
  pthread_mutex_lock(&f->lock);
  const bool changed = settle(f, slot, plan, why);
  pthread_mutex_unlock(&f->lock);
  return changed;
}

/// The slot's plan as it is, referenced, looked up before if that is due.
static chn_status current(struct fetcher *f, struct kv_reader *reader, struct fetch_meta_slot *slot,
                          struct fetch_plan **out, struct chn_err *err)
{
  pthread_mutex_lock(&f->lock);
  bool due = is_due(f, slot) && !(slot->loading && slot->plan != NULL);
  if (due && slot->plan != NULL && f->has_thread) {
    slot->queued = true;
    pthread_cond_signal(&f->wake);
    due = false;
  }
  if (due) {
    slot->loading = true;
    pthread_mutex_unlock(&f->lock);
    chn_status ignored = CHN_OK;
    reload(f, reader, slot, &ignored, NULL);
    pthread_mutex_lock(&f->lock);
  }
  chn_status s = CHN_OK;
  if (slot->plan != NULL) {
    fetch_plan_retain(slot->plan);
    *out = slot->plan;
  } else {
    s = chn_fail(err, slot->failed, "%s", slot->failure);
  }
  pthread_mutex_unlock(&f->lock);
  return s;
}

/// Whether a part of the join has another plan than the join's plan knows.
static bool parts_moved(struct fetcher *f, struct kv_reader *reader, const struct fetch_plan *join)
{
  bool moved = false;
  for (int32_t i = 0; i < join->join.n_parts && !moved; i++) {
    const struct fetch_part *p = &join->join.parts[i];
    struct fetch_plan *plan = NULL;
    struct chn_err err;
    if (current(f, reader, p->slot, &plan, &err) == CHN_OK) {
      fetch_plan_release(plan);
    }
    moved = plan != p->plan;
  }
  return moved;
}

chn_status fetch_meta_plan(struct fetcher *f, struct kv_reader *reader,
                           struct fetch_meta_slot *slot, struct fetch_plan **out,
                           struct chn_err *err)
{
  chn_status s = current(f, reader, slot, out, err);
  if (s != CHN_OK || slot->kind != FETCH_JOIN || !parts_moved(f, reader, *out)) {
    return s;
  }
  chn_status again = CHN_OK;
  reload(f, reader, slot, &again, NULL);
  fetch_plan_release(*out);
  return current(f, reader, slot, out, err);
}

chn_status fetch_meta_first(struct fetcher *f, struct kv_reader *reader, enum fetch_kind kind,
                            const char *name, struct fetch_plan **out, struct chn_err *err)
{
  struct fetch_plan *plan = NULL;
  const chn_status s = load(f, reader, kind, name, &plan, err);
  if (s != CHN_OK) {
    return s;
  }
  pthread_mutex_lock(&f->lock);
  struct fetch_meta_slot *slot = find_slot(f, kind, name, true);
  settle(f, slot, plan, NULL);
  fetch_plan_retain(slot->plan);
  *out = slot->plan;
  pthread_mutex_unlock(&f->lock);
  return CHN_OK;
}

chn_status fetch_meta_renew(struct fetcher *f, struct kv_reader *reader,
                            const struct fetch_plan *old, struct chn_err *err)
{
  struct fetch_meta_slot *slot = old->slot;
  chn_status status = CHN_OK;
  pthread_mutex_lock(&slot->renewing);
  pthread_mutex_lock(&f->lock);
  bool due = slot->plan == old;
  if (due && slot->failed != CHN_OK && chn_monotonic_ms() - slot->tried_ms < RENEW_AGAIN_MS) {
    status = chn_fail(err, slot->failed, "%s", slot->failure);
    due = false;
  }
  pthread_mutex_unlock(&f->lock);
  if (due) {
    reload(f, reader, slot, &status, err);
  }
  pthread_mutex_unlock(&slot->renewing);
  return status;
}

void fetch_meta_want(struct fetch_plan *plan)
{
  struct fetcher *f = plan->fetcher;
  if (plan->slot == NULL) {
    return;
  }
  pthread_mutex_lock(&f->lock);
  plan->slot->wanted = true;
  pthread_mutex_unlock(&f->lock);
}

// ---- all at once, and in the background -------------------------------------------------------

/// The n-th slot, GroupBys first, so that joins see their new plans.
static struct fetch_meta_slot *slot_at(struct fetcher *f, int32_t n)
{
  pthread_mutex_lock(&f->lock);
  const int32_t first = chn_dict_size(f->names[FETCH_GROUP_BY]);
  const int32_t all = first + chn_dict_size(f->names[FETCH_JOIN]);
  struct fetch_meta_slot *slot = n >= all    ? NULL
                                 : n < first ? f->slots[FETCH_GROUP_BY][n]
                                             : f->slots[FETCH_JOIN][n - first];
  pthread_mutex_unlock(&f->lock);
  return slot;
}

/// A name that somebody asked for and that never was is no failure of a reload.
static bool never_was(struct fetcher *f, const struct fetch_meta_slot *slot)
{
  pthread_mutex_lock(&f->lock);
  const bool none = slot->plan == NULL;
  pthread_mutex_unlock(&f->lock);
  return none;
}

chn_status fetcher_reload(struct fetcher *f, int32_t *changed, struct chn_err *err)
{
  struct kv_reader *reader = NULL;
  chn_status status = kv_reader_open(&reader, f->store, err);
  if (status != CHN_OK) {
    return status;
  }
  int32_t n = 0;
  struct fetch_meta_slot *slot = NULL;
  pthread_mutex_lock(&f->loading);
  for (int32_t i = 0; (slot = slot_at(f, i)) != NULL; i++) {
    chn_status s = CHN_OK;
    n += reload(f, reader, slot, &s, status == CHN_OK ? err : NULL) ? 1 : 0;
    status = status == CHN_OK && !(s == CHN_E_NOT_FOUND && never_was(f, slot)) ? s : status;
  }
  pthread_mutex_unlock(&f->loading);
  kv_reader_close(reader);
  if (changed != NULL) {
    *changed = n;
  }
  return status;
}

static bool take_queued(struct fetch_meta_slot *slot, struct fetcher *f)
{
  pthread_mutex_lock(&f->lock);
  const bool queued = slot->queued;
  slot->queued = false;
  pthread_mutex_unlock(&f->lock);
  return queued;
}

static void *background(void *arg)
{
  struct fetcher *f = arg;
  struct kv_reader *reader = NULL;
  if (kv_reader_open(&reader, f->store, NULL) != CHN_OK) {
    reader = NULL; // looked up by requests then, when the store answers again
  }
  pthread_mutex_lock(&f->lock);
  while (!f->stopping) {
    pthread_cond_wait(&f->wake, &f->lock);
    pthread_mutex_unlock(&f->lock);
    struct fetch_meta_slot *slot = NULL;
    for (int32_t i = 0; reader != NULL && (slot = slot_at(f, i)) != NULL; i++) {
      chn_status s = CHN_OK;
      if (take_queued(slot, f)) {
        pthread_mutex_lock(&f->loading);
        reload(f, reader, slot, &s, NULL);
        pthread_mutex_unlock(&f->loading);
      }
    }
    pthread_mutex_lock(&f->lock);
  }
  pthread_mutex_unlock(&f->lock);
  kv_reader_close(reader);
  return NULL;
}

chn_status fetch_meta_open(struct fetcher *f, struct chn_err *err)
{
  f->names[0] = chn_dict_new(0);
  f->names[1] = chn_dict_new(0);
  if (f->options.refresh_in_background) {
    f->has_thread = pthread_create(&f->thread, NULL, background, f) == 0;
    if (!f->has_thread) {
      return chn_fail(err, CHN_E_IO, "the fetcher's thread cannot be started");
    }
  }
  return CHN_OK;
}

void fetch_meta_close(struct fetcher *f)
{
  if (f->has_thread) {
    pthread_mutex_lock(&f->lock);
    f->stopping = true;
    pthread_cond_signal(&f->wake);
    pthread_mutex_unlock(&f->lock);
    pthread_join(f->thread, NULL);
  }
  struct fetch_meta_slot *slot = NULL;
  for (int32_t i = 0; f->names[0] != NULL && (slot = slot_at(f, i)) != NULL; i++) {
    fetch_plan_release(slot->plan);
    free(slot->failure);
    pthread_mutex_destroy(&slot->renewing);
  }
  free(f->slots[0]);
  free(f->slots[1]);
  chn_dict_free(f->names[0]);
  chn_dict_free(f->names[1]);
}
