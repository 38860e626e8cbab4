/// explore_serve_int.h: fetches of the session, private to the room.
#pragma once
#include "explore/explore_int.h"
#include "fetcher/fetch_json.h"

/// A request on its way: the plan is to be released.
struct asked {
  const struct fetch_plan *plan;
  struct fetch_request request;
  int64_t at; ///< INT64_MIN: now
};

/// Opens the store, finds the plan of a definition and reads the keys. Release the plan also after
/// a failure (it may be NULL).
chn_status explore_ask(struct explore *e, const struct model_conf *conf, const char *keys,
                       const char *at, struct asked *out, struct chn_err *err);

/// Answers it as a result.
chn_status explore_answer(struct explore *e, const struct asked *asked, struct explore_result *out,
                          struct chn_err *err);
