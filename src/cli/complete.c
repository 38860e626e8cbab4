#include "cli/complete.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/context.h"
#include "cli/help.h"
#include "cli/run_modes.h"

enum { MAX_UP = 64 };

struct completion {
  struct arena arena;
  const struct cli_command *command;
  const char *prefix; ///< what is typed of the word
  struct chn_buf *out;
};

static void add(struct completion *c, const char *candidate)
{
  if (strncmp(candidate, c->prefix, strlen(c->prefix)) == 0) {
    chn_buf_addf(c->out, "%s\n", candidate);
  }
}

// ---- options ----------------------------------------------------------------------------------

/// The option that a word names, whole, or NULL.
static const struct cli_option *option_of(const struct cli_command *command, const char *word)
{
  const struct cli_option *lists[CLI_OPTION_LISTS];
  cli_option_lists(command, lists);
  for (int i = 0; i < CLI_OPTION_LISTS; i++) {
    for (const struct cli_option *o = lists[i]; o != NULL && o->name != NULL; o++) {
      const bool named = strncmp(word, "--", 2) == 0 && strcmp(word + 2, o->name) == 0;
      const bool letter = o->letter != 0 && word[0] == '-' && word[1] == o->letter && !word[2];
      if (named || letter) {
        return o;
      }
    }
  }
  return NULL;
}

static void add_options(struct completion *c)
{
  const struct cli_option *lists[CLI_OPTION_LISTS];
  cli_option_lists(c->command, lists);
  for (int i = 0; i < CLI_OPTION_LISTS; i++) {
    for (const struct cli_option *o = lists[i]; o != NULL && o->name != NULL; o++) {
      if (o->kind != CLI_IGNORED && o->kind != CLI_ALIAS) {
        add(c, arena_printf(&c->arena, "--%s", o->name));
      }
    }
  }
}

// ---- definitions ------------------------------------------------------------------------------

/// The repo: CHRONON_REPO, else the nearest folder upwards with a teams.json or a production/.
static const char *find_root(struct arena *a)
{
  const char *given = getenv("CHRONON_REPO");
  const char *path = given != NULL ? given : ".";
  for (int i = 0; given == NULL && i < MAX_UP; i++) {
    if (access(arena_printf(a, "%s/teams.json", path), F_OK) == 0 ||
        access(arena_printf(a, "%s/production", path), F_OK) == 0) {
      return path;
    }
    path = i == 0 ? ".." : arena_printf(a, "../%s", path);
  }
  return given != NULL ? given : ".";
}

static int is_visible(const struct dirent *e)
{
  return e->d_name[0] != '.' && strcmp(e->d_name, "readme.md") != 0;
}

/// Every compiled definition of a kind, as a path (for --conf) or a name (for fetch).
static void add_definitions(struct completion *c, const char *kind, bool path)
{
  const char *root = arena_printf(&c->arena, "%s/production/%s", find_root(&c->arena), kind);
  struct dirent **teams = NULL;
  const int n_teams = scandir(root, &teams, is_visible, alphasort);
  for (int t = 0; t < n_teams; t++) {
    struct dirent **names = NULL;
    const char *team = arena_printf(&c->arena, "%s/%s", root, teams[t]->d_name);
    const int n = scandir(team, &names, is_visible, alphasort);
    for (int i = 0; i < n; i++) {
      const char *name = arena_printf(&c->arena, "%s/%s", teams[t]->d_name, names[i]->d_name);
      add(c, path ? arena_printf(&c->arena, "production/%s/%s", kind, name) : name);
      free(names[i]);
    }
    free(names);
    free(teams[t]);
  }
  free(teams);
}

static void add_all_definitions(struct completion *c, bool path)
{
  add_definitions(c, "joins", path);
  add_definitions(c, "group_bys", path);
  if (path) {
    add_definitions(c, "staging_queries", path);
  }
}

// ---- values -----------------------------------------------------------------------------------

/// "a|b|c" of an option's help; what is in capitals is the user's to say.
static void add_choices(struct completion *c, const char *choices)
{
  for (const char *at = choices; *at != '\0';) {
    const size_t len = strcspn(at, "|");
    const char *word = arena_strndup(&c->arena, at, len);
    if (word[0] >= 'a' && word[0] <= 'z') {
      add(c, word);
    }
    at += len + (at[len] == '|');
  }
}

static void add_values(struct completion *c, const struct cli_option *o)
{
  if (strcmp(o->name, "mode") == 0) {
    for (const char *const *mode = run_modes_names(&c->arena); *mode != NULL; mode++) {
      add(c, *mode);
    }
  } else if (strcmp(o->name, "output") == 0) {
    add_choices(c, "table|json|csv|markdown");
  } else if (strcmp(o->name, "conf") == 0 || strcmp(o->name, "query-conf") == 0) {
    add_all_definitions(c, true);
  } else if (strcmp(o->name, "name") == 0) {
    add_all_definitions(c, false);
  } else if (o->arg != NULL && strchr(o->arg, '|') != NULL) {
    add_choices(c, o->arg);
  }
}

static void add_commands(struct completion *c)
{
  for (int i = 0; cli_commands[i] != NULL; i++) {
    add(c, cli_commands[i]->name);
  }
}

/// What a command's own words are, told by how its help shows them.
static void add_positional(struct completion *c)
{
  const char *args = c->command->args;
  if (args == NULL) {
    return;
  }
  if (strstr(args, "COMMAND") != NULL) {
    add_commands(c);
  } else if (strstr(args, "NAME") != NULL) {
    add_all_definitions(c, false);
  } else if (strchr(args, '|') != NULL) {
    add_choices(c, args);
  }
}

void cli_complete(int n, char **words, struct chn_buf *out)
{
  if (n == 0) {
    return;
  }
  struct completion c = { .prefix = words[n - 1], .out = out };
  c.command = n > 1 ? cli_command_find(words[0]) : NULL;
  if (n == 1) {
    add_commands(&c);
  } else if (c.command != NULL) {
    const struct cli_option *before = n > 2 ? option_of(c.command, words[n - 2]) : NULL;
    const bool wants = before != NULL && before->kind != CLI_FLAG && before->arg != NULL;
    if (wants) {
      add_values(&c, before);
    } else if (c.prefix[0] == '-') {
      add_options(&c);
    } else {
      add_positional(&c);
    }
  }
  arena_deinit(&c.arena);
}
