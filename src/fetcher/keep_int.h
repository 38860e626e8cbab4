/// keep_int.h: answers that are given again (decision 0018).
#pragma once
#include "fetcher/fetcher_int.h"

/// When an answer is what a fetch would say.
struct keep_terms {
  uint64_t snapshot; ///< of the store it was made of
  int64_t from;      ///< instants of requests, epoch ms: from the one it was made for
  int64_t until;     ///< to before this
  const uint32_t *watches;
  uint32_t n_watches; ///< of everything that was read for it
};

/// A store of answers in at most about `bytes` of memory, shared by threads. What is new takes the
/// place of the oldest.
struct keep *keep_new(size_t bytes);
void keep_free(struct keep *k);

/// Keeps an answer to a question; one that is too large is not kept.
void keep_put(struct keep *k, const void *question, size_t len, const struct keep_terms *terms,
              const void *answer, size_t answer_len);

/// Appends the answer that is good at an instant for what `reader` reads now. False: there is none,
/// and `out` is as before.
bool keep_find(struct keep *k, const void *question, size_t len, int64_t at,
               struct kv_reader *reader, struct chn_buf *out);

/// Whether answers of a plan may be kept at all.
bool keep_takes(const struct fetch_plan *plan);

/// The question that row r of a request asks.
void keep_question(const struct fetch_request *q, size_t r, struct chn_buf *out);

/// The terms of row r, which has no errors, of the one request that the session ran last; false:
/// its answer is not to be kept. Watches are put into `watches`.
bool keep_terms_of(const struct fetch_session *s, const struct fetch_result *result, size_t r,
                   struct chn_buf *watches, struct keep_terms *out);
