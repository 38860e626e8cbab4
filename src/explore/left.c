#include "explore/left.h"

void explore_replace_left(struct model_join *join, struct model_source *left)
{
  join->left = left;
  join->bootstrap_parts = NULL;
  join->n_bootstrap_parts = 0;
  join->row_ids = NULL;
  join->n_row_ids = 0;
  join->label_part = NULL;
  join->skew_keys = NULL;
  join->n_skew_keys = 0;
}
