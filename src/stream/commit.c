#include "stream/commit.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
  CHUNK = 1024, ///< keys asked of the store in one go
  AHEAD = 8,    ///< targets whose rows are fetched from memory before they are needed
};

/// A row that its tile cannot take.
struct refused {
  uint32_t row;
  int64_t version;
  size_t why; ///< where the text lies in `whys`
};

struct commit {
  const struct writer_options *o;
  int32_t dataset;
  struct kv_reader *reader;
  struct stream_target *target;
  struct commit_mark *marks; ///< of the partitions taken so far
  int32_t n_marks;
  struct kv_get gets[CHUNK];
  struct kv_put *puts;
  size_t *value_at; ///< of each put where its value is in `values`, which moves as it grows
  size_t room;
  struct chn_buf values;
  size_t n_puts;
  struct refused *refused;
  size_t n_refused;
  struct chn_buf whys; ///< NUL-terminated
};

chn_status commit_open(const struct writer_options *o, struct commit **out, struct chn_err *err)
{
  struct commit *c = chn_calloc(1, sizeof *c);
  struct arena a = { 0 };
  c->o = o;
  c->values.max = CHN_BUF_MAX;
  c->target = target_new(o->form);
  const char *name = model_dataset(&a, o->form->serving->name, "_STREAMING");
  chn_status s = kv_dataset(o->store, name, &c->dataset, err);
  if (s == CHN_OK && !o->dry) {
    s = kv_create(o->store, c->dataset, err);
  }
  if (s == CHN_OK) {
    s = kv_reader_open(&c->reader, o->store, err);
  }
  arena_deinit(&a);
  if (s != CHN_OK) {
    commit_close(c);
    return s;
  }
  *out = c;
  return CHN_OK;
}

void commit_close(struct commit *c)
{
  if (c == NULL) {
    return;
  }
  kv_reader_close(c->reader);
  target_free(c->target);
  free(c->marks);
  free(c->puts);
  free(c->value_at);
  chn_buf_deinit(&c->values);
  free(c->refused);
  chn_buf_deinit(&c->whys);
  free(c);
}

// ---- marks ------------------------------------------------------------------------------------

static struct commit_mark *mark_of(struct commit *c, int32_t partition)
{
  for (int32_t i = 0; i < c->n_marks; i++) {
    if (c->marks[i].partition == partition) {
      return &c->marks[i];
    }
  }
  c->marks = chn_realloc(c->marks, (size_t)(c->n_marks + 1) * sizeof *c->marks);
  struct commit_mark *m = &c->marks[c->n_marks++];
  *m = (struct commit_mark){ .partition = partition };
  snprintf(m->name, sizeof m->name, "%s/%d", c->o->marks, partition);
  return m;
}

static void mark_text(const struct stream_mark *m, char out[64])
{
  snprintf(out, 64, "%" PRId64 " %" PRId64, m->next, m->newest);
}

/// The text of a partition's mark in the store, NUL-terminated; false: there is none.
static chn_status read_mark(struct commit *c, const char *name, char out[64], bool *set,
                            struct chn_err *err)
{
  const void *data = NULL;
  size_t len = 0;
  chn_status s = kv_read_begin(c->reader, err);
  if (s != CHN_OK) {
    return s;
  }
  s = kv_read_mark(c->reader, name, &data, &len, err);
  *set = s == CHN_OK && data != NULL;
  if (*set && len >= 64) {
    s = chn_fail(err, CHN_E_CORRUPT, "mark \"%s\" of %zu bytes", name, len);
  } else if (*set) {
    memcpy(out, data, len);
    out[len] = '\0';
  }
  kv_read_end(c->reader);
  return s;
}

chn_status commit_take(struct commit *c, int32_t partition, struct stream_mark *out,
                       struct chn_err *err)
{
  struct commit_mark *m = mark_of(c, partition);
  const chn_status s = read_mark(c, m->name, m->text, &m->set, err);
  *out = (struct stream_mark){ partition, INT64_MIN, INT64_MIN };
  if (s == CHN_OK && m->set &&
      sscanf(m->text, "%" SCNd64 " %" SCNd64, &out->next, &out->newest) != 2) {
    return chn_fail(err, CHN_E_CORRUPT, "mark \"%s\" is \"%s\", not an offset and a time", m->name,
                    m->text);
  }
  return s;
}

chn_status commit_was_done(struct commit *c, const struct stream_batch *b, bool *done,
                           struct chn_err *err)
{
  chn_status s = CHN_OK;
  *done = true;
  for (int32_t i = 0; i < b->n_marks && s == CHN_OK && *done; i++) {
    char wanted[64];
    char have[64];
    bool set = false;
    mark_text(&b->marks[i], wanted);
    s = read_mark(c, mark_of(c, b->marks[i].partition)->name, have, &set, err);
    *done = s == CHN_OK && set && strcmp(wanted, have) == 0;
  }
  for (int32_t i = 0; i < b->n_marks && s == CHN_OK && *done; i++) {
    struct commit_mark *m = mark_of(c, b->marks[i].partition);
    mark_text(&b->marks[i], m->text);
    m->set = true;
  }
  return s;
}

// ---- targets ----------------------------------------------------------------------------------

static int64_t newest_of(const struct stream_batch *b, int32_t partition)
{
  for (int32_t i = 0; i < b->n_marks; i++) {
    if (b->marks[i].partition == partition) {
      return b->marks[i].newest;
    }
  }
  return INT64_MIN;
}

/// Whether no more events of the tile's partition can come into it.
static bool is_complete(const struct commit *c, const struct stream_batch *b, int64_t version)
{
  const int64_t end = batch_tile_end(version, b->form->tile_ms);
  const int64_t partition = version - (end - b->form->tile_ms);
  return batch_tile_over(end, newest_of(b, (int32_t)partition), c->o->disorder_ms);
}

/// The stored version of a target, or NULL.
static const struct kv_version *stored(const struct kv_get *get, int64_t version)
{
  for (size_t i = 0; i < get->count; i++) {
    if (get->versions[i].ts == version) {
      return &get->versions[i];
    }
  }
  return NULL;
}

static void refuse(void *self, uint32_t row, int64_t version, const char *why)
{
  struct commit *c = self;
  c->refused = chn_realloc(c->refused, (c->n_refused + 1) * sizeof *c->refused);
  c->refused[c->n_refused++] = (struct refused){ row, version, c->whys.len };
  chn_buf_add(&c->whys, why, strlen(why) + 1);
}

/// Rejects what was refused, once a batch, however often it is tried.
static chn_status tell_refused(struct commit *c, struct stream_batch *b, struct chn_err *err)
{
  chn_status s = CHN_OK;
  for (size_t i = 0; i < c->n_refused && s == CHN_OK && !b->told; i++) {
    const struct stream_message m = batch_message(b, c->refused[i].row, c->refused[i].version);
    s = c->o->refuse(c->o->self, &m, c->whys.data + c->refused[i].why, err);
  }
  if (s == CHN_OK && c->n_refused > 0 && !b->told) {
    s = c->o->refuse(c->o->self, NULL, NULL, err);
  }
  b->told = b->told || s == CHN_OK;
  return s;
}

static chn_status render(struct commit *c, const struct stream_batch *b,
                         const struct batch_target *t, const struct kv_get *get,
                         struct chn_err *err)
{
  if (b->form->tile_ms == 0) {
    target_rows(b, t, &c->values);
    return CHN_OK;
  }
  const struct kv_version *old = stored(get, t->version);
  const struct target_refuse refused = { refuse, c };
  return target_tile(c->target, t, old != NULL ? old->data : NULL, old != NULL ? old->len : 0,
                     is_complete(c, b, t->version), &refused, &c->values, err);
}

static bool is_same_key(const struct kv_get *get, const struct batch_target *t)
{
  return get->key_len == t->key_len && memcmp(get->key, t->key, t->key_len) == 0;
}

/// Makes the puts of targets [from, to). The tiles that are stored are read first, all in one go;
/// those of one key lie together, the oldest first. Rows are appended to whatever is there, by this
/// process or another (decision 0016).
static chn_status make_puts(struct commit *c, const struct stream_batch *b, int32_t from,
                            int32_t to, struct chn_err *err)
{
  size_t n = 0;
  for (int32_t t = from; t < to; t++) {
    const struct batch_target *at = batch_target(b, t);
    if (n == 0 || !is_same_key(&c->gets[n - 1], at)) {
      c->gets[n++] = (struct kv_get){
        .dataset = c->dataset, .key = at->key, .key_len = at->key_len, .after_ts = at->version
      };
    }
  }
  const bool rows = b->form->tile_ms == 0;
  chn_status s = rows ? CHN_OK : kv_read(c->reader, c->gets, n, err);
  const struct kv_get *get = c->gets;
  for (int32_t t = from; t < to && s == CHN_OK; t++) {
    const struct batch_target *at = batch_target(b, t);
    if (!rows && t + AHEAD < to) {
      target_prefetch(c->target, batch_target(b, t + AHEAD));
    }
    get += !is_same_key(get, at);
    const size_t before = c->values.len;
    s = render(c, b, at, get, err);
    if (c->values.len > before) { // else the tile refused all there was for it
      c->value_at[c->n_puts] = before;
      c->puts[c->n_puts++] = (struct kv_put){ .dataset = c->dataset,
                                              .key = at->key,
                                              .key_len = at->key_len,
                                              .value_len = c->values.len - before,
                                              .ts = at->version,
                                              .append = rows };
    }
  }
  return s;
}

static chn_status make_all_puts(struct commit *c, const struct stream_batch *b, struct chn_err *err)
{
  const int32_t n = batch_targets(b);
  if ((size_t)n > c->room) {
    c->room = (size_t)n;
    c->puts = chn_realloc(c->puts, c->room * sizeof *c->puts);
    c->value_at = chn_realloc(c->value_at, c->room * sizeof *c->value_at);
  }
  target_begin(c->target, b);
  chn_buf_clear(&c->values);
  chn_buf_clear(&c->whys);
  c->n_refused = c->n_puts = 0;
  chn_status s = kv_read_begin(c->reader, err);
  if (s != CHN_OK) {
    return s;
  }
  for (int32_t from = 0; from < n && s == CHN_OK; from += CHUNK) {
    s = make_puts(c, b, from, n - from < CHUNK ? n : from + CHUNK, err);
  }
  kv_read_end(c->reader);
  if (s == CHN_OK && c->values.truncated) {
    s = chn_fail(err, CHN_E_MEMORY, "the tiles of a batch are more than 1 GiB");
  }
  for (size_t i = 0; i < c->n_puts && s == CHN_OK; i++) {
    c->puts[i].value = c->values.data + c->value_at[i];
  }
  return s;
}

static void show(const struct commit *c, const struct stream_batch *b)
{
  struct chn_buf line = { 0 };
  chn_buf_addf(&line, "%s: would write %d %s of %zu rows, %zu bytes", b->form->serving->name,
               (int32_t)c->n_puts, b->form->tile_ms > 0 ? "tiles" : "versions", b->n,
               c->values.len);
  if (c->o->log != NULL) {
    c->o->log(c->o->self, chn_buf_str(&line));
  }
  chn_buf_deinit(&line);
}

chn_status commit_batch(struct commit *c, struct stream_batch *b, int64_t *written,
                        struct chn_err *err)
{
  chn_status s = make_all_puts(c, b, err);
  if (s == CHN_OK) {
    s = tell_refused(c, b, err);
  }
  *written = 0;
  if (s != CHN_OK || c->o->dry) {
    if (s == CHN_OK) {
      show(c, b);
    }
    return s;
  }
  struct kv_mark *marks = chn_calloc((size_t)b->n_marks + 1, sizeof *marks);
  char(*texts)[64] = chn_calloc((size_t)b->n_marks + 1, sizeof *texts);
  for (int32_t i = 0; i < b->n_marks; i++) {
    const struct commit_mark *m = mark_of(c, b->marks[i].partition); // taken, so it stays in place
    mark_text(&b->marks[i], texts[i]);
    marks[i] = (struct kv_mark){ .name = m->name,
                                 .data = texts[i],
                                 .len = strlen(texts[i]),
                                 .fenced = true,
                                 .expect = m->set ? m->text : NULL,
                                 .expect_len = m->set ? strlen(m->text) : 0 };
  }
  s = kv_commit(c->o->store, c->puts, c->n_puts, marks, (size_t)b->n_marks, err);
  for (int32_t i = 0; i < b->n_marks && s == CHN_OK; i++) {
    struct commit_mark *m = mark_of(c, b->marks[i].partition);
    memcpy(m->text, texts[i], sizeof m->text);
    m->set = true;
  }
  *written = s == CHN_OK ? (int64_t)c->n_puts : 0;
  free(marks);
  free(texts);
  return s;
}

size_t commit_bytes(const struct commit *c)
{
  return c->values.len;
}
