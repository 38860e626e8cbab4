#include "cli/report.h"

#include <inttypes.h>
#include <string.h>

#include "obs/meter.h"

void cli_json_text(struct codec_json_writer *w, const char *key, const char *text)
{
  codec_json_key(w, key);
  if (text) {
    codec_json_string(w, text, strlen(text));
  } else {
    codec_json_null(w);
  }
}

void cli_json_int(struct codec_json_writer *w, const char *key, uint64_t value)
{
  codec_json_key(w, key);
  codec_json_int(w, (int64_t)value);
}

static void json_seconds(struct codec_json_writer *w, double seconds)
{
  codec_json_key(w, "seconds");
  codec_json_real(w, (double)(int64_t)(seconds * 1000 + 0.5) / 1000);
}

static void json_steps(struct codec_json_writer *w, const struct batch_report *r)
{
  codec_json_key(w, "steps");
  codec_json_begin(w, '[');
  for (int32_t i = 0; i < r->n_steps; i++) {
    codec_json_begin(w, '{');
    cli_json_text(w, "start_ds", r->steps[i].start_ds);
    cli_json_text(w, "end_ds", r->steps[i].end_ds);
    codec_json_key(w, "done");
    codec_json_bool(w, r->steps[i].done);
    cli_json_int(w, "rows", r->steps[i].rows);
    codec_json_end(w, '}');
  }
  codec_json_end(w, ']');
}

static void json_stages(struct codec_json_writer *w, const struct batch_report *r)
{
  codec_json_key(w, "stages");
  codec_json_begin(w, '[');
  for (int32_t i = 0; i < r->n_timings; i++) {
    codec_json_begin(w, '{');
    cli_json_text(w, "stage", r->timings[i].stage);
    json_seconds(w, r->timings[i].seconds);
    cli_json_int(w, "rows", r->timings[i].rows);
    codec_json_end(w, '}');
  }
  codec_json_end(w, ']');
}

static const char *idle(const struct batch_report *r)
{
  return r->idle ? r->idle : "every day is there";
}

static void print_json(const struct batch_report *r, const struct model_conf *conf, double seconds,
                       struct chn_buf *out)
{
  struct codec_json_writer w;
  codec_json_writer_init(&w, out, CODEC_JSON_INDENT);
  codec_json_begin(&w, '{');
  cli_json_text(&w, "table", r->table);
  if (conf) {
    cli_json_text(&w, "conf", conf->name);
    cli_json_int(&w, "rows", r->rows);
    cli_json_int(&w, "partitions", (uint64_t)r->partitions);
    json_seconds(&w, seconds);
    cli_json_int(&w, "peak_memory_bytes", r->peak_rss);
    json_stages(&w, r);
  }
  json_steps(&w, r);
  cli_json_text(&w, "idle", r->n_steps ? NULL : idle(r));
  codec_json_end(&w, '}');
  chn_buf_addc(out, '\n');
}

static void print_stages(const struct cli_context *ctx, const struct batch_report *r,
                         struct chn_buf *out)
{
  static const struct cli_column columns[] = { { "stage", false },
                                               { "seconds", true },
                                               { "rows", true } };
  struct cli_grid grid;
  cli_grid_init(&grid, columns, 3);
  for (int32_t i = 0; i < r->n_timings; i++) {
    cli_grid_add(&grid, r->timings[i].stage);
    cli_grid_addf(&grid, "%.3f", r->timings[i].seconds);
    cli_grid_addf(&grid, "%" PRIu64, r->timings[i].rows);
  }
  cli_grid_print(&grid, &ctx->style, out);
  cli_grid_deinit(&grid);
}

static void print_summary(const struct cli_context *ctx, const struct batch_report *r,
                          double seconds, struct chn_buf *out)
{
  if (r->n_steps == 0) {
    chn_buf_addf(out, "%s: nothing to do, %s\n", r->table, idle(r));
    return;
  }
  chn_buf_addf(out, "%s: %" PRIu64 " row%s", r->table, r->rows, r->rows == 1 ? "" : "s");
  if (r->partitions > 0) {
    chn_buf_addf(out, " in %d partition%s (%s to %s)", r->partitions, r->partitions == 1 ? "" : "s",
                 r->steps[0].start_ds, r->steps[r->n_steps - 1].end_ds);
  }
  chn_buf_adds(out, ", ");
  obs_print_seconds(out, seconds);
  chn_buf_adds(out, ", peak memory ");
  obs_print_bytes(out, (double)r->peak_rss);
  chn_buf_adds(out, "\n\n");
  print_stages(ctx, r, out);
}

void cli_report_backfill(const struct cli_context *ctx, const struct model_conf *conf,
                         const struct batch_report *report, double seconds)
{
  struct chn_buf out = { 0 };
  switch (ctx->style.format) {
  case CLI_JSON: print_json(report, conf, seconds, &out); break;
  case CLI_TABLE: print_summary(ctx, report, seconds, &out); break;
  default: print_stages(ctx, report, &out); break;
  }
  cli_print(&out);
  chn_buf_deinit(&out);
  if (report->n_steps && report->rows == 0) {
    cli_note(ctx,
             "note: days without rows have no partition, and the next run computes them again; "
             "`--mode analyze` checks times and keys");
  }
}

void cli_report_plan(const struct cli_context *ctx, const struct batch_report *report)
{
  static const struct cli_column columns[] = { { "start_ds", false }, { "end_ds", false } };
  struct chn_buf out = { 0 };
  if (ctx->style.format == CLI_JSON) {
    print_json(report, NULL, 0, &out);
  } else {
    struct cli_grid grid;
    cli_grid_init(&grid, columns, 2);
    for (int32_t i = 0; i < report->n_steps; i++) {
      cli_grid_add(&grid, report->steps[i].start_ds);
      cli_grid_add(&grid, report->steps[i].end_ds);
    }
    cli_grid_print(&grid, &ctx->style, &out);
    cli_grid_deinit(&grid);
  }
  cli_print(&out);
  chn_buf_deinit(&out);
  if (report->n_steps == 0) {
    cli_note(ctx, "%s: nothing would run, %s", report->table, idle(report));
  } else {
    cli_note(ctx, "%s: %d step%s would run; nothing was written", report->table, report->n_steps,
             report->n_steps == 1 ? "" : "s");
  }
}

void cli_report_broken(const struct cli_context *ctx, const struct batch_report *report)
{
  int32_t done = 0;
  for (int32_t i = 0; i < report->n_steps; i++) {
    done += report->steps[i].done;
  }
  if (done > 0) {
    cli_note(ctx, "%s: %d of %d steps are done and stay; run the command again to go on",
             report->table, done, report->n_steps);
  }
}
