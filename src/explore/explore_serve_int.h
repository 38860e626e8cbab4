/// explore_serve_int.h: fetches of the session, private to the room.
#pragma once
#include "explore/explore_int.h"
#include "fetcher/fetch_json.h"

/// A request on its way.
struct asked {
  struct model_conf conf; ///< the definition
  const struct fetch_plan *plan;
  struct fetch_request request;
  int64_t at; ///< INT64_MIN: now
};

/// Reads a definition (see explore_conf) and the keys, opens the store and finds the plan. To be
/// released, also after a failure.
chn_status explore_ask(struct explore *e, int32_t kind, const char *json, const char *keys,
                       const char *at, struct asked *out, struct chn_err *err);
void explore_asked_release(struct asked *asked);

/// Answers it as a result.
chn_status explore_answer(struct explore *e, const struct asked *asked, struct explore_result *out,
                          struct chn_err *err);
