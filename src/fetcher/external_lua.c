// A Lua function of the repo as an external source: factoryConfig
// { factoryName = "lua", factoryParams = { module = "externals.weather", function = "fetch" } }.
//
// The function takes an array of key tables and returns an array of value tables, in order. It runs
// in the sandbox of definitions (no files, no time, no chance), in a state of its own, so it can
// compute what SQL cannot say, but not ask a service.
#include <string.h>

#include "codec/json.h"
#include "fetcher/fetcher_int.h"
#include "lua/luart.h"
#include "model/names.h"

/// JSON text as a Lua string literal.
static void quote(const char *text, size_t len, struct chn_buf *out)
{
  chn_buf_addc(out, '"');
  for (size_t i = 0; i < len; i++) {
    const unsigned char c = (unsigned char)text[i];
    if (c == '"' || c == '\\' || c < 0x20 || c == 0x7f) {
      chn_buf_addf(out, "\\%03d", c);
    } else {
      chn_buf_addc(out, (char)c);
    }
  }
  chn_buf_addc(out, '"');
}

static void literal(const struct row_col *c, size_t row, struct chn_buf *out);

static void literal_nested(const struct row_col *c, size_t row, struct chn_buf *out)
{
  chn_buf_addc(out, '{');
  if (c->type->kind == ROW_STRUCT) {
    for (int32_t i = 0; i < c->n_child; i++) {
      chn_buf_addc(out, '[');
      quote(c->type->fields[i].name, strlen(c->type->fields[i].name), out);
      chn_buf_adds(out, "]=");
      literal(&c->child[i], row, out);
      chn_buf_addc(out, ',');
    }
    chn_buf_addc(out, '}');
    return;
  }
  const struct row_span span = ((const struct row_span *)c->data)[row];
  for (size_t i = span.offset; i < span.offset + span.length; i++) {
    if (c->type->kind == ROW_MAP) {
      chn_buf_addc(out, '[');
      literal(&c->child[0].child[0], i, out);
      chn_buf_adds(out, "]=");
      literal(&c->child[0].child[1], i, out);
    } else {
      literal(&c->child[0], i, out);
    }
    chn_buf_addc(out, ',');
  }
  chn_buf_addc(out, '}');
}

static void literal(const struct row_col *c, size_t row, struct chn_buf *out)
{
  if (row_is_null(c, row)) {
    chn_buf_adds(out, "nil");
  } else if (c->type->kind == ROW_STRING || c->type->kind == ROW_BINARY) {
    const struct row_str *s = (const struct row_str *)c->data + row;
    quote(row_str_bytes(s), s->len, out);
  } else if (c->type->n_fields > 0) {
    literal_nested(c, row, out);
  } else {
    const size_t from = out->len;
    fetch_cast_text(c, row, out);
    const char *text = out->data + from;
    if (strcmp(text, "NaN") == 0 || strstr(text, "Infinity") != NULL) {
      const char *as = text[0] == 'N' ? "(0/0)" : text[0] == '-' ? "(-1/0)" : "(1/0)";
      out->len = from;
      chn_buf_adds(out, as);
    }
  }
}

/// Whether Lua's numbers, which are doubles, hold all of a value.
static bool is_exact(const struct row_col *c, size_t row)
{
  const int64_t most = INT64_C(1) << 53;
  if (row_is_null(c, row)) {
    return true;
  }
  if (c->type->kind == ROW_LONG) {
    const int64_t v = ((const int64_t *)c->data)[row];
    return v >= -most && v <= most;
  }
  bool exact = true;
  if (c->type->kind == ROW_STRUCT) {
    for (int32_t i = 0; i < c->n_child && exact; i++) {
      exact = is_exact(&c->child[i], row);
    }
  } else if (c->type->n_fields > 0) {
    const struct row_span span = ((const struct row_span *)c->data)[row];
    const struct row_col *values = c->type->kind == ROW_MAP ? &c->child[0].child[1] : &c->child[0];
    for (size_t i = span.offset; i < span.offset + span.length && exact; i++) {
      exact = is_exact(values, i);
    }
  }
  return exact;
}

/// The rows that the function is asked for: an array, each row of it in a function of its own,
/// which may have 65536 constants. `rest` is what puts failures in the places of the others.
static void add_rows(const struct fetch_external_call *call, struct chn_buf *text,
                     struct chn_buf *rest)
{
  size_t asked = 0;
  for (size_t r = 0; r < call->n; r++) {
    int32_t inexact = -1;
    for (int32_t k = 0; k < call->keys->n_fields; k++) {
      inexact = inexact < 0 && !is_exact(&call->key_cols[k], r) ? k : inexact;
    }
    if (inexact >= 0) {
      struct chn_buf why = { 0 };
      chn_buf_addf(&why, "%s is beyond 2^53, which numbers of Lua do not hold: ask with a STRING",
                   call->keys->fields[inexact].name);
      chn_buf_addf(rest, "table.insert(o, %zu, { error = ", r + 1);
      quote(chn_buf_str(&why), why.len, rest);
      chn_buf_adds(rest, " }) ");
      chn_buf_deinit(&why);
      continue;
    }
    asked++;
    chn_buf_adds(text, "(function() return {");
    for (int32_t k = 0; k < call->keys->n_fields; k++) {
      chn_buf_addc(text, '[');
      quote(call->keys->fields[k].name, strlen(call->keys->fields[k].name), text);
      chn_buf_adds(text, "]=");
      literal(&call->key_cols[k], r, text);
      chn_buf_addc(text, ',');
    }
    chn_buf_adds(text, "} end)(),");
  }
  chn_buf_addf(text,
               "}) if type(o) ~= 'table' or #o ~= %zu then error('the answer is no array of %zu "
               "objects', 0) end ",
               asked, asked);
}

chn_status fetch_external_lua(void *self, const struct fetch_external_call *call,
                              struct chn_err *err)
{
  const struct ext_source *source = self;
  const struct model_external_source_factory_config *f = source->factory;
  const char *module = model_pair_find(f->factory_params, f->n_factory_params, "module");
  const char *function = model_pair_find(f->factory_params, f->n_factory_params, "function");
  if (source->fetcher->options.repo == NULL) {
    return chn_fail(err, CHN_E_ARGUMENT, "it is a Lua function, and no repo folder is given");
  }
  if (module == NULL) {
    return chn_fail(err, CHN_E_ARGUMENT, "its factoryParams have no module (\"externals.name\")");
  }
  struct chn_buf text = { 0 };
  struct chn_buf rest = { 0 };
  function = function != NULL ? function : "fetch";
  chn_buf_adds(&text, "local m, f = require(");
  quote(module, strlen(module), &text);
  chn_buf_adds(&text, "), ");
  quote(function, strlen(function), &text);
  chn_buf_adds(&text, " if type(m) ~= 'table' or m[f] == nil then "
                      "error('its module has no function ' .. f, 0) end local o = m[f]({");
  add_rows(call, &text, &rest);
  chn_buf_addf(&text, "%sreturn o", chn_buf_str(&rest));
  chn_buf_deinit(&rest);
  const struct luart_limits limits = { .cpu_ms = call->timeout_ms };
  struct luart *rt = luart_new(source->fetcher->options.repo, &limits);
  const char *json = NULL;
  chn_status s =
      luart_eval(rt, call->arena, "external.lua", chn_buf_str(&text), text.len, &json, err);
  luart_free(rt);
  chn_buf_deinit(&text);
  return s == CHN_OK ? fetch_external_answer(call, json, strlen(json), true, err) : s;
}
