/// topic.h: topic strings of definitions: `[<type>://]<topic>[/k=v]*` (spec/07 §1).
#pragma once
#include "base/arena.h"
#include "base/err.h"

struct stream_param {
  const char *name;
  const char *value;
};

struct stream_topic {
  const char *type; ///< "kafka" unless the string says otherwise
  const char *name;
  struct stream_param *params;
  int32_t n_params;
};

/// Splits on `/`, each token on its first `=`. A value may hold `/` only as %2F. Fails with
/// CHN_E_ARGUMENT on an empty topic or a token without `=`.
chn_status stream_topic_parse(struct arena *a, const char *text, struct stream_topic *out,
                              struct chn_err *err);

/// The value of a parameter, or NULL.
const char *stream_topic_param(const struct stream_topic *t, const char *name);

/// `bootstrap`, or `host` and `port` (9092) of the parameters; NULL without either.
const char *stream_topic_bootstrap(struct arena *a, const struct stream_topic *t);
