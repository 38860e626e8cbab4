// Times the frame alone: rows of the shape of pit-w1 and pit-w2 in memory, no files, no SQL.
//
//     frame_bench [w1|w2|OPERATION] [rows] [queries] [threads] [keys]
//
// An operation's name instead of a shape times it alone over 7 d, of merchant if it takes strings
// only, else of amount.
// Prints nanoseconds a row (or query) and milliseconds for append, seal and eval.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "agg/frame.h"
#include "base/time.h"

static int32_t n_users = 100000;

enum { DAYS = 60, MERCHANTS = 1000, BATCH = 2048 };

static uint64_t state = 42;

static uint64_t next_random(void)
{
  state += 0x9e3779b97f4a7c15u;
  uint64_t z = state;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

static double uniform(void)
{
  return (double)(next_random() >> 11) * 0x1p-53;
}

/// Cumulative shares of keys by rank; the first has over a tenth.
static double *zipf(void)
{
  double *sum = chn_malloc((size_t)n_users * sizeof *sum);
  double total = 0;
  for (int i = 0; i < n_users; i++) {
    total += pow(i + 1, -1.07);
    sum[i] = total;
  }
  for (int i = 0; i < n_users; i++) {
    sum[i] /= total;
  }
  return sum;
}

static int32_t draw(const double *share)
{
  const double u = uniform();
  int32_t low = 0;
  int32_t high = n_users - 1;
  while (low < high) {
    const int32_t mid = (low + high) / 2;
    if (share[mid] < u) {
      low = mid + 1;
    } else {
      high = mid;
    }
  }
  return low;
}

/// Dense ids in the order of first appearance, as a dictionary gives them.
static int32_t id_of(int32_t *ids, int32_t *n, int32_t key)
{
  if (ids[key] < 0) {
    ids[key] = (*n)++;
  }
  return ids[key];
}

static const struct agg_window windows[] = {
  { 1, true }, { 1, false }, { 7, false }, { 30, false }
};

static const char *const k_names[] = { "k" };

/// The plan of one operation, or NULL for a name that is none.
static chn_status one_operation(struct arena *a, const struct row_schema *schema, const char *name,
                                struct agg_plan **plan, struct chn_err *err)
{
  static const char *const five[] = { "5" };
  struct agg_def def = { .input_column = "amount", .windows = &windows[2], .n_windows = 1 };
  while (def.op < AGG_OP_COUNT && strcmp(agg_op_name(def.op), name) != 0) {
    def.op++;
  }
  const size_t len = strlen(name);
  if (len > 2 && strcmp(name + len - 2, "_K") == 0) {
    def.arg_names = k_names;
    def.arg_values = five;
    def.n_args = 1;
  }
  if (def.op == AGG_HISTOGRAM || def.op == AGG_UNIQUE_COUNT || def.op == AGG_APPROX_HISTOGRAM_K) {
    def.input_column = "merchant";
  }
  return agg_plan_new(a, schema, &def, 1, plan, err);
}

static struct agg_plan *plan_of(struct arena *a, const char *shape)
{
  static const char *const ten[] = { "10" };
  static const char *const five[] = { "5" };
  const struct agg_def defs[] = {
    { .input_column = "amount", .op = AGG_SUM, .windows = windows, .n_windows = 4 },
    { .input_column = "amount", .op = AGG_COUNT, .windows = windows, .n_windows = 4 },
    { .input_column = "amount", .op = AGG_AVERAGE, .windows = windows, .n_windows = 4 },
    { "amount", AGG_LAST_K, k_names, ten, 1, &windows[2], 1, NULL, 0, false },
    { "amount", AGG_TOP_K, k_names, five, 1, &windows[2], 1, NULL, 0, false },
    { "merchant", AGG_APPROX_UNIQUE_COUNT, NULL, NULL, 0, &windows[3], 1, NULL, 0, false },
  };
  const struct row_field fields[] = { { "amount", row_scalar(ROW_DOUBLE) },
                                      { "merchant", row_scalar(ROW_STRING) } };
  const struct row_schema schema = { fields, 2 };
  struct agg_plan *plan = NULL;
  struct chn_err err;
  const bool is_pit = strcmp(shape, "w1") == 0 || strcmp(shape, "w2") == 0;
  const chn_status status =
      is_pit ? agg_plan_new(a, &schema, defs, shape[1] == '1' ? 6 : 3, &plan, &err)
             : one_operation(a, &schema, shape, &plan, &err);
  if (status != CHN_OK) {
    fprintf(stderr, "%s\n", err.msg);
    exit(1);
  }
  return plan;
}

/// A batch of events of the day that row `at` of `n` falls on.
static void events(const double *share, int32_t *ids, int32_t *n_keys, size_t at, size_t n,
                   int32_t *keys, int64_t *ts, double *amount, struct row_str *merchant)
{
  for (size_t i = 0; i < BATCH; i++) {
    const int64_t day = (int64_t)((at + i) * DAYS / n);
    keys[i] = id_of(ids, n_keys, draw(share));
    ts[i] = 1700006400000 + day * CHN_DAY_MS + (int64_t)(uniform() * CHN_DAY_MS);
    amount[i] = floor(uniform() * 100000) / 100;
    char name[16];
    const int len = snprintf(name, sizeof name, "merchant_%d", (int)(next_random() % MERCHANTS));
    merchant[i] = row_str_make(name, (size_t)len);
  }
}

struct asked {
  int32_t key;
  int64_t at;
};

static int by_key_then_time(const void *x, const void *y)
{
  const struct asked *a = x;
  const struct asked *b = y;
  if (a->key != b->key) {
    return a->key < b->key ? -1 : 1;
  }
  return (a->at > b->at) - (a->at < b->at);
}

static void queries(const double *share, const int32_t *ids, size_t n, struct agg_queries *out)
{
  struct asked *all = chn_malloc(n * sizeof *all);
  for (size_t i = 0; i < n; i++) {
    all[i].key = ids[draw(share)];
    all[i].at = 1700006400000 + (int64_t)((DAYS / 2 + uniform() * (DAYS / 2)) * CHN_DAY_MS);
  }
  qsort(all, n, sizeof *all, by_key_then_time);
  int32_t *key = chn_malloc(n * sizeof *key);
  int64_t *at = chn_malloc(n * sizeof *at);
  for (size_t i = 0; i < n; i++) {
    key[i] = all[i].key;
    at[i] = all[i].at;
  }
  free(all);
  *out = (struct agg_queries){ key, at, n };
}

static void stop_on(chn_status status, const struct chn_err *err)
{
  if (status != CHN_OK) {
    fprintf(stderr, "%s\n", err->msg);
    exit(1);
  }
}

static double fill(struct agg_frame *f, const double *share, int32_t *ids, int32_t *n_keys,
                   size_t rows, const struct agg_plan *plan)
{
  static int32_t keys[BATCH];
  static int64_t ts[BATCH];
  static double amount[BATCH];
  static struct row_str merchant[BATCH];
  struct chn_err err;
  double spent = 0;
  for (size_t at = 0; at < rows; at += BATCH) {
    events(share, ids, n_keys, at, rows, keys, ts, amount, merchant);
    struct row_col cols[2];
    for (int32_t j = 0; j < plan->inputs.n_fields; j++) {
      const struct row_type *t = plan->inputs.fields[j].type;
      cols[j] = (struct row_col){ .type = t, .count = BATCH };
      cols[j].data = t->kind == ROW_DOUBLE ? (void *)amount : (void *)merchant;
    }
    const double before = chn_monotonic_ms();
    stop_on(agg_frame_append(f, keys, ts, cols, rows - at < BATCH ? rows - at : BATCH, &err), &err);
    spent += chn_monotonic_ms() - before;
  }
  return spent;
}

static void report(const char *what, double ms, size_t n)
{
  struct rusage use;
  getrusage(RUSAGE_SELF, &use);
  static double cpu_before;
  const double cpu = (double)(use.ru_utime.tv_sec + use.ru_stime.tv_sec) * 1e3 +
                     (double)(use.ru_utime.tv_usec + use.ru_stime.tv_usec) / 1e3;
  printf("%-8s %8.1f ms  %7.2f ns each  cpu %8.1f ms  peak %ld MB\n", what, ms,
         ms * 1e6 / (double)n, cpu - cpu_before, use.ru_maxrss / 1024);
  cpu_before = cpu;
}

int main(int argc, char **argv)
{
  const size_t rows = argc > 2 ? strtoull(argv[2], NULL, 10) : 10000000;
  const size_t n_queries = argc > 3 ? strtoull(argv[3], NULL, 10) : 1000000;
  const int threads = argc > 4 ? atoi(argv[4]) : 2;
  n_users = argc > 5 ? atoi(argv[5]) : n_users;
  struct arena arena = { 0 };
  struct chn_err err;
  const struct agg_plan *plan = plan_of(&arena, argc > 1 ? argv[1] : "w1");
  double *share = zipf();
  int32_t *ids = chn_malloc((size_t)n_users * sizeof *ids);
  memset(ids, 0xff, (size_t)n_users * sizeof *ids);
  int32_t n_keys = 0;
  struct agg_frame *f = agg_frame_new(plan);
  report("append", fill(f, share, ids, &n_keys, rows, plan), rows);
  printf("         %zu bytes a row\n", agg_frame_memory(f) / rows);
  double before = chn_monotonic_ms();
  stop_on(agg_frame_seal(f, n_keys, threads, &err), &err);
  report("seal", chn_monotonic_ms() - before, rows);
  printf("         %zu bytes a row\n", agg_frame_memory(f) / rows);
  struct agg_queries q;
  queries(share, ids, n_queries, &q);
  report("(asking)", 0, 1);
  for (int round = 0; round < 3; round++) {
    struct agg_answers answers;
    before = chn_monotonic_ms();
    stop_on(agg_frame_eval(f, &q, AGG_TAIL_SAWTOOTH, threads, &answers, &err), &err);
    report("eval", chn_monotonic_ms() - before, n_queries);
    agg_answers_deinit(&answers);
  }
  agg_frame_free(f);
  free((void *)q.key);
  free((void *)q.at);
  free(share);
  free(ids);
  arena_deinit(&arena);
  return 0;
}
