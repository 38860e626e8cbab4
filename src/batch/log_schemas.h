/// log_schemas.h: the schemas by which logged fetches are encoded.
///
/// A schema is the JSON {"join_name", "key_schema", "value_schema"}, the last two Avro schemas as
/// texts; a log row names it by its hash (spec/06 §7). As a join changes, its log has rows of
/// several; the flat log has the fields of all.
#pragma once
#include "batch/job.h"
#include "codec/avro.h"

struct log_schema {
  const char *hash;
  const char *text; ///< the JSON
  const struct avro_schema *key;
  const struct avro_schema *value;
  int32_t *key_fields; ///< of each key field the merged field it becomes, or -1
  int32_t *value_fields;
};

struct log_schemas {
  struct log_schema *at; ///< in the order of the hashes asked for
  int32_t n;
  struct row_field *fields; ///< merged: all keys, then all values, each in order of appearance
  int32_t n_fields;
};

/// Reads the schemas of these hashes from the last partition of `table` (columns schema_hash,
/// schema_value_last). A hash that it does not have is CHN_E_NOT_FOUND: its rows can be read once
/// it has. Fields that begin with `ext_contextual` are left out, they repeat keys; of a field that
/// is in keys and values, the key counts. One name with two types is CHN_E_CONFLICT.
chn_status log_schemas_load(struct batch_job *job, const char *table, const char *const *hashes,
                            int32_t n, struct log_schemas *out, struct chn_err *err);

/// The schemas that a flat log was made with, as its properties have them: hash, text, key and
/// value of each. Their number is 0 for a table that is no log.
chn_status log_schemas_of_log(struct batch_job *job, const char *table, struct log_schemas *out,
                              struct chn_err *err);
