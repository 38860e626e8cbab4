/// read.h: a document becomes a struct by the field table.
#pragma once
#include "codec/json.h"
#include "model/fields.h"

/// Who wrote the document.
enum model_author {
  /// Chronon's compiler: booleans are 0 or 1, enums are numbers, null never occurs.
  MODEL_BY_COMPILER,
  /// A definition in Lua: also true and false, the names of enums, an empty array where an empty
  /// map is meant (Lua's {} is both), and null for a field that is left out. A double is one even
  /// when it is whole (Lua's 5 is 5.0).
  MODEL_BY_PERSON,
};

/// Fills the zeroed struct at `out`, which is of kind `s`, from `v`. Strings stay where `v` has
/// them, so `v` must live as long. Errors name `what` and the path inside the value, list indices
/// from 1: `what: joinParts[2].groupBy.keyColumns: must be a list of strings, not a string`; with
/// the line and column of `v` when it has them. CHN_E_CORRUPT, and *out is then half-filled.
chn_status model_read_struct(struct arena *a, const struct codec_json *v,
                             const struct model_struct *s, enum model_author author,
                             const char *what, void *out, struct chn_err *err);

/// Makes a conf of a struct that was read: `any` is a GroupBy, Join, StagingQuery or Model.
struct model_conf model_conf_of(enum model_kind kind, void *any);

/// The struct of a kind; NULL for MODEL_NONE.
const struct model_struct *model_kind_struct(enum model_kind kind);
