/// fetch_json.h: requests from JSON, answers to Chronon's JSON.
///
/// A request body is an array of objects, one a row: `[{"user_id":"5"}]`. Keys are cast to the
/// plan's types as upstream casts them (spec/06 §2): "5" becomes 5 where a LONG is wanted, 5
/// becomes "5" where a STRING is, and what cannot be cast makes the row a failure (`For input
/// string: "abc"`). Members that are no keys are kept for the echo only.
///
/// The answer is written straight from the columns, compact, doubles as Java prints them
/// (4.0, 1.0E10), BINARY in base64, a STRUCT as an array of its fields:
///     {"results":[{"status":"Success","entityKeys":{"user_id":"5"},"features":{"n":1}}]}
/// The detailed answer has, instead of the plain features, each as {"value":..,"status":"present"},
/// with STRUCTs as objects, and the errors apart:
///     {"status":"Success","entityKeys":{..},"features":{"n":{"value":1,"status":"present"}},"errors":{..}}
#pragma once
#include "fetcher/fetcher.h"

enum fetch_json_form {
  FETCH_JSON_PLAIN,
  FETCH_JSON_DETAILED,
};

/// Keeps a body's rows; one a thread, reused without allocating. Not shared.
struct fetch_json;

struct fetch_json *fetch_json_new(void);
void fetch_json_free(struct fetch_json *j);

/// Makes *out a request of the body's rows: CHN_E_CORRUPT with the place when it is no array of
/// objects. Columns and texts are j's, until the next call; `at` stays NULL, to be set by the
/// caller. The bytes must live as long.
chn_status fetch_json_read(struct fetch_json *j, const struct fetch_plan *plan, const char *text,
                           size_t len, struct fetch_request *out, struct chn_err *err);

/// The same of keys that came as words, of a query or a command line: a text is read as its key's
/// type is written in JSON ("5" for an INT, "true", "[1,2]"), where a body has to say it that way.
chn_status fetch_json_read_words(struct fetch_json *j, const struct fetch_plan *plan,
                                 const char *text, size_t len, struct fetch_request *out,
                                 struct chn_err *err);

/// The same where the GroupBy is unknown: every row will be a failure with `why`.
chn_status fetch_json_refuse(struct fetch_json *j, const char *text, size_t len, const char *why,
                             enum fetch_json_form form, struct chn_buf *out, struct chn_err *err);

/// Appends the answer to the request that j read last. Rows are in the request's order, without
/// those that were dropped.
void fetch_json_write(struct fetch_json *j, const struct fetch_result *result,
                      enum fetch_json_form form, struct chn_buf *out);

/// Runs the request that j read last (whose `at` the caller has set) and appends the plain answer:
/// the same bytes as fetch_run and fetch_json_write. Rows that the fetcher kept
/// (fetcher_options.answer_cache, decision 0018) are answered without a fetch, and others are kept.
/// Fails as fetch_run does; `out` is then as before.
chn_status fetch_json_answer(struct fetch_json *j, struct fetch_session *s,
                             const struct fetch_request *request, struct chn_buf *out,
                             struct chn_err *err);

/// Appends a value of a column as the answers have it.
void fetch_json_value(const struct row_col *c, size_t row, enum fetch_json_form form,
                      struct chn_buf *out);
