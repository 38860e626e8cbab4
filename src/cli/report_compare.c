#include <inttypes.h>
#include <string.h>

#include "cli/report.h"
#include "obs/meter.h"

static double mismatch_rate(const struct batch_feature_diff *f)
{
  const uint64_t wrong = f->mismatched + f->left_null + f->right_null;
  return f->rows > 0 ? (double)wrong / (double)f->rows : 0;
}

static void json_features(struct codec_json_writer *w, const struct batch_comparison *c)
{
  codec_json_key(w, "features");
  codec_json_begin(w, '[');
  for (int32_t i = 0; i < c->n_features; i++) {
    const struct batch_feature_diff *f = &c->features[i];
    codec_json_begin(w, '{');
    cli_json_text(w, "feature", f->name);
    cli_json_int(w, "rows", f->rows);
    cli_json_int(w, "different", f->mismatched);
    cli_json_int(w, "missing_left", f->left_null);
    cli_json_int(w, "missing_right", f->right_null);
    cli_json_int(w, "missing_both", f->both_null);
    codec_json_key(w, "mismatch_rate");
    codec_json_real(w, mismatch_rate(f));
    codec_json_key(w, "smape");
    if (f->has_smape) {
      codec_json_real(w, f->smape);
    } else {
      codec_json_null(w);
    }
    codec_json_end(w, '}');
  }
  codec_json_end(w, ']');
}

static void json_rows(struct codec_json_writer *w, const struct batch_comparison *c)
{
  codec_json_key(w, "compared_now");
  if (!c->counted) {
    codec_json_null(w);
    return;
  }
  codec_json_begin(w, '{');
  cli_json_int(w, "rows", c->rows);
  cli_json_int(w, "missing_left", c->right_only);
  cli_json_int(w, "missing_right", c->left_only);
  cli_json_int(w, "repeated_keys", c->repeated);
  codec_json_end(w, '}');
}

static void print_json(const struct batch_report *r, const struct batch_comparison *c,
                       double seconds, struct chn_buf *out)
{
  struct codec_json_writer w;
  codec_json_writer_init(&w, out, CODEC_JSON_INDENT);
  codec_json_begin(&w, '{');
  cli_json_text(&w, "left", c->left);
  cli_json_text(&w, "right", c->right);
  cli_json_text(&w, "start_ds", c->start_ds);
  cli_json_text(&w, "end_ds", c->end_ds);
  cli_json_text(&w, "rows_table", c->rows_table);
  cli_json_text(&w, "metrics_table", c->metrics_table);
  json_rows(&w, c);
  json_features(&w, c);
  cli_json_text(&w, "idle", r->n_steps ? NULL : r->idle);
  codec_json_key(&w, "seconds");
  codec_json_real(&w, (double)(int64_t)(seconds * 1000 + 0.5) / 1000);
  codec_json_end(&w, '}');
  chn_buf_addc(out, '\n');
}

static void print_features(const struct cli_context *ctx, const struct batch_comparison *c,
                           struct chn_buf *out)
{
  static const struct cli_column columns[] = {
    { "feature", false },      { "rows", true },          { "different", true },
    { "missing_left", true },  { "missing_right", true }, { "missing_both", true },
    { "mismatch_rate", true }, { "smape", true },
  };
  struct cli_grid grid;
  cli_grid_init(&grid, columns, 8);
  for (int32_t i = 0; i < c->n_features; i++) {
    const struct batch_feature_diff *f = &c->features[i];
    cli_grid_add(&grid, f->name);
    cli_grid_addf(&grid, "%" PRIu64, f->rows);
    cli_grid_addf(&grid, "%" PRIu64, f->mismatched);
    cli_grid_addf(&grid, "%" PRIu64, f->left_null);
    cli_grid_addf(&grid, "%" PRIu64, f->right_null);
    cli_grid_addf(&grid, "%" PRIu64, f->both_null);
    cli_grid_addf(&grid, "%.6g", mismatch_rate(f));
    if (f->has_smape) {
      cli_grid_addf(&grid, "%.6g", f->smape);
    } else {
      cli_grid_add(&grid, NULL);
    }
  }
  cli_grid_print(&grid, &ctx->style, out);
  cli_grid_deinit(&grid);
}

static void print_summary(const struct batch_report *r, const struct batch_comparison *c,
                          double seconds, struct chn_buf *out)
{
  chn_buf_addf(out, "left:    %s\nright:   %s\n", c->left, c->right);
  if (c->start_ds != NULL) {
    chn_buf_addf(out, "days:    %s to %s\n", c->start_ds, c->end_ds);
  }
  if (c->counted) {
    chn_buf_addf(
        out, "rows:    %" PRIu64 ", of them %" PRIu64 " missing left, %" PRIu64 " missing right; ",
        c->rows, c->right_only, c->left_only);
    obs_print_seconds(out, seconds);
    chn_buf_addc(out, '\n');
  } else {
    chn_buf_addf(out, "rows:    none compared now, %s\n", r->idle != NULL ? r->idle : "no step");
  }
  if (c->rows_table != NULL) {
    chn_buf_addf(out, "rows in: %s\n", c->rows_table);
  }
  chn_buf_addf(out, "metrics: %s\n\n", c->metrics_table);
}

void cli_report_comparison(const struct cli_context *ctx, const struct batch_report *report,
                           const struct batch_comparison *c, double seconds)
{
  struct chn_buf out = { 0 };
  if (ctx->style.format == CLI_JSON) {
    print_json(report, c, seconds, &out);
  } else {
    if (ctx->style.format == CLI_TABLE) {
      print_summary(report, c, seconds, &out);
    }
    print_features(ctx, c, &out);
  }
  cli_print(&out);
  chn_buf_deinit(&out);
  if (c->counted && c->repeated > 0) {
    cli_note(ctx,
             "note: %" PRIu64 " keys stand several times: every pair of their rows is compared; "
             "row_ids that tell them apart make it row by row",
             c->repeated);
  }
}
