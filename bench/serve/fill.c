// Streams of the serving benches: what the rows and tiles of a user hold. It depends on the user
// alone, not on how many have one.
#include "store.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agg/ir.h"

enum { USERS_A_COMMIT = 50 };

static double chance(uint64_t *state)
{
  return (double)(next_random(state) >> 11) / 9007199254740992.0;
}

void row_make(struct row *r, const struct row_schema *schema)
{
  r->schema = *schema;
  r->builders = chn_calloc((size_t)schema->n_fields, sizeof(struct row_builder *));
  r->cols = chn_calloc((size_t)schema->n_fields, sizeof *r->cols);
  for (int32_t i = 0; i < schema->n_fields; i++) {
    r->builders[i] = row_builder_new(schema->fields[i].type);
  }
}

void row_free(struct row *r)
{
  for (int32_t i = 0; i < r->schema.n_fields; i++) {
    row_builder_free(r->builders[i]);
  }
  free(r->builders);
  free(r->cols);
}

void row_done(struct row *r)
{
  for (int32_t i = 0; i < r->schema.n_fields; i++) {
    r->cols[i] = *row_builder_col(r->builders[i]);
  }
}

/// A field of an action, with the values that generate.sql gives it.
static void row_put(struct row_builder *b, const char *name, uint64_t *state)
{
  char text[32];
  if (strcmp(name, "amount") == 0 || strcmp(name, "seconds") == 0 || strcmp(name, "stars") == 0) {
    const double c = chance(state);
    const double v = name[0] == 'a'   ? (double)(int64_t)(100000 * c * c * c) / 100
                     : name[1] == 'e' ? (double)(int64_t)(6000 * c * c) / 10
                                      : (double)(1 + (int64_t)(5 * c));
    row_builder_value(b, &v);
  } else if (strcmp(name, "clicks") == 0) {
    const int64_t v = (int64_t)(next_random(state) % 40);
    row_builder_value(b, &v);
  } else if (strcmp(name, "merchant") == 0) {
    row_builder_string(
        b, text,
        (size_t)snprintf(text, sizeof text, "merchant_%04d", (int)(next_random(state) % 1000)));
  } else if (strcmp(name, "page") == 0) {
    row_builder_string(
        b, text, (size_t)snprintf(text, sizeof text, "/page/%d", (int)(next_random(state) % 5000)));
  } else {
    need(false, "a column that actions do not have");
  }
}

static void row_random(struct row *r, uint64_t *state)
{
  for (int32_t i = 0; i < r->schema.n_fields; i++) {
    row_builder_clear(r->builders[i]);
    row_put(r->builders[i], r->schema.fields[i].name, state);
  }
  row_done(r);
}

static void filler_row(struct filler *f)
{
  row_random(&f->streamed, &f->state);
  must(avro_encode(f->gb->stream, f->streamed.cols, 0, &f->bytes, &f->err), &f->err);
}

/// A tile of one to three actions.
static void filler_tile(struct filler *f, int64_t start)
{
  struct row_builder **b = f->streamed.builders;
  const int n = 1 + (int)(next_random(&f->state) % 3);
  const bool complete = false;
  agg_ir_clear(f->ir);
  for (int i = 0; i < n; i++) {
    row_random(&f->inputs, &f->state);
    must(agg_ir_update(f->ir, f->inputs.cols, 0, start + i * (TILE_MS / n), &f->err), &f->err);
  }
  row_builder_clear(b[0]);
  row_builder_clear(b[1]);
  for (int32_t i = 0; i < f->gb->aggs->n_bases; i++) {
    agg_ir_store(f->ir, i, row_builder_child(b[0], i));
  }
  row_builder_close_struct(b[0]);
  row_builder_value(b[1], &complete);
  row_done(&f->streamed);
  must(avro_encode(f->gb->stream, f->streamed.cols, 0, &f->bytes, &f->err), &f->err);
}

void filler_open(struct filler *f, const struct fetch_gb *gb, struct arena *a)
{
  const struct row_schema columns = avro_columns(a, gb->stream, false);
  *f = (struct filler){ .gb = gb, .state = 1 };
  row_make(&f->streamed, &columns);
  row_make(&f->inputs, &gb->aggs->inputs);
  f->ir = agg_ir_new(gb->aggs->bases, gb->aggs->n_bases);
}

void filler_close(struct filler *f)
{
  row_free(&f->streamed);
  row_free(&f->inputs);
  agg_ir_free(f->ir);
  chn_buf_deinit(&f->bytes);
}

size_t filler_key(struct filler *f, struct row *key, uint32_t user)
{
  char name[32];
  const size_t at = f->bytes.len;
  row_builder_clear(key->builders[0]);
  row_builder_string(key->builders[0], name, user_name(name, user));
  row_done(key);
  must(avro_encode(f->gb->key, key->cols, 0, &f->bytes, &f->err), &f->err);
  return f->bytes.len - at;
}

void filler_value(struct filler *f, int64_t start)
{
  if (f->gb->tiled) {
    filler_tile(f, start);
  } else {
    filler_row(f);
  }
}

/// One user's stream, appended to `puts`; values and keys are offsets in f->bytes until the commit.
static void fill_user(struct filler *f, struct kv_put *puts, uint32_t user, int64_t end,
                      int64_t span, int each, struct row *key)
{
  f->state = user;
  const size_t key_at = f->bytes.len;
  const size_t key_len = filler_key(f, key, user);
  const int64_t even = span / each;
  const int64_t step = f->gb->tiled ? even - even % TILE_MS : even;
  for (int i = 0; i < each; i++) {
    const size_t at = f->bytes.len;
    int64_t ts = end + i * step;
    if (!f->gb->tiled) {
      ts += (int64_t)(next_random(&f->state) % (uint64_t)step);
    }
    filler_value(f, ts);
    puts[i] = (struct kv_put){ .dataset = f->gb->stream_set,
                               .key = (const void *)key_at,
                               .key_len = key_len,
                               .value = (const void *)at,
                               .value_len = f->bytes.len - at,
                               .ts = ts };
  }
}

void fill(char **argv)
{
  struct opened o;
  struct filler f;
  struct row key;
  struct chn_err err;
  struct arena a = { 0 };
  const int64_t end = strtoll(argv[2], NULL, 10);
  const int64_t span = strtoll(argv[3], NULL, 10);
  const uint32_t from = (uint32_t)strtoul(argv[4], NULL, 10);
  const uint32_t until = from + (uint32_t)strtoul(argv[5], NULL, 10);
  const int each = atoi(argv[6]);
  open_all(&o, argv[0], FETCH_GROUP_BY, argv[1]);
  need(each > 0 && span / each >= (o.plan->gb.tiled ? TILE_MS : 1) && o.plan->gb.temporal,
       "nothing can be streamed");
  filler_open(&f, &o.plan->gb, &a);
  row_make(&key, &o.plan->keys);
  must(kv_create(o.store, o.plan->gb.stream_set, &err), &err);
  struct kv_put *puts = chn_calloc((size_t)each * USERS_A_COMMIT, sizeof *puts);
  for (uint32_t first = from; first < until; first += USERS_A_COMMIT) {
    size_t n = 0;
    chn_buf_clear(&f.bytes);
    for (uint32_t u = first; u < until && u < first + USERS_A_COMMIT; u++, n += (size_t)each) {
      fill_user(&f, puts + n, u, end, span, each, &key);
    }
    for (size_t i = 0; i < n; i++) {
      puts[i].key = f.bytes.data + (size_t)puts[i].key;
      puts[i].value = f.bytes.data + (size_t)puts[i].value;
    }
    must(kv_commit(o.store, puts, n, NULL, 0, &err), &err);
  }
  free(puts);
  row_free(&key);
  filler_close(&f);
  arena_deinit(&a);
  close_all(&o);
}
