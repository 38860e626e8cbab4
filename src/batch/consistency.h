/// consistency.h: what was served against what a backfill says of the same requests.
///
/// The comparison join is the join itself with the logged table `<join>_logged` as its left side:
/// the left keys and `ts` of each logged row. Its output, `<join>_comparison`, is joined with the
/// logged values and measured (compare_metrics.h) by day of the log.
///
/// With consistencySamplePercent below 100 the same share of requests is taken on both sides, by a
/// hash of their keys and time: the same requests in every run. (Upstream draws at random, and on
/// the left alone, so that the others count as missing there.)
#pragma once
#include "batch/job.h"

chn_status consistency(struct batch_job *job, const struct model_join *j,
                       struct batch_comparison *out, struct chn_err *err);
