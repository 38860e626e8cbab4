#include "cli/context.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void print_json_error(const struct chn_err *err)
{
  struct chn_buf out = { 0 };
  struct codec_json_writer w;
  const char *code = chn_code_name(err->code);
  codec_json_writer_init(&w, &out, CODEC_JSON_SPACED);
  codec_json_begin(&w, '{');
  codec_json_key(&w, "error");
  codec_json_begin(&w, '{');
  codec_json_key(&w, "code");
  codec_json_string(&w, code, strlen(code));
  codec_json_key(&w, "message");
  codec_json_string(&w, err->msg, strlen(err->msg));
  codec_json_end(&w, '}');
  codec_json_end(&w, '}');
  fprintf(stderr, "%s\n", chn_buf_str(&out));
  chn_buf_deinit(&out);
}

int cli_fail(const struct cli_context *ctx, const struct chn_err *err, bool usage)
{
  fflush(stdout);
  if (ctx->style.format == CLI_JSON) {
    print_json_error(err);
  } else {
    fprintf(stderr, "chronon: %s\n", err->msg);
  }
  if (err->code == CHN_E_CANCELLED) {
    return CLI_INTERRUPTED;
  }
  return usage ? CLI_USAGE : CLI_FAILED;
}

void cli_note(const struct cli_context *ctx, const char *fmt, ...)
{
  if (ctx->quiet) {
    return;
  }
  va_list ap;
  va_start(ap, fmt);
  vfprintf(stderr, fmt, ap);
  va_end(ap);
  fputc('\n', stderr);
}

bool cli_print(struct chn_buf *out)
{
  const bool ok = fwrite(chn_buf_str(out), 1, out->len, stdout) == out->len && !ferror(stdout);
  chn_buf_clear(out);
  return ok;
}

bool cli_is_terminal(FILE *stream)
{
  const char *term = getenv("TERM");
  return isatty(fileno(stream)) && term && strcmp(term, "dumb") != 0;
}
