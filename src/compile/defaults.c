// What teams.json gives to a definition, and Chronon's templates.
#include <string.h>

#include "compile/compile_int.h"
#include "model/names.h"

enum { ID_TABLE_PROPERTIES = 6, ID_OUTPUT_NAMESPACE = 7, ID_TEAM = 8 };

static bool is_empty(const char *s)
{
  return !s || !*s;
}

static const char *team_of(struct arena *a, const char *name)
{
  return arena_strndup(a, name, strcspn(name, "."));
}

static chn_status apply_namespace(struct run *run, struct model_meta_data *m, const char *team,
                                  struct chn_err *err)
{
  if (!is_empty(m->output_namespace)) {
    return CHN_OK;
  }
  m->set |= 1U << ID_OUTPUT_NAMESPACE;
  return teams_namespace(&run->teams, team, &m->output_namespace, err);
}

static chn_status apply_team(struct run *run, struct model_meta_data *m, const char *team,
                             struct chn_err *err)
{
  chn_status status = apply_namespace(run, m, team, err);
  if (!status && m->n_table_properties == 0) {
    struct model_pair *pairs = NULL;
    int32_t n = 0;
    status = teams_table_properties(&run->teams, team, &pairs, &n, err);
    if (pairs) {
      m->table_properties = pairs;
      m->n_table_properties = n;
      m->set |= 1U << ID_TABLE_PROPERTIES;
    }
  }
  m->team = team;
  m->set |= 1U << ID_TEAM;
  return status;
}

static chn_status visit_join(struct run *run, struct model_join *join, struct chn_err *err);

/// The parent joins inside a GroupBy: the namespace of their own team, since that is where their
/// table is, and the rest from the GroupBy's team, as upstream has it.
static chn_status visit_group_by(struct run *run, struct model_group_by *group_by,
                                 struct chn_err *err)
{
  chn_status status = CHN_OK;
  for (int32_t i = 0; !status && i < group_by->n_sources; i++) {
    struct model_join_source *source = group_by->sources[i].join_source;
    if (!source || !source->join || !source->join->meta_data) {
      continue;
    }
    struct model_meta_data *m = source->join->meta_data;
    status = m->name ? apply_namespace(run, m, team_of(run->arena, m->name), err) : CHN_OK;
    if (!status && group_by->meta_data->name) {
      status = apply_team(run, m, team_of(run->arena, group_by->meta_data->name), err);
    }
    if (!status) {
      status = visit_join(run, source->join, err);
    }
  }
  return status;
}

static chn_status visit_join(struct run *run, struct model_join *join, struct chn_err *err)
{
  chn_status status = CHN_OK;
  // Python's authors write 5.0, and Lua does not tell it from 5.
  join->meta_data->sample_percent.is_int = false;
  join->meta_data->consistency_sample_percent.is_int = false;
  for (int32_t i = 0; !status && i < join->n_join_parts; i++) {
    status = visit_group_by(run, join->join_parts[i].group_by, err);
  }
  for (int32_t i = 0; !status && join->label_part && i < join->label_part->n_labels; i++) {
    status = visit_group_by(run, join->label_part->labels[i].group_by, err);
  }
  for (int32_t i = 0; !status && i < join->n_online_external_parts; i++) {
    struct model_external_source *source = join->online_external_parts[i].source;
    if (source && source->offline_group_by) {
      status = visit_group_by(run, source->offline_group_by, err);
    }
  }
  return status;
}

static const char *replace(struct arena *a, const char *text, const char *pattern, const char *by)
{
  const char *at = text ? strstr(text, pattern) : NULL;
  while (at) {
    const char *rest = at + strlen(pattern);
    const size_t before = (size_t)(at - text) + strlen(by);
    text = arena_printf(a, "%.*s%s%s", (int)(at - text), text, by, rest);
    at = strstr(text + before, pattern);
  }
  return text;
}

static void fill_strings(struct arena *a, const char **strings, int32_t n, const char *pattern,
                         const char *by)
{
  for (int32_t i = 0; i < n; i++) {
    strings[i] = replace(a, strings[i], pattern, by);
  }
}

static void fill_dependencies(struct arena *a, struct model_meta_data *m, const char *name_space)
{
  const char *logged = model_table(a, m, "_logged");
  fill_strings(a, m->dependencies, m->n_dependencies, "{{ logged_table }}", logged);
  fill_strings(a, m->dependencies, m->n_dependencies, "{{ db }}", name_space);
}

static void fill_join(struct arena *a, struct model_join *join, const char *name_space)
{
  const char *logged = model_table(a, join->meta_data, "_logged");
  for (int32_t i = 0; i < join->n_bootstrap_parts; i++) {
    struct model_bootstrap_part *part = &join->bootstrap_parts[i];
    part->table = replace(a, part->table, "{{ logged_table }}", logged);
    part->table = replace(a, part->table, "{{ db }}", name_space);
  }
  fill_dependencies(a, join->meta_data, name_space);
  if (join->label_part && join->label_part->meta_data) {
    struct model_meta_data *m = join->label_part->meta_data;
    fill_strings(a, m->dependencies, m->n_dependencies, "{{ join_backfill_table }}",
                 model_table(a, join->meta_data, ""));
  }
}

chn_status defaults_apply(struct run *run, struct unit *unit, struct chn_err *err)
{
  struct model_meta_data *m = (struct model_meta_data *)unit->conf.meta_data;
  const char *team = team_of(run->arena, unit->name);
  const char *name_space = NULL;
  chn_status status = teams_namespace(&run->teams, team, &name_space, err);
  if (!status) {
    status = apply_team(run, m, team, err);
  }
  if (status) {
    return status;
  }
  if (unit->conf.kind == MODEL_GROUP_BY) {
    fill_dependencies(run->arena, m, name_space);
    return visit_group_by(run, unit->conf.as.group_by, err);
  }
  if (unit->conf.kind == MODEL_JOIN) {
    fill_join(run->arena, unit->conf.as.join, name_space);
    return visit_join(run, unit->conf.as.join, err);
  }
  return CHN_OK;
}

char *defaults_resolve(struct run *run, const char *text, size_t *len, struct chn_err *err)
{
  static const char open[] = "{{ db:";
  struct chn_buf out = { 0 };
  chn_status status = CHN_OK;
  const char *at = strstr(text, open);
  while (at && !status) {
    const char *team_start = at + strlen(open);
    const char *end = strstr(team_start, " }}");
    if (!end) {
      break;
    }
    const char *team = arena_strndup(run->arena, team_start, (size_t)(end - team_start));
    const char *name_space = NULL;
    status = teams_namespace(&run->teams, team, &name_space, err);
    chn_buf_add(&out, text, (size_t)(at - text));
    chn_buf_adds(&out, status ? "" : name_space);
    text = end + strlen(" }}");
    at = strstr(text, open);
  }
  chn_buf_adds(&out, text);
  *len = out.len;
  char *copy = status ? NULL : arena_strndup(run->arena, chn_buf_str(&out), out.len);
  chn_buf_deinit(&out);
  return copy;
}
