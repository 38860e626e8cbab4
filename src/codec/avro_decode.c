// Bytes of any origin to rows. Every item takes at least one byte (avro_seal refuses others), so
// what is built stays proportional to what was read; the depth is the schema's.
#include <string.h>

#include "codec/avro_int.h"
#include "codec/utf8.h"

struct reader {
  const unsigned char *at;
  const unsigned char *end;
  struct chn_err *err;
};

static chn_status take(struct reader *r, const struct avro_schema *s, struct row_builder *out);

static chn_status corrupt(struct reader *r, const char *why)
{
  return chn_fail(r->err, CHN_E_CORRUPT, "%s", why);
}

static size_t left(const struct reader *r)
{
  return (size_t)(r->end - r->at);
}

static chn_status take_long(struct reader *r, int64_t *out)
{
  uint64_t value = 0;
  for (int shift = 0; shift < 70; shift += 7) {
    if (r->at == r->end) {
      return corrupt(r, "the bytes end inside a number");
    }
    const uint64_t byte = *r->at++;
    if (shift == 63 && byte > 1) {
      break;
    }
    value |= (byte & 0x7f) << shift;
    if (byte < 0x80) {
      *out = (int64_t)(value >> 1) ^ -(int64_t)(value & 1);
      return CHN_OK;
    }
  }
  return corrupt(r, "a number of more than 64 bits");
}

static chn_status take_int(struct reader *r, const struct avro_schema *s, struct row_builder *out)
{
  int64_t value = 0;
  const chn_status status = take_long(r, &value);
  if (status != CHN_OK) {
    return status;
  }
  const enum row_kind kind = s->type->kind;
  const int64_t max = kind == ROW_BYTE ? INT8_MAX : kind == ROW_SHORT ? INT16_MAX : INT32_MAX;
  if (value > max || value < -max - 1) {
    return corrupt(r, "a number out of the range of its type");
  }
  if (out == NULL) {
    return CHN_OK;
  }
  if (kind == ROW_BYTE) {
    row_builder_value(out, &(int8_t){ (int8_t)value });
  } else if (kind == ROW_SHORT) {
    row_builder_value(out, &(int16_t){ (int16_t)value });
  } else {
    row_builder_value(out, &(int32_t){ (int32_t)value });
  }
  return CHN_OK;
}

static chn_status take_wide(struct reader *r, struct row_builder *out)
{
  int64_t value = 0;
  const chn_status status = take_long(r, &value);
  if (status == CHN_OK && out != NULL) {
    row_builder_value(out, &value);
  }
  return status;
}

static chn_status take_raw(struct reader *r, size_t n, const unsigned char **bytes)
{
  if (n > left(r)) {
    return corrupt(r, "the bytes end inside a value");
  }
  *bytes = r->at;
  r->at += n;
  return CHN_OK;
}

/// A float or a double.
static chn_status take_real(struct reader *r, size_t width, struct row_builder *out)
{
  const unsigned char *bytes = NULL;
  const chn_status status = take_raw(r, width, &bytes);
  if (status == CHN_OK && out != NULL) {
    row_builder_value(out, bytes);
  }
  return status;
}

static chn_status take_boolean(struct reader *r, struct row_builder *out)
{
  const unsigned char *bytes = NULL;
  const chn_status status = take_raw(r, 1, &bytes);
  if (status == CHN_OK && *bytes > 1) {
    return corrupt(r, "a boolean that is neither 0 nor 1");
  }
  if (status == CHN_OK && out != NULL) {
    row_builder_value(out, &(bool){ *bytes == 1 });
  }
  return status;
}

static chn_status take_text(struct reader *r, bool utf8, struct row_builder *out)
{
  int64_t n = 0;
  const unsigned char *bytes = NULL;
  chn_status status = take_long(r, &n);
  if (status == CHN_OK && (n < 0 || n > INT32_MAX)) {
    return corrupt(r, "a length that cannot be");
  }
  if (status == CHN_OK) {
    status = take_raw(r, (size_t)n, &bytes);
  }
  if (status == CHN_OK && utf8 && !codec_utf8_valid(bytes, (size_t)n)) {
    return corrupt(r, "a string that is not UTF-8");
  }
  if (status == CHN_OK && out != NULL) {
    row_builder_string(out, (const char *)bytes, (size_t)n);
  }
  return status;
}

static chn_status take_fixed(struct reader *r, const struct avro_schema *s, struct row_builder *out)
{
  const unsigned char *bytes = NULL;
  const chn_status status = take_raw(r, (size_t)s->size, &bytes);
  if (status == CHN_OK && out != NULL) {
    row_builder_string(out, (const char *)bytes, (size_t)s->size);
  }
  return status;
}

static chn_status take_enum(struct reader *r, const struct avro_schema *s, struct row_builder *out)
{
  int64_t i = 0;
  const chn_status status = take_long(r, &i);
  if (status == CHN_OK && (i < 0 || i >= s->n_symbols)) {
    return corrupt(r, "an enum index beyond the symbols");
  }
  if (status == CHN_OK && out != NULL) {
    row_builder_string(out, s->symbols[i], strlen(s->symbols[i]));
  }
  return status;
}

// ---- arrays and maps --------------------------------------------------------------------------

/// The head of a block: how many items follow, 0 at the end.
static chn_status take_count(struct reader *r, const struct avro_schema *s, int64_t *count)
{
  chn_status status = take_long(r, count);
  if (status == CHN_OK && *count < 0) {
    int64_t size = 0;
    if (*count == INT64_MIN) {
      return corrupt(r, "a block of too many items");
    }
    *count = -*count;
    status = take_long(r, &size);
    if (status == CHN_OK && (size < 0 || (uint64_t)size > left(r))) {
      return corrupt(r, "a block larger than the bytes");
    }
  }
  if (status != CHN_OK) {
    return status;
  }
  const size_t item = s->fields[0].schema->min_bytes + (s->kind == AVRO_MAP ? 1 : 0);
  if ((uint64_t)*count > left(r) / item) {
    return corrupt(r, "a block of more items than the bytes can hold");
  }
  return CHN_OK;
}

static chn_status take_entry(struct reader *r, const struct avro_schema *s,
                             struct row_builder *entry)
{
  chn_status status = take_text(r, true, entry != NULL ? row_builder_child(entry, 0) : NULL);
  if (status == CHN_OK) {
    status = take(r, s->fields[0].schema, entry != NULL ? row_builder_child(entry, 1) : NULL);
  }
  if (status == CHN_OK && entry != NULL) {
    row_builder_close_struct(entry);
  }
  return status;
}

static chn_status take_items(struct reader *r, const struct avro_schema *s, struct row_builder *out)
{
  struct row_builder *child = out != NULL ? row_builder_child(out, 0) : NULL;
  int64_t count = 0;
  chn_status status = take_count(r, s, &count);
  while (status == CHN_OK && count > 0) {
    for (int64_t i = 0; i < count && status == CHN_OK; i++) {
      status = s->kind == AVRO_MAP ? take_entry(r, s, child) : take(r, s->fields[0].schema, child);
    }
    if (status == CHN_OK) {
      status = take_count(r, s, &count);
    }
  }
  if (status == CHN_OK && out != NULL) {
    row_builder_close_list(out);
  }
  return status;
}

// ---- values -----------------------------------------------------------------------------------

static chn_status take_fields(struct reader *r, const struct avro_schema *s,
                              struct row_builder *out)
{
  for (int32_t i = 0; i < s->n_fields; i++) {
    const chn_status status =
        take(r, s->fields[i].schema, out != NULL ? row_builder_child(out, i) : NULL);
    if (status != CHN_OK) {
      return chn_wrap(r->err, "%s", s->fields[i].name);
    }
  }
  if (out != NULL) {
    row_builder_close_struct(out);
  }
  return CHN_OK;
}

static chn_status take_plain(struct reader *r, const struct avro_schema *s, struct row_builder *out)
{
  switch (s->kind) {
  case AVRO_BOOLEAN: return take_boolean(r, out);
  case AVRO_INT: return take_int(r, s, out);
  case AVRO_LONG: return take_wide(r, out);
  case AVRO_FLOAT: return take_real(r, 4, out);
  case AVRO_DOUBLE: return take_real(r, 8, out);
  case AVRO_BYTES: return take_text(r, false, out);
  case AVRO_STRING: return take_text(r, true, out);
  case AVRO_FIXED: return take_fixed(r, s, out);
  case AVRO_ENUM: return take_enum(r, s, out);
  case AVRO_ARRAY:
  case AVRO_MAP: return take_items(r, s, out);
  default: return take_fields(r, s, out);
  }
}

/// Appends one value to `out`; NULL skips it.
static chn_status take(struct reader *r, const struct avro_schema *s, struct row_builder *out)
{
  if (s->in == AVRO_PLAIN) {
    return take_plain(r, s, out);
  }
  int64_t branch = 0;
  const chn_status status = take_long(r, &branch);
  if (status != CHN_OK) {
    return status;
  }
  if (branch < 0 || branch > (s->in == AVRO_ALONE ? 0 : 1)) {
    return corrupt(r, "a branch that the union does not have");
  }
  const bool null = s->in != AVRO_ALONE && branch == (s->in == AVRO_NULL_LAST);
  if (!null) {
    return take_plain(r, s, out);
  }
  if (out != NULL) {
    row_builder_null(out);
  }
  return CHN_OK;
}

chn_status avro_decode_first(const struct avro_schema *record, const void *bytes, size_t len,
                             struct row_builder *const *fields, size_t *used, struct chn_err *err)
{
  struct reader r = { .at = bytes, .end = (const unsigned char *)bytes + len, .err = err };
  for (int32_t i = 0; i < record->n_fields; i++) {
    const chn_status status = take(&r, record->fields[i].schema, fields != NULL ? fields[i] : NULL);
    if (status != CHN_OK) {
      return chn_wrap(err, "%s.%s", record->name, record->fields[i].name);
    }
  }
  *used = len - left(&r);
  return CHN_OK;
}

chn_status avro_decode(const struct avro_schema *record, const void *bytes, size_t len,
                       struct row_builder *const *fields, struct chn_err *err)
{
  size_t used = 0;
  const chn_status status = avro_decode_first(record, bytes, len, fields, &used, err);
  if (status == CHN_OK && used != len) {
    return chn_fail(err, CHN_E_CORRUPT, "%s: %zu bytes too many", record->name, len - used);
  }
  return status;
}

chn_status avro_check(const struct avro_schema *record, const void *bytes, size_t len,
                      struct chn_err *err)
{
  return avro_decode(record, bytes, len, NULL, err);
}
