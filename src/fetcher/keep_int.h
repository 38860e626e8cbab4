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

struct keep_question {
  const void *bytes;
  size_t len;
  uint64_t hash; ///< keep_hash
};
uint64_t keep_hash(const void *bytes, size_t len);

/// Keeps an answer to a question; one that is too large, or was made of too much, is not kept.
void keep_put(struct keep *k, const struct keep_question *q, const struct keep_terms *terms,
              const void *answer, size_t len);

/// Appends the answer that is good at an instant for what `reader` reads now. False: there is none,
/// and `out` is as before.
bool keep_find(struct keep *k, const struct keep_question *q, int64_t at, struct kv_reader *reader,
               struct chn_buf *out);

/// Who will ask several questions says so of each, then again when its turn is near: waiting for
/// memory is half of what an answer costs, and so it is waited for many at once.
void keep_expect(struct keep *k, uint64_t hash);
void keep_expect_soon(struct keep *k, uint64_t hash);

/// How long answers of a plan may be kept.
enum keep_span keep_span_of(const struct fetch_plan *plan);

/// Appends the bytes of the question that row r of a request asks.
void keep_add_question(const struct fetch_request *q, size_t r, struct chn_buf *out);

/// The terms of row r, which has no errors, of the one request that the session ran last; false:
/// its answer is not to be kept. Watches are put into `watches`.
bool keep_terms_of(const struct fetch_session *s, const struct fetch_result *result, size_t r,
                   struct chn_buf *watches, struct keep_terms *out);
