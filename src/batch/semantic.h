/// semantic.h: whether a join's table was made by the definition at hand.
///
/// A join's table carries the property `semantic_hash`: JSON of hashes of what its values depend on
/// (the left side, each part's GroupBy without metaData, bootstrap parts, derivations; topics
/// left out, spec/05 §5.5). When the definition's differs, the old table is renamed to
/// `<table>_<yyyyMMddHHmmss>` and everything is computed anew: one table never mixes two meanings.
#pragma once
#include "batch/job.h"
#include "batch/part.h"

/// The hash of a definition, in the job's arena.
chn_status semantic_hash(struct batch_job *job, const struct model_join *j,
                         const struct part_list *parts, const char **out, struct chn_err *err);

/// Archives the table if its hash is another one. A table without a hash is left alone; one whose
/// hash was made with topics is refused (CHN_E_CONFLICT) unless the options say to take the table
/// as it is. A dry run only tells.
chn_status semantic_check(struct batch_job *job, const char *table, const char *hash,
                          struct chn_err *err);
