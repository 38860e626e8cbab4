/// run_modes.h: what `run --mode` can be.
#pragma once
#include "batch/batch.h"
#include "cli/context.h"

/// Chronon's modes. Those without `run` are not in this version; `doc` then says why, or is NULL.
struct run_mode {
  const char *name;
  chn_status (*run)(struct cli_context *ctx, const struct model_conf *conf,
                    struct batch_options *options, struct chn_err *err);
  const char *doc; ///< a line for the help
};

/// Whether the mode is a backfill, whole or a step of one: it may be cut into ranges of days.
bool run_mode_is_backfill(const struct run_mode *mode);
enum batch_join_step run_mode_step(const struct run_mode *mode);

/// run_ranges.c: a backfill in `n` ranges of days, a process for each.
chn_status run_ranges(struct cli_context *ctx, const struct model_conf *conf,
                      struct batch_options *options, int32_t n, struct chn_err *err);

/// Of --parallelism: 1, or how many ranges; fails where the range of days cannot be cut so.
chn_status run_ranges_check(struct cli_context *ctx, const struct run_mode *mode,
                            const struct batch_options *options, int32_t *n, struct chn_err *err);

bool run_mode_is_stream(const struct run_mode *mode);

// run_stream.c: GroupBys' streams; --conf may name several, with commas between.
chn_status run_mode_stream(struct cli_context *ctx, const struct model_conf *conf,
                           struct batch_options *options, struct chn_err *err);
chn_status run_mode_local_stream(struct cli_context *ctx, const struct model_conf *conf,
                                 struct batch_options *options, struct chn_err *err);
chn_status run_mode_stream_check(struct cli_context *ctx, bool local, struct chn_err *err);

/// Whether the mode is about one definition; `conf` is else NULL.
bool run_mode_needs_conf(const struct run_mode *mode);

/// What the mode must find on the command line: a conf, a destination, numbers in their range.
chn_status run_mode_check(struct cli_context *ctx, const struct run_mode *mode,
                          struct chn_err *err);

// run_analyze.c: modes that tell instead of computing.
chn_status run_mode_analyze(struct cli_context *ctx, const struct model_conf *conf,
                            struct batch_options *options, struct chn_err *err);
chn_status run_mode_analyze_check(struct cli_context *ctx, struct chn_err *err);
chn_status run_mode_export_check(struct cli_context *ctx, struct chn_err *err);
chn_status run_mode_metadata_check(struct cli_context *ctx, struct chn_err *err);
chn_status run_mode_metadata_export(struct cli_context *ctx, const struct model_conf *conf,
                                    struct batch_options *options, struct chn_err *err);

// run_compare.c: modes that compare two versions of the same rows.
chn_status run_mode_compare(struct cli_context *ctx, const struct model_conf *conf,
                            struct batch_options *options, struct chn_err *err);
chn_status run_mode_compare_check(struct cli_context *ctx, struct chn_err *err);
chn_status run_mode_consistency(struct cli_context *ctx, const struct model_conf *conf,
                                struct batch_options *options, struct chn_err *err);

/// Fails with CHN_E_ARGUMENT on a mode that is unknown or cannot be run, and says which can.
chn_status run_mode_find(const char *name, const struct run_mode **out, struct chn_err *err);

/// The names of the modes that can be run, up to a NULL.
const char *const *run_modes_names(struct arena *a);

/// Appends the modes and what each does.
void run_modes_help(struct chn_buf *out);

typedef chn_status (*run_mode_job_fn)(const struct model_conf *conf, const struct batch_options *o,
                                      struct batch_report *report, struct chn_err *err);

/// Runs a job under the progress of the terminal and prints its report.
chn_status run_mode_job(struct cli_context *ctx, const struct model_conf *conf,
                        struct batch_options *options, run_mode_job_fn job, struct chn_err *err);

/// Modes in run_store.c.
chn_status run_mode_upload(struct cli_context *ctx, const struct model_conf *conf,
                           struct batch_options *options, struct chn_err *err);
chn_status run_mode_metadata_upload(struct cli_context *ctx, const struct model_conf *conf,
                                    struct batch_options *options, struct chn_err *err);

/// run_env.c: what the environment of Chronon's run.py would say, for options that the command line
/// leaves open: the definition's modeToEnvMap, then teams.json's for the team, `--env` and the
/// mode, for the options that have a variable; and CHRONON_CONFIG_ADDITIONAL_ARGS of the process,
/// of these, or of the definition's customJson as further words. `conf` may be NULL.
chn_status run_env_take(struct cli_context *ctx, const struct run_mode *mode,
                        const struct model_conf *conf, struct chn_err *err);

/// run_local.c: the files of --local-data-path become sources, those of --table before them.
chn_status run_local_sources(struct cli_context *ctx, struct chn_err *err);

/// What --local-table-export-path and --expected-result-table ask of a backfill: whether they may,
/// whether they do, and doing it.
chn_status run_local_check(struct cli_context *ctx, const struct run_mode *mode,
                           struct chn_err *err);
bool run_local_wanted(const struct cli_context *ctx);
chn_status run_local_after(struct cli_context *ctx, const struct model_conf *conf, struct wh *wh,
                           struct chn_err *err);

/// run_fetch.c: `chronon fetch` under run.py's name.
chn_status run_mode_fetch(struct cli_context *ctx, const struct model_conf *conf,
                          struct batch_options *options, struct chn_err *err);
chn_status run_mode_fetch_check(struct cli_context *ctx, struct chn_err *err);
