// Sorting by runs: what fits in memory is sorted there and, when more comes, written as a run to
// one unnamed file; at the end the runs are merged. A pair in memory and in the file is
//
//     0   4   length k of the key
//     4   4   length v of the value
//     8   k   the key
//     8+k v   the value
//
// Later pairs win over equal earlier ones: inside a run by their place in memory, between runs by
// number.
#include "kv/sort_int.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"

enum { HEAD = 8, WINDOW = 256 * 1024, VALUE_MAX = 1 << 30 };

struct run {
  off_t at, end; ///< bytes of the file not yet in the window
  uint8_t *window;
  size_t cap, start, filled; ///< of the window; start: the pair it stands on
  size_t number;
};

struct kv_sort {
  char *dir;
  size_t memory;
  uint8_t *bytes; ///< the pairs in the order they came
  size_t used, cap;
  size_t *offsets; ///< of the pairs
  size_t count, offset_cap;
  size_t next; ///< when nothing was spilled: the pair to give
  int fd;      ///< -1: nothing was spilled
  off_t size;
  struct run *runs;
  struct run **heap; ///< the runs that have pairs, the least pair first
  size_t run_count, heap_count;
  struct run *given; ///< whose pair was given last: it moves on with the next call
};

static void head_of(const uint8_t *at, size_t *key, size_t *value)
{
  uint32_t n[2];
  memcpy(n, at, sizeof n);
  *key = n[0];
  *value = n[1];
}

static int compare_pairs(const uint8_t *a, const uint8_t *b)
{
  size_t ak, av, bk, bv;
  head_of(a, &ak, &av);
  head_of(b, &bk, &bv);
  const int order = memcmp(a + HEAD, b + HEAD, ak < bk ? ak : bk);
  return order ? order : (ak > bk) - (ak < bk);
}

static struct kv_pair pair_at(const uint8_t *at)
{
  struct kv_pair pair = { .key = at + HEAD };
  head_of(at, &pair.key_len, &pair.value_len);
  pair.value = pair.key + pair.key_len;
  return pair;
}

struct kv_sort *kv_sort_new(size_t memory, const char *dir)
{
  struct kv_sort *s = chn_calloc(1, sizeof *s);
  s->dir = chn_strdup(dir);
  s->memory = memory;
  s->fd = -1;
  return s;
}

void kv_sort_free(struct kv_sort *s)
{
  if (!s) {
    return;
  }
  for (size_t i = 0; i < s->run_count; i++) {
    free(s->runs[i].window);
  }
  if (s->fd >= 0) {
    close(s->fd);
  }
  free(s->runs);
  free(s->heap);
  free(s->bytes);
  free(s->offsets);
  free(s->dir);
  free(s);
}

// --- in memory ---

static int by_pair(const void *a, const void *b, void *bytes)
{
  const size_t x = *(const size_t *)a;
  const size_t y = *(const size_t *)b;
  const int order = compare_pairs((const uint8_t *)bytes + x, (const uint8_t *)bytes + y);
  return order ? order : (x > y) - (x < y);
}

// Sorts, and keeps the last of equal keys.
static void sort_memory(struct kv_sort *s)
{
  bool sorted = true;
  for (size_t i = 1; i < s->count && sorted; i++) {
    sorted = compare_pairs(s->bytes + s->offsets[i - 1], s->bytes + s->offsets[i]) < 0;
  }
  if (sorted) {
    return;
  }
  qsort_r(s->offsets, s->count, sizeof *s->offsets, by_pair, s->bytes);
  size_t kept = 0;
  for (size_t i = 0; i < s->count; i++) {
    const bool last = i + 1 == s->count ||
                      compare_pairs(s->bytes + s->offsets[i], s->bytes + s->offsets[i + 1]) != 0;
    if (last) {
      s->offsets[kept++] = s->offsets[i];
    }
  }
  s->count = kept;
}

// --- runs in the file ---

static chn_status open_file(struct kv_sort *s, struct chn_err *err)
{
  if (s->fd >= 0) {
    return CHN_OK;
  }
  s->fd = open(s->dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (s->fd < 0) { // a file system without unnamed files
    char path[4096];
    snprintf(path, sizeof path, "%s/sort.XXXXXX", s->dir);
    s->fd = mkostemp(path, O_CLOEXEC);
    if (s->fd >= 0) {
      unlink(path);
    }
  }
  return s->fd >= 0
             ? CHN_OK
             : chn_fail(err, CHN_E_IO, "no temporary file in %s: %s", s->dir, strerror(errno));
}

static chn_status write_all(struct kv_sort *s, const uint8_t *bytes, size_t n, struct chn_err *err)
{
  while (n > 0) {
    const ssize_t done = pwrite(s->fd, bytes, n, s->size);
    if (done < 0 && errno == EINTR) {
      continue;
    }
    if (done < 0) {
      return chn_fail(err, CHN_E_IO, "cannot write a temporary file in %s: %s", s->dir,
                      strerror(errno));
    }
    bytes += done;
    n -= (size_t)done;
    s->size += done;
  }
  return CHN_OK;
}

// Pairs leave memory through a window, as each is small and they are not neighbours.
static chn_status write_pairs(struct kv_sort *s, struct chn_err *err)
{
  uint8_t *window = chn_malloc(WINDOW);
  size_t filled = 0;
  chn_status status = CHN_OK;
  for (size_t i = 0; i < s->count && !status; i++) {
    const uint8_t *at = s->bytes + s->offsets[i];
    size_t key, value;
    head_of(at, &key, &value);
    const size_t n = HEAD + key + value;
    if (filled + n > WINDOW) {
      status = write_all(s, window, filled, err);
      filled = 0;
    }
    if (n > WINDOW && !status) {
      status = write_all(s, at, n, err);
    } else if (!status) {
      memcpy(window + filled, at, n);
      filled += n;
    }
  }
  if (!status) {
    status = write_all(s, window, filled, err);
  }
  free(window);
  return status;
}

static chn_status spill(struct kv_sort *s, struct chn_err *err)
{
  chn_status status = open_file(s, err);
  if (status) {
    return status;
  }
  sort_memory(s);
  s->runs = chn_realloc(s->runs, (s->run_count + 1) * sizeof *s->runs);
  s->runs[s->run_count] = (struct run){ .at = s->size, .number = s->run_count };
  status = write_pairs(s, err);
  s->runs[s->run_count++].end = s->size;
  s->used = 0;
  s->count = 0;
  return status;
}

chn_status kv_sort_add(struct kv_sort *s, const void *key, size_t key_len, const void *value,
                       size_t value_len, struct chn_err *err)
{
  if (value_len > VALUE_MAX || key_len > VALUE_MAX) {
    return chn_fail(err, CHN_E_ARGUMENT, "a key or value of more than 1 GiB");
  }
  const size_t n = HEAD + key_len + value_len;
  if (s->count && s->used + n + s->count * sizeof *s->offsets > s->memory) {
    const chn_status status = spill(s, err);
    if (status) {
      return status;
    }
  }
  if (s->used + n > s->cap) {
    s->cap = s->cap * 2 > s->used + n ? s->cap * 2 : s->used + n + WINDOW;
    s->bytes = chn_realloc(s->bytes, s->cap);
  }
  if (s->count == s->offset_cap) {
    s->offset_cap = s->offset_cap ? s->offset_cap * 2 : 1024;
    s->offsets = chn_realloc(s->offsets, s->offset_cap * sizeof *s->offsets);
  }
  uint8_t *at = s->bytes + s->used;
  const uint32_t lengths[2] = { (uint32_t)key_len, (uint32_t)value_len };
  memcpy(at, lengths, sizeof lengths);
  memcpy(at + HEAD, key, key_len);
  if (value_len) {
    memcpy(at + HEAD + key_len, value, value_len);
  }
  s->offsets[s->count++] = s->used;
  s->used += n;
  return CHN_OK;
}

// --- merging ---

// Makes `n` bytes from run->start on present; false in *have at the run's end.
static chn_status need(struct kv_sort *s, struct run *run, size_t n, bool *have,
                       struct chn_err *err)
{
  while (run->filled - run->start < n && run->at < run->end) {
    if (run->start) {
      memmove(run->window, run->window + run->start, run->filled - run->start);
    }
    run->filled -= run->start;
    run->start = 0;
    if (n > run->cap || !run->window) {
      run->cap = n > WINDOW ? n : WINDOW;
      run->window = chn_realloc(run->window, run->cap);
    }
    const size_t room = run->cap - run->filled;
    const size_t left = (size_t)(run->end - run->at);
    const ssize_t done =
        pread(s->fd, run->window + run->filled, room < left ? room : left, run->at);
    if (done <= 0 && errno != EINTR) {
      return chn_fail(err, CHN_E_IO, "cannot read a temporary file in %s: %s", s->dir,
                      done ? strerror(errno) : "it was cut");
    }
    if (done > 0) {
      run->filled += (size_t)done;
      run->at += done;
    }
  }
  *have = run->filled - run->start >= n;
  return CHN_OK;
}

static chn_status need_pair(struct kv_sort *s, struct run *run, bool *have, struct chn_err *err)
{
  chn_status status = need(s, run, HEAD, have, err);
  if (!status && *have) {
    size_t key, value;
    head_of(run->window + run->start, &key, &value);
    status = need(s, run, HEAD + key + value, have, err);
  }
  return status;
}

// Of equal keys the later run comes first.
static bool before(const struct run *a, const struct run *b)
{
  const int order = compare_pairs(a->window + a->start, b->window + b->start);
  return order ? order < 0 : a->number > b->number;
}

static void sift(struct kv_sort *s, size_t i)
{
  for (;;) {
    size_t least = i;
    for (size_t child = 2 * i + 1; child <= 2 * i + 2 && child < s->heap_count; child++) {
      least = before(s->heap[child], s->heap[least]) ? child : least;
    }
    if (least == i) {
      return;
    }
    struct run *swapped = s->heap[i];
    s->heap[i] = s->heap[least];
    s->heap[least] = swapped;
    i = least;
  }
}

chn_status kv_sort_finish(struct kv_sort *s, struct chn_err *err)
{
  if (s->run_count == 0) {
    sort_memory(s);
    return CHN_OK;
  }
  chn_status status = s->count ? spill(s, err) : CHN_OK;
  free(s->bytes);
  free(s->offsets);
  s->bytes = NULL;
  s->offsets = NULL;
  s->heap = chn_calloc(s->run_count, sizeof(struct run *));
  for (size_t i = 0; i < s->run_count && !status; i++) {
    bool have = false;
    status = need_pair(s, &s->runs[i], &have, err);
    if (have) {
      s->heap[s->heap_count++] = &s->runs[i];
    }
  }
  for (size_t i = s->heap_count; i-- > 0 && !status;) {
    sift(s, i);
  }
  return status;
}

// The run on top of the heap moves to its next pair.
static chn_status advance(struct kv_sort *s, struct chn_err *err)
{
  struct run *run = s->heap[0];
  size_t key, value;
  head_of(run->window + run->start, &key, &value);
  run->start += HEAD + key + value;
  bool have = false;
  const chn_status status = need_pair(s, run, &have, err);
  if (!have) {
    s->heap[0] = s->heap[--s->heap_count];
  }
  sift(s, 0);
  return status;
}

// Leaves behind the pair given last and its equals in other runs.
static chn_status leave(struct kv_sort *s, struct chn_err *err)
{
  struct run *given = s->given;
  s->given = NULL;
  if (!given) {
    return CHN_OK;
  }
  const uint8_t *at = given->window + given->start;
  size_t key, value;
  head_of(at, &key, &value);
  uint8_t *copy = chn_malloc(HEAD + key);
  memcpy(copy, at, HEAD + key);
  chn_status status = CHN_OK;
  while (s->heap_count && !status &&
         compare_pairs(s->heap[0]->window + s->heap[0]->start, copy) == 0) {
    status = advance(s, err);
  }
  free(copy);
  return status;
}

chn_status kv_sort_next(struct kv_sort *s, struct kv_pair *pair, bool *found, struct chn_err *err)
{
  *found = false;
  if (s->fd < 0) {
    if (s->next < s->count) {
      *pair = pair_at(s->bytes + s->offsets[s->next++]);
      *found = true;
    }
    return CHN_OK;
  }
  const chn_status status = leave(s, err);
  if (!status && s->heap_count) {
    s->given = s->heap[0];
    *pair = pair_at(s->given->window + s->given->start);
    *found = true;
  }
  return status;
}
