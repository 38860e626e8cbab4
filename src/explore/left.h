/// left.h: a join asked about other rows than its own.
#pragma once
#include "model/model.h"

/// Gives a copy of a join another left side: what belongs to the old rows (bootstraps, row ids,
/// labels, skew keys) goes with them.
void explore_replace_left(struct model_join *join, struct model_source *left);
