/// definitions.h: the compiled definitions of a repo, and which of them makes a table.
#pragma once
#include "cli/context.h"

/// As names (`team/file.v1`) and paths below the repo, both in one order: joins, GroupBys, staging
/// queries.
struct cli_definitions {
  const char **names;
  const char **paths;
  size_t n;
};

/// Lists them; a repo of NULL, or without production/, has none. The texts live in the arena; give
/// the lists back with cli_definitions_free.
void cli_definitions_list(struct arena *a, const char *root, struct cli_definitions *out);
void cli_definitions_free(struct cli_definitions *d);

/// The definition of a name: its index, or -1. `.` and `/` are alike, and `production/` and the
/// kind may stand in front.
int32_t cli_definitions_find(const struct cli_definitions *d, const char *name);

/// The table that the backfill of a definition (a path below the repo) ends in, and whether it is
/// a join's. Fails with CHN_E_ARGUMENT for what has no table, else as model_read_file does.
chn_status cli_definition_table(struct cli_context *ctx, const char *path, const char **table,
                                bool *join, struct chn_err *err);

/// Where an error says that a table is nowhere, and a definition of the repo makes that table, the
/// error says so instead. Others, and no error, stay as they are.
void cli_tell_maker(struct cli_context *ctx, struct chn_err *err);
