/// analyze.h: what the steps of an analysis share.
#pragma once
#include "batch/job.h"

struct analysis {
  struct batch_job *job;
  const struct batch_analyze_options *what;
  struct batch_analysis *out;
  struct days range; ///< the rows that are looked at
  bool whole;        ///< every column of the definition is known
  chn_status code;   ///< of the first problem told
};

/// A column that a definition computes. Strings and types live as long as the job.
struct feature {
  const char *name;
  const struct row_type *type;
  const char *operation;
  const char *window;
  const char *input;
  const char *group_by;
};

struct features {
  struct feature *at;
  int32_t n;
};

void features_add(struct arena *a, struct features *list, struct feature f);

/// What is known of a GroupBy after it was analyzed.
struct group_by_facts {
  const char *sql;          ///< of its sources, over the range looked at
  struct row_schema schema; ///< of that SQL
  struct row_schema keys;
  struct row_schema inputs; ///< what aggregations read; without them the values
  struct features features; ///< its columns, derivations included
  bool readable;            ///< every table could be read
  bool described;           ///< what stands above is known; else a problem says why not
};

// ---- what is told (analyze_out.c) -------------------------------------------------------------

void analysis_problem(struct analysis *w, const char *what, const struct chn_err *err);
void analysis_warn(struct analysis *w, const char *what, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void analysis_column(struct analysis *w, const char *role, const char *part,
                     const struct feature *f);
void analysis_schema(struct analysis *w, const char *role, const char *part,
                     const struct row_schema *schema);

/// Writes the key and output columns told so far to `<table>_schema`, partition of the end date.
chn_status analysis_export(struct analysis *w, const struct model_meta_data *m,
                           struct chn_err *err);

// ---- schemas (analyze_schema.c) ---------------------------------------------------------------

/// The SQL of a GroupBy's sources over the range looked at, and its schema, into `facts`.
chn_status analysis_group_by_sql(struct analysis *w, const struct model_group_by *gb,
                                 struct group_by_facts *facts, struct chn_err *err);

/// The columns of a GroupBy from the SQL of its sources. `facts` has sql and schema.
chn_status analysis_group_by_schema(struct analysis *w, const struct model_group_by *gb,
                                    struct group_by_facts *facts, struct chn_err *err);

/// Derivations over `base`; they may also name columns of `beside`. Without any, `base` itself.
chn_status analysis_derive(struct analysis *w, const struct model_derivation *d, int32_t n_d,
                           const struct features *base, const struct row_schema *beside,
                           struct features *out, struct chn_err *err);

/// The value columns of an external source, by their names in the join.
void analysis_external_values(struct analysis *w, const struct model_external_part *p,
                              struct features *out);

/// The row type of a TDataType; NULL when it is none that rows have.
const struct row_type *analysis_type(struct arena *a, const struct model_data_type *t);

// ---- checks (analyze_check.c): what they find is a problem of `what` ---------------------------

/// Whether a row of the last partition can be read.
bool analysis_check_readable(struct analysis *w, const char *what, const char *table,
                             const char *column);

/// The first 100 rows' ts must be epoch milliseconds between 1971 and 2100.
void analysis_check_times(struct analysis *w, const char *what, const char *sql,
                          const struct row_schema *schema);

/// A part's keys must be on the left, with the same type (NULL: it is not known).
void analysis_check_keys(struct analysis *w, const struct model_join_part *p,
                         const struct row_schema *left, const struct row_schema *keys);

/// Who asks about a GroupBy's values: a left side, or the GroupBy's own snapshots.
enum analysis_left { ANALYSIS_NO_LEFT, ANALYSIS_LEFT_EVENTS, ANALYSIS_LEFT_ENTITIES };

/// The earliest partition of a windowed GroupBy's sources must reach back from `first`, the first
/// day that is missing in the output. `only_warn`: a bootstrap may fill what lacks.
void analysis_check_days(struct analysis *w, const struct model_group_by *gb,
                         enum analysis_left left, int32_t first, bool only_warn);

/// An online GroupBy's keys and inputs must have Avro types.
void analysis_check_avro(struct analysis *w, const struct model_group_by *gb,
                         const struct group_by_facts *facts);

/// An external source's schemas must be those of its offlineGroupBy; struct names do not count.
void analysis_check_external(struct analysis *w, const struct model_external_part *p,
                             const struct group_by_facts *facts);

// ---- heavy hitters (analyze_hitters.c) --------------------------------------------------------

/// The most frequent values of `keys` in a SELECT's rows, the number of rows, and the years of ts.
chn_status analysis_hitters(struct analysis *w, const char *table, const char *sql,
                            const struct row_schema *schema, const char *const *keys,
                            int32_t n_keys, struct chn_err *err);

// ---- the whole (analyze.c) --------------------------------------------------------------------

/// As batch_analyze, of a job that is open.
chn_status analysis_run(struct batch_job *job, const struct model_conf *conf,
                        const struct batch_analyze_options *what, struct batch_analysis *out,
                        struct chn_err *err);
