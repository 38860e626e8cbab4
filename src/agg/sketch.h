/// sketch.h: the approximate structures, as Apache DataSketches defines them.
///
/// CPC counts distinct values, KLL keeps quantiles. Their bytes are DataSketches' own (the "compact
/// serialized form" that Java, C++, Spark and Druid read), both ways. sketch.cpp is the only C++ of
/// the program; no exception leaves it.
///
/// CPC. A value hashes to a coupon, row << 6 | column; a sketch is the set of the coupons it has
/// seen. The library has two estimators: HIP, which needs the history of a sketch that was never
/// merged, and ICON, a function of lgK and the number of coupons. Chronon's answer is HIP's where
/// it happened not to merge, and ICON's where it did (every window, every stored state). Here it is
/// always ICON, so a value does not depend on how the rows were cut into hops, tiles or partitions.
/// An engine that counts distinct coupons itself therefore answers what the sketch answers.
///
/// KLL. The quantile of fraction f over n values is sorted[floor(f * n)], the last one when that is
/// n, f * n in double. It is exact while the values fit into the buffer (n <= k); beyond, the
/// sketch drops every second value by the toss of a coin, and the rank is within about 2 % at
/// k = 128. The coin is seeded, so that equal input gives equal bytes (the library tosses by the
/// clock). NaN is ignored.
#pragma once
#include "base/buf.h"
#include "base/err.h"

enum {
  AGG_CPC_LG_K_MIN = 4,
  AGG_CPC_LG_K_MAX = 26,
};

/// The coupon of a value, in [0, 2^32); -1 for an empty string or byte array, which the sketch
/// ignores. Integers of all widths are hashed as 64 bits, floats as double, -0.0 as 0.0, every NaN
/// as one value, strings as their bytes. lg_k is within the bounds above.
int64_t agg_cpc_coupon_long(int lg_k, int64_t value);
int64_t agg_cpc_coupon_double(int lg_k, double value);
int64_t agg_cpc_coupon_bytes(int lg_k, const void *bytes, size_t len);

/// ICON's estimate of how many distinct values gave `coupons` distinct coupons. The feature is its
/// integer part.
double agg_cpc_icon(int lg_k, uint32_t coupons);

struct agg_cpc;

struct agg_cpc *agg_cpc_new(int lg_k);
void agg_cpc_free(struct agg_cpc *s);
void agg_cpc_update_long(struct agg_cpc *s, int64_t value);
void agg_cpc_update_double(struct agg_cpc *s, double value);
void agg_cpc_update_bytes(struct agg_cpc *s, const void *bytes, size_t len);

/// Both of the same lg_k; *from is only read.
void agg_cpc_merge(struct agg_cpc *into, const struct agg_cpc *from);
uint32_t agg_cpc_coupons(const struct agg_cpc *s);
double agg_cpc_estimate(const struct agg_cpc *s);

/// Appends the sketch's bytes, those of a merged one (without HIP's registers).
void agg_cpc_store(const struct agg_cpc *s, struct chn_buf *out);

/// Reads bytes of any origin. Fails with CHN_E_CORRUPT when they are no CPC sketch of this lg_k.
chn_status agg_cpc_load(int lg_k, const void *bytes, size_t len, struct agg_cpc **out,
                        struct chn_err *err);

struct agg_kll;

struct agg_kll *agg_kll_new(int k); ///< k from 8 to 65535
struct agg_kll *agg_kll_copy(const struct agg_kll *s);
void agg_kll_free(struct agg_kll *s);
void agg_kll_update(struct agg_kll *s, float value);
void agg_kll_merge(struct agg_kll *into, const struct agg_kll *from);
uint64_t agg_kll_count(const struct agg_kll *s); ///< values seen, without NaN

/// out[i] = the quantile of fractions[i], in [0, 1]; the sketch must not be empty.
void agg_kll_quantiles(const struct agg_kll *s, const double *fractions, int32_t n, float *out);

/// The smallest and the largest value seen, exactly; not of an empty sketch.
void agg_kll_ends(const struct agg_kll *s, float *low, float *high);

/// The masses between ascending, different split points: out[i] is the share of the values in
/// [splits[i - 1], splits[i]), out[0] below all, out[n] from the last one on. Not of an empty
/// sketch.
void agg_kll_masses(const struct agg_kll *s, const float *splits, int32_t n, double *out);
void agg_kll_store(const struct agg_kll *s, struct chn_buf *out);

/// Reads bytes of any origin, of any k. Fails with CHN_E_CORRUPT when they are no KLL sketch of
/// floats, or one that contradicts itself.
chn_status agg_kll_load(const void *bytes, size_t len, struct agg_kll **out, struct chn_err *err);
