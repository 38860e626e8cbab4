/// teams.h: teams.json, what the definitions of a team inherit.
///
///     { "default": { "namespace": ..., "table_properties": {...}, "common_env": {VAR: value},
///                    "production": {mode: {VAR: value}}, ... },
///       "<team>":  { the same, and "dev" or any other environment },
///       "tables":  { "ns.name": "path relative to the repo" } }   <- ours: source tables
///
/// Keys with text are free (description, user, ...); keys with objects are environments. What has
/// the wrong type, or stands twice, is refused; a key that looks misspelt is a warning.
#pragma once
#include "base/arena.h"
#include "base/err.h"
#include "model/model.h"

/// Variables of one mode in one environment of a team.
struct teams_env {
  const char *env;  ///< "production", "dev", ...
  const char *mode; ///< "backfill", ...
  struct model_pair *vars;
  int32_t n_vars;
};

struct teams_team {
  const char *name;
  const char *name_space;              ///< NULL: that of `default`
  struct model_pair *table_properties; ///< NULL: those of `default`
  int32_t n_table_properties;
  struct model_pair *common_env;
  int32_t n_common_env;
  struct teams_env *envs;
  int32_t n_envs;
};

struct teams {
  const char *path; ///< of the file, for messages
  struct teams_team *teams;
  int32_t n_teams;
  struct model_pair *tables; ///< source tables: "ns.name" -> path relative to the repo, as written
  int32_t n_tables;
  const char **warnings;
  int32_t n_warnings;
};

/// Reads `<repo>/teams.json` into the arena. CHN_E_NOT_FOUND when there is none, CHN_E_CORRUPT with
/// line or path of what is wrong.
chn_status teams_read(struct arena *a, const char *repo, struct teams *teams, struct chn_err *err);

/// The team, or NULL.
const struct teams_team *teams_find(const struct teams *teams, const char *name);

/// The team's namespace, else the default one. CHN_E_NOT_FOUND names the team and the nearest known
/// one, or says that neither has a namespace.
chn_status teams_namespace(const struct teams *teams, const char *team, const char **name_space,
                           struct chn_err *err);

/// The team's table properties, else the default ones, else NULL. The team must exist.
chn_status teams_table_properties(const struct teams *teams, const char *team,
                                  struct model_pair **pairs, int32_t *n, struct chn_err *err);

/// The variables that teams.json gives to a mode: those of the team's environment `env`, of the
/// team's production, of default's production and of default's common_env; the first that sets a
/// variable wins. A mode that contains "streaming" is looked up as "streaming". A team that is not
/// there (NULL too) has none of its own.
struct model_pair *teams_mode_env(struct arena *a, const struct teams *teams, const char *team,
                                  const char *env, const char *mode, int32_t *n);
