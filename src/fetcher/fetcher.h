/// fetcher.h: features of keys at an instant.
///
/// A fetcher is opened on a store and shared by all threads. What it knows of a GroupBy or Join
/// (the serving info of its last upload, the join's definition) is a *plan*: immutable,
/// reference-counted, swapped when the store has a newer one, so that a request ends with the plan
/// it began with. Each thread has a *session*, which keeps a reader of the store, states and
/// buffers, and allocates nothing for a request once it has seen a larger one.
///
///     fetch_plan_get(session, FETCH_JOIN, "team/training.v1", &plan, err)     what are the keys?
///     fetch_run(session, &request, 1, &result, err)                           rows in, columns out
///     fetch_plan_release(plan)
///
/// A request is a batch of rows against one name; fetch_json.h makes one of JSON and JSON of a
/// result. An answer has Chronon's parts (spec/06): what failed is an entry `<prefix>_exception`
/// beside the other features, and a key that the store does not have is no failure.
#pragma once
#include "row/col.h"

struct kv_store;
struct fetcher;
struct fetch_session;
struct fetch_plan;

// ---- opening ----------------------------------------------------------------------------------

/// All zero takes the defaults.
struct fetcher_options {
  const char *repo;     ///< folder of definitions: `production/joins/...` for joins that the store
                        ///< does not have, files of Lua external sources; NULL: none
  const char *metadata; ///< dataset of join definitions; NULL: ZIPLINE_METADATA
  int64_t ttl_ms;       ///< age at which metadata is looked up again; 0: 2 h
  int64_t refresh_ms;   ///< the same after a failure, or when newer data was seen; 0: 8 s
  int32_t batch_cache;  ///< batch values kept decoded, per session; 0: none
  int64_t answer_cache; ///< bytes of answers kept for fetch_json_answer, of all sessions; 0: none
  int32_t external_ms;  ///< time limit of an external source that sets none; 0: 1000
  bool check_entities;  ///< names must be in their team's list (enable_entity_validity_check)
  bool skip_bad_stream; ///< a streamed value that cannot be decoded is left out instead of failing
  bool
      refresh_in_background; ///< look metadata up again in a thread of the fetcher, and answer with
                             ///< what is known meanwhile; else the request that finds it old waits
};

/// The store must outlive the fetcher. Nothing is read yet.
chn_status fetcher_open(struct kv_store *store, const struct fetcher_options *options,
                        struct fetcher **out, struct chn_err *err);

/// Sessions and plans first. NULL is allowed.
void fetcher_close(struct fetcher *f);

/// What it goes by: the options, with defaults in place of zeros, and no answer cache where the
/// store cannot tell what changed.
const struct fetcher_options *fetcher_settings(const struct fetcher *f);

/// Looks all metadata up again that is known, now, and swaps what could be read; requests go on
/// meanwhile. Gives the first failure (what failed stays as it was; a name that was asked for and
/// never was is none) and, if asked, the number of plans that changed.
chn_status fetcher_reload(struct fetcher *f, int32_t *changed, struct chn_err *err);

/// Adds the definition of a Join (Chronon's JSON), which then goes before the store's.
chn_status fetcher_add_join(struct fetcher *f, const char *text, size_t len, struct chn_err *err);

/// Counters since the fetcher was opened.
struct fetcher_counts {
  int64_t requests[2];  ///< rows by enum fetch_kind; parts of joins are not counted as GroupBys
  int64_t failed_rows;  ///< rows that are failures
  int64_t errors;       ///< `..._exception` entries
  int64_t keys_read;    ///< (dataset, key) pairs asked of the store
  int64_t batch_cached; ///< batch values that the cache had
  int64_t answers_kept; ///< rows that were answered without a fetch
  int64_t plans;        ///< plans made
  int64_t plan_errors;  ///< metadata that could not be read
};
void fetcher_count(const struct fetcher *f, struct fetcher_counts *out);

// ---- external sources -------------------------------------------------------------------------

/// A question to an external source: n rows of distinct keys.
struct fetch_external_call {
  const char *source;
  const struct row_schema *keys;
  const struct row_col *key_cols; ///< nulls are keys that the request has as null
  size_t n;
  const struct row_schema *values;
  struct row_builder *const *outs; ///< takes n rows each, in order
  const char **errors; ///< n of them, NULL; a row that failed gets its text (in `arena`),
                       ///< and still one value (null) in each out
  struct arena *arena; ///< until the answer was given
  int32_t timeout_ms;
};

/// Answers a call, from any thread. A failure is that of all rows.
typedef chn_status (*fetch_external_fn)(void *self, const struct fetch_external_call *call,
                                        struct chn_err *err);

/// Registers the handler of a source. `contextual` is built in; sources with a factoryConfig `http`
/// or `lua` need none (docs/reference/external.md). CHN_E_CONFLICT when the name is taken.
chn_status fetcher_register(struct fetcher *f, const char *source, fetch_external_fn fn, void *self,
                            struct chn_err *err);

// ---- plans ------------------------------------------------------------------------------------

enum fetch_kind { FETCH_GROUP_BY = 0, FETCH_JOIN = 1 };

/// What a name means now. GroupBys by either form (`team/file.v1`, `team.file.v1`), joins by
/// `team/file.v1` only, as upstream. CHN_E_NOT_FOUND in Chronon's words when the store does not
/// have it: for a GroupBy Chronon then answers a failure for each row (fetch_json_refuse), for a
/// join the request fails. A join whose parts have no upload has a plan without their columns.
chn_status fetch_plan_get(struct fetch_session *s, enum fetch_kind kind, const char *name,
                          const struct fetch_plan **out, struct chn_err *err);
void fetch_plan_release(const struct fetch_plan *plan);
enum fetch_kind fetch_plan_kind(const struct fetch_plan *plan);
int64_t fetch_plan_id(const struct fetch_plan *plan); ///< of this process; given once, never 0
const char *fetch_plan_name(const struct fetch_plan *plan); ///< as defined: `team.file.v1`

/// The keys that a request brings: of a join the left columns of all parts, external ones included.
const struct row_schema *fetch_plan_keys(const struct fetch_plan *plan);

/// The features, after derivations, in Chronon's order; base: before them. Of a part whose upload
/// is missing there are no columns.
const struct row_schema *fetch_plan_features(const struct fetch_plan *plan);
const struct row_schema *fetch_plan_base(const struct fetch_plan *plan);

/// A join's definition, in the plan's memory, for logging and --explain; of a GroupBy NULL.
struct model_join;
const struct model_join *fetch_plan_join(const struct fetch_plan *plan);

/// The end of the last upload that the plan knows; of a join the oldest of its parts. INT64_MIN:
/// none.
int64_t fetch_plan_batch_end(const struct fetch_plan *plan);

// ---- fetching ---------------------------------------------------------------------------------

/// One a thread. Close it before the fetcher.
chn_status fetch_session_open(struct fetcher *f, struct fetch_session **out, struct chn_err *err);
void fetch_session_close(struct fetch_session *s);

/// How a cell of the keys stands; null is in the column's validity.
enum fetch_key { FETCH_KEY_GIVEN = 0, FETCH_KEY_MISSING = 1 };

/// n rows against one plan.
struct fetch_request {
  const struct fetch_plan *plan;
  size_t n;
  const struct row_col *keys; ///< one a field of fetch_plan_keys
  const uint8_t *missing; ///< enum fetch_key of row r, column c at [c * n + r]; NULL: none missing
  const char *const *refused; ///< n texts: why the row's keys mean nothing, or NULL; NULL: none
  const char *const
      *keys_text;    ///< n texts: the row's keys as `a -> b, ..` for messages; NULL: made of keys
  const int64_t *at; ///< n instants, epoch ms; INT64_MIN: now; NULL: now for all
  bool base;         ///< also answer the values before derivations (logging)
};

/// What became of a row.
enum fetch_row {
  FETCH_ROW_VALUES = 0, ///< features
  FETCH_ROW_NONE,       ///< GroupBy: the store knows nothing of the key; Chronon's answer is a null
  FETCH_ROW_DROPPED,    ///< GroupBy: a key is null; Chronon's list of answers leaves the row out
  FETCH_ROW_FAILED,     ///< the row has an error and no features
};

/// How a cell of the features stands.
enum fetch_cell {
  FETCH_ABSENT = 0, ///< Chronon's answer does not have the entry
  FETCH_NULL,       ///< an entry that is null
  FETCH_VALUE,
};

/// The same for the detailed answer.
enum fetch_status {
  FETCH_S_PRESENT = 0,
  FETCH_S_NULL,        ///< the key is known and has no such value
  FETCH_S_MISSING_KEY, ///< the store knows nothing of the key, or the key was not given or null
  FETCH_S_STALE_BATCH, ///< a value, more than two days after the last upload: windows above two
                       ///< days hold rows that they should have dropped
  FETCH_S_ERROR,       ///< what it is made of failed, or a null of an expression over such
};

/// An entry `<prefix>_exception`.
struct fetch_error {
  size_t row;
  const char *name; ///< "team_file_v1_exception", "derivation_fetch_exception", ...
  const char *text;
};

/// Memory of the session, until its next fetch_run or close.
struct fetch_result {
  const struct fetch_plan *plan; ///< of the request, or of an upload that replaced its meanwhile
  size_t n;
  const uint8_t *rows;              ///< enum fetch_row
  const char *const *row_errors;    ///< of FAILED rows, else NULL
  const struct row_col *cols;       ///< one a field of fetch_plan_features, n rows each
  const uint8_t *cells;             ///< enum fetch_cell of row r, column c at [c * n + r]
  const uint8_t *status;            ///< enum fetch_status, likewise
  const struct row_col *keys;       ///< one a field of fetch_plan_keys of that plan
  const int64_t *at;                ///< the instants answered for
  const struct fetch_error *errors; ///< by row
  size_t n_errors;
  const struct row_col *base; ///< one a field of fetch_plan_base, when asked for; else NULL
  const uint8_t *base_cells;
};

/// Answers n requests, with one read of the store for all. Values are read as the upload that they
/// are of says: where that is another one than the plan's, its plan is looked up and answers, with
/// its features, so look at the result's plan. Fails as a whole only when the store does
/// (CHN_E_IO ...); *results are then undefined.
chn_status fetch_run(struct fetch_session *s, const struct fetch_request *requests, size_t n,
                     struct fetch_result *results, struct chn_err *err);

const char *fetch_status_name(enum fetch_status status); ///< "present", "null", "missing_key", ...
