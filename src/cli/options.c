// The options that several commands share.
#include "cli/args.h"

const struct cli_option cli_common_options[] = {
  { "output", 'o', CLI_VALUE, "FORMAT", "table", "CHRONON_OUTPUT",
    "how data is printed: table, json, csv, markdown" },
  { "quiet", 'q', CLI_FLAG, NULL, NULL, NULL, "say nothing on stderr but errors" },
  { "no-color", 0, CLI_FLAG, NULL, NULL, "NO_COLOR", "no colours, on a terminal too" },
  { "help", 'h', CLI_FLAG, NULL, NULL, NULL, "examples and options of the command" },
  { .name = NULL },
};

const struct cli_option cli_repo_options[] = {
  { "repo", 0, CLI_VALUE, "DIR", NULL, "CHRONON_REPO",
    "the repo: by default the nearest folder upwards with a teams.json" },
  { .name = NULL },
};

const struct cli_option cli_warehouse_options[] = {
  { "warehouse", 0, CLI_VALUE, "DIR", NULL, "CHRONON_WAREHOUSE",
    "where tables lie: by default REPO/warehouse" },
  { "table", 't', CLI_LIST, "NS.NAME=PATH", NULL, NULL,
    "a source table: file, folder or glob of Parquet, CSV or JSON; may be repeated, wins over "
    "\"tables\" of teams.json" },
  { "threads", 0, CLI_VALUE, "N", NULL, "CHRONON_THREADS", "threads: by default all cores" },
  { "memory-limit", 0, CLI_VALUE, "SIZE", "60%", "CHRONON_MEMORY_LIMIT",
    "memory of the whole program: 500M, 4GB or a share of the machine; beyond it data is spilled "
    "to disk" },
  { .name = NULL },
};

const struct cli_option cli_store_options[] = {
  { "store", 0, CLI_VALUE, "URL", NULL, "CHRONON_STORE",
    "the online store: lmdb:DIR, redis://[[USER]:PASSWORD@]HOST[:PORT][/DB] or rediss://..; by "
    "default lmdb:REPO/store" },
  { .name = NULL },
};

void cli_option_lists(const struct cli_command *c, const struct cli_option *lists[CLI_OPTION_LISTS])
{
  lists[0] = c->options;
  lists[1] = c->uses_repo ? cli_repo_options : NULL;
  lists[2] = c->uses_warehouse ? cli_warehouse_options : NULL;
  lists[3] = c->uses_store ? cli_store_options : NULL;
  lists[4] = c->uses_stream ? cli_stream_options : NULL;
  lists[5] = cli_common_options;
}
