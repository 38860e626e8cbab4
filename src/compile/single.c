// One definition that is no file's.
#include <string.h>

#include "compile/compile_int.h"
#include "model/json.h"

/// A team of that name, whose tables are its own.
static void add_team(struct arena *a, struct teams *teams, const char *name)
{
  if (name == NULL || teams_find(teams, name) != NULL) {
    return;
  }
  struct teams_team *all = arena_calloc(a, (size_t)teams->n_teams + 1, sizeof *all);
  memcpy(all, teams->teams, (size_t)teams->n_teams * sizeof *all);
  all[teams->n_teams++] = (struct teams_team){ .name = name, .name_space = name };
  teams->teams = all;
}

chn_status compile_conf(struct arena *a, const char *repo, const char *extra_team,
                        struct model_conf *conf, struct model_conf *out, struct chn_err *err)
{
  static const struct compile_options options = { .dry_run = true };
  struct compile_report report = { 0 };
  struct run run = {
    .opts = &options, .repo = repo, .output_root = "production", .arena = a, .report = &report
  };
  struct chn_buf text = { 0 };
  chn_status s = teams_read(a, repo, &run.teams, err);
  if (s == CHN_OK) {
    add_team(a, &run.teams, extra_team);
  }
  struct unit *unit = s == CHN_OK ? run_add_unit(&run, conf, NULL, NULL) : NULL;
  if (s == CHN_OK) {
    s = defaults_apply(&run, unit, err);
  }
  if (s == CHN_OK) {
    rules_check(&run, unit);
    if (unit->outcome == COMPILE_FAILED) {
      s = chn_fail(err, CHN_E_ARGUMENT, "%s", unit->message);
    }
  }
  if (s == CHN_OK) {
    model_write_json(&unit->conf, &text);
    unit->text = defaults_resolve(&run, chn_buf_str(&text), &unit->text_len, err);
    s = unit->text != NULL ? CHN_OK : err->code;
  }
  if (s == CHN_OK) {
    s = model_read_json(a, unit->text, unit->text_len, conf->kind, conf->name, out, err);
  }
  chn_buf_deinit(&text);
  return s;
}
