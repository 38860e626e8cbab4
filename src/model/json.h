/// json.h: definitions from and to Chronon's JSON (TSimpleJSON, as its compiler writes it).
///
/// Reading is strict: an unknown field, a duplicate key, `true` for a boolean (Chronon writes 1), a
/// wrong type or an enum number out of range is refused with the path of the value and, for a name,
/// the nearest known one. `null` is refused too. Nothing is dropped in silence, and what was read
/// is written back as the same bytes if Chronon's compiler wrote them.
#pragma once
#include "base/buf.h"
#include "model/model.h"

/// Reads a definition out of `len` bytes of any origin. With kind MODEL_NONE the shape decides
/// (`sources`: GroupBy, `left`: Join, `query`: StagingQuery, `inferenceSpec`: Model). `what` names
/// the bytes in messages, e.g. the file. On failure *conf is unchanged and the code is
/// CHN_E_CORRUPT.
chn_status model_read_json(struct arena *a, const char *text, size_t len, enum model_kind kind,
                           const char *what, struct model_conf *conf, struct chn_err *err);

/// Reads a file. The last folder of the path named group_bys, joins, staging_queries or models
/// says the kind, else the shape does. CHN_E_NOT_FOUND, CHN_E_IO or as above.
chn_status model_read_file(struct arena *a, const char *path, struct model_conf *conf,
                           struct chn_err *err);

/// Appends the compiled form: fields in Thrift order, indent 2, ASCII, no trailing newline.
void model_write_json(const struct model_conf *conf, struct chn_buf *out);

/// Appends TSimpleJSON on one line, without blanks, UTF-8 kept: the form that Chronon hashes and
/// uploads. `name` is the struct's Thrift name ("GroupBy", "GroupByServingInfo", "Source", ...) and
/// `value` points to the C struct of that name; CHN_E_ARGUMENT when there is no such struct.
chn_status model_write_compact(const char *name, const void *value, struct chn_buf *out,
                               struct chn_err *err);
