// Log events as two tables.
//
// Whoever fetches puts a copy of an event into a list; one thread takes the list every so often, or
// when it is half full, and writes it: first schemas, so that no row is there before its schema,
// then rows, as one new partition of the table. A partition appears by rename (decision 0005), so
// there is never half a file. What could not be written is kept and written under the same
// partition again, which cannot double it.
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/time.h"
#include "codec/base64.h"
#include "fetcher/log_int.h"
#include "warehouse/warehouse.h"

enum {
  FLUSH_MS = 30000,
  QUEUE_EVENTS = 100000,
  QUEUE_BYTES = 64 << 20,
  WRITE_BYTES = 4 << 20, ///< written at once, so that writing takes little memory
  MEMORY = 1 << 30,      ///< bound of the SQL engine that writes: an event may have QUEUE_BYTES
  LOCK_TRIES = 20,
  LOCK_WAIT_MS = 50,
  CLOSE_TRIES = 3,
};

enum { COL_KEY, COL_VALUE, COL_TS, COL_HASH, COL_DS, COL_NAME, N_COLS };

struct log_item {
  struct log_item *next;
  int64_t ts;
  char hash[16];
  bool is_schema;
  size_t name_len;
  size_t key_len;
  size_t value_len;
  char bytes[]; ///< name, key, value
};

struct log_list {
  struct log_item *first;
  struct log_item **last;
  size_t n;
  size_t bytes;
};

struct log_table {
  struct wh *wh;
  char *log;
  char *schemas;
  int64_t flush_ms;
  size_t most;
  pthread_t thread;
  pthread_mutex_t lock; ///< of everything up to `error`
  pthread_cond_t wake;
  struct log_list queue;
  size_t writing; ///< events of the list that the thread has
  size_t writing_bytes;
  bool behind; ///< what was due is not all taken yet
  bool stopping;
  char error[256];
  atomic_llong written;
  chn_status last; ///< of the thread's last write; after it has ended
  struct chn_err why;
};

// ---- the queue --------------------------------------------------------------------------------

static void list_clear(struct log_list *l)
{
  while (l->first != NULL) {
    struct log_item *item = l->first;
    l->first = item->next;
    free(item);
  }
  *l = (struct log_list){ 0 };
}

static void list_join(struct log_list *to, struct log_list *from)
{
  if (from->first == NULL) {
    return;
  }
  *(to->first != NULL ? to->last : &to->first) = from->first;
  to->last = from->last;
  to->n += from->n;
  to->bytes += from->bytes;
  *from = (struct log_list){ 0 };
}

static size_t bytes_of(const struct log_item *item)
{
  return sizeof *item + item->name_len + item->key_len + item->value_len;
}

/// Moves the first items, of WRITE_BYTES together or one, to an empty list.
static void list_take(struct log_list *to, struct log_list *from)
{
  while (from->first != NULL && (to->n == 0 || to->bytes + bytes_of(from->first) <= WRITE_BYTES)) {
    struct log_item *item = from->first;
    struct log_list one = { item, &item->next, 1, bytes_of(item) };
    from->first = item->next;
    from->n--;
    from->bytes -= one.bytes;
    item->next = NULL;
    list_join(to, &one);
  }
  if (from->first == NULL) {
    *from = (struct log_list){ 0 };
  }
}

static struct log_item *copy_of(const struct fetch_log_event *e)
{
  const size_t name_len = strlen(e->name);
  struct log_item *item = chn_malloc(sizeof *item + name_len + e->key_len + e->value_len + 1);
  *item = (struct log_item){ .ts = e->ts,
                             .is_schema = e->schema_hash == NULL,
                             .name_len = name_len,
                             .key_len = e->key_len,
                             .value_len = e->value_len };
  strncpy(item->hash, e->schema_hash != NULL ? e->schema_hash : "", sizeof item->hash - 1);
  memcpy(item->bytes, e->name, name_len);
  if (e->key_len > 0) {
    memcpy(item->bytes + name_len, e->key, e->key_len);
  }
  if (e->value_len > 0) {
    memcpy(item->bytes + name_len + e->key_len, e->value, e->value_len);
  }
  return item;
}

bool log_table_put(void *table, const struct fetch_log_event *event)
{
  struct log_table *t = table;
  struct log_item *item = copy_of(event);
  const size_t bytes = bytes_of(item);
  struct log_list one = { item, &item->next, 1, bytes };
  pthread_mutex_lock(&t->lock);
  const bool room = item->is_schema || (t->queue.n + t->writing < t->most &&
                                        t->queue.bytes + t->writing_bytes + bytes < QUEUE_BYTES);
  if (room) {
    list_join(&t->queue, &one);
    if (t->queue.n * 2 >= t->most || t->queue.bytes * 2 >= QUEUE_BYTES) {
      pthread_cond_signal(&t->wake);
    }
  }
  pthread_mutex_unlock(&t->lock);
  list_clear(&one);
  return room;
}

void log_table_count(struct log_table *t, struct fetch_log_counts *out)
{
  pthread_mutex_lock(&t->lock);
  out->waiting = (int64_t)(t->queue.n + t->writing);
  pthread_mutex_unlock(&t->lock);
  out->written = atomic_load(&t->written);
}

void log_table_error(struct log_table *t, char out[256])
{
  pthread_mutex_lock(&t->lock);
  memcpy(out, t->error, sizeof t->error);
  pthread_mutex_unlock(&t->lock);
}

// ---- writing ----------------------------------------------------------------------------------

/// Begins a write, waiting a while for another process.
static chn_status begin_write(struct log_table *t, const char *table,
                              const struct wh_write_options *o, struct wh_writer **out,
                              struct chn_err *err)
{
  chn_status s = CHN_OK;
  for (int i = 0; i < LOCK_TRIES; i++) {
    s = wh_write_begin(t->wh, table, o, out, err);
    if (s != CHN_E_CONFLICT) {
      break;
    }
    const struct timespec wait = { .tv_nsec = LOCK_WAIT_MS * 1000000L };
    nanosleep(&wait, NULL);
  }
  return s;
}

/// Writes a SELECT of wh_frame('log'), made of the builders.
static chn_status write_frame(struct log_table *t, struct wh_writer *w, const char *const *names,
                              struct row_builder *const *cols, int32_t n, const char *select,
                              struct chn_err *err)
{
  struct wh_extra extras[N_COLS];
  for (int32_t i = 0; i < n; i++) {
    extras[i] = (struct wh_extra){ names[i], row_builder_col(cols[i]), NULL };
  }
  chn_status s = wh_frame_add(t->wh, "log", NULL, row_builder_count(cols[0]), extras, n, err);
  if (s == CHN_OK) {
    s = wh_write_select(w, select, err);
    wh_frame_remove(t->wh, "log");
  }
  if (s != CHN_OK) {
    wh_write_abort(w);
    return s;
  }
  struct wh_written written;
  return wh_write_commit(w, &written, err);
}

/// A table of other writers', with its quoted name for SQL; *out NULL: there is none yet.
static chn_status use_table(struct log_table *t, struct arena *a, const char *name,
                            const char **out, struct chn_err *err)
{
  *out = NULL;
  if (!wh_table_exists(t->wh, name)) {
    return CHN_OK;
  }
  const char *dot = strchr(name, '.');
  *out = arena_printf(a, "%s.%s", wh_quote_name(a, arena_strndup(a, name, (size_t)(dot - name))),
                      wh_quote_name(a, dot + 1));
  return wh_use(t->wh, name, err);
}

/// The schema table is small and replaced as a whole: what it has, and what is new.
static chn_status write_schemas(struct log_table *t, struct arena *a, const struct log_list *list,
                                struct chn_err *err)
{
  static const char *const names[] = { "schema_hash", "schema_value_last" };
  struct row_builder *cols[2] = { NULL, NULL };
  for (const struct log_item *item = list->first; item != NULL; item = item->next) {
    if (!item->is_schema) {
      continue;
    }
    if (cols[0] == NULL) {
      cols[0] = row_builder_new(row_scalar(ROW_STRING));
      cols[1] = row_builder_new(row_scalar(ROW_STRING));
    }
    const char *key = item->bytes + item->name_len;
    row_builder_string(cols[0], key, item->key_len);
    row_builder_string(cols[1], key + item->key_len, item->value_len);
  }
  if (cols[0] == NULL) {
    return CHN_OK;
  }
  static const struct wh_write_options replace = { 0 };
  struct wh_writer *w = NULL;
  const char *old = NULL;
  chn_status s = begin_write(t, t->schemas, &replace, &w, err);
  if (s == CHN_OK) {
    s = use_table(t, a, t->schemas, &old, err);
    if (s != CHN_OK) {
      wh_write_abort(w);
    }
  }
  if (s == CHN_OK) {
    const char *select = "SELECT schema_hash, schema_value_last FROM wh_frame('log')";
    select = old == NULL
                 ? select
                 : arena_printf(a,
                                "SELECT schema_hash, schema_value_last FROM %s UNION "
                                "SELECT schema_hash, schema_value_last FROM wh_frame('log')",
                                old);
    s = write_frame(t, w, names, cols, 2, select, err);
  }
  row_builder_free(cols[0]);
  row_builder_free(cols[1]);
  return s;
}

static void add_base64(struct row_builder *to, struct chn_buf *text, const char *bytes, size_t len)
{
  chn_buf_clear(text);
  codec_base64_encode(bytes, len, text);
  row_builder_string(to, chn_buf_str(text), text->len);
}

static chn_status write_rows(struct log_table *t, struct arena *a, const struct log_list *list,
                             const char *part, struct chn_err *err)
{
  static const char *const names[N_COLS] = {
    "key_base64", "value_base64", "ts_millis", "schema_hash", "ds", "name",
  };
  static const char *const by[] = { "ds", "name", "part" };
  static const struct wh_write_options append = { .partition_columns = by,
                                                  .n_partition_columns = 3,
                                                  .shared = true };
  struct row_builder *cols[N_COLS];
  struct chn_buf text = { 0 };
  char ds[CHN_DS_SIZE];
  for (int i = 0; i < N_COLS; i++) {
    cols[i] = row_builder_new(row_scalar(i == COL_TS ? ROW_LONG : ROW_STRING));
  }
  for (const struct log_item *item = list->first; item != NULL; item = item->next) {
    const char *key = item->bytes + item->name_len;
    add_base64(cols[COL_KEY], &text, key, item->key_len);
    add_base64(cols[COL_VALUE], &text, key + item->key_len, item->value_len);
    row_builder_value(cols[COL_TS], &item->ts);
    if (item->is_schema) {
      row_builder_null(cols[COL_HASH]);
    } else {
      row_builder_string(cols[COL_HASH], item->hash, strlen(item->hash));
    }
    chn_ds_of_day(chn_day_of_ms(item->ts), ds);
    row_builder_string(cols[COL_DS], ds, strlen(ds));
    row_builder_string(cols[COL_NAME], item->bytes, item->name_len);
  }
  struct wh_writer *w = NULL;
  chn_status s = begin_write(t, t->log, &append, &w, err);
  if (s == CHN_OK) {
    const char *select = arena_printf(
        a,
        "SELECT key_base64, value_base64, ts_millis, schema_hash, ds, name, %s AS part FROM "
        "wh_frame('log')",
        wh_quote_string(a, part));
    s = write_frame(t, w, names, cols, N_COLS, select, err);
  }
  for (int i = 0; i < N_COLS; i++) {
    row_builder_free(cols[i]);
  }
  chn_buf_deinit(&text);
  return s;
}

// ---- the thread -------------------------------------------------------------------------------

/// No other list of events of any process has it.
static void new_part(char out[64])
{
  static atomic_int serial;
  snprintf(out, 64, "%lld-%d-%d", (long long)chn_now_ms(), (int)getpid(),
           atomic_fetch_add(&serial, 1));
}

static void write_list(struct log_table *t, struct log_list *list, char part[64])
{
  struct arena a = { 0 };
  if (part[0] == '\0') {
    new_part(part);
  }
  t->last = write_schemas(t, &a, list, &t->why);
  if (t->last == CHN_OK) {
    t->last = write_rows(t, &a, list, part, &t->why);
  }
  arena_deinit(&a);
  pthread_mutex_lock(&t->lock);
  snprintf(t->error, sizeof t->error, "%s", t->last == CHN_OK ? "" : t->why.msg);
  if (t->last == CHN_OK) {
    atomic_fetch_add(&t->written, (long long)list->n);
    t->writing = 0;
    t->writing_bytes = 0;
  }
  pthread_mutex_unlock(&t->lock);
  if (t->last == CHN_OK) {
    list_clear(list);
    part[0] = '\0';
  }
}

static struct timespec deadline(int64_t ms)
{
  struct timespec at;
  clock_gettime(CLOCK_REALTIME, &at);
  at.tv_sec += (time_t)(ms / 1000);
  at.tv_nsec += (long)(ms % 1000) * 1000000L;
  if (at.tv_nsec >= 1000000000L) {
    at.tv_sec++;
    at.tv_nsec -= 1000000000L;
  }
  return at;
}

/// Sleeps until it is time to write, and takes the first of what is there. What an earlier write
/// left in `list` stays alone, under its own partition. Returns whether the log is being closed.
static bool take_list(struct log_table *t, struct log_list *list)
{
  pthread_mutex_lock(&t->lock);
  const struct timespec until = deadline(t->flush_ms);
  int late = 0;
  while (!t->stopping && late == 0 &&
         (list->n > 0 ||
          (!t->behind && t->queue.n * 2 < t->most && t->queue.bytes * 2 < QUEUE_BYTES))) {
    late = pthread_cond_timedwait(&t->wake, &t->lock, &until);
  }
  if (list->n == 0) {
    list_take(list, &t->queue);
    t->behind = t->queue.n > 0;
    t->writing = list->n;
    t->writing_bytes = list->bytes;
  }
  const bool stopping = t->stopping;
  pthread_mutex_unlock(&t->lock);
  return stopping;
}

static void *write_events(void *self)
{
  struct log_table *t = self;
  struct log_list list = { 0 };
  char part[64] = "";
  int failures = 0;
  for (;;) {
    const bool stopping = take_list(t, &list);
    if (stopping && (list.n == 0 || failures == CLOSE_TRIES)) {
      break;
    }
    if (list.n > 0) {
      write_list(t, &list, part);
      failures = t->last != CHN_OK && stopping ? failures + 1 : 0;
    }
  }
  list_clear(&list);
  return NULL;
}

// ---- opening ----------------------------------------------------------------------------------

static chn_status check_columns(struct log_table *t, const char *table, const char *const *columns,
                                int32_t n, struct chn_err *err)
{
  struct arena a = { 0 };
  struct wh_table found;
  chn_status s = CHN_OK;
  if (wh_table_exists(t->wh, table)) {
    s = wh_table_find(t->wh, table, &a, &found, err);
    for (int32_t i = 0; i < n && s == CHN_OK; i++) {
      if (row_schema_find(&found.schema, columns[i]) < 0) {
        s = chn_fail(err, CHN_E_CONFLICT, "table %s is there and has no column \"%s\"", table,
                     columns[i]);
      }
    }
  }
  arena_deinit(&a);
  return s;
}

/// That both tables can be written.
static chn_status check_tables(struct log_table *t, struct chn_err *err)
{
  static const char *const log[] = { "key_base64", "value_base64", "ts_millis", "schema_hash" };
  static const char *const schemas[] = { "schema_hash", "schema_value_last" };
  static const char *const by[] = { "ds", "name", "part" };
  const struct wh_write_options options[2] = {
    { .partition_columns = by, .n_partition_columns = 3, .shared = true },
    { .shared = true },
  };
  chn_status s = CHN_OK;
  for (int i = 0; i < 2 && s == CHN_OK; i++) {
    struct wh_writer *w = NULL;
    s = begin_write(t, i == 0 ? t->log : t->schemas, &options[i], &w, err);
    wh_write_abort(w);
  }
  if (s == CHN_OK) {
    s = check_columns(t, t->log, log, 4, err);
  }
  return s == CHN_OK ? check_columns(t, t->schemas, schemas, 2, err) : s;
}

static chn_status check_names(const struct fetch_log_options *o, struct chn_err *err)
{
  const char *const names[] = { o->log_table, o->schema_table };
  for (int i = 0; i < 2; i++) {
    if (names[i] == NULL || strchr(names[i], '.') == NULL) {
      return chn_fail(err, CHN_E_ARGUMENT, "the log: \"%s\" is no table: namespace.name is needed",
                      names[i] != NULL ? names[i] : "");
    }
  }
  return strcmp(names[0], names[1]) == 0
             ? chn_fail(err, CHN_E_ARGUMENT,
                        "the log: %s cannot hold rows and schemas: two tables "
                        "are needed",
                        names[0])
             : CHN_OK;
}

static void free_table(struct log_table *t)
{
  list_clear(&t->queue);
  pthread_mutex_destroy(&t->lock);
  pthread_cond_destroy(&t->wake);
  wh_close(t->wh);
  free(t->log);
  free(t->schemas);
  free(t);
}

chn_status log_table_open(const struct fetch_log_options *o, struct log_table **out,
                          struct chn_err *err)
{
  chn_status s = check_names(o, err);
  if (s != CHN_OK) {
    return s;
  }
  struct log_table *t = chn_calloc(1, sizeof *t);
  t->log = chn_strdup(o->log_table);
  t->schemas = chn_strdup(o->schema_table);
  t->flush_ms = o->flush_ms > 0 ? o->flush_ms : FLUSH_MS;
  t->most = o->queue > 0 ? (size_t)o->queue : QUEUE_EVENTS;
  pthread_mutex_init(&t->lock, NULL);
  pthread_cond_init(&t->wake, NULL);
  const struct wh_options options = { .root = o->warehouse, .threads = 1, .memory_limit = MEMORY };
  s = wh_open(&options, &t->wh, err);
  if (s == CHN_OK) {
    s = check_tables(t, err);
  }
  if (s == CHN_OK && pthread_create(&t->thread, NULL, write_events, t) != 0) {
    s = chn_fail(err, CHN_E_IO, "no thread for the log");
  }
  if (s != CHN_OK) {
    free_table(t);
    return chn_wrap(err, "the log");
  }
  *out = t;
  return CHN_OK;
}

chn_status log_table_close(struct log_table *t, struct chn_err *err)
{
  pthread_mutex_lock(&t->lock);
  t->stopping = true;
  pthread_cond_signal(&t->wake);
  pthread_mutex_unlock(&t->lock);
  pthread_join(t->thread, NULL);
  const chn_status s = t->last;
  const long long lost = (long long)(t->queue.n + t->writing);
  if (s != CHN_OK && err != NULL) {
    *err = t->why;
    chn_wrap(err, "%lld events of the log are lost", lost);
  }
  free_table(t);
  return s;
}
