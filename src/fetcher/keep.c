// Answers that are given again, in rings of bytes.
//
// A few shards, so that threads rarely meet; a question's hash tells which is its own. A shard is a
// ring, written from its start to its end and then over again, and an index into it: sets of four
// slots, one line of the processor's cache, each a hash and a position. Positions only grow; modulo
// the ring's size they are places. An entry whose place was written since is dead, and nothing else
// ever removes one. An entry, eight bytes aligned, does not cross the ring's end:
//
//     struct entry | watches | question | answer
//
// A ring is memory that the system gives page by page as it is written: what is not used costs
// nothing.
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/hash.h"
#include "fetcher/keep_int.h"

enum {
  SHARDS = 16,
  WAYS = 4,
  SLOT_BYTES = 256, ///< of the ring for each slot of the index: a small answer
  LEAST_RING = 64 << 10,
  LARGEST_PART = 16,  ///< of a ring, that one entry may take
  MOST_WATCHES = 256, ///< of an entry
};

struct entry {
  uint64_t snapshot;
  int64_t from;
  int64_t until;
  uint32_t n_watches;
  uint32_t question_len;
  uint32_t answer_len;
};

/// Written under the lock; keep_expect_soon reads without it.
struct slot {
  _Atomic(uint64_t) hash;
  _Atomic(uint64_t) at; ///< 0: empty
};

struct shard {
  pthread_mutex_t lock;
  uint8_t *ring;
  size_t size;
  uint64_t head; ///< where the next entry goes; never 0
  struct slot *slots;
  size_t n_sets; ///< a power of two
};

struct keep {
  struct shard shards[SHARDS];
};

/// Memory in large pages, where the system has them: an answer is on a page that nobody looked at
/// for long, and finding where a small page lies costs as much as reading it.
static void *large_pages(size_t bytes)
{
  enum { LARGE = 2 << 20 };
  const size_t whole = (bytes + LARGE - 1) / LARGE * LARGE;
  void *p = bytes < LARGE ? chn_malloc(bytes) : aligned_alloc(LARGE, whole);
  if (p == NULL) {
    return chn_malloc(bytes); // which says what is wrong
  }
  if (bytes >= LARGE) {
    madvise(p, whole, MADV_HUGEPAGE);
  }
  return p;
}

struct keep *keep_new(size_t bytes)
{
  struct keep *k = chn_calloc(1, sizeof *k);
  const size_t ring = bytes / SHARDS > LEAST_RING ? bytes / SHARDS : LEAST_RING;
  for (int i = 0; i < SHARDS; i++) {
    struct shard *s = &k->shards[i];
    pthread_mutex_init(&s->lock, NULL);
    s->size = ring & ~(size_t)7;
    s->head = s->size;
    s->n_sets = 1;
    while (s->n_sets * WAYS * SLOT_BYTES < s->size) {
      s->n_sets *= 2;
    }
    s->ring = large_pages(s->size);
    s->slots = chn_calloc(s->n_sets * WAYS, sizeof *s->slots);
  }
  return k;
}

void keep_free(struct keep *k)
{
  for (int i = 0; k != NULL && i < SHARDS; i++) {
    pthread_mutex_destroy(&k->shards[i].lock);
    free(k->shards[i].ring);
    free(k->shards[i].slots);
  }
  free(k);
}

// ---- places -----------------------------------------------------------------------------------

/// The high bits choose the shard, the low ones the set.
static struct shard *shard_of(struct keep *k, uint64_t hash)
{
  return &k->shards[(hash >> 32) % SHARDS];
}

static uint64_t get(const _Atomic(uint64_t) *x)
{
  return atomic_load_explicit(x, memory_order_relaxed);
}

static struct slot *set_of(const struct shard *s, uint64_t hash)
{
  return &s->slots[(hash & (s->n_sets - 1)) * WAYS];
}

static uint8_t *place(const struct shard *s, uint64_t at)
{
  return s->ring + at % s->size;
}

static bool is_alive(const struct shard *s, uint64_t at)
{
  return at != 0 && s->head - at <= s->size;
}

static const uint8_t *watches_of(const struct entry *e)
{
  return (const uint8_t *)(e + 1);
}

static const uint8_t *question_of(const struct entry *e)
{
  return watches_of(e) + e->n_watches * sizeof(uint32_t);
}

/// The slot of a question that is asked again, and its entry.
static struct slot *find(const struct shard *s, const struct keep_question *q,
                         const struct entry **out)
{
  struct slot *set = set_of(s, q->hash);
  for (int i = 0; i < WAYS; i++) {
    const uint64_t at = get(&set[i].at);
    if (get(&set[i].hash) != q->hash || !is_alive(s, at)) {
      continue;
    }
    const struct entry *e = (const struct entry *)(const void *)place(s, at);
    if (e->question_len == q->len && memcmp(question_of(e), q->bytes, q->len) == 0) {
      *out = e;
      return &set[i];
    }
  }
  return NULL;
}

/// The slot that a new entry may have: the question's own, a dead one, the oldest.
static struct slot *room_of(const struct shard *s, const struct keep_question *q)
{
  const struct entry *old = NULL;
  struct slot *slot = find(s, q, &old);
  struct slot *set = set_of(s, q->hash);
  for (int i = 0; i < WAYS && slot == NULL; i++) {
    slot = is_alive(s, get(&set[i].at)) ? NULL : &set[i];
  }
  if (slot == NULL) {
    slot = &set[0];
    for (int i = 1; i < WAYS; i++) {
      slot = get(&set[i].at) < get(&slot->at) ? &set[i] : slot;
    }
  }
  return slot;
}

/// Where so many bytes in one piece begin.
static uint64_t make_room(struct shard *s, size_t size)
{
  const size_t left = s->size - s->head % s->size;
  s->head += left < size ? left : 0;
  const uint64_t at = s->head;
  s->head += size;
  return at;
}

// ---- putting and finding ----------------------------------------------------------------------

uint64_t keep_hash(const void *bytes, size_t len)
{
  return chn_hash(bytes, len, 0);
}

void keep_put(struct keep *k, const struct keep_question *q, const struct keep_terms *terms,
              const void *answer, size_t len)
{
  struct shard *s = shard_of(k, q->hash);
  const size_t watched = terms->n_watches * sizeof(uint32_t);
  const size_t size = (sizeof(struct entry) + watched + q->len + len + 7) & ~(size_t)7;
  if (size > s->size / LARGEST_PART || terms->n_watches > MOST_WATCHES) {
    return;
  }
  const struct entry e = { .snapshot = terms->snapshot,
                           .from = terms->from,
                           .until = terms->until,
                           .n_watches = terms->n_watches,
                           .question_len = (uint32_t)q->len,
                           .answer_len = (uint32_t)len };
  pthread_mutex_lock(&s->lock);
  struct slot *slot = room_of(s, q);
  const uint64_t at = make_room(s, size);
  atomic_store_explicit(&slot->hash, q->hash, memory_order_relaxed);
  atomic_store_explicit(&slot->at, at, memory_order_relaxed);
  uint8_t *to = place(s, at);
  memcpy(to, &e, sizeof e);
  to += sizeof e;
  if (watched > 0) {
    memcpy(to, terms->watches, watched);
  }
  memcpy(to + watched, q->bytes, q->len);
  memcpy(to + watched + q->len, answer, len);
  pthread_mutex_unlock(&s->lock);
}

bool keep_find(struct keep *k, const struct keep_question *q, int64_t at, struct kv_reader *reader,
               struct chn_buf *out)
{
  struct shard *s = shard_of(k, q->hash);
  const struct entry *found = NULL;
  struct entry e;
  uint32_t watches[MOST_WATCHES];
  const size_t before = out->len;
  pthread_mutex_lock(&s->lock);
  bool good = find(s, q, &found) != NULL && at >= found->from && at < found->until;
  if (good) {
    e = *found;
    memcpy(watches, watches_of(found), e.n_watches * sizeof *watches);
    chn_buf_add(out, question_of(found) + q->len, e.answer_len);
  }
  pthread_mutex_unlock(&s->lock);
  // Not under the lock: the store may have to look at what was written.
  if (good && !kv_unchanged(reader, e.snapshot, watches, e.n_watches)) {
    good = false;
    out->len = before;
  }
  return good && !out->truncated;
}

void keep_expect(struct keep *k, uint64_t hash)
{
  __builtin_prefetch(set_of(shard_of(k, hash), hash));
}

void keep_expect_soon(struct keep *k, uint64_t hash)
{
  enum { LINE = 64, LINES = 9 }; // of an entry, as many as mostly are
  const struct shard *s = shard_of(k, hash);
  const struct slot *set = set_of(s, hash);
  for (int i = 0; i < WAYS; i++) {
    if (get(&set[i].hash) == hash) {
      const uint8_t *e = place(s, get(&set[i].at));
      for (int l = 0; l < LINES; l++) {
        __builtin_prefetch(e + l * LINE);
      }
    }
  }
}
