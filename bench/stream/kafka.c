// Beside the streaming benches: what fills topics, reads them bare, and watches the store.
//
//     stream_kafka fill BOOTSTRAP TOPIC FILE
//     stream_kafka read BOOTSTRAP TOPIC MESSAGES
//     stream_kafka wait STORE MARK OFFSET
//     stream_kafka latency BOOTSTRAP TOPIC STORE GROUP_BY FIRST_MS RATE SECONDS
//
// `fill` makes one message of each line, in order. `read` is a consumer of partition 0 that looks
// at one byte of each message, in batches: what no stream can beat. `wait` ends when a mark of the
// store has come to an offset. `latency` produces RATE events a second, every 100th of a user who
// is new, and fetches that one until it has a feature: the time between is what it prints, in lines
// `name value`.
#include <inttypes.h>
#include <librdkafka/rdkafka.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "base/arena.h"
#include "fetcher/fetcher.h"
#include "kv/kv.h"

enum { BATCH = 10000, EACH_PROBE = 100, USERS = 100000, GIVE_UP_S = 30, WARM_UP = 500 };

static void need(bool good, const char *what)
{
  if (!good) {
    fprintf(stderr, "stream_kafka: %s\n", what);
    exit(1);
  }
}

static void must(chn_status status, const struct chn_err *err)
{
  need(status == CHN_OK, err->msg);
}

static double now(void)
{
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void sleep_us(long us)
{
  const struct timespec t = { us / 1000000, us % 1000000 * 1000 };
  nanosleep(&t, NULL);
}

static double cpu_seconds(void)
{
  struct rusage u;
  getrusage(RUSAGE_SELF, &u);
  return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
         (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) * 1e-6;
}

// ---- topics -----------------------------------------------------------------------------------

static rd_kafka_t *client(rd_kafka_type_t type, const char *bootstrap, const char *const *settings)
{
  char why[512];
  rd_kafka_conf_t *conf = rd_kafka_conf_new();
  need(rd_kafka_conf_set(conf, "bootstrap.servers", bootstrap, why, sizeof why) == RD_KAFKA_CONF_OK,
       why);
  for (; *settings != NULL; settings += 2) {
    need(rd_kafka_conf_set(conf, settings[0], settings[1], why, sizeof why) == RD_KAFKA_CONF_OK,
         why);
  }
  rd_kafka_t *rk = rd_kafka_new(type, conf, why, sizeof why);
  need(rk != NULL, why);
  return rk;
}

static void produce(rd_kafka_t *rk, rd_kafka_topic_t *topic, const char *bytes, size_t len)
{
  while (rd_kafka_produce(topic, 0, RD_KAFKA_MSG_F_COPY, (void *)(uintptr_t)bytes, len, NULL, 0,
                          NULL) != 0) {
    need(rd_kafka_last_error() == RD_KAFKA_RESP_ERR__QUEUE_FULL, "a message cannot be produced");
    rd_kafka_poll(rk, 100);
  }
}

static void fill(const char *bootstrap, const char *name, const char *path)
{
  static const char *const settings[] = { "linger.ms",
                                          "50",
                                          "batch.num.messages",
                                          "10000",
                                          "batch.size",
                                          "1000000",
                                          "queue.buffering.max.messages",
                                          "200000",
                                          "enable.idempotence",
                                          "true",
                                          NULL };
  rd_kafka_t *rk = client(RD_KAFKA_PRODUCER, bootstrap, settings);
  rd_kafka_topic_t *topic = rd_kafka_topic_new(rk, name, NULL);
  FILE *f = fopen(path, "r");
  char *line = NULL;
  size_t room = 0;
  int64_t n = 0;
  need(f != NULL, path);
  for (ssize_t len = getline(&line, &room, f); len > 0; len = getline(&line, &room, f)) {
    produce(rk, topic, line, (size_t)len - (line[len - 1] == '\n'));
    n++;
    if (n % BATCH == 0) {
      rd_kafka_poll(rk, 0);
    }
  }
  need(rd_kafka_flush(rk, 60000) == RD_KAFKA_RESP_ERR_NO_ERROR, "the broker does not take it all");
  free(line);
  fclose(f);
  rd_kafka_topic_destroy(topic);
  rd_kafka_destroy(rk);
  printf("messages %" PRId64 "\n", n);
}

static void read_topic(const char *bootstrap, const char *name, int64_t wanted)
{
  static const char *const settings[] = { "group.id",
                                          "bench",
                                          "enable.auto.commit",
                                          "false",
                                          "queued.max.messages.kbytes",
                                          "65536",
                                          "check.crcs",
                                          "false",
                                          NULL };
  rd_kafka_t *rk = client(RD_KAFKA_CONSUMER, bootstrap, settings);
  rd_kafka_topic_t *topic = rd_kafka_topic_new(rk, name, NULL);
  rd_kafka_message_t **batch = chn_calloc(BATCH, sizeof(rd_kafka_message_t *));
  int64_t n = 0;
  int64_t bytes = 0;
  unsigned sum = 0;
  const double start = now();
  double first = 0;
  need(rd_kafka_consume_start(topic, 0, RD_KAFKA_OFFSET_BEGINNING) == 0, "no partition 0");
  while (n < wanted) {
    const ssize_t got = rd_kafka_consume_batch(topic, 0, 1000, batch, BATCH);
    first = first == 0 && got > 0 ? now() : first;
    need(now() - start < 600, "the topic has fewer messages");
    for (ssize_t i = 0; i < got; i++) {
      if (batch[i]->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
        n++;
        bytes += (int64_t)batch[i]->len;
        sum += *(const unsigned char *)batch[i]->payload;
      }
      rd_kafka_message_destroy(batch[i]);
    }
  }
  printf("seconds %.3f\nfrom_first %.3f\ncpu %.3f\nbytes %" PRId64 "\nsum %u\n", now() - start,
         now() - first, cpu_seconds(), bytes, sum);
  rd_kafka_consume_stop(topic, 0);
  free(batch);
  rd_kafka_topic_destroy(topic);
  rd_kafka_destroy(rk);
}

// ---- the store --------------------------------------------------------------------------------

static int64_t offset_of(struct kv_reader *reader, const char *mark)
{
  struct chn_err err;
  const void *data = NULL;
  size_t len = 0;
  char text[64] = "0";
  must(kv_read_begin(reader, &err), &err);
  must(kv_read_mark(reader, mark, &data, &len, &err), &err);
  if (data != NULL && len < sizeof text) {
    memcpy(text, data, len);
    text[len] = '\0';
  }
  kv_read_end(reader);
  return strtoll(text, NULL, 10);
}

static void wait_for(const char *url, const char *mark, int64_t wanted)
{
  struct chn_err err;
  struct kv_store *store = NULL;
  struct kv_reader *reader = NULL;
  const double start = now();
  double first = 0;
  must(kv_open(&store, url, false, &err), &err);
  must(kv_reader_open(&reader, store, &err), &err);
  for (int64_t at = 0; at < wanted;) {
    at = offset_of(reader, mark);
    first = first == 0 && at > 0 ? now() : first;
    need(now() - start < 600, "the stream does not come to its end");
    sleep_us(5000);
  }
  printf("seconds %.3f\nfrom_first %.3f\n", now() - start, now() - first);
  kv_reader_close(reader);
  kv_close(store);
}

// ---- latency ----------------------------------------------------------------------------------

struct probes {
  struct fetch_session *session;
  const struct fetch_plan *plan;
  double *sent;
  double *read; ///< how long each took until a bare consumer had it
  double *seen; ///< how long each took until it was a feature
  int64_t n;
  int64_t n_seen;
  int64_t most;
  const char *bootstrap;
  const char *topic;
  atomic_bool over;
};

/// The bare consumer: what Kafka alone takes.
static void *read_probes(void *arg)
{
  static const char *const settings[] = { "group.id", "probes", "enable.auto.commit", "false",
                                          NULL };
  struct probes *p = arg;
  rd_kafka_t *rk = client(RD_KAFKA_CONSUMER, p->bootstrap, settings);
  rd_kafka_topic_t *topic = rd_kafka_topic_new(rk, p->topic, NULL);
  need(rd_kafka_consume_start(topic, 0, RD_KAFKA_OFFSET_BEGINNING) == 0, "no partition 0");
  while (!atomic_load(&p->over)) {
    rd_kafka_message_t *m = rd_kafka_consume(topic, 0, 100);
    if (m == NULL) {
      continue;
    }
    char line[64] = "";
    int64_t probe = -1;
    memcpy(line, m->payload, m->len < sizeof line ? m->len : sizeof line - 1);
    if (m->err == RD_KAFKA_RESP_ERR_NO_ERROR &&
        sscanf(line, "{\"user_id\":\"probe_%" SCNd64, &probe) == 1 && probe < p->most) {
      p->read[probe] = now() - p->sent[probe];
    }
    rd_kafka_message_destroy(m);
  }
  rd_kafka_consume_stop(topic, 0);
  rd_kafka_topic_destroy(topic);
  rd_kafka_destroy(rk);
  return NULL;
}

static bool is_there(const struct probes *p, int64_t probe, int64_t at)
{
  char name[32];
  const size_t len = (size_t)snprintf(name, sizeof name, "probe_%07" PRId64, probe);
  struct row_str key = row_str_make(name, len);
  const struct row_col col = { .type = row_scalar(ROW_STRING), .data = &key, .count = 1 };
  const struct fetch_request q = { .plan = p->plan, .n = 1, .keys = &col, .at = &at };
  struct fetch_result result;
  struct chn_err err;
  must(fetch_run(p->session, &q, 1, &result, &err), &err);
  return result.rows[0] == FETCH_ROW_VALUES && result.cells[0] == FETCH_VALUE;
}

static int by_value(const void *a, const void *b)
{
  const double x = *(const double *)a;
  const double y = *(const double *)b;
  return (x > y) - (x < y);
}

static void send_event(rd_kafka_t *rk, rd_kafka_topic_t *topic, struct probes *p, int64_t i,
                       int64_t ts)
{
  char user[32];
  char line[256];
  const bool probe = i % EACH_PROBE == 0;
  if (probe) {
    snprintf(user, sizeof user, "probe_%07" PRId64, p->n);
    p->sent[p->n++] = now();
  } else {
    snprintf(user, sizeof user, "user_%06" PRIu64, (uint64_t)i * 0x9E3779B97F4A7C15u % USERS);
  }
  const int len = snprintf(line, sizeof line,
                           "{\"user_id\":\"%s\",\"amount\":%.2f,\"merchant\":\"merchant_%04d\","
                           "\"country\":\"DE\",\"payment\":\"cfcd208495d565ef66e7dff9f98764da\","
                           "\"ts\":%" PRId64 "}",
                           user, (double)(i % 100000) / 100, (int)(i % 1000), ts);
  produce(rk, topic, line, (size_t)len);
}

static void print_quantiles(const char *what, double *all, size_t n)
{
  qsort(all, n, sizeof *all, by_value);
  printf("%sp50_ms %.3f\n%sp90_ms %.3f\n%sp99_ms %.3f\n%smax_ms %.3f\n", what, all[n / 2] * 1e3,
         what, all[n * 9 / 10] * 1e3, what, all[n * 99 / 100] * 1e3, what, all[n - 1] * 1e3);
}

static void report(struct probes *p)
{
  // The first are sent while the group assembles and the broker's code is not compiled yet.
  const int64_t skipped = p->n_seen > 4 * WARM_UP ? WARM_UP : 0;
  const size_t n = (size_t)(p->n_seen - skipped);
  need(n > 0, "nothing came");
  double *ours = chn_calloc(n, sizeof *ours);
  for (size_t i = 0; i < n; i++) {
    ours[i] = p->seen[(size_t)skipped + i] - p->read[(size_t)skipped + i];
  }
  printf("probes %zu\n", n);
  print_quantiles("", p->seen + skipped, n);
  print_quantiles("read_", p->read + skipped, n);
  print_quantiles("ours_", ours, n);
  free(ours);
}

/// Sends what is due and looks for the oldest probe; both every 100 microseconds or so.
static void measure(rd_kafka_t *rk, rd_kafka_topic_t *topic, struct probes *p, int64_t first_ms,
                    int64_t rate, double seconds)
{
  const double start = now();
  const int64_t events = (int64_t)(seconds * (double)rate);
  for (int64_t i = 0; i < events || p->n_seen < p->n;) {
    const double elapsed = now() - start;
    const int64_t ms = first_ms + (int64_t)(elapsed * 1e3);
    for (; i < events && (double)i <= elapsed * (double)rate; i++) {
      send_event(rk, topic, p, i, ms);
    }
    rd_kafka_poll(rk, 0);
    while (p->n_seen < p->n && is_there(p, p->n_seen, ms + 1)) {
      p->seen[p->n_seen] = now() - p->sent[p->n_seen];
      p->n_seen++;
    }
    need(elapsed < seconds + GIVE_UP_S, "an event did not become a feature");
    sleep_us(100);
  }
}

static void latency(const char *bootstrap, char *const *argv)
{
  static const char *const settings[] = { "linger.ms", "5", NULL }; // as librdkafka has it
  const int64_t rate = strtoll(argv[4], NULL, 10);
  const double seconds = strtod(argv[5], NULL);
  struct chn_err err;
  struct kv_store *store = NULL;
  struct fetcher *fetcher = NULL;
  struct probes p = { 0 };
  const struct fetcher_options options = { 0 };
  must(kv_open(&store, argv[1], false, &err), &err);
  must(fetcher_open(store, &options, &fetcher, &err), &err);
  must(fetch_session_open(fetcher, &p.session, &err), &err);
  must(fetch_plan_get(p.session, FETCH_GROUP_BY, argv[2], &p.plan, &err), &err);
  const size_t room = (size_t)(seconds * (double)rate) / EACH_PROBE + 2;
  p.sent = chn_calloc(room, sizeof *p.sent);
  p.seen = chn_calloc(room, sizeof *p.seen);
  p.read = chn_calloc(room, sizeof *p.read);
  p.most = (int64_t)room;
  p.bootstrap = bootstrap;
  p.topic = argv[0];
  pthread_t reader;
  need(pthread_create(&reader, NULL, read_probes, &p) == 0, "no thread");
  rd_kafka_t *rk = client(RD_KAFKA_PRODUCER, bootstrap, settings);
  rd_kafka_topic_t *topic = rd_kafka_topic_new(rk, argv[0], NULL);
  measure(rk, topic, &p, strtoll(argv[3], NULL, 10), rate, seconds);
  atomic_store(&p.over, true);
  pthread_join(reader, NULL);
  report(&p);
  rd_kafka_flush(rk, 10000);
  rd_kafka_topic_destroy(topic);
  rd_kafka_destroy(rk);
  free(p.sent);
  free(p.seen);
  free(p.read);
  fetch_plan_release(p.plan);
  fetch_session_close(p.session);
  fetcher_close(fetcher);
  kv_close(store);
}

int main(int argc, char **argv)
{
  const char *what = argc > 1 ? argv[1] : "";
  if (strcmp(what, "fill") == 0 && argc == 5) {
    fill(argv[2], argv[3], argv[4]);
  } else if (strcmp(what, "read") == 0 && argc == 5) {
    read_topic(argv[2], argv[3], strtoll(argv[4], NULL, 10));
  } else if (strcmp(what, "wait") == 0 && argc == 5) {
    wait_for(argv[2], argv[3], strtoll(argv[4], NULL, 10));
  } else if (strcmp(what, "latency") == 0 && argc == 9) {
    latency(argv[2], argv + 3);
  } else {
    fputs("stream_kafka: read the head of bench/stream/kafka.c\n", stderr);
    return 2;
  }
  return 0;
}
