// The OpenAPI document, made of the table of routes.
#include <string.h>

#include "codec/json.h"
#include "http/http_int.h"

static void text(struct codec_json_writer *w, const char *key, const char *value)
{
  codec_json_key(w, key);
  codec_json_string(w, value, strlen(value));
}

static void begin(struct codec_json_writer *w, const char *key)
{
  codec_json_key(w, key);
  codec_json_begin(w, '{');
}

static void end(struct codec_json_writer *w)
{
  codec_json_end(w, '}');
}

static void type(struct codec_json_writer *w, const char *name)
{
  begin(w, "schema");
  text(w, "type", name);
  end(w);
}

static void reference(struct codec_json_writer *w, const char *to)
{
  text(w, "$ref", to);
}

// ---- of an operation --------------------------------------------------------------------------

static void parameter(struct codec_json_writer *w, const char *name, const char *in,
                      const char *kind, const char *doc)
{
  codec_json_begin(w, '{');
  text(w, "name", name);
  text(w, "in", in);
  if (strcmp(in, "path") == 0) {
    codec_json_key(w, "required");
    codec_json_bool(w, true);
  }
  text(w, "description", doc);
  type(w, kind);
  end(w);
}

static void feature_parameters(struct codec_json_writer *w, const struct http_route *route,
                               enum http_method method)
{
  codec_json_key(w, "parameters");
  codec_json_begin(w, '[');
  parameter(w, "name", "path", "string",
            route->answer == http_answer_join
                ? "team/file.var, its slash written %2F"
                : "team.file.var, or team/file.var with its slash written %2F");
  parameter(w, "at", "query", "string",
            "the instant asked for, epoch milliseconds or ISO 8601; without it now");
  parameter(w, "detailed", "query", "boolean",
            "1: each feature with its status, and the errors apart");
  if (method == HTTP_GET) {
    codec_json_begin(w, '{');
    text(w, "name", "keys");
    text(w, "in", "query");
    text(w, "description", "every other parameter is a key: ?user_id=5");
    text(w, "style", "form");
    codec_json_key(w, "explode");
    codec_json_bool(w, true);
    begin(w, "schema");
    text(w, "type", "object");
    begin(w, "additionalProperties");
    text(w, "type", "string");
    end(w);
    end(w);
    end(w);
  }
  codec_json_end(w, ']');
}

static void body(struct codec_json_writer *w)
{
  begin(w, "requestBody");
  codec_json_key(w, "required");
  codec_json_bool(w, true);
  begin(w, "content");
  begin(w, http_json_type);
  begin(w, "schema");
  reference(w, "#/components/schemas/Keys");
  end(w);
  codec_json_key(w, "example");
  codec_json_begin(w, '[');
  codec_json_begin(w, '{');
  text(w, "user_id", "5");
  end(w);
  codec_json_end(w, ']');
  end(w);
  end(w);
  end(w);
}

static void response(struct codec_json_writer *w, const char *status, const char *doc,
                     const char *media, const char *schema)
{
  begin(w, status);
  text(w, "description", doc);
  if (media != NULL) {
    begin(w, "content");
    begin(w, media);
    begin(w, "schema");
    if (schema != NULL) {
      reference(w, schema);
    } else {
      text(w, "type", strcmp(media, http_json_type) == 0 ? "object" : "string");
    }
    end(w);
    end(w);
    end(w);
  }
  end(w);
}

static void failure(struct codec_json_writer *w, const char *status, const char *doc)
{
  response(w, status, doc, http_json_type, "#/components/schemas/Errors");
}

static void responses(struct codec_json_writer *w, const struct http_route *route,
                      enum http_method method)
{
  const bool features = route->access == HTTP_READ;
  begin(w, "responses");
  if (features) {
    response(w, "200", "an answer for each key object, in their order", http_json_type,
             "#/components/schemas/Results");
    failure(w, "400", "the body, the name or the query cannot be read");
    failure(w, "413", "the body is too large, or has too many key objects");
    failure(w, "500", "the store does not answer; of a join that is not known a plain text");
  } else {
    const bool is_metrics = route->answer == http_answer_metrics;
    response(w, "200", route->doc, is_metrics ? "text/plain" : http_json_type, NULL);
  }
  if (features && method == HTTP_GET && route->answer == http_answer_join) {
    failure(w, "404", "there is no such join");
  }
  if (route->answer == http_answer_ready) {
    failure(w, "503", "the store does not answer, or the server is being stopped");
  }
  if (route->answer == http_answer_reload) {
    failure(w, "500", "what could not be read again stays as it was");
  }
  if (route->access != HTTP_OPEN) {
    failure(w, "401", "tokens are asked for, and none or an unknown one was given");
  }
  if (features || route->scope != NULL) {
    failure(w, "403", "the token may not do this");
  }
  end(w);
}

static void operation(struct codec_json_writer *w, const struct http_route *route,
                      enum http_method method)
{
  const bool features = route->access == HTTP_READ;
  begin(w, method == HTTP_GET ? "get" : "post");
  text(w, "summary", route->doc);
  struct chn_buf id = { 0 };
  chn_buf_addf(&id, "%s%s", route->label, features && method == HTTP_GET ? "_get" : "");
  text(w, "operationId", chn_buf_str(&id));
  chn_buf_deinit(&id);
  if (features) {
    feature_parameters(w, route, method);
  }
  if (features && method == HTTP_POST) {
    body(w);
  }
  responses(w, route, method);
  if (route->access != HTTP_OPEN) {
    codec_json_key(w, "security");
    codec_json_begin(w, '[');
    codec_json_begin(w, '{');
    end(w);
    codec_json_begin(w, '{');
    codec_json_key(w, "bearer");
    codec_json_begin(w, '[');
    codec_json_end(w, ']');
    end(w);
    codec_json_end(w, ']');
  }
  end(w);
}

// ---- schemas ----------------------------------------------------------------------------------

static const char SCHEMAS[] =
    "{\"Keys\":{\"type\":\"array\",\"items\":{\"type\":\"object\"}},"
    "\"Errors\":{\"type\":\"object\",\"required\":[\"errors\"],\"properties\":{\"errors\":"
    "{\"type\":\"array\",\"items\":{\"type\":\"string\"}}}},"
    "\"Results\":{\"type\":\"object\",\"required\":[\"results\"],\"properties\":{\"results\":"
    "{\"type\":\"array\",\"items\":{\"$ref\":\"#/components/schemas/Result\"}}}},"
    "\"Result\":{\"type\":\"object\",\"required\":[\"status\",\"entityKeys\"],\"properties\":{"
    "\"status\":{\"type\":\"string\",\"enum\":[\"Success\",\"Failure\"]},"
    "\"entityKeys\":{\"type\":\"object\"},"
    "\"features\":{\"type\":\"object\",\"description\":\"a value a feature; detailed: "
    "{value, status} with status present, null, missing_key, stale_batch or error\"},"
    "\"errors\":{\"type\":\"object\",\"description\":\"detailed: an entry a part that failed\"},"
    "\"error\":{\"type\":\"string\",\"description\":\"of a Failure\"}}}}";

static void components(struct codec_json_writer *w)
{
  struct arena a = { 0 };
  const struct codec_json *schemas = NULL;
  begin(w, "components");
  if (codec_json_parse(&a, SCHEMAS, sizeof SCHEMAS - 1, "schemas", &schemas, NULL) == CHN_OK) {
    codec_json_key(w, "schemas");
    codec_json_value(w, schemas);
  }
  arena_deinit(&a);
  begin(w, "securitySchemes");
  begin(w, "bearer");
  text(w, "type", "http");
  text(w, "scheme", "bearer");
  end(w);
  end(w);
  end(w);
}

void http_openapi_write(struct http_server *s)
{
  struct codec_json_writer w;
  struct chn_buf path = { 0 };
  codec_json_writer_init(&w, &s->openapi, CODEC_JSON_INDENT);
  codec_json_begin(&w, '{');
  text(&w, "openapi", "3.0.3");
  begin(&w, "info");
  text(&w, "title", "Chronon features");
  text(&w, "version", CHRONON_VERSION);
  end(&w);
  begin(&w, "paths");
  for (const struct http_route *route = http_routes; route->path != NULL; route++) {
    chn_buf_clear(&path);
    chn_buf_addf(&path, "%s%s", route->path, route->access == HTTP_READ ? "{name}" : "");
    begin(&w, chn_buf_str(&path));
    for (enum http_method m = HTTP_GET; m <= HTTP_POST; m++) {
      if ((route->methods & (1U << m)) != 0) {
        operation(&w, route, m);
      }
    }
    end(&w);
  }
  end(&w);
  components(&w);
  end(&w);
  chn_buf_deinit(&path);
}
