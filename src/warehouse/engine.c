// The DuckDB instance: opening it, running statements, and its errors in this program's words.
#include "base/machine.h"
#include "warehouse/wh_int.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "warehouse/sql_install.h"

// ---- errors -----------------------------------------------------------------------------------

static chn_status class_of(duckdb_error_type type, const char *message)
{
  switch (type) {
  case DUCKDB_ERROR_OUT_OF_MEMORY: return CHN_E_MEMORY;
  case DUCKDB_ERROR_INTERRUPT: return CHN_E_CANCELLED;
  case DUCKDB_ERROR_IO:
  case DUCKDB_ERROR_PERMISSION:
  case DUCKDB_ERROR_CONNECTION:
  case DUCKDB_ERROR_NETWORK:
  case DUCKDB_ERROR_HTTP: return CHN_E_IO;
  case DUCKDB_ERROR_INTERNAL:
  case DUCKDB_ERROR_FATAL:
  case DUCKDB_ERROR_NULL_POINTER: return CHN_E_INTERNAL;
  case DUCKDB_ERROR_CATALOG: return CHN_E_NOT_FOUND;
  case DUCKDB_ERROR_INVALID_INPUT: {
    const bool bytes = strstr(message, "magic bytes") != NULL ||
                       strstr(message, "CSV Error") != NULL ||
                       strstr(message, "Malformed JSON") != NULL;
    return bytes ? CHN_E_CORRUPT : CHN_E_ARGUMENT;
  }
  default: return CHN_E_ARGUMENT;
  }
}

/// Ends the text where DuckDB's advice about itself begins.
static void cut_advice(char *text)
{
  static const char *const noise[] = {
    "\nLINE ",          "\nPossible solution",    "\nPossible Solution",
    "\nSee also",       "\nStack Trace",          "\nThis error signals",
    "\nPossible fixes", "\nDatabase is launched", "\nThe search space used"
  };
  for (size_t i = 0; i < sizeof noise / sizeof *noise; i++) {
    char *at = strstr(text, noise[i]);
    if (at != NULL) {
      *at = '\0';
    }
  }
}

/// The message on one line, without what DuckDB calls the error.
static void one_line(const char *text, char *line, size_t size)
{
  const char *start = strstr(text, " Error: ");
  start = start != NULL && start - text < 40 ? start + strlen(" Error: ") : text;
  size_t n = 0;
  for (const char *p = start; *p != '\0' && n + 3 < size; p++) {
    if (*p != '\n') {
      line[n++] = *p;
    } else if (n > 0 && line[n - 1] != ' ') {
      line[n++] = ';';
      line[n++] = ' ';
    }
  }
  while (n > 0 && (line[n - 1] == ' ' || line[n - 1] == ';')) {
    n--;
  }
  line[n] = '\0';
}

/// "file.csv" of a CSV error, whose own line for it is far down in the advice.
static void csv_file(const char *message, char *out, size_t size)
{
  static const char mark[] = "\n  file = ";
  const char *at = strstr(message, mark);
  if (at != NULL) {
    at += sizeof mark - 1;
    snprintf(out, size, " (in %.*s)", (int)strcspn(at, "\n"), at);
  }
}

/// A column that is nowhere, in the words of every other error; false for another message.
static bool column_fail(struct chn_err *err, const char *line)
{
  char name[256], known[512] = "";
  if (sscanf(line, "Referenced column \"%255[^\"]\" not found", name) != 1 &&
      sscanf(line, "Column \"%255[^\"]\" referenced that exists in the SELECT", name) != 1) {
    return false;
  }
  const char *mark = "Candidate bindings: ";
  const char *at = strstr(line, mark);
  if (at != NULL) {
    snprintf(known, sizeof known, " (known: %s)", at + strlen(mark));
  }
  chn_fail(err, CHN_E_ARGUMENT, "column \"%s\" does not exist%s", name, known);
  return true;
}

/// Somebody has called wh_interrupt. A thread of DuckDB that fails stops the others by the same
/// means, before it tells why it failed, and what they then say may come first.
static atomic_bool interrupted;

chn_status wh_duck_fail(struct chn_err *err, duckdb_error_type type, const char *message)
{
  if (message == NULL) {
    return chn_fail(err, CHN_E_INTERNAL, "the SQL engine failed and does not say why");
  }
  // A streaming result wraps what happened to it in an error of another type.
  if (strstr(message, "INTERRUPT Error") != NULL) {
    return atomic_load(&interrupted)
               ? chn_fail(err, CHN_E_CANCELLED, "stopped by the user")
               : chn_fail(err, CHN_E_INTERNAL,
                          "a thread of the SQL engine failed, and another hid why: run it again, "
                          "with --threads 1 to see the cause");
  }
  const chn_status class =
      strstr(message, "Out of Memory Error") != NULL ? CHN_E_MEMORY : class_of(type, message);
  char text[sizeof err->msg], line[sizeof err->msg], file[256] = "";
  csv_file(message, file, sizeof file);
  snprintf(text, sizeof text, "%s", message);
  cut_advice(text);
  one_line(text, line, sizeof line);
  if (column_fail(err, line)) {
    return CHN_E_ARGUMENT;
  }
  const char *hint = "";
  if (class == CHN_E_MEMORY) {
    hint = " (raise --memory-limit)";
  } else if (strstr(line, "No space left") != NULL) {
    hint = " (free some space and run again)";
  }
  return chn_fail(err, class, "%s%s%s", line, file, hint);
}

// ---- statements -------------------------------------------------------------------------------

duckdb_connection wh_free_connection(struct wh *wh)
{
  return wh->stream != NULL ? wh->side : wh->con;
}

chn_status wh_run(duckdb_connection con, const char *sql, duckdb_result *out, struct chn_err *err)
{
  if (duckdb_query(con, sql, out) == DuckDBSuccess) {
    return CHN_OK;
  }
  const chn_status s = wh_duck_fail(err, duckdb_result_error_type(out), duckdb_result_error(out));
  duckdb_destroy_result(out);
  return s;
}

chn_status wh_do(duckdb_connection con, const char *sql, struct chn_err *err)
{
  duckdb_result result;
  const chn_status s = wh_run(con, sql, &result, err);
  if (s == CHN_OK) {
    duckdb_destroy_result(&result);
  }
  return s;
}

/// duckdb_prepare gives the text of an error, but not its type: the text begins with it.
static duckdb_error_type type_of(const char *message)
{
  static const struct {
    const char *prefix;
    duckdb_error_type type;
  } types[] = { { "IO Error", DUCKDB_ERROR_IO },
                { "Catalog Error", DUCKDB_ERROR_CATALOG },
                { "Invalid Input Error", DUCKDB_ERROR_INVALID_INPUT },
                { "Out of Memory Error", DUCKDB_ERROR_OUT_OF_MEMORY },
                { "INTERNAL Error", DUCKDB_ERROR_INTERNAL },
                { "FATAL Error", DUCKDB_ERROR_FATAL },
                { "INTERRUPT Error", DUCKDB_ERROR_INTERRUPT } };
  for (size_t i = 0; message != NULL && i < sizeof types / sizeof *types; i++) {
    if (strncmp(message, types[i].prefix, strlen(types[i].prefix)) == 0) {
      return types[i].type;
    }
  }
  return DUCKDB_ERROR_BINDER;
}

chn_status wh_prepare(duckdb_connection con, const char *sql, duckdb_prepared_statement *out,
                      struct chn_err *err)
{
  if (duckdb_prepare(con, sql, out) == DuckDBSuccess) {
    return CHN_OK;
  }
  const char *message = duckdb_prepare_error(*out);
  const chn_status s = wh_duck_fail(err, type_of(message), message);
  duckdb_destroy_prepare(out);
  return s;
}

chn_status wh_exec(struct wh *wh, const char *sql, struct chn_err *err)
{
  return wh_do(wh_free_connection(wh), sql, err);
}

chn_status wh_describe(struct wh *wh, const char *sql, struct arena *a, struct row_schema *out,
                       struct chn_err *err)
{
  return wh_normalise(wh_free_connection(wh), a, &sql, out, err);
}

// ---- opening ----------------------------------------------------------------------------------

/// DuckDB gets 2/5 of the limit: columns, indexes and sketches in C live beside it.
static chn_status configure(struct wh *wh, const struct wh_options *o, duckdb_config *config,
                            struct chn_err *err)
{
  const uint64_t limit = o->memory_limit != 0 ? o->memory_limit : chn_machine_memory() / 5 * 3;
  const uint64_t share = limit / 5 * 2;
  const char *memory = arena_printf(&wh->arena, "%lluB", (unsigned long long)share);
  const char *threads = arena_printf(&wh->arena, "%d", (int)o->threads);
  const char *const settings[][2] = {
    { "memory_limit", memory },
    { "preserve_insertion_order", "true" },
    { "autoinstall_known_extensions", "false" },
    { "autoload_known_extensions", "false" },
    { "allow_unsigned_extensions", "false" },
    { "allow_community_extensions", "false" },
    { "temp_directory", "" },
    { o->threads > 0 ? "threads" : NULL, threads },
  };
  if (duckdb_create_config(config) != DuckDBSuccess) {
    return chn_fail(err, CHN_E_INTERNAL, "the SQL engine has no configuration");
  }
  for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
    if (settings[i][0] != NULL &&
        duckdb_set_config(*config, settings[i][0], settings[i][1]) != DuckDBSuccess) {
      return chn_fail(err, CHN_E_INTERNAL, "the SQL engine refuses the setting %s = %s",
                      settings[i][0], settings[i][1]);
    }
  }
  return CHN_OK;
}

static chn_status copy_sources(struct wh *wh, const struct wh_options *o, struct chn_err *err)
{
  wh->sources = arena_calloc(&wh->arena, (size_t)o->n_sources + 1, sizeof *wh->sources);
  for (int32_t i = 0; i < o->n_sources; i++) {
    struct wh_name name;
    const chn_status s = wh_name_parse(&wh->arena, o->sources[i].table, &name, err);
    if (s != CHN_OK) {
      return s;
    }
    const char *other = wh_source_path(wh, name.full);
    if (other != NULL) {
      return chn_fail(err, CHN_E_CONFLICT, "table %s is given two paths: %s and %s", name.full,
                      other, o->sources[i].path);
    }
    wh->sources[wh->n_sources++] =
        (struct wh_source){ name.full, arena_strdup(&wh->arena, o->sources[i].path) };
  }
  return CHN_OK;
}

static chn_status connect(struct wh *wh, const struct wh_options *o, struct chn_err *err)
{
  duckdb_config config = NULL;
  chn_status s = configure(wh, o, &config, err);
  char *why = NULL;
  if (s == CHN_OK && duckdb_open_ext(NULL, &wh->db, config, &why) != DuckDBSuccess) {
    s = wh_duck_fail(err, DUCKDB_ERROR_IO, why);
    duckdb_free(why);
  }
  duckdb_destroy_config(&config);
  if (s == CHN_OK && (duckdb_connect(wh->db, &wh->con) != DuckDBSuccess ||
                      duckdb_connect(wh->db, &wh->side) != DuckDBSuccess)) {
    s = chn_fail(err, CHN_E_INTERNAL, "the SQL engine gives no connection");
  }
  return s == CHN_OK ? sql_install(wh->con, err) : s;
}

static int32_t engine_threads(struct wh *wh)
{
  duckdb_result result;
  if (wh_run(wh->con, "SELECT current_setting('threads')::INTEGER", &result, NULL) != CHN_OK) {
    return 1;
  }
  const int32_t threads = duckdb_value_int32(&result, 0, 0);
  duckdb_destroy_result(&result);
  return threads;
}

chn_status wh_open(const struct wh_options *options, struct wh **out, struct chn_err *err)
{
  struct wh *wh = chn_calloc(1, sizeof *wh);
  wh->temp_lock = -1;
  pthread_mutex_init(&wh->frames_lock, NULL);
  wh->root = arena_strdup(&wh->arena, options->root != NULL ? options->root : "warehouse");
  chn_status s = copy_sources(wh, options, err);
  if (s == CHN_OK) {
    s = connect(wh, options, err);
  }
  if (s == CHN_OK) {
    wh->threads = engine_threads(wh);
    s = wh_frames_open(wh, err);
  }
  if (s != CHN_OK) {
    wh_close(wh);
    return s;
  }
  wh_temp_open(wh);
  *out = wh;
  return CHN_OK;
}

void wh_close(struct wh *wh)
{
  if (wh == NULL) {
    return;
  }
  duckdb_disconnect(&wh->con);
  duckdb_disconnect(&wh->side);
  duckdb_close(&wh->db);
  wh_temp_close(wh);
  wh_frames_close(wh);
  wh_views_close(wh);
  pthread_mutex_destroy(&wh->frames_lock);
  arena_deinit(&wh->arena);
  free(wh);
}

void wh_interrupt(struct wh *wh)
{
  atomic_store(&interrupted, true);
  duckdb_interrupt(wh->con);
  duckdb_interrupt(wh->side);
}
