// The list of definitions of a run, and what is said about them.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "compile/compile_int.h"

struct unit *run_find_unit(const struct run *run, enum model_kind kind, const char *name)
{
  for (int32_t i = 0; i < run->n_units; i++) {
    if (run->units[i]->conf.kind == kind && strcmp(run->units[i]->name, name) == 0) {
      return run->units[i];
    }
  }
  return NULL;
}

static const char *output_path(const struct run *run, enum model_kind kind, const char *name)
{
  const char *rest = strchr(name, '.');
  const char *folder = model_kind_folder(kind);
  if (!rest || rest == name || !rest[1] || strchr(name, '/')) {
    return NULL;
  }
  return arena_printf(run->arena, "%s/%s/%.*s/%s", run->output_root, folder, (int)(rest - name),
                      name, rest + 1);
}

struct unit *run_add_unit(struct run *run, const struct model_conf *conf, const char *where,
                          const char *source)
{
  struct unit *unit = run_find_unit(run, conf->kind, conf->name);
  if (unit) {
    return unit;
  }
  unit = arena_calloc(run->arena, 1, sizeof *unit);
  unit->conf = *conf;
  unit->name = conf->name;
  unit->where = where;
  unit->source = source;
  unit->path = output_path(run, conf->kind, conf->name);
  if ((run->n_units & (run->n_units - 1)) == 0) { // full at each power of two
    struct unit **units =
        arena_calloc(run->arena, run->n_units ? 2 * (size_t)run->n_units : 1, sizeof *units);
    if (run->n_units > 0) {
      memcpy(units, run->units, (size_t)run->n_units * sizeof *units);
    }
    run->units = units;
  }
  run->units[run->n_units++] = unit;
  struct compiled *before = compiled_find(&run->compiled, conf->kind, conf->name);
  if (before) {
    before->stale = true;
  }
  return unit;
}

static bool is_said(const struct compile_report *report, const char *where, const char *message)
{
  for (int32_t i = 0; i < report->n_warnings; i++) {
    const struct compile_warning *w = &report->warnings[i];
    const bool same_place = where && w->where ? strcmp(where, w->where) == 0 : where == w->where;
    if (same_place && strcmp(w->message, message) == 0) {
      return true;
    }
  }
  return false;
}

void run_warn(struct run *run, const char *where, const char *fmt, ...)
{
  struct compile_report *report = run->report;
  char text[2048];
  va_list args;
  va_start(args, fmt);
  vsnprintf(text, sizeof text, fmt, args);
  va_end(args);
  if (is_said(report, where, text)) {
    return;
  }
  struct compile_warning *more =
      arena_calloc(run->arena, (size_t)report->n_warnings + 1, sizeof *more);
  if (report->n_warnings > 0) {
    memcpy(more, report->warnings, (size_t)report->n_warnings * sizeof *more);
  }
  more[report->n_warnings++] = (struct compile_warning){ where, arena_strdup(run->arena, text) };
  report->warnings = more;
}

void unit_fail(struct run *run, struct unit *unit, const char *fmt, ...)
{
  char text[2048];
  va_list args;
  va_start(args, fmt);
  vsnprintf(text, sizeof text, fmt, args);
  va_end(args);
  const bool again = unit->outcome == COMPILE_FAILED && unit->message;
  unit->message = again ? arena_printf(run->arena, "%s\n%s", unit->message, text)
                        : arena_strdup(run->arena, text);
  unit->outcome = COMPILE_FAILED;
}

void unit_skip(struct run *run, struct unit *unit, const char *message)
{
  const char *full = unit->path ? arena_printf(run->arena, "%s/%s", run->repo, unit->path) : NULL;
  struct chn_err ignored;
  size_t len;
  const bool old = full && output_read(run->arena, full, &len, &ignored);
  unit->message = old ? arena_printf(run->arena, "%s; an older compiled file is left at %s",
                                     message, unit->path)
                      : message;
  unit->outcome = COMPILE_SKIPPED;
}

/// By kind, then by name.
static int compare(const void *a, const void *b)
{
  const struct compile_item *x = a;
  const struct compile_item *y = b;
  if (x->kind != y->kind) {
    return x->kind < y->kind ? -1 : 1;
  }
  return strcmp(x->name, y->name);
}

void run_report(struct run *run)
{
  struct compile_report *report = run->report;
  const size_t n = (size_t)(report->n_items + run->n_units);
  struct compile_item *items = arena_calloc(run->arena, n + 1, sizeof *items);
  if (report->n_items > 0) {
    memcpy(items, report->items, (size_t)report->n_items * sizeof *items);
  }
  for (int32_t i = 0; i < run->n_units; i++) {
    const struct unit *u = run->units[i];
    items[report->n_items++] = (struct compile_item){
      .kind = u->conf.kind,
      .name = u->name,
      .where = u->where,
      .path = u->path,
      .outcome = u->outcome,
      .extra = u->extra,
      .message = u->message,
      .conf = &u->conf,
      .text = u->text,
    };
  }
  qsort(items, n, sizeof *items, compare);
  report->items = items;
  report->n_written = report->n_unchanged = report->n_skipped = report->n_failed = 0;
  int32_t *const counts[] = { &report->n_written, &report->n_unchanged, &report->n_skipped,
                              &report->n_failed };
  for (size_t i = 0; i < n; i++) {
    ++*counts[items[i].outcome];
  }
}
