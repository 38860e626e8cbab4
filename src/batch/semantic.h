/// semantic.h: whether the tables of a join were made by the definition at hand.
///
/// They carry the property `semantic_hash`: JSON of hashes of what the join's values depend on (the
/// left side, each part's GroupBy without metaData, bootstrap parts, derivations; topics left out,
/// spec/05 §5.5). Where the definition's differs, the old table is renamed to
/// `<table>_<yyyyMMddHHmmss>` and everything is computed anew: one table never mixes two meanings.
///
///     changed                         archived
///     left side, bootstrap parts      bootstrap table, all part tables, output
///     a part, or it is gone           its table, output
///     a part is new; derivations      output
#pragma once
#include "batch/join_side.h"

enum semantic_scope {
  SEMANTIC_ALL,    ///< the tables of the join, whichever exist
  SEMANTIC_PARTS,  ///< those of the chosen parts, and the output
  SEMANTIC_OUTPUT, ///< the output
};

/// Archives the tables of the scope that another definition made, and gives the hash of this one,
/// in the job's arena. A table without a hash is left alone; one whose hash was made with topics
/// is refused (CHN_E_CONFLICT). With unset_semantic_hash nothing is compared; a dry run only
/// tells. `chosen` are numbers of parts.
chn_status semantic_archive(const struct join_side *s, enum semantic_scope scope,
                            const int32_t *chosen, int32_t n_chosen, const char **hash,
                            struct chn_err *err);

/// Whether another definition made the join's output or its bootstrap table.
chn_status semantic_changed(const struct join_side *s, bool *out, struct chn_err *err);

/// Whether another definition made the table. `part` is the table of a part, or the bootstrap
/// table, whose rows depend on the left side and on that part alone; NULL: they depend on all.
bool semantic_stale(const struct join_side *s, const char *table, const char *part,
                    const char *hash);

/// The hash of one bootstrap part: what `matched_hashes` of a bootstrap table has for its rows.
chn_status semantic_bootstrap_hash(struct batch_job *job, const struct model_bootstrap_part *p,
                                   const char **out, struct chn_err *err);
