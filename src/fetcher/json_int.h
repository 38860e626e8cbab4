/// json_int.h: JSON of requests and answers, shared by its files.
#pragma once
#include "codec/json.h"
#include "fetcher/fetch_json.h"
#include "fetcher/fetcher_int.h"

struct fetch_json {
  struct arena arena; ///< of the request
  const struct codec_json *rows;
  size_t n;
  enum fetch_kind kind;
  struct row_schema keys;
  struct row_builder **builders; ///< one a key, of types
  const struct row_type **types;
  int32_t n_builders;
  struct row_col *cols;
  long long named;      ///< id of the plan that `names` are of
  struct chn_buf names; ///< `"feature":` of each feature, one behind the other
  size_t *name_at;
  int32_t n_names;
};

void fj_string(const char *s, size_t len, struct chn_buf *out);
void fj_long(int64_t v, struct chn_buf *out);
void fj_real(double v, bool is_float, struct chn_buf *out);

/// Appends `"entityKeys":{...}` of a row.
void fj_entity_keys(const struct fetch_json *j, size_t r, struct chn_buf *out);
