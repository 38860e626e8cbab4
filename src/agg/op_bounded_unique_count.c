// BOUNDED_UNIQUE_COUNT: exact up to k, then k.
//
// Strings are kept as upstream keeps them: as the MD5, in hexadecimal, of the string's Java
// serialisation (AC ED 00 05, 74 and a 16-bit length, modified UTF-8; 7C and a 64-bit length when
// that is longer than 65,535 bytes). Once a row arrives when k values are kept, the stored form is
// the single string "__SENTINEL__". Numbers and byte arrays are kept as they are; upstream cannot
// store their sentinel at all, so here a full state goes on holding its k values, which says the
// same: any reader counts k, and any row more changes nothing.
#include <string.h>

#include "agg/set_int.h"
#include "base/buf.h"
#include "base/md5.h"

static const char sentinel[] = "__SENTINEL__";

struct bounded {
  struct chn_dict *set;
  bool full; ///< a row came when k values were kept
};

static void add_utf16_unit(struct chn_buf *out, uint32_t unit)
{
  if (unit >= 0x800) {
    chn_buf_addc(out, (char)(0xe0 | unit >> 12));
    chn_buf_addc(out, (char)(0x80 | (unit >> 6 & 0x3f)));
  } else {
    chn_buf_addc(out, (char)(0xc0 | unit >> 6));
  }
  chn_buf_addc(out, (char)(0x80 | (unit & 0x3f)));
}

/// Modified UTF-8: NUL as two bytes, characters beyond U+FFFF as two surrogates.
static void add_modified_utf8(struct chn_buf *out, const unsigned char *s, size_t n)
{
  for (size_t i = 0; i < n; i++) {
    if (s[i] == 0) {
      add_utf16_unit(out, 0);
    } else if (s[i] >= 0xf0 && i + 3 < n) {
      const uint32_t code = (uint32_t)(s[i] & 7) << 18 | (uint32_t)(s[i + 1] & 0x3f) << 12 |
                            (uint32_t)(s[i + 2] & 0x3f) << 6 | (s[i + 3] & 0x3f);
      add_utf16_unit(out, 0xd800 + ((code - 0x10000) >> 10 & 0x3ff));
      add_utf16_unit(out, 0xdc00 + (code & 0x3ff));
      i += 3;
    } else {
      chn_buf_addc(out, (char)s[i]);
    }
  }
}

static void java_digest(const char *s, size_t n, char out[33])
{
  struct chn_buf text = { 0 };
  add_modified_utf8(&text, (const unsigned char *)s, n);
  struct chn_buf all = { 0 };
  chn_buf_add(&all, "\xac\xed\0\5", 4);
  const bool is_long = text.len > 0xffff;
  chn_buf_addc(&all, is_long ? 0x7c : 0x74);
  for (int shift = is_long ? 56 : 8; shift >= 0; shift -= 8) {
    chn_buf_addc(&all, (char)((uint64_t)text.len >> shift));
  }
  chn_buf_add(&all, chn_buf_str(&text), text.len);
  chn_md5_hex(all.data, all.len, out);
  chn_buf_deinit(&all);
  chn_buf_deinit(&text);
}

static void update(const struct agg_part *p, void *state, const struct row_col *c, size_t row,
                   int64_t ts)
{
  (void)ts;
  struct bounded *s = state;
  if (s->full || agg_set_size(s->set) >= p->k) {
    s->full = true;
  } else if (p->value->kind == ROW_STRING) {
    char digest[33];
    const struct row_str *x = (const struct row_str *)c->data + row;
    java_digest(row_str_bytes(x), x->len, digest);
    s->set = s->set != NULL ? s->set : chn_dict_new(0);
    chn_dict_intern(s->set, digest, 32);
  } else {
    agg_set_add(&s->set, c, row);
  }
}

static void merge(const struct agg_part *p, void *into, const void *from)
{
  struct bounded *s = into;
  const struct bounded *other = from;
  s->full = s->full || other->full;
  for (int32_t i = 0; i < agg_set_size(other->set); i++) {
    if (agg_set_size(s->set) >= p->k) {
      // A zero state takes a full one over as it is: only what comes on top makes it overflow.
      s->full = true;
      return;
    }
    size_t len = 0;
    const void *bytes = chn_dict_bytes(other->set, i, &len);
    s->set = s->set != NULL ? s->set : chn_dict_new(0);
    chn_dict_intern(s->set, bytes, len);
  }
}

static void finish(const struct agg_part *p, const void *state, struct row_builder *out)
{
  const struct bounded *s = state;
  const int64_t n = s->full ? p->k : agg_set_size(s->set);
  row_builder_value(out, &n);
}

static void store(const struct agg_part *p, const void *state, struct row_builder *out)
{
  const struct bounded *s = state;
  struct row_builder *elem = row_builder_child(out, 0);
  if (s->full && p->value->kind == ROW_STRING) {
    row_builder_string(elem, sentinel, sizeof sentinel - 1);
  } else {
    for (int32_t i = 0; i < agg_set_size(s->set); i++) {
      agg_set_emit(s->set, i, p->value, elem);
    }
  }
  row_builder_close_list(out);
}

static bool is_sentinel(const struct row_col *c, size_t row)
{
  if (c->type->kind != ROW_STRING) {
    return false;
  }
  const struct row_str *s = (const struct row_str *)c->data + row;
  return s->len == sizeof sentinel - 1 && memcmp(row_str_bytes(s), sentinel, s->len) == 0;
}

static chn_status load(const struct agg_part *p, void *state, const struct row_col *c, size_t row,
                       struct chn_err *err)
{
  struct bounded *s = state;
  const struct agg_list l = agg_list_at(c, row);
  const chn_status status = agg_check_no_nulls(p, &l, err);
  for (size_t i = 0; status == CHN_OK && i < l.n; i++) {
    if (agg_set_size(s->set) >= p->k || is_sentinel(l.col, l.from + i)) {
      s->full = true;
      break;
    }
    agg_set_add(&s->set, l.col, l.from + i);
  }
  return status;
}

static void release(const struct agg_part *p, void *state)
{
  (void)p;
  chn_dict_free(((struct bounded *)state)->set);
}

const struct agg_kind agg_op_bounded_unique_count = {
  .size = sizeof(struct bounded),
  .update = update,
  .merge = merge,
  .finish = finish,
  .store = store,
  .load = load,
  .free = release,
};
