/// display.h: what a definition will give: tables by job mode, and columns. Chronon's compile.py
/// shows them with --table-display and --feature-display.
#pragma once
#include "codec/json.h"
#include "model/model.h"

/// Writes an object: per job mode (and for "bootstrap" and "join_parts") the list of its tables, or
/// null for a mode without one (streaming).
void display_tables(struct arena *a, const struct model_conf *conf, struct codec_json_writer *w);

/// A named list of columns: "key_columns", "left_columns", "internal_columns", "external_columns",
/// "derived_columns", "output_columns".
struct display_columns {
  const char *title;
  const char **names;
  int32_t n;
};

enum { DISPLAY_LISTS = 6 };

/// Fills up to DISPLAY_LISTS lists and returns their number: all of a Join's, a GroupBy's output,
/// none of a StagingQuery.
int32_t display_features(struct arena *a, const struct model_conf *conf,
                         struct display_columns *lists);
