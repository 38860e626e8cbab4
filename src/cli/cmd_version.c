#include <string.h>

#include "cli/context.h"

static int run_version(struct cli_context *ctx)
{
  struct chn_buf out = { 0 };
  if (ctx->style.format == CLI_JSON) {
    struct codec_json_writer w;
    codec_json_writer_init(&w, &out, CODEC_JSON_INDENT);
    codec_json_begin(&w, '{');
    codec_json_key(&w, "version");
    codec_json_string(&w, CHRONON_VERSION, strlen(CHRONON_VERSION));
    codec_json_end(&w, '}');
    chn_buf_addc(&out, '\n');
  } else {
    chn_buf_addf(&out, "chronon %s\n", CHRONON_VERSION);
  }
  cli_print(&out);
  chn_buf_deinit(&out);
  return CLI_DONE;
}

const struct cli_command cli_cmd_version = {
  .name = "version",
  .summary = "which version this is",
  .examples = "chronon version",
  .run = run_version,
};
