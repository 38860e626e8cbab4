// Looking up the rows of the function table, which lie in sql_functions_*.c by subject.
#include "warehouse/sql_functions.h"
#include "warehouse/sql_functions_int.h"
#include <string.h>
#include <strings.h>

static const struct sql_section *const sections[] = {
  &sql_conditional_functions, &sql_cast_functions,   &sql_math_functions,
  &sql_string_functions,      &sql_date_functions,   &sql_collection_functions,
  &sql_aggregate_functions,   &sql_window_functions, &sql_generator_functions,
};

enum { N_SECTIONS = sizeof sections / sizeof *sections };

const struct sql_function *sql_function_section(int32_t section, const char **title, int32_t *n)
{
  if (section < 0 || section >= N_SECTIONS) {
    return NULL;
  }
  *title = sections[section]->title;
  *n = sections[section]->n;
  return sections[section]->rows;
}

const struct sql_function *sql_function_find(const char *name)
{
  for (int s = 0; s < N_SECTIONS; s++) {
    for (int32_t i = 0; i < sections[s]->n; i++) {
      if (strcasecmp(name, sections[s]->rows[i].name) == 0) {
        return &sections[s]->rows[i];
      }
    }
  }
  return NULL;
}

enum { NAME_LIMIT = 40 };

// Levenshtein distance of short names.
static int distance(const char *x, const char *y)
{
  int row[NAME_LIMIT + 1];
  const int n = (int)strlen(y);
  for (int k = 0; k <= n; k++) {
    row[k] = k;
  }
  for (int i = 1; x[i - 1]; i++) {
    int diagonal = row[0];
    row[0] = i;
    for (int k = 1; k <= n; k++) {
      const int above = row[k];
      int best = diagonal + (x[i - 1] != y[k - 1]);
      best = above + 1 < best ? above + 1 : best;
      best = row[k - 1] + 1 < best ? row[k - 1] + 1 : best;
      row[k] = best;
      diagonal = above;
    }
  }
  return row[n];
}

const char *sql_function_nearest(const char *name)
{
  const char *best = NULL;
  const size_t len = strlen(name);
  if (len > NAME_LIMIT) {
    return NULL;
  }
  int least = len < 4 ? 3 : (int)len / 2 + 1; // farther ones are no help
  for (int s = 0; s < N_SECTIONS; s++) {
    for (int32_t i = 0; i < sections[s]->n; i++) {
      const struct sql_function *f = &sections[s]->rows[i];
      if (f->state == SQL_REFUSED || strlen(f->name) > NAME_LIMIT || strchr(f->name, ' ')) {
        continue;
      }
      const int d = distance(name, f->name);
      if (d < least) {
        least = d;
        best = f->name;
      }
    }
  }
  return best;
}
