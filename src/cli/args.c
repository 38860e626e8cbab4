#include "cli/args.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/machine.h"
#include "base/near.h"

struct parse {
  struct cli_args *args;
  struct arena *a;
  int argc;
  char **argv;
  int at;
  enum cli_source source;
  struct cli_value *list; ///< takes the words that follow; NULL: none does
};

static int32_t count_options(const struct cli_option *o)
{
  int32_t n = 0;
  while (o && o[n].name) {
    n++;
  }
  return n;
}

static void add_options(struct cli_args *args, const struct cli_option *o)
{
  for (; o && o->name; o++) {
    args->values[args->n_values++] = (struct cli_value){ .option = o };
  }
}

static void set_value(struct arena *a, struct cli_value *v, const char *text,
                      enum cli_source source)
{
  if (v->source > source) {
    return;
  }
  const bool keep = v->option->kind == CLI_LIST && v->source == source;
  const int32_t n = keep ? v->n : 0;
  const char **texts = arena_calloc(a, (size_t)n + 1, sizeof *texts);
  for (int32_t i = 0; i < n; i++) {
    texts[i] = v->texts[i];
  }
  texts[n] = text;
  v->texts = texts;
  v->n = n + 1;
  v->source = source;
}

// `--step_days` is what a Python programmer types.
static bool same_name(const char *typed, size_t len, const char *name)
{
  if (strlen(name) != len) {
    return false;
  }
  for (size_t i = 0; i < len; i++) {
    if (typed[i] != name[i] && !(typed[i] == '_' && name[i] == '-')) {
      return false;
    }
  }
  return true;
}

static chn_status unknown_option(const struct cli_args *args, const char *word, struct chn_err *err)
{
  const size_t n = (size_t)args->n_values;
  const char **names = chn_calloc(n + 1, sizeof *names);
  for (size_t i = 0; i < n; i++) {
    names[i] = args->values[i].option->name;
  }
  const char *start = word + strspn(word, "-");
  char typed[64];
  snprintf(typed, sizeof typed, "%.*s", (int)strcspn(start, "="), start);
  const char *near = chn_near(typed, names, n);
  free(names);
  if (near) {
    return chn_fail(err, CHN_E_ARGUMENT, "unknown option %s (did you mean --%s?)", word, near);
  }
  return chn_fail(err, CHN_E_ARGUMENT, "unknown option %s; `chronon help %s` lists them", word,
                  args->command->name);
}

static struct cli_value *find_long(const struct cli_args *args, const char *typed, size_t len)
{
  for (int32_t i = 0; i < args->n_values; i++) {
    const struct cli_option *o = args->values[i].option;
    if (same_name(typed, len, o->name)) {
      return o->kind == CLI_ALIAS ? find_long(args, o->arg, strlen(o->arg)) : &args->values[i];
    }
  }
  return NULL;
}

static struct cli_value *find_letter(const struct cli_args *args, char letter)
{
  for (int32_t i = 0; i < args->n_values; i++) {
    if (args->values[i].option->letter == letter) {
      return &args->values[i];
    }
  }
  return NULL;
}

// The value of an option: what follows `=`, or the next word.
static chn_status take_value(struct parse *p, struct cli_value *v, const char *attached,
                             struct chn_err *err)
{
  const struct cli_option *o = v->option;
  p->list = NULL;
  if (o->kind == CLI_FLAG || (o->kind == CLI_IGNORED && o->arg == NULL)) {
    if (attached) {
      return chn_fail(err, CHN_E_ARGUMENT, "--%s takes no value", o->name);
    }
    set_value(p->a, v, NULL, p->source);
    return CHN_OK;
  }
  if (!attached && p->at + 1 >= p->argc) {
    return chn_fail(err, CHN_E_ARGUMENT, "--%s needs a value: --%s %s", o->name, o->name, o->arg);
  }
  set_value(p->a, v, attached ? attached : p->argv[++p->at], p->source);
  // Chronon's driver takes `--selected-join-parts a b`: possible where no word means another thing.
  p->list = o->kind == CLI_LIST && p->args->command->max_args == 0 ? v : NULL;
  return CHN_OK;
}

static chn_status take_option(struct parse *p, struct chn_err *err)
{
  const char *word = p->argv[p->at];
  if (word[1] != '-') {
    struct cli_value *v = find_letter(p->args, word[1]);
    if (!v) {
      return unknown_option(p->args, word, err);
    }
    const char *rest = word[2] == '=' ? word + 3 : word + 2;
    return take_value(p, v, word[2] ? rest : NULL, err);
  }
  const char *eq = strchr(word, '=');
  const size_t len = eq ? (size_t)(eq - word - 2) : strlen(word + 2);
  struct cli_value *v = find_long(p->args, word + 2, len);
  return v ? take_value(p, v, eq ? eq + 1 : NULL, err) : unknown_option(p->args, word, err);
}

static chn_status take_words(struct parse *p, struct chn_err *err)
{
  struct cli_args *args = p->args;
  bool only_words = false;
  for (; p->at < p->argc; p->at++) {
    const char *word = p->argv[p->at];
    if (!only_words && strcmp(word, "--") == 0) {
      only_words = true;
    } else if (!only_words && word[0] == '-' && word[1]) {
      if (take_option(p, err) != CHN_OK) {
        return err->code;
      }
    } else if (p->list != NULL) {
      set_value(p->a, p->list, word, p->source);
    } else if (args->n_positional == args->command->max_args) {
      return chn_fail(err, CHN_E_ARGUMENT, "unexpected argument \"%s\"", word);
    } else {
      args->positional[args->n_positional++] = word;
    }
  }
  return CHN_OK;
}

static void take_environment(struct arena *a, struct cli_args *args)
{
  for (int32_t i = 0; i < args->n_values; i++) {
    struct cli_value *v = &args->values[i];
    const char *text = v->option->env ? getenv(v->option->env) : NULL;
    if (v->source == CLI_UNSET && text && *text) {
      set_value(a, v, text, CLI_FROM_ENV);
    } else if (v->source == CLI_UNSET && v->option->fallback) {
      set_value(a, v, v->option->fallback, CLI_FROM_DEFAULT);
    }
  }
}

chn_status cli_args_parse(const struct cli_command *command, int argc, char **argv, struct arena *a,
                          struct cli_args *out, struct chn_err *err)
{
  *out = (struct cli_args){ .command = command };
  const struct cli_option *lists[CLI_OPTION_LISTS];
  int32_t n = 0;
  cli_option_lists(command, lists);
  for (int i = 0; i < CLI_OPTION_LISTS; i++) {
    n += count_options(lists[i]);
  }
  out->values = arena_calloc(a, (size_t)n, sizeof *out->values);
  out->positional = arena_calloc(a, (size_t)command->max_args + 1, sizeof *out->positional);
  for (int i = 0; i < CLI_OPTION_LISTS; i++) {
    add_options(out, lists[i]);
  }
  struct parse p = { .args = out, .a = a, .argc = argc, .argv = argv, .source = CLI_FROM_FLAG };
  if (take_words(&p, err) != CHN_OK) {
    return err->code;
  }
  take_environment(a, out);
  return CHN_OK;
}

chn_status cli_args_add(struct cli_args *args, struct arena *a, int n, char **words,
                        struct chn_err *err)
{
  struct parse p = { .args = args, .a = a, .argc = n, .argv = words, .source = CLI_FROM_FILE };
  return take_words(&p, err);
}

struct cli_value *cli_args_find(const struct cli_args *args, const char *name)
{
  return find_long(args, name, strlen(name));
}

const char *cli_get(const struct cli_args *args, const char *name)
{
  const struct cli_value *v = cli_args_find(args, name);
  return v && v->n ? v->texts[v->n - 1] : NULL;
}

bool cli_is_set(const struct cli_args *args, const char *name)
{
  const struct cli_value *v = cli_args_find(args, name);
  return v && v->source > CLI_FROM_DEFAULT;
}

chn_status cli_get_int(const struct cli_args *args, const char *name, int32_t min, int32_t max,
                       int32_t *out, struct chn_err *err)
{
  const char *text = cli_get(args, name);
  if (!text) {
    return CHN_OK;
  }
  char *end;
  const long value = strtol(text, &end, 10);
  if (end == text || *end || value < min || value > max) {
    return chn_fail(err, CHN_E_ARGUMENT, "--%s \"%s\": a whole number from %d to %d is needed",
                    name, text, min, max);
  }
  *out = (int32_t)value;
  return CHN_OK;
}

chn_status cli_get_share(const struct cli_args *args, const char *name, double *out,
                         struct chn_err *err)
{
  const char *text = cli_get(args, name);
  if (!text) {
    return CHN_OK;
  }
  char *end;
  const double value = strtod(text, &end);
  if (end == text || *end || !(value > 0) || value > 1) {
    return chn_fail(err, CHN_E_ARGUMENT, "--%s \"%s\": a number above 0 and up to 1 is needed",
                    name, text);
  }
  *out = value;
  return CHN_OK;
}

/// Less is not enough for the SQL engine and one frame.
static const double MIN_MEMORY = 16 * 1024 * 1024;

static double unit_of(const char *suffix)
{
  static const char letters[] = "kmgt";
  if (!*suffix || strcasecmp(suffix, "b") == 0) {
    return 1;
  }
  if (strcmp(suffix, "%") == 0) {
    return (double)chn_machine_memory() / 100;
  }
  const char lower = (char)(*suffix | 0x20);
  const char *at = strchr(letters, lower);
  const char *rest = suffix + 1;
  if (!at || (*rest && strcasecmp(rest, "b") != 0 && strcasecmp(rest, "ib") != 0)) {
    return 0;
  }
  return pow(1024, (double)(at - letters + 1));
}

chn_status cli_get_bytes(const struct cli_args *args, const char *name, uint64_t *out,
                         struct chn_err *err)
{
  const char *text = cli_get(args, name);
  if (!text) {
    return CHN_OK;
  }
  char *end;
  const double value = strtod(text, &end);
  const double unit = unit_of(end);
  if (end == text || unit == 0 || !(value > 0) || value * unit > 1e18) {
    return chn_fail(err, CHN_E_ARGUMENT, "--%s \"%s\": a size is needed, such as 500M, 4GB or 60%%",
                    name, text);
  }
  if (*end == '%' && value > 100) {
    return chn_fail(err, CHN_E_ARGUMENT, "--%s \"%s\": more than all of the machine's memory", name,
                    text);
  }
  if (value * unit < MIN_MEMORY) {
    return chn_fail(err, CHN_E_ARGUMENT, "--%s \"%s\": at least 16MB are needed%s", name, text,
                    *end ? "" : "; a number without a unit counts bytes");
  }
  *out = (uint64_t)(value * unit);
  return CHN_OK;
}

const char *cli_source_name(enum cli_source source)
{
  static const char *const names[] = { "unset", "default", "teams.json", "environment", "flag" };
  return names[source];
}
