/// avro_int.h: what the files of the Avro codec share. Private to codec/.
#pragma once
#include "codec/avro.h"

/// Fills in what follows from a node's children: min_bytes, n_types, depth. Fails with
/// CHN_E_ARGUMENT when the schema grows beyond its limits, or when items take no bytes (their
/// number could not be bounded by the bytes read).
chn_status avro_seal(struct avro_schema *s, struct chn_err *err);

/// The branch as a union shows it in JSON: "long", "ai.chronon.data.Value".
const char *avro_branch_name(const struct avro_schema *s, char *scratch, size_t size);
