/// stream.h: what the streaming modes read from the command line and print.
#pragma once
#include "cli/context.h"
#include "stream/stream.h"

/// Where late and bad messages go.
struct cli_stream_sinks {
  struct reject_sink late;
  struct reject_sink dead;
};

chn_status cli_stream_options_read(struct cli_context *ctx, bool local, struct stream_options *o,
                                   struct chn_err *err);

/// Opens those that were asked for, for the job of a GroupBy, and sets o->late and o->dead. None
/// with o->dry.
chn_status cli_stream_sinks_open(struct cli_context *ctx, const struct model_group_by *gb,
                                 struct stream_options *o, struct cli_stream_sinks *out,
                                 struct chn_err *err);
void cli_stream_sinks_close(struct cli_stream_sinks *sinks);

/// Appends a status as one line of a terminal; `rate` is messages a second.
void cli_stream_line(const struct stream_status *at, int32_t name_width, double rate,
                     struct chn_buf *out);

/// Features of joins for GroupBys over them, from the same store; free it after the jobs, before
/// the store.
struct cli_stream_enrich;
const struct stream_enrich *cli_stream_enrich_new(struct cli_context *ctx, struct kv_store *store,
                                                  struct cli_stream_enrich **out);
void cli_stream_enrich_free(struct cli_stream_enrich *self);

/// The terminal's size; 80 x 24 where it does not say.
struct cli_stream_screen {
  int32_t columns;
  int32_t rows;
};
struct cli_stream_screen cli_stream_screen(void);

/// Prints what n jobs have done, on stdout.
void cli_stream_report(struct cli_context *ctx, struct stream_job *const *jobs, int32_t n);
