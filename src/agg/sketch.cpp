// The library trusts the bytes it reads: a table of hostile bytes makes it write outside its
// buffers. So everything that decides an address is checked here first (check_cpc, check_kll), and
// what is left to go wrong it reports by an exception.
//
// The library's coin is one global generator, seeded by the clock and shared by all threads
// without a lock. Its name is replaced while its header is read, and a generator of our own, one a
// thread, takes its place; each sketch carries the generator's state.
#include <cstdint>
#include <cstring>
#include <exception>
#include <vector>

#define random_bit random_bit_of_the_library
#include <common_defs.hpp>
#undef random_bit

namespace datasketches {
thread_local uint64_t coin;

// splitmix64: one step, the top bit.
static uint32_t random_bit()
{
  coin += 0x9e3779b97f4a7c15u;
  uint64_t z = coin;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return static_cast<uint32_t>((z ^ (z >> 31)) >> 63);
}
} // namespace datasketches

#include <cpc_sketch.hpp>
#include <cpc_union.hpp>
#include <kll_sketch.hpp>

extern "C" {
#include "agg/sketch.h"
}

using datasketches::cpc_sketch;
using datasketches::cpc_union;
using kll_floats = datasketches::kll_sketch<float>;

struct agg_cpc {
  cpc_sketch sketch;
};

struct agg_kll {
  kll_floats sketch;
  uint64_t coin;
};

namespace {

uint8_t as_lg_k(int lg_k)
{
  return static_cast<uint8_t>(lg_k);
}

int64_t coupon_of(int lg_k, const void *bytes, size_t len)
{
  HashState h;
  MurmurHash3_x64_128(bytes, len, datasketches::DEFAULT_SEED, h);
  return datasketches::row_col_from_two_hashes(h.h1, h.h2, as_lg_k(lg_k));
}

// What an update makes of a double before hashing it.
uint64_t canonical_bits(double value)
{
  if (value == 0.0) {
    return 0;
  }
  if (value != value) {
    return 0x7ff8000000000000u;
  }
  uint64_t bits;
  memcpy(&bits, &value, sizeof bits);
  return bits;
}

uint32_t u32_at(const uint8_t *p)
{
  uint32_t x;
  memcpy(&x, p, sizeof x);
  return x;
}

chn_status corrupt(chn_err *err, const char *what, const char *why)
{
  return chn_fail(err, CHN_E_CORRUPT, "%s sketch: %s", what, why);
}

// ---- CPC: reading -------------------------------------------------------------------------
//
//     offset  bytes
//     0       words of the preamble (4 bytes each), 1 = version, 16 = family
//     3       lgK, first interesting column, flags, 2 bytes hash of the seed
//     8       number of coupons                      if there is a table or a window
//     12      entries of the table                   if there are both
//             two doubles of HIP                     if flagged, when there are both
//             words of the table                     if there is one
//             words of the window                    if there is one
//             two doubles of HIP                     if flagged, when there is only one
//             window, table
//
// All little-endian.

enum { CPC_HAS_HIP = 4, CPC_HAS_TABLE = 8, CPC_HAS_WINDOW = 16 };

struct cpc_layout {
  bool hip;
  bool table;
  bool window;
  uint32_t coupons;
  uint32_t entries;
  uint32_t table_words;
  uint32_t window_words;
  size_t window_words_at; ///< offset of the field window_words, 0 without a window
  size_t data_at;         ///< offset of the window, or of the table without one
};

/// Words of the preamble, by the parts that the flags announce.
size_t cpc_preamble_words(const cpc_layout &l)
{
  if (!l.table && !l.window) {
    return 2;
  }
  return size_t{ 3 } + (l.table && l.window) + (l.hip ? 4 : 0) + l.table + l.window;
}

/// The fields behind the first 8 bytes; there is a table or a window.
void read_cpc_fields(const uint8_t *p, cpc_layout *l)
{
  size_t at = 8;
  l->coupons = u32_at(p + at);
  at += 4;
  if (l->table && l->window) {
    l->entries = u32_at(p + at);
    at += 4 + (l->hip ? 16 : 0);
  } else {
    l->entries = l->table ? l->coupons : 0;
  }
  if (l->table) {
    l->table_words = u32_at(p + at);
    at += 4;
  }
  if (l->window) {
    l->window_words_at = at;
    l->window_words = u32_at(p + at);
  }
}

const char *read_cpc_layout(const uint8_t *p, size_t len, int lg_k, cpc_layout *l)
{
  if (len < 8 || len < size_t{ 4 } * p[0] || p[1] != 1 || p[2] != 16) {
    return "not the bytes of one";
  }
  if (p[3] != lg_k) {
    return "of another k (lgK) than the aggregation's";
  }
  l->hip = p[5] & CPC_HAS_HIP;
  l->table = p[5] & CPC_HAS_TABLE;
  l->window = p[5] & CPC_HAS_WINDOW;
  const size_t words = cpc_preamble_words(*l);
  if (p[0] != words) {
    return "its preamble has the wrong length";
  }
  if (words > 2) {
    read_cpc_fields(p, l);
  }
  l->data_at = 4 * words;
  const uint64_t size = 4 * (uint64_t{ words } + l->table_words + l->window_words);
  return size == len ? nullptr : "its length is not what its preamble says";
}

/// Walks the table as the library will, but within bounds: a delta of columns (unary, at most 12
/// bits), a delta of rows (Golomb). Every pair must lie in the matrix of k rows.
class pair_walk {
public:
  pair_walk(const uint8_t *words, uint32_t n) : words_(words), n_(n)
  {
  }

  bool all_inside(uint32_t pairs, uint32_t k, unsigned base_bits)
  {
    uint64_t row = 0;
    unsigned col = 0;
    for (uint32_t i = 0; i < pairs; i++) {
      unsigned delta = 0;
      uint64_t high = 0;
      uint64_t low = 0;
      if (!column(&delta) || !unary(k, &high) || !take(base_bits, &low)) {
        return false;
      }
      const uint64_t rows = (high << base_bits) | low;
      col = rows > 0 ? delta : col + delta;
      row += rows;
      if (row >= k || col > 63) {
        return false;
      }
      col++;
    }
    return true;
  }

private:
  bool fill(unsigned bits)
  {
    if (have_ < bits) {
      if (at_ == n_) {
        return false;
      }
      buffer_ |= uint64_t{ u32_at(words_ + size_t{ 4 } * at_++) } << have_;
      have_ += 32;
    }
    return true;
  }

  void drop(unsigned bits)
  {
    buffer_ >>= bits;
    have_ -= bits;
  }

  bool take(unsigned bits, uint64_t *out)
  {
    if (!fill(bits)) {
      return false;
    }
    *out = buffer_ & ((uint64_t{ 1 } << bits) - 1);
    drop(bits);
    return true;
  }

  bool unary(uint32_t most, uint64_t *out)
  {
    for (*out = 0; *out <= most; ++*out) {
      uint64_t bit = 0;
      // The library looks at 8 bits at once, so 8 must be there.
      if (!fill(8) || !take(1, &bit)) {
        return false;
      }
      if (bit) {
        return true;
      }
    }
    return false;
  }

  bool column(unsigned *out)
  {
    if (!fill(12)) {
      return false;
    }
    for (unsigned value = 0; value < 65; value++) {
      const uint16_t entry = datasketches::length_limited_unary_encoding_table65[value];
      const unsigned length = entry >> 12;
      if ((buffer_ & ((1u << length) - 1)) == (entry & 0xfffu)) {
        drop(length);
        *out = value;
        return true;
      }
    }
    return false;
  }

  const uint8_t *words_;
  uint32_t n_;
  uint32_t at_ = 0;
  uint64_t buffer_ = 0;
  unsigned have_ = 0;
};

const char *check_cpc(const uint8_t *p, const cpc_layout &l, int lg_k)
{
  const uint32_t k = uint32_t{ 1 } << lg_k;
  if ((l.table || l.window) && (l.coupons == 0 || l.coupons / 64 >= k)) {
    return "an impossible number of coupons";
  }
  // Sparse sketches have no window, all others have one: the library's decoder picks by coupons.
  const bool sparse = uint64_t{ l.coupons } * 32 < uint64_t{ 3 } * k;
  const bool hybrid = !sparse && uint64_t{ l.coupons } * 2 < k;
  if (l.coupons > 0 && (l.window != (!sparse && !hybrid) || ((sparse || hybrid) && !l.table))) {
    return "its parts do not fit its number of coupons";
  }
  if (sparse && p[4] != 0) {
    return "its first column does not fit its number of coupons";
  }
  if (!l.table) {
    return nullptr;
  }
  if (l.entries == 0 || l.entries / 4 >= k || l.entries > uint64_t{ 16 } * l.table_words) {
    return "an impossible number of table entries";
  }
  // The parameter of the Golomb code: floor(log2(k / entries)), 0 below.
  unsigned base_bits = 0;
  while (k / l.entries >> (base_bits + 1) != 0) {
    base_bits++;
  }
  pair_walk walk(p + l.data_at + size_t{ 4 } * l.window_words, l.table_words);
  return walk.all_inside(l.entries, k, base_bits) ? nullptr : "its table leads outside";
}

/// The window is k Huffman codes of at most 12 bits: with so many zero bits behind it, its decoder
/// cannot run over the end.
std::vector<uint8_t> with_longer_window(const uint8_t *p, size_t len, const cpc_layout &l, int lg_k)
{
  std::vector<uint8_t> copy(p, p + len);
  if (l.window) {
    const uint32_t more = ((uint32_t{ 12 } << lg_k) / 32) + 2;
    const uint32_t words = l.window_words + more;
    memcpy(copy.data() + l.window_words_at, &words, sizeof words);
    copy.insert(copy.begin() +
                    static_cast<std::ptrdiff_t>(l.data_at + size_t{ 4 } * l.window_words),
                size_t{ 4 } * more, 0);
  }
  return copy;
}

cpc_sketch merged(const cpc_sketch &x, const cpc_sketch *y)
{
  cpc_union u(x.get_lg_k());
  u.update(x);
  if (y != nullptr) {
    u.update(*y);
  }
  return u.get_result();
}

// ---- KLL: reading -------------------------------------------------------------------------
//
//     offset  bytes
//     0       words of the preamble, version, 15 = family, flags, 2 bytes k, 8 = m, unused
//     8       one float                               flag "single item"
//     8       8 bytes n, 2 bytes least k, number of levels, unused, then 4 bytes a level: where
//             it begins, smallest and largest value, the values of all levels    otherwise

enum { KLL_EMPTY = 1, KLL_SORTED = 2, KLL_SINGLE = 4, KLL_HEADER = 20, KLL_LEVELS = 60 };

float float_at(const uint8_t *p)
{
  float x;
  memcpy(&x, p, sizeof x);
  return x;
}

/// Values of one level: no NaN, none outside [least, most], in order unless they are level 0's.
bool check_level(const uint8_t *p, uint32_t n, bool sorted, float least, float most)
{
  for (uint32_t i = 0; i < n; i++) {
    const float x = float_at(p + size_t{ 4 } * i);
    if (!(x >= least && x <= most)) {
      return false;
    }
    if (sorted && i > 0 && x < float_at(p + size_t{ 4 } * (i - 1))) {
      return false;
    }
  }
  return true;
}

const char *check_kll_levels(const uint8_t *p, size_t len, uint16_t k)
{
  const uint8_t levels = p[18];
  if (levels < 1 || levels > KLL_LEVELS || len < KLL_HEADER + size_t{ 4 } * levels + 8) {
    return "an impossible number of levels";
  }
  const uint32_t capacity =
      datasketches::kll_helper::compute_total_capacity(k, kll_floats::DEFAULT_M, levels);
  const uint8_t *begins = p + KLL_HEADER;
  const uint8_t *bounds = begins + size_t{ 4 } * levels;
  const uint8_t *items = bounds + 8;
  const uint32_t first = u32_at(begins);
  if (first > capacity ||
      len != static_cast<size_t>(items - p) + size_t{ 4 } * (capacity - first)) {
    return "its length is not what its levels say";
  }
  uint64_t n;
  memcpy(&n, p + 8, sizeof n);
  uint64_t weight = 0;
  for (uint32_t i = 0; i < levels; i++) {
    const uint32_t from = u32_at(begins + size_t{ 4 } * i);
    const uint32_t to = i + 1 < levels ? u32_at(begins + size_t{ 4 } * (i + 1)) : capacity;
    if (from < first || to < from || to > capacity) {
      return "its levels are out of order";
    }
    weight += uint64_t{ to - from } << i;
    const bool sorted = i > 0 || (p[3] & KLL_SORTED);
    if (!check_level(items + size_t{ 4 } * (from - first), to - from, sorted, float_at(bounds),
                     float_at(bounds + 4))) {
      return "its values contradict its bounds or their order";
    }
  }
  return weight == n && n > 0 ? nullptr : "its count is not the weight of its values";
}

const char *check_kll(const uint8_t *p, size_t len)
{
  if (len < 8 || p[2] != 15 || p[6] != kll_floats::DEFAULT_M || p[1] < 1 || p[1] > 2) {
    return "not the bytes of one";
  }
  const bool single = p[3] & KLL_SINGLE;
  const bool full = !single && !(p[3] & KLL_EMPTY);
  uint16_t k;
  memcpy(&k, p + 4, sizeof k);
  if (k < kll_floats::MIN_K || p[0] != (full ? 5 : 2)) {
    return "its preamble is wrong";
  }
  if (full) {
    return len < KLL_HEADER ? "shorter than its preamble" : check_kll_levels(p, len, k);
  }
  if (p[3] & KLL_EMPTY) {
    return len == 8 && !single ? nullptr : "an empty one with values";
  }
  return len == 12 && float_at(p + 8) == float_at(p + 8) ? nullptr : "not one value";
}

} // namespace

// ---- CPC ------------------------------------------------------------------------------------

int64_t agg_cpc_coupon_long(int lg_k, int64_t value)
{
  return coupon_of(lg_k, &value, sizeof value);
}

int64_t agg_cpc_coupon_double(int lg_k, double value)
{
  const uint64_t bits = canonical_bits(value);
  return coupon_of(lg_k, &bits, sizeof bits);
}

int64_t agg_cpc_coupon_bytes(int lg_k, const void *bytes, size_t len)
{
  return len == 0 ? -1 : coupon_of(lg_k, bytes, len);
}

double agg_cpc_icon(int lg_k, uint32_t coupons)
{
  return datasketches::compute_icon_estimate(as_lg_k(lg_k), coupons);
}

struct agg_cpc *agg_cpc_new(int lg_k)
{
  return new agg_cpc{ cpc_sketch(as_lg_k(lg_k)) };
}

void agg_cpc_free(struct agg_cpc *s)
{
  delete s;
}

void agg_cpc_update_long(struct agg_cpc *s, int64_t value)
{
  s->sketch.update(value);
}

void agg_cpc_update_double(struct agg_cpc *s, double value)
{
  s->sketch.update(value);
}

void agg_cpc_update_bytes(struct agg_cpc *s, const void *bytes, size_t len)
{
  if (len > 0) {
    s->sketch.update(bytes, len);
  }
}

void agg_cpc_merge(struct agg_cpc *into, const struct agg_cpc *from)
{
  into->sketch = merged(into->sketch, &from->sketch);
}

uint32_t agg_cpc_coupons(const struct agg_cpc *s)
{
  return s->sketch.get_num_coupons();
}

double agg_cpc_estimate(const struct agg_cpc *s)
{
  return agg_cpc_icon(s->sketch.get_lg_k(), s->sketch.get_num_coupons());
}

void agg_cpc_store(const struct agg_cpc *s, struct chn_buf *out)
{
  const auto bytes = merged(s->sketch, nullptr).serialize();
  chn_buf_add(out, bytes.data(), bytes.size());
}

chn_status agg_cpc_load(int lg_k, const void *bytes, size_t len, struct agg_cpc **out,
                        struct chn_err *err)
{
  const uint8_t *p = static_cast<const uint8_t *>(bytes);
  cpc_layout layout = {};
  const char *why = read_cpc_layout(p, len, lg_k, &layout);
  if (why == nullptr) {
    why = check_cpc(p, layout, lg_k);
  }
  if (why != nullptr) {
    return corrupt(err, "CPC", why);
  }
  try {
    const auto copy = with_longer_window(p, len, layout, lg_k);
    const cpc_sketch read = cpc_sketch::deserialize(copy.data(), copy.size());
    if (!read.validate()) {
      return corrupt(err, "CPC", "its coupons are not as many as it says");
    }
    *out = new agg_cpc{ merged(read, nullptr) };
  } catch (const std::exception &e) {
    return corrupt(err, "CPC", e.what());
  }
  return CHN_OK;
}

// ---- KLL ------------------------------------------------------------------------------------

struct agg_kll *agg_kll_new(int k)
{
  return new agg_kll{ kll_floats(static_cast<uint16_t>(k)), 0 };
}

struct agg_kll *agg_kll_copy(const struct agg_kll *s)
{
  return new agg_kll(*s);
}

void agg_kll_free(struct agg_kll *s)
{
  delete s;
}

void agg_kll_update(struct agg_kll *s, float value)
{
  datasketches::coin = s->coin;
  s->sketch.update(value);
  s->coin = datasketches::coin;
}

void agg_kll_merge(struct agg_kll *into, const struct agg_kll *from)
{
  datasketches::coin = into->coin;
  into->sketch.merge(from->sketch);
  into->coin = datasketches::coin;
}

uint64_t agg_kll_count(const struct agg_kll *s)
{
  return s->sketch.get_n();
}

void agg_kll_quantiles(const struct agg_kll *s, const double *fractions, int32_t n, float *out)
{
  // A query sorts the newest values inside the sketch, and with them its bytes: ask a copy.
  const kll_floats copy(s->sketch);
  for (int32_t i = 0; i < n; i++) {
    out[i] = copy.get_quantile(fractions[i], false);
  }
}

void agg_kll_ends(const struct agg_kll *s, float *low, float *high)
{
  *low = s->sketch.get_min_item();
  *high = s->sketch.get_max_item();
}

void agg_kll_masses(const struct agg_kll *s, const float *splits, int32_t n, double *out)
{
  const kll_floats copy(s->sketch);
  const auto masses = copy.get_PMF(splits, static_cast<uint32_t>(n), false);
  std::copy(masses.begin(), masses.end(), out);
}

void agg_kll_store(const struct agg_kll *s, struct chn_buf *out)
{
  const auto bytes = s->sketch.serialize();
  chn_buf_add(out, bytes.data(), bytes.size());
}

chn_status agg_kll_load(const void *bytes, size_t len, struct agg_kll **out, struct chn_err *err)
{
  const char *why = check_kll(static_cast<const uint8_t *>(bytes), len);
  if (why != nullptr) {
    return corrupt(err, "KLL", why);
  }
  try {
    kll_floats read = kll_floats::deserialize(bytes, len);
    const uint64_t n = read.get_n();
    *out = new agg_kll{ std::move(read), n };
  } catch (const std::exception &e) {
    return corrupt(err, "KLL", e.what());
  }
  return CHN_OK;
}
