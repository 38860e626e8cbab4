/// fetcher_int.h: what the files of this room share.
#pragma once
#include "agg/batch_ir.h"
#include "agg/stream.h"
#include "base/dict.h"
#include "codec/avro.h"
#include "fetcher/fetcher.h"
#include "kv/kv.h"
#include "model/model.h"
#include "warehouse/eval.h"
#include <pthread.h>
#include <stdatomic.h>

struct fetch_meta_slot;
struct keep;

/// A definition that fetcher_add_join was given.
struct fetch_join_text {
  struct fetch_join_text *next;
  const char *name; ///< `team/file.v1`
  const char *text;
  size_t len;
};

// ---- plans ------------------------------------------------------------------------------------

/// What is read for a GroupBy's key, and how.
struct fetch_gb {
  const struct model_group_by *conf;
  bool temporal; ///< streamed values on top of the batch; false without aggregations
  bool entities; ///< streamed values are mutations
  bool tiled;
  int32_t batch_set;
  int32_t stream_set;
  uint64_t generation; ///< of the batch dataset that has the serving info; 0: unknown
  const struct avro_schema *key;
  const struct avro_schema *value;  ///< of a batch value
  const struct avro_schema *stream; ///< of a row, mutation or tile; NULL unless temporal
  const struct agg_plan *aggs;      ///< NULL: values are columns as they are
  const int32_t *input_of;          ///< of the aggregations' input i the field of `stream`
  int32_t ts_field;                 ///< of a mutation
  int32_t before_field;
};

/// How an output of derivations is made.
struct derive_out {
  int32_t source; ///< input that it is a copy of; -1: an expression
  bool star;      ///< of `*`: absent where its source is
  int32_t expr;   ///< number of the expression, or -1
  const char *spark;
  const int32_t *inputs; ///< that an expression names
  int32_t n_inputs;
  bool repeats; ///< the same inputs give the same, and all it names are inputs
};

/// Derivations over keys, base values, ts and ds: inputs [0, n_keys) are keys, then base columns,
/// then `ts` and `ds`.
struct fetch_derive {
  struct row_schema inputs;
  const int32_t *input_at; ///< key k as k, base column b as n_keys + b, ts and ds behind them
  int32_t n_keys;
  int32_t n_base;
  const struct derive_out *outs; ///< one a feature
  bool renames;                  ///< no expression: what is absent stays out of `*`
  const char *broken;            ///< why the expressions cannot be had: each row has that error
  struct wh_expr *exprs;
  int32_t n_exprs;
  struct row_schema expr_schema;
};

struct fetch_part {
  const char *prefix;    ///< `[<prefix>_]<sanitised GroupBy name>`
  const char *exception; ///< `<prefix>_exception`
  const char *required;  ///< left keys, as messages list them
  const struct model_join_part *conf;
  struct fetch_meta_slot *slot;
  struct fetch_plan *plan; ///< referenced; NULL: its serving info could not be read
  const char *failure;
  const int32_t *keys; ///< of the GroupBy's key i the join's key; -1: not among them
  const char *const *left_names;
  int32_t n_keys;
  int32_t first; ///< of its features among the base columns
};

struct fetch_ext {
  const char *source;
  const char *prefix;
  const char *exception;
  const struct model_external_part *conf;
  bool contextual;
  struct row_schema keys; ///< of the source
  struct row_schema values;
  const struct avro_schema *key; ///< tells questions apart
  const int32_t *key_at;         ///< of the source's key i the join's key
  const char *const *left_names;
  int32_t first;
};

struct fetch_join {
  const struct model_join *conf;
  struct fetch_part *parts;
  int32_t n_parts;
  struct fetch_ext *exts;
  int32_t n_exts;
  const char *codec_failure; ///< derivations that cannot be: the only entry of each answer
  const char *refused;       ///< why no row can be answered (model transforms, invalid entity)
  const char *refused_name;  ///< the entry's name; NULL: a failure of the row
};

/// How long a plan's answers may be given again, where nothing was written and no window moved on.
enum keep_span {
  KEEP_NEVER,
  KEEP_DAY, ///< until the day of the request ends, UTC
  KEEP_ON,
};

struct fetch_plan {
  atomic_int refs;
  long long id;        ///< of this process, never given twice
  atomic_bool retired; ///< another plan is current
  enum keep_span keeps;
  struct fetcher *fetcher;
  struct fetch_meta_slot *slot;
  enum fetch_kind kind;
  struct arena arena;
  const char *name;
  const char *text; ///< what it was made of
  size_t text_len;
  struct row_schema keys;
  struct row_schema base;
  struct row_schema features;
  int64_t batch_end;
  struct fetch_derive *derive; ///< NULL: features are the base columns
  struct fetch_gb gb;          ///< of a GROUP_BY
  struct fetch_join join;      ///< of a JOIN
};

/// An empty plan with one reference.
struct fetch_plan *fetch_plan_new(struct fetcher *f, enum fetch_kind kind, const char *text,
                                  size_t len);
void fetch_plan_retain(struct fetch_plan *plan);

/// A plan of a serving info's text; and of a join's, its parts looked up with `reader`.
chn_status fetch_make_group_by(struct fetcher *f, const char *text, size_t len,
                               struct fetch_plan **out, struct chn_err *err);
chn_status fetch_make_join(struct fetcher *f, struct kv_reader *reader, const char *text,
                           size_t len, struct fetch_plan **out, struct chn_err *err);

/// A derivation plan; CHN_E_ARGUMENT when it cannot be, and *features is then undefined.
chn_status fetch_derive_plan(struct fetcher *f, struct arena *a, const struct model_derivation *d,
                             int32_t n_d, const struct row_schema *keys,
                             const struct row_schema *base, struct fetch_derive **out,
                             struct row_schema *features, struct chn_err *err);

/// The same with what renames alone can give.
void fetch_derive_plan_renames(struct arena *a, const struct model_derivation *d, int32_t n_d,
                               const struct row_schema *keys, const struct row_schema *base,
                               const char *broken, struct fetch_derive **out,
                               struct row_schema *features);

// ---- the fetcher ------------------------------------------------------------------------------

struct fetch_handler {
  const char *source;
  fetch_external_fn fn;
  void *self;
};

struct fetcher {
  struct kv_store *store;
  struct fetcher_options options;
  struct arena arena;
  pthread_mutex_t lock; ///< of everything below but the counters
  struct chn_dict *names[2];
  struct fetch_meta_slot **slots[2]; ///< by id in names
  int32_t room[2];
  struct fetch_handler *handlers;
  int32_t n_handlers;
  struct fetch_join_text *joins; ///< added by hand, newest first
  pthread_t thread;
  bool has_thread;
  bool stopping;
  pthread_cond_t wake;
  pthread_mutex_t loading; ///< one looks metadata up in bulk
  pthread_mutex_t wh_lock;
  struct wh *wh;     ///< for derivations; opened by the first that needs it
  struct keep *keep; ///< answers to give again; NULL: none are
  atomic_llong requests[2];
  atomic_llong failed_rows;
  atomic_llong errors;
  atomic_llong keys_read;
  atomic_llong batch_cached;
  atomic_llong answers_kept;
  atomic_llong plans;
  atomic_llong plan_errors;
  atomic_llong swaps; ///< plans that were retired
};

/// The SQL engine of derivations.
chn_status fetcher_wh(struct fetcher *f, struct wh **out, struct chn_err *err);

/// The handler of a source; fn NULL: none.
struct fetch_handler fetcher_handler(struct fetcher *f, const char *source);

// ---- metadata.c -------------------------------------------------------------------------------

chn_status fetch_meta_open(struct fetcher *f, struct chn_err *err);
void fetch_meta_close(struct fetcher *f);

/// The slot of a name, as long as the fetcher lives; NULL when it is new and `make` is not set, so
/// that names that mean nothing leave no trace.
struct fetch_meta_slot *fetch_meta_slot(struct fetcher *f, enum fetch_kind kind, const char *name,
                                        bool make);

/// The plan of a name that has no slot: made, and a slot for it.
chn_status fetch_meta_first(struct fetcher *f, struct kv_reader *reader, enum fetch_kind kind,
                            const char *name, struct fetch_plan **out, struct chn_err *err);

/// The plan of a slot, referenced. `reader` must have no read open.
chn_status fetch_meta_plan(struct fetcher *f, struct kv_reader *reader,
                           struct fetch_meta_slot *slot, struct fetch_plan **out,
                           struct chn_err *err);

/// Something failed, or newer data was seen: look it up again before its time.
void fetch_meta_want(struct fetch_plan *plan);

/// The store answered from another generation of the batch dataset than `old` was made of: makes
/// the plan of its slot that of the upload which is there now, unless someone did.
chn_status fetch_meta_renew(struct fetcher *f, struct kv_reader *reader,
                            const struct fetch_plan *old, struct chn_err *err);

/// The latest value of a key as a copy, and the generation it is of; CHN_E_NOT_FOUND when there is
/// none.
struct fetch_text {
  const char *bytes;
  size_t len;
  uint64_t generation;
};
chn_status fetch_meta_read(struct kv_reader *reader, struct fetcher *f, const char *dataset,
                           const char *key, struct arena *a, struct fetch_text *out,
                           struct chn_err *err);

/// Whether the list of a definition's team has it; folder is "joins" or "group_bys".
bool fetch_meta_is_listed(struct fetcher *f, struct kv_reader *reader, const char *folder,
                          const struct model_meta_data *m, const char *name);

// ---- a run ------------------------------------------------------------------------------------

/// A column set of builders, one a column.
struct fetch_cols {
  struct row_builder **at;
  int32_t n;
};

struct fetch_cache;

/// cache.c: at most `max` batch values.
struct fetch_cache *fetch_cache_new(int32_t max);
void fetch_cache_free(struct fetch_cache *c);

/// What the value of a get's key was decoded to, as long as nothing is put; NULL when there is
/// none, or it was made of other bytes or of another upload.
struct agg_batch_ir *fetch_cache_find(struct fetch_cache *c, const struct kv_get *get,
                                      const struct kv_version *v);

/// Takes `ir` over, made of v. Gives the one that left for it, or NULL.
struct agg_batch_ir *fetch_cache_put(struct fetch_cache *c, const struct kv_get *get,
                                     const struct kv_version *v, struct agg_batch_ir *ir);

/// One thread's states for one plan.
struct fetch_work {
  struct fetch_work *next;
  struct fetch_plan *plan;    ///< referenced
  struct agg_batch_ir *batch; ///< of the row at hand: the cache's, or `own`
  struct agg_batch_ir *own;
  struct fetch_cache *cache; ///< of what is not simple if there is `fast`; NULL: none
  struct agg_batch_ir *spare;
  struct agg_ir *ir;
  struct agg_ir *tile;
  struct agg_stream *fast;  ///< from bytes to answers; NULL: of mutations
  struct fetch_cols value;  ///< a batch IR's columns
  struct fetch_cols stream; ///< streamed rows
  struct row_col *stream_cols;
  struct row_col *inputs;
  struct fetch_cols *outs; ///< base columns, one set a use in a run
  struct fetch_cols *derived;
  int32_t n_used;
  int32_t n_outs;
  struct wh_eval *eval;
  struct row_builder *ts;
  struct row_builder *ds;
};

/// What one plan says of n rows, before it becomes a part of an answer.
struct fetch_job {
  struct fetch_work *work;
  const struct fetch_plan *plan;
  size_t n;
  const struct row_col *keys; ///< of the GroupBy
  uint8_t *key_missing;       ///< [c * n + r], or NULL
  uint8_t *rows;              ///< enum fetch_row
  const char **row_errors;
  const int64_t *at;
  size_t *gets; ///< of a row the first of its reads; SIZE_MAX: none
  bool *stale;  ///< of a row: more than two days after its batch
  bool *ahead;  ///< of a row: a streamed value of its instant or later was left out
  int32_t use;  ///< which of the work's sets of builders
  struct row_col *base;
  uint8_t *base_cells;
  uint8_t *base_status;
  struct row_col *cols; ///< features
  uint8_t *cells;
  uint8_t *status;
  struct fetch_error *errors;
  size_t n_errors;
  size_t errors_room;
};

/// Who watches how one row is merged (explain.c); NULL members are not told.
struct fetch_trace {
  void *self;
  size_t row;
  /// A job begins; the batch value of the key was loaded into w->batch, if there is one.
  void (*batch)(void *self, const struct fetch_job *j, bool found, int64_t end);
  /// A streamed value: a row in w->inputs, or a tile in w->tile.
  void (*streamed)(void *self, const struct fetch_job *j, int64_t ts, int64_t mutation_ts,
                   bool is_before);
};

struct fetch_session {
  struct fetcher *fetcher;
  struct kv_reader *reader;
  struct arena arena; ///< of a run
  struct fetch_work *works;
  long long swaps; ///< of the fetcher when works were last looked through
  struct kv_get *gets;
  size_t n_gets;
  size_t gets_room;
  struct chn_buf keys; ///< encoded; a get's key is an offset until all are there
  size_t *key_at;
  size_t key_room;
  struct row_builder **temps; ///< as long as a run
  size_t n_temps;
  size_t temps_room;
  int64_t now;
  uint64_t snapshot;               ///< of the store, that the run read; 0: unknown
  const struct run_item *items;    ///< of the run, until the next
  const struct fetch_trace *trace; ///< NULL: nobody watches
  const char *store_error;         ///< why some reads of the run failed
  const char *renew_error;         ///< why a plan could not be renewed
  struct chn_err err;
};

/// Forgets the last run, and plans that are not current.
void fetch_session_begin(struct fetch_session *s);

/// Forgets what the run asked so far, for the same run once more.
void fetch_session_again(struct fetch_session *s);

/// A builder as long as the run.
struct row_builder *fetch_session_temp(struct fetch_session *s, const struct row_type *type);

/// run.c: why a part cannot be asked for a row: keys that the request does not have; NULL: it can.
const char *fetch_run_missing(struct fetch_session *s, const struct fetch_request *q,
                              const char *prefix, const char *const *names, const int32_t *at,
                              int32_t n, size_t r);

/// The states of a plan, kept.
struct fetch_work *fetch_session_work(struct fetch_session *s, struct fetch_plan *plan);

/// Builders of a schema; cleared.
void fetch_cols_fit(struct fetch_cols *c, const struct row_schema *schema);
void fetch_cols_clear(struct fetch_cols *c);
void fetch_cols_free(struct fetch_cols *c);

/// The next set of builders of the plan's base columns in this run.
int32_t fetch_work_use(struct fetch_work *w);

/// Adds an error entry; both texts live as long as the run.
void fetch_job_error(struct fetch_session *s, struct fetch_job *j, size_t row, const char *name,
                     const char *text);

/// A row of a job fails.
void fetch_job_fail(struct fetch_session *s, struct fetch_job *j, size_t row, const char *text);

/// read.c: asks the store for the rows of a job that want answers (rows[r] is VALUES).
void fetch_read_keys(struct fetch_session *s, struct fetch_job *j);

/// Everything that was asked, in one go; then kv_read_end is due. Fails only when no read succeeds.
chn_status fetch_read_store(struct fetch_session *s, struct chn_err *err);

/// A request and its jobs: the first is the answer's own, of a join those of its parts follow.
struct run_item {
  const struct fetch_request *request;
  struct fetch_plan *plan;
  struct fetch_job *job;
  struct fetch_job *parts;
};

/// renew.c: the i-th job of an item that reads the store, whose plan is NULL where it could not be
/// had; NULL: there are no more.
struct fetch_job *fetch_run_job(const struct run_item *it, int32_t i);

/// Whether what was read is of another upload than a plan of the items.
bool fetch_run_moved(const struct fetch_session *s, const struct run_item *items, size_t n);

/// Gives the items, whose read has ended, the plans of the uploads that the store has now, and
/// requests of those plans' keys.
void fetch_run_renew(struct fetch_session *s, struct run_item *items, size_t n);

/// Fails the rows whose values are of an upload that no plan could be had of.
void fetch_run_fail_moved(struct fetch_session *s, struct run_item *items, size_t n);

/// merge.c: makes base columns and cells of what was read.
void fetch_merge_job(struct fetch_session *s, struct fetch_job *j);

/// derive.c: features of base columns. `keys` are those of the plan.
void fetch_derive_job(struct fetch_session *s, struct fetch_job *j, const struct row_col *keys);

enum cast_kind { CAST_INT, CAST_REAL, CAST_TEXT, CAST_BOOL };

/// A value on its way to another type.
struct cast_from {
  enum cast_kind kind;
  int64_t whole; ///< INT; BOOL: 0 or 1
  double real;
  const char *text;
  size_t len;
};

/// cast.c: appends a value to a builder of `type`, as upstream casts keys (LONG, DOUBLE and STRING;
/// others must be what they should); false and *why (in the arena or static) when it cannot.
bool fetch_cast_put(struct row_builder *to, const struct row_type *type, const struct cast_from *v,
                    struct arena *a, const char **why);

/// The same for a row of a column; null stays null.
bool fetch_cast_value(struct row_builder *to, const struct row_type *type,
                      const struct row_col *from, size_t row, struct arena *a, const char **why);

/// A value as Scala prints it: u1, 1.0, null.
void fetch_cast_text(const struct row_col *c, size_t row, struct chn_buf *out);

/// Doubles and floats as Java prints them.
void fetch_java_double(double v, struct chn_buf *out);
void fetch_java_float(float v, struct chn_buf *out);

/// external.c: answers the external parts of joins: fills base columns, cells and errors.
struct ext_use {
  struct fetch_job *job; ///< of the join
  const struct fetch_request *request;
};
void fetch_external_run(struct fetch_session *s, struct ext_use *uses, size_t n);

/// A source with a factoryConfig: `self` of the handlers below.
struct ext_source {
  struct fetcher *fetcher;
  const struct model_external_source_factory_config *factory;
};

chn_status fetch_external_http(void *self, const struct fetch_external_call *call,
                               struct chn_err *err);
chn_status fetch_external_lua(void *self, const struct fetch_external_call *call,
                              struct chn_err *err);

/// external_values.c: JSON of the questions (an array of objects), and its answer (an array of
/// objects, or of {"error": text}) into the call's columns. `lua`: an empty array may be an empty
/// object, since Lua has but one empty table.
void fetch_external_ask(const struct fetch_external_call *call, struct chn_buf *out);
chn_status fetch_external_answer(const struct fetch_external_call *call, const char *text,
                                 size_t len, bool lua, struct chn_err *err);
