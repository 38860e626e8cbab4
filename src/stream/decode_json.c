// JSON: an object a message. A message is read once; its scalars wait in slots until all of it is
// known to be good, so that a row is whole or not there.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "codec/base64.h"
#include "stream/decode_int.h"
#include "stream/json_scan.h"

struct slot {
  bool set;
  struct json_value value;
};

struct json_decoder {
  const struct row_schema *columns;
  struct slot *slots;
  int32_t *guess; ///< column of the member that came in this place last time, or -1
  int32_t room;
  bool entities;
  struct chn_buf text; ///< scratch
};

static chn_status refuse(struct chn_err *err, const char *column, const struct row_type *type,
                         const struct json_value *v)
{
  struct chn_buf name = { 0 };
  row_type_print(&name, type);
  const size_t shown = v->len < 40 ? v->len : 40;
  const chn_status s =
      chn_fail(err, CHN_E_CORRUPT, "\"%s\" is %s and cannot hold %.*s%s", column,
               chn_buf_str(&name), (int)shown, v->text, shown < v->len ? "..." : "");
  chn_buf_deinit(&name);
  return s;
}

// ---- whether a type can hold a value ----------------------------------------------------------

static bool in_range(const struct json_value *v, int64_t least, int64_t most)
{
  if (v->kind == JSON_INT) {
    return v->integer >= least && v->integer <= most;
  }
  if (v->kind != JSON_REAL) {
    return false;
  }
  // 5.0 is an integer that some serializers write; 5.5 is a mistake.
  const double d = json_real(v);
  return d == floor(d) && d >= (double)least && d < 9.2e18 && d <= (double)most;
}

static bool is_base64(const struct json_value *v)
{
  struct chn_buf text = { 0 };
  struct chn_buf bytes = { 0 };
  json_unescape(v, &text);
  const bool is = codec_base64_decode(text.data, text.len, &bytes);
  chn_buf_deinit(&text);
  chn_buf_deinit(&bytes);
  return is;
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
    if (strlen(t->fields[i].name) == key->len &&
        memcmp(t->fields[i].name, key->text, key->len) == 0) {
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
  case ROW_BYTE: return in_range(v, INT8_MIN, INT8_MAX);
  case ROW_SHORT: return in_range(v, INT16_MIN, INT16_MAX);
  case ROW_INT: return in_range(v, INT32_MIN, INT32_MAX);
  case ROW_LONG: return in_range(v, INT64_MIN, INT64_MAX);
  case ROW_FLOAT:
  case ROW_DOUBLE: return v->kind == JSON_INT || v->kind == JSON_REAL;
  case ROW_STRING: return v->kind == JSON_STRING;
  case ROW_BINARY: return v->kind == JSON_STRING && is_base64(v);
  case ROW_LIST: return v->kind == JSON_ARRAY && holds_all(t->fields[0].type, v);
  case ROW_MAP: return v->kind == JSON_OBJECT && holds_all(t->fields[1].type, v);
  case ROW_STRUCT: return v->kind == JSON_OBJECT && holds_struct(t, v);
  default: return false;
  }
}

// ---- values that were found good --------------------------------------------------------------

static void add_integer(struct row_builder *out, enum row_kind kind, const struct json_value *v)
{
  const int64_t x = v->kind == JSON_INT ? v->integer : (int64_t)json_real(v);
  const int8_t byte = (int8_t)x;
  const int16_t small = (int16_t)x;
  const int32_t middle = (int32_t)x;
  row_builder_value(out, kind == ROW_LONG    ? (const void *)&x
                         : kind == ROW_INT   ? (const void *)&middle
                         : kind == ROW_SHORT ? (const void *)&small
                                             : (const void *)&byte);
}

static void add_real(struct row_builder *out, enum row_kind kind, const struct json_value *v)
{
  const double x = v->kind == JSON_INT && v->integer != 0 ? (double)v->integer : json_real(v);
  const float f = (float)x;
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
  json_unescape(v, &d->text);
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

/// A member of an object by its name; of several the last.
static bool find_member(const struct json_value *object, const char *name, struct json_value *out)
{
  struct json_scan s;
  struct json_value key;
  struct json_value v;
  bool found = false;
  const size_t len = strlen(name);
  json_scan_enter(&s, object);
  while (json_scan_member(&s, &key, &v)) {
    if (key.len == len && memcmp(key.text, name, len) == 0) {
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
    const char *name = d->columns->fields[at].name;
    if (strncmp(name, key->text, key->len) == 0 && name[key->len] == '\0') {
      if (place < d->room) {
        d->guess[place] = at;
      }
      return at;
    }
  }
  return -1;
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
  return s->failure == NULL ? CHN_OK
                            : chn_fail(err, CHN_E_CORRUPT, "no JSON: byte %zu: %s",
                                       (size_t)(s->at - s->begin) + 1, s->failure);
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

/// When a mutation was made: its own word for it, then its database's, then its connector's, then
/// the broker's.
static int64_t time_of(const struct json_value *envelope, const struct stream_message *m)
{
  struct json_value v;
  struct json_value source;
  if (find_member(envelope, "mutation_ts", &v) && v.kind == JSON_INT) {
    return v.integer;
  }
  if (find_member(envelope, "source", &source) && is_object(&source) &&
      find_member(&source, "ts_ms", &v) && v.kind == JSON_INT && v.integer > 0) {
    return v.integer;
  }
  if (find_member(envelope, "ts_ms", &v) && v.kind == JSON_INT) {
    return v.integer;
  }
  return m->ts;
}

static chn_status read_mutation(struct json_decoder *d, const struct json_value *document,
                                const struct stream_message *m, struct decode_rows *rows,
                                struct chn_err *err)
{
  struct json_value payload = *document;
  struct json_value before = { .kind = JSON_NULL };
  struct json_value after = { .kind = JSON_NULL };
  struct json_value inner;
  if (find_member(document, "payload", &inner) && is_object(&inner)) {
    payload = inner;
  }
  const bool has_before = find_member(&payload, "before", &before);
  const bool has_after = find_member(&payload, "after", &after);
  const int64_t ts = time_of(&payload, m);
  if ((!has_before && !has_after) || (before.kind != JSON_NULL && !is_object(&before)) ||
      (after.kind != JSON_NULL && !is_object(&after))) {
    // A row by itself, which may say of itself that it is an old image.
    struct json_value flag;
    const bool old =
        find_member(document, "is_before", &flag) && flag.kind == JSON_BOOL && flag.boolean;
    const chn_status s = read_image(d, document, rows->after, err);
    if (s == CHN_OK) {
      decode_row_of_mutation(rows, ts, old);
    }
    return s;
  }
  chn_status s = is_object(&after) ? read_image(d, &after, rows->after, err) : CHN_OK;
  if (s == CHN_OK && is_object(&before)) {
    s = read_image(d, &before, rows->before, err);
  }
  if (s != CHN_OK) {
    decode_forget(rows);
    return s;
  }
  return decode_mutation(rows, is_object(&after), is_object(&before), ts, err);
}

// ---- the decoder ------------------------------------------------------------------------------

static chn_status message(void *self, const struct stream_message *m, struct decode_rows *rows,
                          struct chn_err *err)
{
  struct json_decoder *d = self;
  struct json_scan s;
  struct json_value document;
  json_scan_init(&s, m->data, m->len);
  if (!d->entities) {
    // The usual case: members are taken while they are read.
    while (s.at < s.end && (*s.at == ' ' || *s.at == '\t')) {
      s.at++;
    }
    s.begin = s.at;
    if (s.at == s.end || *s.at != '{') {
      return chn_fail(err, CHN_E_CORRUPT, "no JSON object");
    }
    chn_status status = read_row(d, &s, err);
    if (status == CHN_OK && !json_scan_at_end(&s)) {
      status = chn_fail(err, CHN_E_CORRUPT, "no JSON: something stands behind the object");
    }
    if (status == CHN_OK) {
      write_row(d, rows->outs);
      decode_event(rows);
    }
    return status;
  }
  if (!json_scan_value(&s, &document) || !json_scan_at_end(&s) || !is_object(&document)) {
    return chn_fail(err, CHN_E_CORRUPT, "no JSON object: byte %zu: %s",
                    (size_t)(s.at - s.begin) + 1,
                    s.failure != NULL ? s.failure : "it is something else");
  }
  return read_mutation(d, &document, m, rows, err);
}

static chn_status open_json(const struct decode_options *o, struct decode_rows *rows,
                            struct arena *a, void **self, struct chn_err *err)
{
  (void)err;
  struct json_decoder *d = arena_calloc(a, 1, sizeof *d);
  d->columns = rows->columns;
  d->entities = o->entities;
  d->slots = arena_calloc(a, (size_t)d->columns->n_fields + 1, sizeof *d->slots);
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

const struct decoder_ops decode_json_ops = { "json", open_json, message, close_json };
