/// ir_int.h: the states of one part, whatever its shape. Private to agg/.
///
/// A part has cells: one (plain shapes), one an index (element-wise), or one a key (maps and
/// buckets). A cell is a flag, 8 bytes wide, and behind it the operation's state.
#pragma once
#include "agg/ir.h"
#include "agg/op_int.h"
#include "base/dict.h"

enum agg_layout { AGG_ONE, AGG_BY_INDEX, AGG_BY_KEY };

struct agg_slot {
  const struct agg_part *part;
  const struct agg_kind *kind;
  enum agg_layout layout;
  bool set;    ///< an input was seen: a map of null values sets it without any cell
  char *cells; ///< n cells of `stride` bytes
  size_t stride;
  int32_t n;
  int32_t room;
  struct chn_dict *keys; ///< AGG_BY_KEY: id is the index of the cell
};

struct agg_ir {
  struct agg_slot *slots;
  int32_t n;
};

/// The state in cell i, and its flag.
void *agg_slot_state(const struct agg_slot *s, int32_t i);
bool *agg_slot_flag(const struct agg_slot *s, int32_t i);

/// The cell of a key, made when it is new; valid until the next one is made.
int32_t agg_slot_at_key(struct agg_slot *s, const char *key, size_t len);

/// Makes zero cells up to n.
void agg_slot_grow(struct agg_slot *s, int32_t n);
void agg_slot_clear(struct agg_slot *s);

/// The cells of AGG_BY_KEY in the order of their keys' bytes; the caller frees the array.
int32_t *agg_slot_sorted(const struct agg_slot *s);

/// "Tensor dimensions must match" when a list of n does not fit the cells that are there.
chn_status agg_slot_fit(struct agg_slot *s, size_t n, struct chn_err *err);
