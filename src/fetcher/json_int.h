/// json_int.h: JSON of requests and answers, shared by its files.
#pragma once
#include "codec/json.h"
#include "fetcher/fetch_json.h"
#include "fetcher/fetcher_int.h"

/// A row's question, in `questions` of its fetch_json, and its answer in `kept` if there is one.
struct fj_asked {
  size_t at;
  size_t len;
  uint64_t hash;
  size_t answer_at;
  bool kept;
};

struct fetch_json {
  struct arena arena; ///< of the request
  const struct codec_json *rows;
  size_t n;
  enum fetch_kind kind;
  bool words; ///< the request's texts may be numbers, lists, ... (fetch_json_read_words)
  struct row_schema keys;
  struct row_builder **builders; ///< one a key, of types
  const struct row_type **types;
  struct arena types_arena; ///< of those that have children
  int32_t n_builders;
  struct row_col *cols;
  long long named;      ///< id of the plan that `names` are of
  struct chn_buf names; ///< `"feature":` of each feature, one behind the other
  size_t *name_at;
  int32_t n_names;
  struct chn_buf kept; ///< answers, one behind the other
  struct chn_buf questions;
  struct fj_asked *asked;
  size_t asked_room;
  struct row_builder **rest; ///< keys of the rows without a kept answer, as `builders`
  struct row_col *rest_cols;
  int64_t *rest_rows; ///< which they are
  int64_t *rest_at;
  size_t n_rest;
  struct chn_buf watches;
  struct chn_buf answer; ///< of a row that is to be kept
};

void fj_string(const char *s, size_t len, struct chn_buf *out);
void fj_long(int64_t v, struct chn_buf *out);
void fj_real(double v, bool is_float, struct chn_buf *out);

/// Whether a JSON value is one of the type, without casts; null is one of each.
bool fj_fits(const struct row_type *t, const struct codec_json *v);

/// Appends a value that fits; NULL as null.
void fj_put(struct row_builder *to, const struct row_type *t, const struct codec_json *v);

/// An answer on its way: json_write.c writes rows of a result, json_keep.c those that were kept.
struct fj_writing {
  const struct fetch_json *j;
  const struct fetch_result *result; ///< NULL: all rows were kept
  enum fetch_json_form form;
  struct chn_buf *out;
  size_t error; ///< of the result, the next one
  bool any;     ///< a row was written
};

/// Gets the names of a plan's features ready.
void fj_fit_names(struct fetch_json *j, const struct fetch_plan *plan);

/// Begins row r up to the end of its entityKeys.
void fj_begin_row(struct fj_writing *w, size_t r, bool failed);

/// Appends row r of the result, if there is to be an answer to it: row `asked` of the request.
void fj_add_row(struct fj_writing *w, size_t r, size_t asked);

/// Appends `"entityKeys":{...}` of a row.
void fj_entity_keys(const struct fetch_json *j, size_t r, struct chn_buf *out);
