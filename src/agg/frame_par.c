#include <pthread.h>
#include <stdlib.h>

#include "agg/frame_int.h"

struct crew {
  frame_job *job;
  void *ctx;
  size_t n;
  size_t next; ///< taken by atomic increments
  int32_t failed;
  pthread_mutex_t lock; ///< guards err
  struct chn_err *err;
  chn_status status;
};

struct worker {
  struct crew *crew;
  int32_t id;
  pthread_t thread;
};

static void fail(struct crew *c, const struct chn_err *err, chn_status status)
{
  pthread_mutex_lock(&c->lock);
  if (c->status == CHN_OK) {
    c->status = status;
    if (c->err != NULL) {
      *c->err = *err;
    }
  }
  pthread_mutex_unlock(&c->lock);
  __atomic_store_n(&c->failed, 1, __ATOMIC_RELAXED);
}

static void *work(void *arg)
{
  const struct worker *w = arg;
  struct crew *c = w->crew;
  while (__atomic_load_n(&c->failed, __ATOMIC_RELAXED) == 0) {
    const size_t item = __atomic_fetch_add(&c->next, 1, __ATOMIC_RELAXED);
    if (item >= c->n) {
      break;
    }
    struct chn_err err = { 0 };
    const chn_status status = c->job(c->ctx, w->id, item, &err);
    if (status != CHN_OK) {
      fail(c, &err, status);
    }
  }
  return NULL;
}

chn_status frame_parallel(frame_job *job, void *ctx, size_t n, int32_t threads, struct chn_err *err)
{
  struct crew c = { .job = job, .ctx = ctx, .n = n, .err = err };
  pthread_mutex_init(&c.lock, NULL);
  const int32_t most = (size_t)threads > n ? (int32_t)n : threads;
  struct worker *workers = chn_calloc((size_t)(most > 0 ? most : 1), sizeof *workers);
  workers[0] = (struct worker){ .crew = &c };
  int32_t started = 1;
  for (; started < most; started++) {
    workers[started] = (struct worker){ .crew = &c, .id = started };
    if (pthread_create(&workers[started].thread, NULL, work, &workers[started]) != 0) {
      break; // fewer hands, the same work
    }
  }
  work(&workers[0]);
  for (int32_t i = 1; i < started; i++) {
    pthread_join(workers[i].thread, NULL);
  }
  free(workers);
  pthread_mutex_destroy(&c.lock);
  return c.status;
}
