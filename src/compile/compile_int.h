/// compile_int.h: the steps of a run, private to the room.
#pragma once
#include "base/buf.h"
#include "compile/compile.h"
#include "compile/teams.h"

/// A growing list of names in an arena.
struct names {
  const char **items;
  int32_t n;
};

void names_add(struct arena *a, struct names *names, const char *name);
bool names_has(const struct names *names, const char *name);

/// A compiled file that is there already. Only what later steps ask about is read: it may come from
/// another version of Chronon, so unknown fields are no error.
struct compiled {
  enum model_kind kind; ///< MODEL_GROUP_BY or MODEL_JOIN
  const char *path;     ///< relative to the repo
  const char *name;
  bool online;
  bool production;
  const char *deprecation_date; ///< or NULL
  struct names uses;            ///< a join's GroupBys, a GroupBy's parent joins
  bool stale; ///< this run has compiled it again: its definition is to be asked instead
};

struct compiled_set {
  struct compiled *items;
  int32_t n;
};

/// Reads every file under `<repo>/<output_root>/{group_bys,joins}`; hidden ones are left out. A
/// file that is no JSON is CHN_E_CORRUPT, a folder that is not there is empty.
chn_status compiled_load(struct arena *a, const char *repo, const char *output_root,
                         struct compiled_set *set, struct chn_err *err);

/// The compiled file of a name, or NULL.
struct compiled *compiled_find(const struct compiled_set *set, enum model_kind kind,
                               const char *name);

/// Whether two definitions as JSON differ in what they compute: everything but metaData, and for
/// joins but the metaData of their GroupBys and the online external parts. A text that is no JSON
/// differs from every other.
bool compiled_differs(enum model_kind kind, const char *old_text, const char *new_text);

/// samplePercent of a compiled file's text; false when it has none above 0.
bool compiled_sample_percent(const char *text, struct model_number *percent);

/// Appends `new_text` with every modeToEnvMap of `old_text` put into the same place, as compact
/// JSON; false when old_text has none that has a place.
bool compiled_keep_env(const char *old_text, const char *new_text, struct chn_buf *out);

/// One definition on its way.
struct unit {
  struct model_conf conf; ///< its own copy: nothing in it is shared with other units
  const char *name;
  const char *where;  ///< "file:line", or NULL
  const char *source; ///< file it comes from, relative to the repo
  const char *path;   ///< output, relative to the repo
  bool extra;
  bool checked; ///< its rules were run
  char *text;   ///< compiled form, in the arena; NULL before it is rendered
  size_t text_len;
  char *old_text; ///< bytes of the existing file, or NULL
  size_t old_len;
  enum compile_outcome outcome;
  const char *message;
};

struct luart;

struct run {
  struct luart *loader; ///< while the run loads
  const struct compile_options *opts;
  const char *repo;
  const char *output_root;
  struct arena *arena; ///< the report's
  struct compile_report *report;
  struct teams teams;
  struct compiled_set compiled;
  struct unit **units; ///< in the order in which they came; pointers stay valid
  int32_t n_units;
};

/// Adds a unit, or returns the one that is there already under this kind and name.
struct unit *run_add_unit(struct run *run, const struct model_conf *conf, const char *where,
                          const char *source);

/// The unit of a name, or NULL.
struct unit *run_find_unit(const struct run *run, enum model_kind kind, const char *name);

/// Adds a warning, once.
void run_warn(struct run *run, const char *where, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/// Marks a unit as failed and adds a line to its message.
void unit_fail(struct run *run, struct unit *unit, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/// Marks a unit as skipped, and says if a compiled file of it is there.
void unit_skip(struct run *run, struct unit *unit, const char *message);

/// Moves the units into the report, in its order, and counts.
void run_report(struct run *run);

/// Opens and closes what definition files run in.
chn_status loader_open(struct run *run, struct chn_err *err);
void loader_close(struct run *run);

/// Runs a definition file and adds its definitions to the run; with `only`, just the one of that
/// name. A file that defines nothing of its folder's kind adds nothing.
chn_status loader_load(struct run *run, const char *file, const char *only, struct chn_err *err);

/// Expands the inputs to definition files, relative to the repo, sorted: all under the folders with
/// opts->all. CHN_E_NOT_FOUND or CHN_E_ARGUMENT when an input cannot be one.
chn_status inputs_expand(struct run *run, const char ***files, int32_t *n, struct chn_err *err);

/// Fills in what a team gives: namespace, table properties, team name; the parent joins inside a
/// GroupBy too. Then Chronon's templates: {{ db }}, {{ logged_table }}, {{ join_backfill_table }}.
chn_status defaults_apply(struct run *run, struct unit *unit, struct chn_err *err);

/// Replaces `{{ db:<team> }}` by the team's namespace in compiled text. NULL when a team has none.
char *defaults_resolve(struct run *run, const char *text, size_t *len, struct chn_err *err);

/// Runs Chronon's validator over a unit; errors make it failed. Sets production on GroupBys that a
/// production join includes.
void rules_check(struct run *run, struct unit *unit);

/// Derivations against the columns they see; appends a line per error to `errors`.
void rules_derivations(const char *const *keys, int32_t n_keys, const char *const *columns,
                       int32_t n_columns, const struct model_derivation *derivations,
                       int32_t n_derivations, struct chn_buf *errors);

/// Writes a file by rename, making its folders. The temporary name is hidden, so that a run that is
/// killed leaves nothing that is read.
chn_status output_write(const char *path, const char *text, size_t len, struct chn_err *err);

/// Reads a whole file into the arena, NUL-terminated; NULL when it is not there.
char *output_read(struct arena *a, const char *path, size_t *len, struct chn_err *err);
