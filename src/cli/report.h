/// report.h: what a job did, for people and as JSON.
#pragma once
#include "batch/batch.h"
#include "cli/context.h"

/// After a backfill: rows, partitions, seconds by stage, peak memory.
void cli_report_backfill(const struct cli_context *ctx, const struct model_conf *conf,
                         const struct batch_report *report, double seconds);

/// Of a --dry-run: the steps that would run.
void cli_report_plan(const struct cli_context *ctx, const struct batch_report *report);

/// After a failure, on stderr: what was finished all the same.
void cli_report_broken(const struct cli_context *ctx, const struct batch_report *report);

/// Schemas, the most frequent keys where they were counted, and what is wrong.
void cli_report_analysis(const struct cli_context *ctx, const struct batch_analysis *analysis);

/// After a metadata-export: how many definitions were written, and which files are none.
void cli_report_export(const struct cli_context *ctx, const struct batch_exported *exported);

/// Of two versions of the same rows: a line a feature. `report` says what was computed.
void cli_report_comparison(const struct cli_context *ctx, const struct batch_report *report,
                           const struct batch_comparison *c, double seconds);

/// Members of a JSON object: a text (NULL is null), a count.
void cli_json_text(struct codec_json_writer *w, const char *key, const char *text);
void cli_json_int(struct codec_json_writer *w, const char *key, uint64_t value);
