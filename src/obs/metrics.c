// A series has SHARDS rows of words. A thread always counts in the same row, so that threads rarely
// write to one cache line; a reader sums the rows. Everything is relaxed: a scrape may miss what is
// being counted, never tear a number.
//
// Words of a row: a counter or gauge has its value in word 0; a histogram the sum in word 0, as the
// bits of a double, and the counts of its buckets, the last without bound, behind it.
#include "obs/metrics.h"

#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"

enum { SHARDS = 16, LINE_WORDS = 8 };

static const double SECONDS[] = { 25e-6, 50e-6, 100e-6, 250e-6, 500e-6, 1e-3, 2.5e-3, 5e-3, 10e-3,
                                  25e-3, 50e-3, 100e-3, 250e-3, 500e-3, 1,    2.5,    5,    10 };

struct obs_series {
  struct obs_series *next; ///< of the family, in the order they were made
  char *labels;            ///< "" for none
  const double *bounds;    ///< of a histogram
  size_t n_bounds;
  size_t stride; ///< words of a row
  atomic_llong *words;
};

struct family {
  struct family *next; ///< by name
  enum obs_kind kind;
  char *name;
  char *help;
  double *bounds;
  size_t n_bounds;
  struct obs_series *first;
  struct obs_series **end;
};

struct obs_metrics {
  pthread_mutex_t lock; ///< of the lists
  struct family *families;
};

struct obs_metrics *obs_metrics_new(void)
{
  struct obs_metrics *m = chn_calloc(1, sizeof *m);
  pthread_mutex_init(&m->lock, NULL);
  return m;
}

static void free_series(struct obs_series *s)
{
  free(s->words);
  free(s->labels);
  free(s);
}

void obs_metrics_free(struct obs_metrics *m)
{
  if (m == NULL) {
    return;
  }
  while (m->families != NULL) {
    struct family *f = m->families;
    m->families = f->next;
    while (f->first != NULL) {
      struct obs_series *s = f->first;
      f->first = s->next;
      free_series(s);
    }
    free(f->name);
    free(f->help);
    free(f->bounds);
    free(f);
  }
  pthread_mutex_destroy(&m->lock);
  free(m);
}

// ---- making -----------------------------------------------------------------------------------

static struct family *find_family(struct obs_metrics *m, enum obs_kind kind, const char *name,
                                  const char *help, const double *bounds, size_t n)
{
  struct family **at = &m->families;
  while (*at != NULL && strcmp((*at)->name, name) < 0) {
    at = &(*at)->next;
  }
  if (*at != NULL && strcmp((*at)->name, name) == 0) {
    return *at;
  }
  struct family *f = chn_calloc(1, sizeof *f);
  f->next = *at;
  f->kind = kind;
  f->name = chn_strdup(name);
  f->help = chn_strdup(help);
  f->n_bounds = n;
  f->bounds = chn_calloc(n + 1, sizeof *f->bounds);
  if (n > 0) {
    memcpy(f->bounds, bounds, n * sizeof *bounds);
  }
  f->end = &f->first;
  *at = f;
  return f;
}

static struct obs_series *new_series(struct family *f, const char *labels)
{
  struct obs_series *s = chn_calloc(1, sizeof *s);
  const size_t words = f->kind == OBS_HISTOGRAM ? f->n_bounds + 2 : 1;
  s->labels = chn_strdup(labels);
  s->bounds = f->bounds;
  s->n_bounds = f->n_bounds;
  s->stride = (words + LINE_WORDS - 1) / LINE_WORDS * LINE_WORDS;
  const size_t bytes = SHARDS * s->stride * sizeof *s->words;
  s->words = aligned_alloc(LINE_WORDS * sizeof *s->words, bytes);
  if (s->words == NULL) {
    s->words = chn_malloc(bytes);
  }
  for (size_t i = 0; i < SHARDS * s->stride; i++) {
    atomic_init(&s->words[i], 0);
  }
  *f->end = s;
  f->end = &s->next;
  return s;
}

static struct obs_series *find_series(struct obs_metrics *m, enum obs_kind kind, const char *name,
                                      const char *labels, const char *help, const double *bounds,
                                      size_t n)
{
  labels = labels != NULL ? labels : "";
  pthread_mutex_lock(&m->lock);
  struct family *f = find_family(m, kind, name, help, bounds, n);
  struct obs_series *s = f->first;
  while (s != NULL && strcmp(s->labels, labels) != 0) {
    s = s->next;
  }
  s = s != NULL ? s : new_series(f, labels);
  pthread_mutex_unlock(&m->lock);
  return s;
}

struct obs_series *obs_series(struct obs_metrics *m, enum obs_kind kind, const char *name,
                              const char *labels, const char *help)
{
  return find_series(m, kind, name, labels, help, NULL, 0);
}

struct obs_series *obs_histogram(struct obs_metrics *m, const char *name, const char *labels,
                                 const char *help, const double *bounds, size_t n)
{
  return find_series(m, OBS_HISTOGRAM, name, labels, help, bounds != NULL ? bounds : SECONDS,
                     bounds != NULL ? n : sizeof SECONDS / sizeof *SECONDS);
}

// ---- counting ---------------------------------------------------------------------------------

static atomic_llong *row(const struct obs_series *s)
{
  static atomic_uint threads;
  static _Thread_local unsigned mine; // 0: not chosen yet
  if (mine == 0) {
    mine = 1 + atomic_fetch_add_explicit(&threads, 1, memory_order_relaxed) % SHARDS;
  }
  return s->words + (mine - 1) * s->stride;
}

void obs_add(struct obs_series *s, int64_t n)
{
  atomic_fetch_add_explicit(row(s), n, memory_order_relaxed);
}

void obs_set(struct obs_series *s, int64_t value)
{
  atomic_store_explicit(s->words, value, memory_order_relaxed);
}

static double as_double(long long bits)
{
  double value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

static void add_double(atomic_llong *word, double value)
{
  long long old = atomic_load_explicit(word, memory_order_relaxed);
  long long new;
  do {
    const double sum = as_double(old) + value;
    memcpy(&new, &sum, sizeof new);
  } while (!atomic_compare_exchange_weak_explicit(word, &old, new, memory_order_relaxed,
                                                  memory_order_relaxed));
}

void obs_observe(struct obs_series *s, double value)
{
  atomic_llong *words = row(s);
  size_t bucket = 0;
  while (bucket < s->n_bounds && !(value <= s->bounds[bucket])) {
    bucket++;
  }
  atomic_fetch_add_explicit(words + 1 + bucket, 1, memory_order_relaxed);
  add_double(words, value);
}

// ---- reading ----------------------------------------------------------------------------------

static int64_t summed(const struct obs_series *s, size_t word)
{
  int64_t sum = 0;
  for (size_t i = 0; i < SHARDS; i++) {
    sum += atomic_load_explicit(&s->words[i * s->stride + word], memory_order_relaxed);
  }
  return sum;
}

int64_t obs_read(const struct obs_series *s)
{
  int64_t sum = 0;
  for (size_t bucket = 0; s->n_bounds > 0 && bucket <= s->n_bounds; bucket++) {
    sum += summed(s, 1 + bucket);
  }
  return s->n_bounds > 0 ? sum : summed(s, 0);
}

static void write_histogram(const struct family *f, const struct obs_series *s, struct chn_buf *out)
{
  const char *comma = s->labels[0] != '\0' ? "," : "";
  int64_t count = 0;
  double sum = 0;
  for (size_t i = 0; i < SHARDS; i++) {
    sum += as_double(atomic_load_explicit(&s->words[i * s->stride], memory_order_relaxed));
  }
  for (size_t i = 0; i <= f->n_bounds; i++) {
    count += summed(s, 1 + i);
    chn_buf_addf(out, "%s_bucket{%s%sle=\"", f->name, s->labels, comma);
    if (i < f->n_bounds) {
      chn_buf_addf(out, "%.9g", f->bounds[i]);
    } else {
      chn_buf_adds(out, "+Inf");
    }
    chn_buf_addf(out, "\"} %lld\n", (long long)count);
  }
  struct chn_buf name = { 0 };
  chn_buf_addf(&name, "%s_sum", f->name);
  obs_text_value(out, chn_buf_str(&name), s->labels, sum);
  chn_buf_clear(&name);
  chn_buf_addf(&name, "%s_count", f->name);
  obs_text_value(out, chn_buf_str(&name), s->labels, (double)count);
  chn_buf_deinit(&name);
}

void obs_metrics_write(struct obs_metrics *m, struct chn_buf *out)
{
  pthread_mutex_lock(&m->lock);
  for (const struct family *f = m->families; f != NULL; f = f->next) {
    obs_text_family(out, f->kind, f->name, f->help);
    for (const struct obs_series *s = f->first; s != NULL; s = s->next) {
      if (f->kind == OBS_HISTOGRAM) {
        write_histogram(f, s, out);
      } else {
        obs_text_value(out, f->name, s->labels, (double)summed(s, 0));
      }
    }
  }
  pthread_mutex_unlock(&m->lock);
}

// ---- text -------------------------------------------------------------------------------------

static void add_escaped(struct chn_buf *out, const char *text, bool quotes)
{
  for (const char *c = text; *c != '\0'; c++) {
    if (*c == '\n') {
      chn_buf_adds(out, "\\n");
    } else if (*c == '\\' || (*c == '"' && quotes)) {
      chn_buf_addc(out, '\\');
      chn_buf_addc(out, *c);
    } else {
      chn_buf_addc(out, *c);
    }
  }
}

void obs_text_family(struct chn_buf *out, enum obs_kind kind, const char *name, const char *help)
{
  static const char *const kinds[] = { "counter", "gauge", "histogram" };
  chn_buf_addf(out, "# HELP %s ", name);
  add_escaped(out, help, false);
  chn_buf_addf(out, "\n# TYPE %s %s\n", name, kinds[kind]);
}

void obs_text_value(struct chn_buf *out, const char *name, const char *labels, double value)
{
  chn_buf_adds(out, name);
  if (labels != NULL && labels[0] != '\0') {
    chn_buf_addf(out, "{%s}", labels);
  }
  if (isnan(value) || isinf(value)) {
    chn_buf_addf(out, " %s\n", isnan(value) ? "NaN" : value > 0 ? "+Inf" : "-Inf");
  } else if (value == floor(value) && fabs(value) < 1e15) {
    chn_buf_addf(out, " %.0f\n", value);
  } else {
    chn_buf_addf(out, " %.15g\n", value);
  }
}

void obs_label(struct chn_buf *labels, const char *key, const char *value)
{
  chn_buf_addf(labels, "%s%s=\"", labels->len > 0 ? "," : "", key);
  add_escaped(labels, value, true);
  chn_buf_addc(labels, '"');
}
