// A stream that goes on while a server is measured: events of random users, in a commit every 5 ms,
// each into one of the join's streamed datasets.
//
// Events are the newest that the bench's instant still sees. Each user has a few places for them in
// each dataset, so that what a fetch reads stays as long as it was.
#include "store.h"
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { COMMIT_US = 5000, PUTS_A_COMMIT = 5000, PLACES = 4, MAX_PARTS = 8 };

struct writer {
  struct opened o;
  struct filler fillers[MAX_PARTS];
  int n;
  struct row key;
  struct kv_put *puts;
  int64_t at;
  uint32_t first;
  uint32_t users;
  uint64_t state;
};

static volatile sig_atomic_t stopped;

static void on_stop(int number)
{
  (void)number;
  stopped = 1;
}

static void writer_open(struct writer *w, char **argv, struct arena *a)
{
  struct chn_err err;
  open_all(&w->o, argv[0], FETCH_JOIN, argv[1]);
  w->at = strtoll(argv[2], NULL, 10);
  w->first = (uint32_t)strtoul(argv[3], NULL, 10);
  w->users = (uint32_t)strtoul(argv[4], NULL, 10);
  const struct fetch_join *j = &w->o.plan->join;
  need(w->users > 0 && j->n_parts > 0 && j->n_parts <= MAX_PARTS, "nobody can be written to");
  for (w->n = 0; w->n < j->n_parts; w->n++) {
    const struct fetch_gb *gb = &j->parts[w->n].plan->gb;
    need(gb->temporal, "a part has no stream");
    must(kv_create(w->o.store, gb->stream_set, &err), &err);
    filler_open(&w->fillers[w->n], gb, a);
    w->fillers[w->n].state = (uint64_t)w->n;
  }
  row_make(&w->key, &j->parts[0].plan->keys);
  w->puts = chn_calloc(PUTS_A_COMMIT, sizeof *w->puts);
}

/// One commit of n events.
static void writer_commit(struct writer *w, size_t n)
{
  struct chn_err err;
  for (int i = 0; i < w->n; i++) {
    chn_buf_clear(&w->fillers[i].bytes);
  }
  struct filler *from[PUTS_A_COMMIT];
  for (size_t i = 0; i < n; i++) {
    const uint64_t random = next_random(&w->state);
    struct filler *f = from[i] = &w->fillers[random % (uint64_t)w->n];
    const int64_t place = (int64_t)(random >> 8) % PLACES;
    const int64_t ts = f->gb->tiled ? w->at - TILE_MS : w->at - 1 - place;
    const size_t key = f->bytes.len;
    const size_t key_len = filler_key(f, &w->key, w->first + (uint32_t)((random >> 16) % w->users));
    const size_t value = f->bytes.len;
    filler_value(f, ts);
    w->puts[i] = (struct kv_put){ .dataset = f->gb->stream_set,
                                  .key = (const void *)key,
                                  .key_len = key_len,
                                  .value = (const void *)value,
                                  .value_len = f->bytes.len - value,
                                  .ts = ts };
  }
  for (size_t i = 0; i < n; i++) { // offsets until now: the bytes moved while they grew
    w->puts[i].key = from[i]->bytes.data + (size_t)w->puts[i].key;
    w->puts[i].value = from[i]->bytes.data + (size_t)w->puts[i].value;
  }
  must(kv_commit(w->o.store, w->puts, n, NULL, 0, &err), &err);
}

static void nap_until(double us)
{
  const double left = us - now_us();
  if (left > 0) {
    const struct timespec t = { .tv_nsec = (long)(left * 1000) };
    nanosleep(&t, NULL);
  }
}

/// Who is late, as after a slow commit, writes all that is due at once, as a stream's poll would.
void write_stream(char **argv)
{
  struct writer w = { .state = 5 };
  struct arena a = { 0 };
  const double rate = atof(argv[5]);
  need(rate > 0, "a rate is needed");
  writer_open(&w, argv, &a);
  signal(SIGTERM, on_stop);
  const double start = now_us();
  double next = start;
  size_t written = 0;
  size_t commits = 0;
  while (!stopped) {
    next += COMMIT_US;
    nap_until(next);
    const double now = now_us();
    next = next < now - COMMIT_US ? now : next;
    size_t due = (size_t)((now - start) * rate / 1e6) - written;
    due = due < PUTS_A_COMMIT ? due : PUTS_A_COMMIT;
    if (due > 0) {
      writer_commit(&w, due);
      written += due;
      commits++;
    }
  }
  const double seconds = (now_us() - start) / 1e6;
  printf("events_per_s %.1f\nevents_a_commit %.1f\n", (double)written / seconds,
         (double)written / (double)(commits > 0 ? commits : 1));
  for (int i = 0; i < w.n; i++) {
    filler_close(&w.fillers[i]);
  }
  free(w.puts);
  row_free(&w.key);
  arena_deinit(&a);
  close_all(&w.o);
}
