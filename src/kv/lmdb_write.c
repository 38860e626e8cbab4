// Puts and marks in an LMDB folder: a step of lmdb_write, repeated when the map grows. The puts of
// a commit are taken key by key, in the order of their places.
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "kv/lmdb_int.h"

struct use { // of a dataset by one commit
  bool known;
  struct lmdb_record record;
};

struct commit {
  struct kv_store *store;
  struct ordered *order; ///< of the puts
  const struct kv_mark *marks;
  size_t put_count, mark_count;
  struct use *uses; ///< by handle
  size_t use_count;
  struct lmdb_new *news; ///< of a key
  size_t new_cap;
  struct lmdb_joined joined; ///< values of the news that several puts made
  struct lmdb_space space;
};

static struct lmdb_env *env_of(struct kv_store *store)
{
  return ((struct lmdb_store *)store)->env;
}

int lmdb_unknown_dataset(struct lmdb_env *e, MDB_txn *txn, const char *name, struct chn_err *err)
{
  struct kv_info *list = NULL;
  size_t count = 0;
  const int rc = lmdb_list_all(e, txn, &list, &count);
  if (rc == 0) {
    kv_no_dataset(err, name, list, count);
  }
  free(list);
  return rc ? rc : LMDB_FAILED;
}

static int use_of(struct lmdb_env *e, MDB_txn *txn, struct commit *c, int32_t dataset,
                  struct use **out, struct chn_err *err)
{
  struct use *use = &c->uses[dataset];
  *out = use;
  if (use->known) {
    return 0;
  }
  const char *name = kv_name(c->store, dataset);
  const int rc = lmdb_get_record(e, txn, name, &use->record);
  use->known = rc == 0;
  return rc == MDB_NOTFOUND ? lmdb_unknown_dataset(e, txn, name, err) : rc;
}

// --- the order of puts ---

struct ordered {
  const struct kv_put *put;
  uint64_t head; ///< of the key, as a number
};

static uint64_t head_of(const struct kv_put *p)
{
  uint64_t head = 0;
  memcpy(&head, p->key, p->key_len < sizeof head ? p->key_len : sizeof head);
  return __builtin_bswap64(head);
}

static int by_key(const struct ordered *a, const struct ordered *b)
{
  const struct kv_put *p = a->put;
  const struct kv_put *q = b->put;
  if (p->dataset != q->dataset) {
    return p->dataset < q->dataset ? -1 : 1;
  }
  if (p->key_len != q->key_len) {
    return p->key_len < q->key_len ? -1 : 1;
  }
  if (a->head != b->head) {
    return a->head < b->head ? -1 : 1;
  }
  return p->key_len > sizeof a->head ? memcmp(p->key, q->key, p->key_len) : 0;
}

// Puts of one key stay in the order in which they came.
static int by_place(const void *a, const void *b)
{
  const struct ordered *x = a;
  const struct ordered *y = b;
  const int order = by_key(x, y);
  return order ? order : (x->put > y->put) - (x->put < y->put);
}

static struct ordered *put_in_order(const struct kv_put *puts, size_t count)
{
  struct ordered *order = chn_malloc((count + 1) * sizeof *order);
  bool sorted = true;
  for (size_t i = 0; i < count; i++) {
    order[i] = (struct ordered){ .put = &puts[i], .head = puts[i].key_len ? head_of(&puts[i]) : 0 };
    sorted = sorted && (i == 0 || by_key(&order[i - 1], &order[i]) <= 0);
  }
  if (!sorted) {
    qsort(order, count, sizeof *order, by_place);
  }
  return order;
}

// --- puts ---

// By time; those of one time in the order in which they came.
static int by_time(const void *a, const void *b)
{
  const struct kv_put *p = ((const struct ordered *)a)->put;
  const struct kv_put *q = ((const struct ordered *)b)->put;
  if (p->ts != q->ts) {
    return p->ts < q->ts ? -1 : 1;
  }
  return (p > q) - (p < q);
}

// What the puts of one key and time leave: the last that does not append, and those behind it.
static struct lmdb_new new_of(struct lmdb_joined *joined, const struct ordered *puts, size_t count)
{
  size_t from = count - 1;
  while (from > 0 && puts[from].put->append) {
    from--;
  }
  const struct kv_put *p = puts[from].put;
  struct lmdb_new put = { { .ts = p->ts, .data = p->value, .len = p->value_len }, p->append };
  if (from < count - 1) {
    put.version = (struct kv_version){ .ts = p->ts };
    for (size_t i = from; i < count; i++) {
      lmdb_joined_add(joined, &put.version, puts[i].put->value, puts[i].put->value_len);
    }
  }
  return put;
}

// What the puts of one key leave, ascending and without doubles.
static size_t news_of(struct commit *c, struct ordered *puts, size_t count)
{
  bool ascends = true;
  size_t bytes = 0;
  for (size_t i = 1; i < count; i++) {
    ascends = ascends && puts[i - 1].put->ts < puts[i].put->ts;
  }
  for (size_t i = 0; i < count && !ascends; i++) {
    bytes += puts[i].put->value_len;
  }
  if (!ascends) {
    qsort(puts, count, sizeof *puts, by_time);
  }
  if (count > c->new_cap) {
    c->new_cap = count * 2;
    c->news = chn_realloc(c->news, c->new_cap * sizeof *c->news);
  }
  lmdb_joined_start(&c->joined, bytes);
  size_t n = 0;
  for (size_t i = 0, same = 0; i < count; i += same) {
    for (same = 1; i + same < count && puts[i].put->ts == puts[i + same].put->ts; same++) {
    }
    c->news[n++] = new_of(&c->joined, &puts[i], same);
  }
  return n;
}

// All puts of one key.
static int put_key(struct lmdb_env *e, MDB_txn *txn, MDB_cursor *cursor, struct commit *c,
                   struct ordered *puts, size_t count, struct chn_err *err)
{
  const struct kv_put *first = puts->put;
  struct use *use;
  int rc = use_of(e, txn, c, first->dataset, &use, err);
  if (rc) {
    return rc;
  }
  struct lmdb_key k = { .cursor = cursor,
                        .key = first->key,
                        .key_len = first->key_len,
                        .record = &use->record,
                        .space = &c->space };
  kv_place_key(&k.place, use->record.live, k.key, k.key_len);
  lmdb_wrote_key(e, k.key, k.key_len, use->record.live);
  size_t from = count;
  while (from > 0 && !puts[from - 1].put->replace) {
    from--;
  }
  if (from > 0) { // what came before the last that replaces is gone
    from--;
    rc = lmdb_clear_key(&k);
  }
  const size_t n = news_of(c, puts + from, count - from);
  return rc ? rc : lmdb_put_versions(&k, c->news, n, err);
}

static int put_all(struct lmdb_env *e, MDB_txn *txn, struct commit *c, struct chn_err *err)
{
  MDB_cursor *cursor;
  int rc = mdb_cursor_open(txn, e->data, &cursor);
  if (rc) {
    return rc;
  }
  for (size_t i = 0, n = 0; i < c->put_count && rc == 0; i += n) {
    for (n = 1; i + n < c->put_count && by_key(&c->order[i], &c->order[i + n]) == 0; n++) {
    }
    rc = put_key(e, txn, cursor, c, &c->order[i], n, err);
  }
  mdb_cursor_close(cursor);
  return rc;
}

static int set_mark(struct lmdb_env *e, MDB_txn *txn, const struct kv_mark *mark,
                    struct chn_err *err)
{
  MDB_val now = { 0 };
  const int rc = lmdb_get_mark(e, txn, mark->name, &now);
  if (rc && rc != MDB_NOTFOUND) {
    return rc;
  }
  if (kv_mark_check(mark, rc == 0 ? now.mv_data : NULL, now.mv_size, err)) {
    return LMDB_FAILED;
  }
  return lmdb_put_mark(e, txn, mark);
}

static int commit_step(struct lmdb_env *e, MDB_txn *txn, void *job, struct chn_err *err)
{
  struct commit *c = job;
  memset(c->uses, 0, c->use_count * sizeof *c->uses);
  int rc = 0;
  for (size_t i = 0; i < c->mark_count && rc == 0; i++) {
    rc = set_mark(e, txn, &c->marks[i], err);
  }
  rc = rc ? rc : put_all(e, txn, c, err);
  for (size_t i = 0; i < c->use_count && rc == 0; i++) {
    if (c->uses[i].known) {
      rc = lmdb_put_record(e, txn, kv_name(c->store, (int32_t)i), &c->uses[i].record);
    }
  }
  return rc;
}

chn_status lmdb_commit(struct kv_store *store, const struct kv_put *puts, size_t put_count,
                       const struct kv_mark *marks, size_t mark_count, struct chn_err *err)
{
  struct commit c = { .store = store,
                      .order = put_in_order(puts, put_count),
                      .put_count = put_count,
                      .marks = marks,
                      .mark_count = mark_count,
                      .use_count = 1 };
  for (size_t i = 0; i < put_count; i++) {
    const size_t needed = (size_t)puts[i].dataset + 1;
    c.use_count = needed > c.use_count ? needed : c.use_count;
  }
  c.uses = chn_calloc(c.use_count, sizeof *c.uses);
  const chn_status status = lmdb_write(env_of(store), commit_step, &c, err);
  free(c.uses);
  free(c.order);
  free(c.news);
  free(c.joined.bytes);
  lmdb_space_deinit(&c.space);
  return status;
}

static int create_step(struct lmdb_env *e, MDB_txn *txn, void *job, struct chn_err *err)
{
  (void)err;
  struct lmdb_record record;
  return lmdb_make_dataset(e, txn, job, &record);
}

chn_status lmdb_create(struct kv_store *store, const char *name, struct chn_err *err)
{
  return lmdb_write(env_of(store), create_step, (void *)(uintptr_t)name, err);
}
