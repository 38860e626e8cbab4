/// trial.h: authors' tests of their definitions (docs/reference/testing.md).
///
/// A test file (`*_test.lua`, lua/chronon/trial.lua) gives tables as rows and what is expected of
/// definitions over them. The tables become Parquet in a warehouse of its own in a temporary
/// folder, and the jobs of room batch compute; nothing of the repo but its Lua files and teams.json
/// is read, and nothing of it written. All files share one engine.
#pragma once
#include "warehouse/warehouse.h"

struct trial;

struct trial_options {
  const char *repo;
  const char *filter;    ///< only tests whose name has this in it, `*` is any text; or NULL
  int32_t threads;       ///< 0: all cores
  uint64_t memory_limit; ///< bytes for the whole program; 0: 60 % of the machine
  const struct wh_source *sources; ///< tables of the repo, for the types of trial_live's columns
  int32_t n_sources;
  const char *warehouse;         ///< of the repo, for the same; NULL: none
  bool (*cancelled)(void *user); ///< or NULL
  void *user;
};

/// What is not as expected. Either `message` says it, or the rest does: `feature` of `definition`
/// for `keys` at `at` is `got`, not `want` (values as JSON).
struct trial_failure {
  const char *where; ///< "group_bys/team/file_test.lua:12", or NULL
  const char *message;
  const char *definition;
  const char *feature; ///< of t.expect_rows a column
  const char *keys;    ///< of t.expect_rows the columns of the row that are as expected
  const char *at;      ///< NULL of t.expect_rows
  const char *got;
  const char *want;
};

struct trial_test {
  const char *file;
  const char *name; ///< the file's for what is wrong with all of it
  const char *where;
  struct trial_failure *failures; ///< none: it passed
  int32_t n_failures;
  double ms;
  const char *note; ///< what was done, or NULL
  bool live;        ///< of trial_live: `got` is of a backfill, `want` was fetched
  bool skipped;     ///< nothing was compared; the note says why
};

/// All memory is in `arena`.
struct trial_report {
  struct arena arena;
  struct trial_test *tests;
  int32_t n_tests;
  int32_t n_passed;
  int32_t n_failed;
  int32_t n_skipped; ///< by the filter
};

void trial_report_deinit(struct trial_report *r);

/// The test files below `paths`, files or folders relative to the repo or starting with it; without
/// any, below the repo's folders of definitions and `tests`. Sorted. CHN_E_NOT_FOUND for a path
/// that does not exist, CHN_E_ARGUMENT for a file that is no *_test.lua or lies outside the repo.
chn_status trial_files(struct arena *a, const char *repo, const char *const *paths, int32_t n,
                       const char ***out, int32_t *n_out, struct chn_err *err);

/// Opens the engine. The options' texts must live as long.
chn_status trial_open(const struct trial_options *o, struct trial **out, struct chn_err *err);

/// Closes it and removes its folder.
void trial_close(struct trial *t);

/// Runs the tests of a file and adds them to the report. What is wrong with a test, or with the
/// file, is a failure in the report; CHN_E_CANCELLED when the user stopped it.
chn_status trial_file(struct trial *t, const char *file, struct trial_report *report,
                      struct chn_err *err);

/// Backfills beside uploads, streams and fetches of GroupBys: rows that are made by chance become a
/// table; its first days are uploaded into a store in memory, the rest is streamed from a file; at
/// instants and for keys what is fetched is compared with a backfill. A GroupBy is a test of the
/// report. `names` are team.file.variable; without any, the online GroupBys of the repo. The seed
/// makes the rows, and is in the notes.
chn_status trial_live(struct trial *t, const char *const *names, int32_t n, uint64_t seed,
                      struct trial_report *report, struct chn_err *err);
