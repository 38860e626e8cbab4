// What the files of serve_store share.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fetcher/fetcher_int.h"
#include "kv/kv.h"

enum { TILE_MS = 300000 };

/// Both end the program, saying why.
void must(chn_status status, const struct chn_err *err);
void need(bool good, const char *what);

uint64_t next_random(uint64_t *state);
double now_us(void);

/// "user_000042"; returns its length.
size_t user_name(char out[32], uint32_t user);

/// A store and what is served of it.
struct opened {
  struct kv_store *store;
  struct fetcher *fetcher;
  struct fetch_session *session;
  const struct fetch_plan *plan;
};

void open_all(struct opened *o, const char *url, enum fetch_kind kind, const char *name);
void close_all(struct opened *o);

// ---- what actions hold (fill.c) ---------------------------------------------------------------

/// Columns of one row each.
struct row {
  struct row_schema schema;
  struct row_builder **builders;
  struct row_col *cols;
};

void row_make(struct row *r, const struct row_schema *schema);
void row_free(struct row *r);

/// Gives the columns what the builders hold.
void row_done(struct row *r);

/// Writes streamed values of a GroupBy, as drawn from `state`.
struct filler {
  const struct fetch_gb *gb;
  struct row streamed; ///< of rows, or of a tile
  struct row inputs;   ///< of tiles
  struct agg_ir *ir;
  uint64_t state;
  struct chn_buf bytes;
  struct chn_err err;
};

void filler_open(struct filler *f, const struct fetch_gb *gb, struct arena *a);
void filler_close(struct filler *f);

/// Appends a user's key to f->bytes and returns its length; `key` is of the GroupBy's keys.
size_t filler_key(struct filler *f, struct row *key, uint32_t user);

/// Appends a random value to f->bytes: a row, or a tile from `start` on.
void filler_value(struct filler *f, int64_t start);

// ---- commands, with the arguments that follow their names -------------------------------------

void fill(char **argv);
void write_stream(char **argv);
