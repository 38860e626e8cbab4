// chronon serve: the features of a store over HTTP.
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/fetch.h"
#include "cli/report.h"
#include "fetcher/log.h"
#include "http/http.h"
#include "kv/kv.h"

static const struct cli_option options[] = {
  { "port", 'p', CLI_VALUE, "PORT", "8080", "CHRONON_PORT", "0 takes any that is free" },
  { "host", 0, CLI_VALUE, "HOST", "127.0.0.1", "CHRONON_HOST",
    "the address to serve at; beyond loopback tokens and TLS are needed, or --insecure" },
  { "threads", 0, CLI_VALUE, "N", NULL, "CHRONON_THREADS", "threads: by default all cores" },
  { "tokens", 0, CLI_VALUE, "FILE", NULL, "CHRONON_TOKENS",
    "bearer tokens, their teams and scopes (docs/reference/http.md)" },
  { "tls-cert", 0, CLI_VALUE, "FILE", NULL, "CHRONON_TLS_CERT", "certificate chain, PEM" },
  { "tls-key", 0, CLI_VALUE, "FILE", NULL, "CHRONON_TLS_KEY", "its private key, PEM" },
  { "insecure", 0, CLI_FLAG, NULL, NULL, NULL,
    "serve beyond loopback without tokens or without TLS" },
  { "max-body", 0, CLI_VALUE, "BYTES", "16777216", NULL,
    "of a request; more is answered with 413" },
  { "max-keys", 0, CLI_VALUE, "N", "10000", NULL, "key objects of a request; more is a 413" },
  { "max-connections", 0, CLI_VALUE, "N", "1000", NULL, "open at once; further ones wait" },
  { "request-timeout", 0, CLI_VALUE, "MS", "30000", NULL,
    "time to bring a request, and to take its answer; slower clients are cut" },
  { "idle-timeout", 0, CLI_VALUE, "MS", "60000", NULL, "of a connection between two requests" },
  { "stop-timeout", 0, CLI_VALUE, "MS", "10000", NULL,
    "time that requests under way have when the server is stopped" },
  { "metadata-ttl", 0, CLI_VALUE, "MS", "7200000", NULL,
    "age at which definitions are looked up again; SIGHUP does it at once" },
  { "batch-cache", 0, CLI_VALUE, "N", "0", NULL, "uploaded values that a thread keeps decoded" },
  { "answer-cache", 0, CLI_VALUE, "MIB", "96", NULL,
    "answers kept as long as nothing changes them (LMDB); 0: none" },
  { "log", 0, CLI_FLAG, NULL, NULL, NULL,
    "write what is served into the log: rows of the samplePercent of each join" },
  { "warehouse", 0, CLI_VALUE, "DIR", NULL, "CHRONON_WAREHOUSE",
    "where the log's tables lie: by default REPO/warehouse" },
  { "log-table", 0, CLI_VALUE, "NS.TABLE", NULL, "CHRONON_LOG_TABLE",
    "the log of --log: by default logs.served" },
  { "schema-table", 0, CLI_VALUE, "NS.TABLE", NULL, "CHRONON_SCHEMA_TABLE",
    "the schemas of its rows: by default logs.served_schemas" },
  { "check-entities", 0, CLI_FLAG, NULL, NULL, NULL,
    "names must be in their team's list of the store" },
  { .name = NULL },
};

static void say(void *self, const char *line)
{
  cli_note(self, "%s", line);
}

static chn_status read_options(struct cli_context *ctx, struct http_options *h,
                               struct fetcher_options *f, struct chn_err *err)
{
  const struct cli_args *args = &ctx->args;
  int32_t max_body = 0;
  int32_t ttl = 0;
  int32_t answers = 0;
  h->host = cli_get(args, "host");
  h->tokens = cli_get(args, "tokens");
  h->tls_cert = cli_get(args, "tls-cert");
  h->tls_key = cli_get(args, "tls-key");
  h->insecure = cli_is_set(args, "insecure");
  h->say = say;
  h->say_self = ctx;
  f->check_entities = cli_is_set(args, "check-entities");
  f->refresh_in_background = true;
  f->repo = ctx->repo.root;
  if (cli_get_int(args, "port", 0, 65535, &h->port, err) != CHN_OK ||
      cli_get_int(args, "threads", 1, 1024, &h->threads, err) != CHN_OK ||
      cli_get_int(args, "max-body", 1, 1 << 26, &max_body, err) != CHN_OK ||
      cli_get_int(args, "max-keys", 1, 1000000, &h->max_rows, err) != CHN_OK ||
      cli_get_int(args, "max-connections", 1, 1000000, &h->max_connections, err) != CHN_OK ||
      cli_get_int(args, "request-timeout", 1, 3600000, &h->request_ms, err) != CHN_OK ||
      cli_get_int(args, "idle-timeout", 1, 86400000, &h->idle_ms, err) != CHN_OK ||
      cli_get_int(args, "stop-timeout", 1, 3600000, &h->stop_ms, err) != CHN_OK ||
      cli_get_int(args, "metadata-ttl", 1, INT32_MAX, &ttl, err) != CHN_OK ||
      cli_get_int(args, "batch-cache", 0, 1 << 26, &f->batch_cache, err) != CHN_OK ||
      cli_get_int(args, "answer-cache", 0, 1 << 20, &answers, err) != CHN_OK) {
    return err->code;
  }
  h->max_body = max_body;
  f->ttl_ms = ttl;
  f->answer_cache = (int64_t)answers << 20;
  return CHN_OK;
}

/// Says that it is ready: on stderr for people, as JSON on stdout for programs.
static void tell(struct cli_context *ctx, const struct http_server *server, struct kv_store *store)
{
  cli_note(ctx, "serving %s at %s (%d thread%s); Ctrl-C stops", kv_url(store), http_url(server),
           (int)http_threads(server), http_threads(server) == 1 ? "" : "s");
  if (ctx->style.format == CLI_JSON) {
    struct chn_buf out = { 0 };
    struct codec_json_writer w;
    codec_json_writer_init(&w, &out, CODEC_JSON_COMPACT);
    codec_json_begin(&w, '{');
    cli_json_text(&w, "url", http_url(server));
    cli_json_int(&w, "port", (uint64_t)http_port(server));
    cli_json_int(&w, "pid", (uint64_t)getpid());
    codec_json_end(&w, '}');
    chn_buf_addc(&out, '\n');
    cli_print(&out);
    fflush(stdout);
    chn_buf_deinit(&out);
  }
  struct chn_err err;
  if (kv_ping(store, &err) != CHN_OK) {
    cli_note(ctx, "the store does not answer yet, and until it does every request fails: %s",
             err.msg);
  }
}

static chn_status serve(struct cli_context *ctx, struct kv_store *store,
                        const struct fetcher_options *f, struct http_options *h,
                        struct chn_err *err)
{
  struct fetcher *fetcher = NULL;
  struct http_server *server = NULL;
  struct chn_err ignored;
  chn_status status = cli_fetch_log_open(ctx, &h->log, err);
  if (status == CHN_OK) {
    status = fetcher_open(store, f, &fetcher, err);
  }
  if (status == CHN_OK) {
    status = http_open(store, fetcher, h, &server, err);
  }
  if (status == CHN_OK) {
    tell(ctx, server, store);
    status = http_run(server, err);
    http_close(server);
    cli_note(ctx, "stopped");
  }
  const chn_status logged = fetch_log_close(h->log, status == CHN_OK ? err : &ignored);
  fetcher_close(fetcher);
  return status == CHN_OK ? logged : status;
}

static int run_serve(struct cli_context *ctx)
{
  struct chn_err err = { 0 };
  struct http_options h = { 0 };
  struct fetcher_options f = { 0 };
  struct kv_store *store = NULL;
  if (cli_repo_find(ctx, CLI_REPO_MAY_LACK, &err) != CHN_OK ||
      read_options(ctx, &h, &f, &err) != CHN_OK) {
    return cli_fail(ctx, &err, true);
  }
  chn_status status = cli_store_open(ctx, false, &store, &err);
  if (status == CHN_OK) {
    status = serve(ctx, store, &f, &h, &err);
  }
  kv_close(store);
  return status == CHN_OK ? CLI_DONE : cli_fail(ctx, &err, false);
}

const struct cli_command cli_cmd_serve = {
  .name = "serve",
  .summary = "answer for features over HTTP",
  .examples =
      "chronon serve\n"
      "chronon serve --port 0 --store redis://127.0.0.1 -o json  # a free port, told as JSON\n"
      "chronon serve --host 0.0.0.0 --tokens tokens.json --tls-cert cert.pem --tls-key key.pem\n"
      "curl -d '[{\"user_id\":\"5\"}]' "
      "localhost:8080/v1/features/join/team%2Ffile.v1  # POST, as Chronon's service\n"
      "chronon serve --log  # then: run --mode log-flattener --log-table logs.served ...\n"
      "curl 'localhost:8080/v1/features/join/team%2Ffile.v1?user_id=5&detailed=1'",
  .doc = "Routes, answers, tokens and metrics are in docs/reference/http.md; the server describes "
         "itself at /openapi.json. SIGTERM and Ctrl-C let requests under way end; SIGHUP reads "
         "definitions and tokens again.",
  .options = options,
  .uses_repo = true,
  .uses_store = true,
  .run = run_serve,
};
