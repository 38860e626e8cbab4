/// output.h: what all jobs do with their output table: find what is missing, write, report.
#pragma once
#include "batch/job.h"

struct output {
  const char *table;
  const char *type; ///< chronon_table_type: "group_by", "join", "staging_query", ...
  const struct model_meta_data *meta_data;
  const char *const *partition_columns; ///< NULL: "ds" alone
  int32_t n_partition_columns;
  const char *semantic_hash; ///< of a join; NULL: none is written
  bool unpartitioned;        ///< replaced as a whole
  bool auto_expand;
  const struct model_pair *properties; ///< further table properties
  int32_t n_properties;
  const struct days *computed;  ///< all days of a write, which has rows of some; NULL: nobody asks
  bool no_first;                ///< no day counts as expired
  const struct day_set *filled; ///< days that lack nothing; NULL: those that the table has
};

/// Begins an atomic write with the properties that every table of Chronon carries.
chn_status output_begin(struct batch_job *job, const struct output *o, struct wh_writer **w,
                        struct chn_err *err);

/// The first day of a run in ranges that did not end, as it stands in the table's properties, or
/// NULL. Ranges end in any order: days that such a run lacks before the table's first partition are
/// not expired but missing.
const char *output_open_from(struct batch_job *job, const char *table);

/// Tells once that its days before the table's first one are computed, where a job that begins with
/// day `from` computes some.
void output_tell_open(struct batch_job *job, const char *table, int32_t open, int32_t from,
                      int32_t first);

/// Forgets it: all of those days have been computed.
chn_status output_close(struct batch_job *job, const char *table, struct chn_err *err);

/// Tables whose partitions say which days can be computed.
struct output_inputs {
  const char **tables; ///< as authored
  const char **columns;
  int32_t n;
  bool unchecked;             ///< do not look at the inputs
  const struct day_set *days; ///< of each table; NULL: its partitions
};

/// The steps that a job must run; fills the report's steps.
chn_status output_steps(struct batch_job *job, const struct output *o, struct days range,
                        const struct output_inputs *inputs, struct days **steps, size_t *n,
                        struct chn_err *err);

/// Runs `step` over each step, going on after errors of the definition and its data; one of the
/// system (CHN_E_IO) ends the job. A dry run only plans.
typedef chn_status (*output_step_fn)(void *user, struct days step, struct wh_written *written,
                                     struct chn_err *err);
chn_status output_run(struct batch_job *job, const struct days *steps, size_t n,
                      output_step_fn step, void *user, struct chn_err *err);
