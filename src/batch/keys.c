#include "batch/keys.h"

#include <stdlib.h>
#include <string.h>

chn_status key_check(const char *column, const struct row_type *type, struct chn_err *err)
{
  if (type->n_fields == 0) {
    return CHN_OK;
  }
  struct chn_buf text = { 0 };
  row_type_print(&text, type);
  const chn_status status =
      chn_fail(err, CHN_E_ARGUMENT,
               "key \"%s\" is %s, and rows are grouped by scalars only: make a STRING of it in the "
               "select, for example to_json(%s)",
               column, chn_buf_str(&text), column);
  chn_buf_deinit(&text);
  return status;
}

void key_set_init(struct key_set *k, const struct row_type **types, int32_t n)
{
  *k = (struct key_set){ .types = types, .n = n };
  if (n == 1 && types[0]->kind == ROW_LONG) {
    k->longs = chn_longs_new(1024);
  } else {
    k->ids = chn_dict_new(1024);
  }
}

void key_set_deinit(struct key_set *k)
{
  chn_dict_free(k->ids);
  chn_longs_free(k->longs);
  chn_buf_deinit(&k->scratch);
  *k = (struct key_set){ 0 };
}

int32_t key_set_size(const struct key_set *k)
{
  return k->longs != NULL ? chn_longs_size(k->longs) : k->ids != NULL ? chn_dict_size(k->ids) : 0;
}

static int32_t lookup(const struct key_set *k, enum key_mode mode, const void *bytes, size_t len)
{
  return mode == KEY_INTERN ? chn_dict_intern(k->ids, bytes, len)
                            : chn_dict_find(k->ids, bytes, len);
}

static void encode_strings(const struct key_set *k, const struct row_col *c, size_t n,
                           enum key_mode mode, int32_t *out)
{
  const struct row_str *values = c->data;
  for (size_t i = 0; i < n; i++) {
    out[i] = row_is_null(c, i) ? -1 : lookup(k, mode, row_str_bytes(&values[i]), values[i].len);
  }
}

/// Appends one column of a tuple; `null` says that it has no value.
static void encode_value(struct chn_buf *out, const struct row_col *c, size_t row, bool null)
{
  if (c->type->kind == ROW_STRING || c->type->kind == ROW_BINARY) {
    const struct row_str empty = { 0 };
    const struct row_str *s = null ? &empty : (const struct row_str *)c->data + row;
    chn_buf_addc(out, 1);
    chn_buf_add(out, &s->len, sizeof s->len);
    chn_buf_add(out, row_str_bytes(s), s->len);
    return;
  }
  chn_buf_addc(out, null ? 0 : 1);
  if (null) {
    return;
  }
  const size_t width = row_kind_width(c->type->kind);
  chn_buf_add(out, (const char *)c->data + row * width, width);
}

void key_set_encode(struct key_set *k, const struct row_col *cols, size_t n, enum key_mode mode,
                    enum key_nulls nulls, int32_t *out)
{
  if (n == 0) {
    return; // the columns of no rows may have no type
  }
  if (k->longs != NULL) {
    chn_longs_ids(k->longs, cols[0].data, cols[0].valid, n, mode == KEY_INTERN, out);
    return;
  }
  if (k->n == 1 && cols[0].type->kind == ROW_STRING) {
    encode_strings(k, &cols[0], n, mode, out);
    return;
  }
  for (size_t i = 0; i < n; i++) {
    int32_t n_null = 0;
    chn_buf_clear(&k->scratch);
    for (int32_t c = 0; c < k->n; c++) {
      const bool null = row_is_null(&cols[c], i);
      n_null += null;
      encode_value(&k->scratch, &cols[c], i, null);
    }
    const bool dropped = nulls == KEY_NULL_NEVER ? n_null > 0 : n_null == k->n;
    out[i] = dropped ? -1 : lookup(k, mode, k->scratch.data, k->scratch.len);
  }
}
