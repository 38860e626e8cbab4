/// dict.h: byte strings to dense ids, in order of first appearance.
///
/// Keys and strings are encoded once, at the edge; behind it rows carry 32-bit ids. The bytes are
/// copied into the dictionary and stay at their address until it is freed.
#pragma once
#include "base/err.h"

struct chn_dict;

enum { CHN_DICT_NONE = -1 }; ///< no such entry

struct chn_dict *chn_dict_new(size_t expected);
void chn_dict_free(struct chn_dict *d);

/// The id of these bytes, adding them when they are new. Ids are 0, 1, 2, ...
int32_t chn_dict_intern(struct chn_dict *d, const void *bytes, size_t len);

/// The same for n strings that lie back to back: string i is bytes[at[i], at[i + 1]). The waits for
/// memory of many are one, which counts once a dictionary is larger than the caches.
void chn_dict_intern_all(struct chn_dict *d, const void *bytes, const size_t *at, size_t n,
                         uint32_t *ids);

/// The id of these bytes, or CHN_DICT_NONE.
int32_t chn_dict_find(const struct chn_dict *d, const void *bytes, size_t len);

/// The bytes of an id below chn_dict_size, NUL-terminated beyond *len.
const void *chn_dict_bytes(const struct chn_dict *d, int32_t id, size_t *len);

int32_t chn_dict_size(const struct chn_dict *d);

/// Bytes of memory it holds.
size_t chn_dict_memory(const struct chn_dict *d);
