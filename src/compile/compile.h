/// compile.h: definitions in Lua -> Chronon's JSON under `production/`.
///
/// A run first loads and checks everything, and only then writes; what fails a check is never
/// written, and neither is what exists only because of it. Files appear by rename, are not touched
/// when their bytes would be the same, and depend on nothing but the definitions and teams.json.
/// docs/decisions/0010 says where this departs from Chronon's compiler.
#pragma once
#include "base/arena.h"
#include "base/err.h"
#include "model/model.h"

struct compile_options {
  const char *repo;          ///< folder of teams.json; NULL: "."
  const char *const *inputs; ///< files or folders under group_bys, joins, staging_queries, relative
                             ///< to the repo (or starting with it); a compiled name such as
                             ///< production/joins/team/file.v1 stands for the file that makes it
  int32_t n_inputs;
  bool all;                ///< every file under those three folders; inputs may then be empty
  const char *output_root; ///< relative to the repo; NULL: "production"
  bool force_overwrite;    ///< change online definitions, and recompile what depends on a change
  bool keep_env;        ///< modeToEnvMap of compiled files stays (upstream asks; default: replaced)
  bool disable_logging; ///< a join that stops giving sample_percent stops logging (upstream asks;
                        ///< default: the compiled samplePercent stays)
  bool dry_run;         ///< everything but writing
};

enum compile_outcome {
  COMPILE_WRITTEN = 0, ///< new or changed
  COMPILE_UNCHANGED,   ///< the file has these bytes already
  COMPILE_SKIPPED,     ///< on purpose, see message
  COMPILE_FAILED,      ///< see message; not written
};

struct compile_item {
  enum model_kind kind; ///< MODEL_NONE for a file that could not be loaded
  const char *name;     ///< team.file.variable; of a file that could not be loaded its path
  const char *where;    ///< "group_bys/team/file.lua:12"; NULL when not known
  const char *path;     ///< output, relative to the repo; NULL when there is none
  enum compile_outcome outcome;
  bool extra;          ///< not asked for: came with a join, or depends on a change
  const char *message; ///< why it was skipped or failed (several errors: a line each), or NULL
  const struct model_conf *conf; ///< the definition as far as it is known, or NULL
  const char *text;              ///< its compiled form, also of a dry run; NULL when it has none
};

/// What is worth saying and no error.
struct compile_warning {
  const char *where; ///< as in compile_item, or NULL
  const char *message;
};

/// All memory is in `arena`; compile_report_deinit frees it.
struct compile_report {
  struct arena arena;
  struct compile_item *items; ///< group_bys, joins, staging_queries; by name inside each
  int32_t n_items;
  struct compile_warning *warnings;
  int32_t n_warnings;
  int32_t n_written, n_unchanged, n_skipped, n_failed; ///< of the items
};

/// Compiles. CHN_OK says that the run reached its end: the caller looks at n_failed, which must
/// make the exit status non-zero. Other codes stop the run before anything is written: no
/// teams.json, an input that does not exist, a compiled file that is no JSON. *report must be zero;
/// it is filled as far as the run came, and must be deinitialised in either case.
chn_status compile_run(const struct compile_options *opts, struct compile_report *report,
                       struct chn_err *err);

/// Compiles one definition that is no file's, as a test makes one: gives it what teams.json gives,
/// checks it, and makes *out of its compiled form. `conf` is changed. `extra_team` is a team that
/// need not be in teams.json (NULL: none is). CHN_E_ARGUMENT says what the checks found (several
/// errors: a line each). Memory is in `a`.
chn_status compile_conf(struct arena *a, const char *repo, const char *extra_team,
                        struct model_conf *conf, struct model_conf *out, struct chn_err *err);

void compile_report_deinit(struct compile_report *report);

/// "written", "unchanged", "skipped", "failed".
const char *compile_outcome_name(enum compile_outcome outcome);
