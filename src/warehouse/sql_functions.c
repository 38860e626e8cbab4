// Looking up the rows of the function table, which lie in sql_functions_*.c by subject.
#include "warehouse/sql_functions.h"
#include "base/near.h"
#include "warehouse/sql_functions_int.h"
#include <strings.h>

static const struct sql_section *const sections[] = {
  &sql_conditional_functions, &sql_cast_functions,   &sql_math_functions,
  &sql_string_functions,      &sql_date_functions,   &sql_collection_functions,
  &sql_aggregate_functions,   &sql_window_functions, &sql_generator_functions,
};

enum {
  N_SECTIONS = sizeof sections / sizeof *sections,
  MAX_FUNCTIONS = 1000,
};

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

const char *sql_function_nearest(const char *name)
{
  const char *names[MAX_FUNCTIONS];
  size_t n = 0;
  for (int s = 0; s < N_SECTIONS; s++) {
    for (int32_t i = 0; i < sections[s]->n && n < MAX_FUNCTIONS; i++) {
      if (sections[s]->rows[i].state != SQL_REFUSED) {
        names[n++] = sections[s]->rows[i].name;
      }
    }
  }
  return chn_near(name, names, n);
}
