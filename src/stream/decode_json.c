// JSON: an object a message. A message is read once; its scalars wait in slots until all of it is
// known to be good, so that a row is whole or not there.
#include <math.h>
#include <string.h>

#include "base/dict.h"
#include "codec/base64.h"
#include "stream/decode_int.h"
#include "stream/json_scan.h"

struct slot {
  bool set;
  struct json_value value;
};

struct json_decoder {
  const struct row_schema *columns;
  size_t *lens; ///< of the columns' names
  struct slot *slots;
  int32_t *guess; ///< column of the member that came in this place last time, or -1
  int32_t room;
  bool entities;
  struct chn_buf text; ///< scratch
};

static chn_status refuse(struct chn_err *err, const char *column, const struct row_type *type,
                         const struct json_value *v)
{
  const size_t quotes = v->kind == JSON_STRING;
  return decode_refuse(err, column, type, v->text - quotes, v->len + 2 * quotes);
}

// ---- whether a type can hold a value ----------------------------------------------------------

static bool is_number(const struct json_value *v)
{
  return v->kind == JSON_INT || v->kind == JSON_REAL;
}

/// 5.0 is an integer that some serializers write; 5.5 is a mistake.
static bool in_range(const struct json_value *v, enum row_kind kind)
{
  int64_t x = 0;
  return is_number(v) && json_scan_integer(v, &x) && decode_fits(kind, x);
}

/// A number so long or with an exponent may be beyond the type.
static bool is_finite(const struct json_value *v, enum row_kind kind)
{
  const size_t safe = kind == ROW_FLOAT ? 38 : 300;
  if (v->len <= safe && memchr(v->text, 'e', v->len) == NULL &&
      memchr(v->text, 'E', v->len) == NULL) {
    return true;
  }
  const double d = json_scan_real(v);
  return kind == ROW_FLOAT ? isfinite((float)d) : isfinite(d);
}

static bool is_base64(const struct json_value *v)
{
  struct chn_buf text = { 0 };
  struct chn_buf bytes = { 0 };
  json_scan_unescape(v, &text);
  const bool is = codec_base64_decode(text.data, text.len, &bytes);
  chn_buf_deinit(&text);
  chn_buf_deinit(&bytes);
  return is;
}

static bool many_keys_differ(const struct json_value *object)
{
  struct chn_dict *keys = chn_dict_new(64);
  struct chn_buf text = { 0 };
  struct json_scan s;
  struct json_value key;
  struct json_value v;
  int32_t n = 0;
  json_scan_enter(&s, object);
  for (; n == chn_dict_size(keys) && json_scan_member(&s, &key, &v); n++) {
    chn_buf_clear(&text);
    json_scan_unescape(&key, &text);
    chn_dict_intern(keys, chn_buf_str(&text), text.len);
  }
  const bool differ = n == chn_dict_size(keys);
  chn_dict_free(keys);
  chn_buf_deinit(&text);
  return differ;
}

/// Whether the keys of an object are all different. Who sends one twice sends two values, and
/// whichever were taken, the other would be lost in silence.
static bool keys_differ(const struct json_value *object)
{
  enum { FEW = 16 };
  struct json_value few[FEW];
  struct json_value key;
  struct json_value v;
  struct json_scan s;
  int32_t n = 0;
  json_scan_enter(&s, object);
  while (json_scan_member(&s, &key, &v)) {
    if (n == FEW || key.escaped) {
      return many_keys_differ(object);
    }
    for (int32_t i = 0; i < n; i++) {
      if (json_scan_is(&few[i], key.text, key.len)) {
        return false;
      }
    }
    few[n++] = key;
  }
  return true;
}

static bool holds(const struct row_type *t, const struct json_value *v);

static bool holds_all(const struct row_type *t, const struct json_value *container)
{
  struct json_scan s;
  struct json_value key;
  struct json_value v;
  json_scan_enter(&s, container);
  while (container->kind == JSON_OBJECT ? json_scan_member(&s, &key, &v)
                                        : json_scan_element(&s, &v)) {
    if (v.kind != JSON_NULL && !holds(t, &v)) {
      return false;
    }
  }
  return s.failure == NULL;
}

static int32_t field_of(const struct row_type *t, const struct json_value *key)
{
  for (int32_t i = 0; i < t->n_fields; i++) {
    if (json_scan_is(key, t->fields[i].name, strlen(t->fields[i].name))) {
      return i;
    }
  }
  return -1;
}

static bool holds_struct(const struct row_type *t, const struct json_value *object)
{
  struct json_scan s;
  struct json_value key;
  struct json_value v;
  json_scan_enter(&s, object);
  while (json_scan_member(&s, &key, &v)) {
    const int32_t at = field_of(t, &key);
    if (at >= 0 && v.kind != JSON_NULL && !holds(t->fields[at].type, &v)) {
      return false;
    }
  }
  return s.failure == NULL;
}

static bool holds(const struct row_type *t, const struct json_value *v)
{
  switch (t->kind) {
  case ROW_BOOLEAN: return v->kind == JSON_BOOL;
  case ROW_BYTE:
  case ROW_SHORT:
  case ROW_INT:
  case ROW_LONG: return in_range(v, t->kind);
  case ROW_FLOAT:
  case ROW_DOUBLE: return is_number(v) && is_finite(v, t->kind);
  case ROW_STRING: return v->kind == JSON_STRING;
  case ROW_BINARY: return v->kind == JSON_STRING && is_base64(v);
  case ROW_LIST: return v->kind == JSON_ARRAY && holds_all(t->fields[0].type, v);
  case ROW_MAP: return v->kind == JSON_OBJECT && keys_differ(v) && holds_all(t->fields[1].type, v);
  case ROW_STRUCT: return v->kind == JSON_OBJECT && keys_differ(v) && holds_struct(t, v);
  default: return false;
  }
}

// ---- values that were found good --------------------------------------------------------------

static void add_integer(struct row_builder *out, enum row_kind kind, const struct json_value *v)
{
  int64_t x = 0;
  json_scan_integer(v, &x);
  decode_add_integer(out, kind, x);
}

static void add_real(struct row_builder *out, enum row_kind kind, const struct json_value *v)
{
  // -0 is an integer and has its sign only as text.
  const bool whole = v->kind == JSON_INT && v->integer != 0;
  const double x = whole ? (double)v->integer : json_scan_real(v);
  const float f = whole ? (float)v->integer : (float)x;
  row_builder_value(out, kind == ROW_DOUBLE ? (const void *)&x : (const void *)&f);
}

static void add_text(struct json_decoder *d, struct row_builder *out, enum row_kind kind,
                     const struct json_value *v)
{
  if (kind == ROW_STRING && !v->escaped) {
    row_builder_string(out, v->text, v->len);
    return;
  }
  chn_buf_clear(&d->text);
  json_scan_unescape(v, &d->text);
  if (kind == ROW_STRING) {
    row_builder_string(out, d->text.data, d->text.len);
    return;
  }
  struct chn_buf bytes = { 0 };
  codec_base64_decode(d->text.data, d->text.len, &bytes);
  row_builder_string(out, bytes.data, bytes.len);
  chn_buf_deinit(&bytes);
}

static void add(struct json_decoder *d, struct row_builder *out, const struct row_type *t,
                const struct json_value *v);

static void add_list(struct json_decoder *d, struct row_builder *out, const struct row_type *t,
                     const struct json_value *array)
{
  struct json_scan s;
  struct json_value v;
  json_scan_enter(&s, array);
  while (json_scan_element(&s, &v)) {
    add(d, row_builder_child(out, 0), t->fields[0].type, &v);
  }
  row_builder_close_list(out);
}

static void add_map(struct json_decoder *d, struct row_builder *out, const struct row_type *t,
                    const struct json_value *object)
{
  struct row_builder *entry = row_builder_child(out, 0);
  struct json_scan s;
  struct json_value key;
  struct json_value v;
  json_scan_enter(&s, object);
  while (json_scan_member(&s, &key, &v)) {
    add_text(d, row_builder_child(entry, 0), ROW_STRING, &key);
    add(d, row_builder_child(entry, 1), t->fields[1].type, &v);
    row_builder_close_struct(entry);
  }
  row_builder_close_list(out);
}

/// A member of an object by its name.
static bool find_member(const struct json_value *object, const char *name, struct json_value *out)
{
  struct json_scan s;
  struct json_value key;
  struct json_value v;
  bool found = false;
  const size_t len = strlen(name);
  json_scan_enter(&s, object);
  while (json_scan_member(&s, &key, &v)) {
    if (json_scan_is(&key, name, len)) {
      *out = v;
      found = true;
    }
  }
  return found;
}

static void add_struct(struct json_decoder *d, struct row_builder *out, const struct row_type *t,
                       const struct json_value *object)
{
  for (int32_t i = 0; i < t->n_fields; i++) {
    struct json_value v = { .kind = JSON_NULL };
    find_member(object, t->fields[i].name, &v);
    add(d, row_builder_child(out, i), t->fields[i].type, &v);
  }
  row_builder_close_struct(out);
}

static void add(struct json_decoder *d, struct row_builder *out, const struct row_type *t,
                const struct json_value *v)
{
  if (v->kind == JSON_NULL) {
    row_builder_null(out);
    return;
  }
  switch (t->kind) {
  case ROW_BOOLEAN: row_builder_value(out, &v->boolean); break;
  case ROW_BYTE:
  case ROW_SHORT:
  case ROW_INT:
  case ROW_LONG: add_integer(out, t->kind, v); break;
  case ROW_FLOAT:
  case ROW_DOUBLE: add_real(out, t->kind, v); break;
  case ROW_LIST: add_list(d, out, t, v); break;
  case ROW_MAP: add_map(d, out, t, v); break;
  case ROW_STRUCT: add_struct(d, out, t, v); break;
  default: add_text(d, out, t->kind, v); break;
  }
}

// ---- rows -------------------------------------------------------------------------------------

static int32_t column_of(struct json_decoder *d, int32_t place, const struct json_value *key)
{
  const int32_t guess = place < d->room ? d->guess[place] : -1;
  for (int32_t i = guess >= 0 ? -1 : 0; i < d->columns->n_fields; i++) {
    const int32_t at = i < 0 ? guess : i;
    if (json_scan_is(key, d->columns->fields[at].name, d->lens[at])) {
      if (place < d->room) {
        d->guess[place] = at;
      }
      return at;
    }
  }
  return -1;
}

static chn_status broken(const struct json_scan *s, struct chn_err *err)
{
  return chn_fail(err, CHN_E_CORRUPT, "no JSON: byte %zu: %s", (size_t)(s->at - s->begin) + 1,
                  s->failure);
}

/// Reads an object into the slots.
static chn_status read_row(struct json_decoder *d, struct json_scan *s, struct chn_err *err)
{
  struct json_value key;
  struct json_value v;
  for (int32_t i = 0; i < d->columns->n_fields; i++) {
    d->slots[i].set = false;
  }
  for (int32_t place = 0; json_scan_member(s, &key, &v); place++) {
    const int32_t at = column_of(d, place, &key);
    if (at < 0) {
      continue;
    }
    const struct row_field *column = &d->columns->fields[at];
    if (d->slots[at].set) {
      return chn_fail(err, CHN_E_CORRUPT, "\"%s\" is there twice", column->name);
    }
    if (v.kind != JSON_NULL && !holds(column->type, &v)) {
      return refuse(err, column->name, column->type, &v);
    }
    d->slots[at] = (struct slot){ true, v };
  }
  return s->failure == NULL ? CHN_OK : broken(s, err);
}

static void write_row(struct json_decoder *d, struct row_builder **outs)
{
  for (int32_t i = 0; i < d->columns->n_fields; i++) {
    if (d->slots[i].set) {
      add(d, outs[i], d->columns->fields[i].type, &d->slots[i].value);
    } else {
      row_builder_null(outs[i]);
    }
  }
}

// ---- mutations --------------------------------------------------------------------------------

static bool is_object(const struct json_value *v)
{
  return v->kind == JSON_OBJECT;
}

static chn_status read_image(struct json_decoder *d, const struct json_value *object,
                             struct row_builder **outs, struct chn_err *err)
{
  struct json_scan s;
  json_scan_enter(&s, object);
  const chn_status status = read_row(d, &s, err);
  if (status == CHN_OK) {
    write_row(d, outs);
  }
  return status;
}

static bool find_integer(const struct json_value *object, const char *name, int64_t *out)
{
  struct json_value v;
  return find_member(object, name, &v) && is_number(&v) && json_scan_integer(&v, out);
}

/// When an envelope's mutation was made: its own word for it, then its database's, then its
/// connector's, then the broker's.
static int64_t time_of(const struct json_value *envelope, const struct stream_message *m)
{
  struct json_value source;
  int64_t ts = 0;
  if (find_integer(envelope, "mutation_ts", &ts) ||
      (find_member(envelope, "source", &source) && is_object(&source) &&
       find_integer(&source, "ts_ms", &ts) && ts > 0) ||
      find_integer(envelope, "ts_ms", &ts)) {
    return ts;
  }
  return m->ts;
}

/// Whether a document is an envelope: what there is of `before` and `after` are rows.
static bool is_envelope(const struct json_value *v, struct json_value *before,
                        struct json_value *after)
{
  *before = *after = (struct json_value){ .kind = JSON_NULL };
  const bool has_before = find_member(v, "before", before);
  const bool has_after = find_member(v, "after", after);
  return (has_before || has_after) && (before->kind == JSON_NULL || is_object(before)) &&
         (after->kind == JSON_NULL || is_object(after));
}

/// A row by itself, which may say of itself that it is an old image.
static chn_status read_plain(struct json_decoder *d, const struct json_value *row,
                             const struct stream_message *m, struct decode_rows *rows,
                             struct chn_err *err)
{
  struct json_value v;
  int64_t ts = m->ts;
  if (find_member(row, "mutation_ts", &v) && v.kind != JSON_NULL &&
      !(is_number(&v) && json_scan_integer(&v, &ts))) {
    return refuse(err, "mutation_ts", row_scalar(ROW_LONG), &v);
  }
  const bool says = find_member(row, "is_before", &v) && v.kind != JSON_NULL;
  if (says && v.kind != JSON_BOOL) {
    return refuse(err, "is_before", row_scalar(ROW_BOOLEAN), &v);
  }
  const chn_status s = read_image(d, row, rows->after, err);
  if (s == CHN_OK) {
    decode_row_of_mutation(rows, ts, says && v.boolean);
  }
  return s;
}

static chn_status read_mutation(struct json_decoder *d, const struct json_value *document,
                                const struct stream_message *m, struct decode_rows *rows,
                                struct chn_err *err)
{
  struct json_value envelope = *document;
  struct json_value before;
  struct json_value after;
  struct json_value payload;
  if (!is_envelope(document, &before, &after)) {
    if (!find_member(document, "payload", &payload) || !is_object(&payload) ||
        !is_envelope(&payload, &before, &after)) {
      return read_plain(d, document, m, rows, err);
    }
    envelope = payload;
  }
  chn_status s = is_object(&after) ? read_image(d, &after, rows->after, err) : CHN_OK;
  if (s == CHN_OK && is_object(&before)) {
    s = read_image(d, &before, rows->before, err);
  }
  if (s != CHN_OK) {
    decode_forget(rows);
    return s;
  }
  decode_mutation(rows, is_object(&after), is_object(&before), time_of(&envelope, m));
  return CHN_OK;
}

// ---- the decoder ------------------------------------------------------------------------------

static chn_status message(void *self, const struct stream_message *m, struct decode_rows *rows,
                          struct chn_err *err)
{
  struct json_decoder *d = self;
  struct json_scan s;
  struct json_value document;
  json_scan_init(&s, m->data, m->len);
  json_scan_at_end(&s); // over blanks
  if (s.at == s.end || *s.at != '{') {
    return chn_fail(err, CHN_E_CORRUPT, "no JSON object");
  }
  chn_status status = CHN_OK;
  if (d->entities) {
    status = json_scan_value(&s, &document) ? CHN_OK : broken(&s, err);
  } else {
    // The usual case: members are taken while they are read.
    s.begin = s.at;
    status = read_row(d, &s, err);
  }
  if (status == CHN_OK && !json_scan_at_end(&s)) {
    status = chn_fail(err, CHN_E_CORRUPT, "no JSON: something stands behind the object");
  }
  if (status == CHN_OK && d->entities) {
    status = read_mutation(d, &document, m, rows, err);
  } else if (status == CHN_OK) {
    write_row(d, rows->outs);
    decode_event(rows);
  }
  return status;
}

static chn_status open_json(const struct decode_options *o, struct decode_rows *rows,
                            struct arena *a, void **self, struct chn_err *err)
{
  (void)err;
  struct json_decoder *d = arena_calloc(a, 1, sizeof *d);
  d->columns = rows->columns;
  d->entities = o->entities;
  d->slots = arena_calloc(a, (size_t)d->columns->n_fields + 1, sizeof *d->slots);
  d->lens = arena_calloc(a, (size_t)d->columns->n_fields + 1, sizeof *d->lens);
  for (int32_t i = 0; i < d->columns->n_fields; i++) {
    d->lens[i] = strlen(d->columns->fields[i].name);
  }
  d->room = 2 * d->columns->n_fields + 16;
  d->guess = arena_alloc(a, (size_t)d->room * sizeof *d->guess);
  for (int32_t i = 0; i < d->room; i++) {
    d->guess[i] = -1;
  }
  *self = d;
  return CHN_OK;
}

static void close_json(void *self)
{
  struct json_decoder *d = self;
  chn_buf_deinit(&d->text);
}

const struct decoder_ops decode_json_ops = { "json", open_json, message, close_json, false };
