/// api_int.h: what stands behind the handles of chronon.h.
#pragma once
#include "fetcher/fetch_json.h"
#include "fetcher/log.h"
#include "kv/kv.h"
#include <chronon.h>

struct chronon {
  struct kv_store *store;
  struct fetcher *fetcher;
  struct fetch_log *log; ///< or NULL
};

/// The last result of a session.
struct chronon_answer {
  struct fetch_result result;
  struct arena arena; ///< texts that were made of its values
};

struct chronon_session {
  chronon *owner;
  struct fetch_session *fetch;
  struct fetch_json *json;
  const struct fetch_plan *plan; ///< of the last answer
  struct chn_buf body;           ///< keys as JSON
  struct chn_buf text;           ///< what was given out
  int64_t *at;
  size_t at_room;
  chronon_answer answer;
};

/// Copies an error out, and gives its code.
int api_error(const struct chn_err *err, struct chronon_error *out);
