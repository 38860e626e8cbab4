/// keys.h: key tuples to dense ids.
///
/// A tuple of key columns is encoded as bytes and interned once; the engine then sees int32 ids.
/// Encoding: for a single LONG or STRING key the value itself; otherwise for each column one byte
/// (1 for a value, 0 for NULL), then the value: fixed-width values as they lie in memory, strings
/// as length (4 bytes) and bytes. In a tuple of several columns a NULL string is the empty string:
/// upstream groups rows by a hash into which neither puts a byte (golden case gb_multikey).
#pragma once
#include "base/dict.h"
#include "base/err.h"
#include "base/longs.h"
#include "row/col.h"

struct key_set {
  struct chn_dict *ids;    ///< or
  struct chn_longs *longs; ///< of a single LONG key
  const struct row_type **types;
  int32_t n;
  struct chn_buf scratch;
};

/// Fails with CHN_E_ARGUMENT for a column that rows are not grouped by: a list, a map or a struct.
/// (Nor does upstream, which has no hash of them.)
chn_status key_check(const char *column, const struct row_type *type, struct chn_err *err);

/// Key columns of these types, each of which has passed key_check. `types` must outlive the set.
void key_set_init(struct key_set *k, const struct row_type **types, int32_t n);
void key_set_deinit(struct key_set *k);

/// Ids given so far: every id is below it.
int32_t key_set_size(const struct key_set *k);

enum key_mode {
  KEY_FIND,   ///< unknown tuples give -1
  KEY_INTERN, ///< unknown tuples get the next id
};

enum key_nulls {
  KEY_NULL_NEVER, ///< a tuple with any NULL gives -1 (it can match nothing)
  KEY_NULL_ALL,   ///< only a tuple of NULLs gives -1
};

/// Writes the id of each of n rows to out.
void key_set_encode(struct key_set *k, const struct row_col *cols, size_t n, enum key_mode mode,
                    enum key_nulls nulls, int32_t *out);
