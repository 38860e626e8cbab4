#include "batch/run_ds.h"

#include <string.h>

#include "model/names.h"

static const char MACRO[] = "CHRONON_RUN_DS";
static const char BLANK[] = " \t\r\n";

/// The next `{{ CHRONON_RUN_DS }}`, and where the text goes on behind it.
static const char *find(const char *text, const char **end)
{
  for (const char *open = text; (open = strstr(open, "{{")) != NULL; open += 2) {
    const char *p = open + 2 + strspn(open + 2, BLANK);
    if (strncmp(p, MACRO, sizeof MACRO - 1) != 0) {
      continue;
    }
    p += sizeof MACRO - 1;
    p += strspn(p, BLANK);
    if (strncmp(p, "}}", 2) == 0) {
      *end = p + 2;
      return open;
    }
  }
  return NULL;
}

bool run_ds_used(const struct model_group_by *gb)
{
  const char *end = NULL;
  for (int32_t i = 0; i < gb->n_sources; i++) {
    const struct model_query *q = model_source_query(&gb->sources[i]);
    for (int32_t s = 0; q != NULL && s < q->n_selects; s++) {
      if (find(q->selects[s].value, &end) != NULL) {
        return true;
      }
    }
  }
  return false;
}

chn_status run_ds_expand(struct arena *a, const char *text, const char *ds, const char **out,
                         struct chn_err *err)
{
  const char *end = NULL;
  const char *open = find(text, &end);
  *out = text;
  if (open == NULL) {
    return CHN_OK;
  }
  if (ds == NULL) {
    return chn_fail(
        err, CHN_E_ARGUMENT,
        "{{ CHRONON_RUN_DS }} is only for GroupBy sources that are scanned for a single "
        "day: entities and cumulative events, one day per step");
  }
  struct chn_buf filled = { 0 };
  for (; open != NULL; text = end, open = find(text, &end)) {
    chn_buf_add(&filled, text, (size_t)(open - text));
    chn_buf_adds(&filled, ds);
  }
  chn_buf_adds(&filled, text);
  *out = arena_strdup(a, chn_buf_str(&filled));
  chn_buf_deinit(&filled);
  return CHN_OK;
}

void run_ds_one_day_steps(struct batch_job *job)
{
  struct batch_options *o = arena_alloc(job->arena, sizeof *o);
  *o = *job->o;
  o->step_days = 1;
  job->o = o;
}
