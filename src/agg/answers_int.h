/// answers_int.h: from what the tasks wrote to columns. Private to agg/.
#pragma once
#include "agg/win_int.h"

/// The answers of one part while they come in.
struct part_answer {
  struct win_form form;
  uint8_t *cells; ///< by query: values, or spans of lists, maps and split parts
  uint32_t cell_width;
  uint8_t *valid;              ///< a byte a query
  struct win_part_out *by_cut; ///< what spans point into, from 0 in each task
};

struct part_answer *part_answers_new(const struct agg_plan *plan, size_t n, size_t n_cuts);
void part_answers_drop(const struct agg_plan *plan, struct part_answer *parts, size_t n_cuts);

/// Makes columns of them and frees them. Task i answered queries [from[i], from[i + 1]).
chn_status part_answers_finish(const struct agg_frame *f, struct part_answer *parts, size_t n,
                               const size_t *from, size_t n_cuts, int32_t threads,
                               struct agg_answers *out, struct chn_err *err);

/// Takes over an arena that strings of the answers lie in.
void answers_own_texts(struct agg_answers *a, struct arena *texts);
