// Lines by libedit. Keys are Emacs' (Ctrl-A, Ctrl-E, Alt-B ...), Ctrl-R searches the history.
#include "cli/line.h"

#include <errno.h>
#include <histedit.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/arena.h"
#include "base/buf.h"

enum { HISTORY_LINES = 5000 };

struct cli_line {
  EditLine *el;
  History *history;
  char *file; ///< of the history, or NULL
  const char *prompt;
  struct chn_buf text; ///< the line read
  cli_line_complete_fn complete;
};

static struct cli_line *line_of(EditLine *el)
{
  void *data = NULL;
  el_get(el, EL_CLIENTDATA, &data);
  return data;
}

static char *prompt_of(EditLine *el)
{
  return (char *)(uintptr_t)line_of(el)->prompt; // libedit only reads it
}

// ---- completion -------------------------------------------------------------------------------

/// Bytes that all candidates begin with.
static size_t common_prefix(char *const *words, size_t n)
{
  size_t len = strlen(words[0]);
  for (size_t i = 1; i < n; i++) {
    size_t k = 0;
    while (k < len && words[i][k] == words[0][k]) {
      k++;
    }
    len = k;
  }
  while (len > 0 && ((unsigned char)words[0][len] & 0xC0) == 0x80) {
    len--; // whole characters only
  }
  return len;
}

/// Candidates in columns below the line.
static void list_words(EditLine *el, char *const *words, size_t n)
{
  size_t widest = 1;
  for (size_t i = 0; i < n; i++) {
    widest = strlen(words[i]) > widest ? strlen(words[i]) : widest;
  }
  const size_t across = 78 / (widest + 2) > 0 ? 78 / (widest + 2) : 1;
  FILE *out = stdout;
  fputc('\n', out);
  for (size_t i = 0; i < n && i < 200; i++) {
    const bool last = i % across == across - 1 || i + 1 == n;
    fprintf(out, "%-*s%s", last ? 0 : (int)widest + 2, words[i], last ? "\n" : "");
  }
  if (n > 200) {
    fprintf(out, "... and %zu more\n", n - 200);
  }
  fflush(out);
  el_set(el, EL_REFRESH);
}

static unsigned char choose(EditLine *el, char *answer)
{
  char *words[1024], *save = NULL;
  size_t n = 0;
  char *first = strtok_r(answer, "\n", &save);
  const size_t replaced = first != NULL ? (size_t)atoi(first) : 0;
  for (char *w = strtok_r(NULL, "\n", &save); w != NULL && n < 1024;
       w = strtok_r(NULL, "\n", &save)) {
    words[n++] = w;
  }
  if (n == 0) {
    return CC_REFRESH_BEEP;
  }
  const size_t common = common_prefix(words, n);
  if (common > replaced || n == 1) {
    words[0][common] = '\0';
    el_deletestr(el, (int)replaced);
    el_insertstr(el, words[0]);
    return CC_REFRESH;
  }
  list_words(el, words, n);
  return CC_REDISPLAY;
}

static unsigned char on_tab(EditLine *el, int unused)
{
  (void)unused;
  struct cli_line *l = line_of(el);
  const LineInfo *info = el_line(el);
  const size_t n = (size_t)(info->cursor - info->buffer);
  char *before = chn_calloc(n + 1, 1);
  memcpy(before, info->buffer, n);
  const char *answer = l->complete != NULL ? l->complete(before) : NULL;
  free(before);
  if (answer == NULL || *answer == '\0') {
    return CC_REFRESH_BEEP;
  }
  char *copy = chn_strdup(answer);
  const unsigned char done = choose(el, copy);
  free(copy);
  return done;
}

void cli_line_completer(struct cli_line *l, cli_line_complete_fn fn)
{
  l->complete = fn;
}

// ---- opening ----------------------------------------------------------------------------------

static void bind_keys(EditLine *el)
{
  static const char *const keys[][2] = {
    { "^R", "em-inc-search-prev" },  { "^I", "chn-complete" },
    { "^W", "ed-delete-prev-word" }, { "\\e[A", "ed-prev-history" },
    { "\\e[B", "ed-next-history" },  { "\\e[3~", "ed-delete-next-char" },
    { "\\e[H", "ed-move-to-beg" },   { "\\e[F", "ed-move-to-end" },
    { "\\e[1~", "ed-move-to-beg" },  { "\\e[4~", "ed-move-to-end" },
    { "\\e[1;5C", "em-next-word" },  { "\\e[1;5D", "ed-prev-word" }
  };
  el_set(el, EL_EDITOR, "emacs");
  el_set(el, EL_ADDFN, "chn-complete", "complete the word", on_tab);
  for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
    el_set(el, EL_BIND, keys[i][0], keys[i][1], NULL);
  }
}

struct cli_line *cli_line_open(const char *path)
{
  HistEvent event;
  setlocale(LC_CTYPE, "");
  if (MB_CUR_MAX ==
      1) { // a bare container says nothing, and its terminal speaks UTF-8 all the same
    setlocale(LC_CTYPE, "C.UTF-8");
  }
  EditLine *el = el_init("chronon", stdin, stdout, stderr);
  if (el == NULL) {
    return NULL;
  }
  struct cli_line *l = chn_calloc(1, sizeof *l);
  l->el = el;
  l->prompt = "";
  l->file = path != NULL ? chn_strdup(path) : NULL;
  l->history = history_init();
  history(l->history, &event, H_SETSIZE, HISTORY_LINES);
  history(l->history, &event, H_SETUNIQUE, 1);
  if (l->file != NULL) {
    history(l->history, &event, H_LOAD, l->file);
  }
  el_set(el, EL_CLIENTDATA, l);
  el_set(el, EL_PROMPT, prompt_of);
  el_set(el, EL_HIST, history, l->history);
  el_set(el, EL_SIGNAL, 1); // Ctrl-Z gives the terminal back as it was, fg takes it again
  bind_keys(el);
  return l;
}

void cli_line_close(struct cli_line *l)
{
  if (l == NULL) {
    return;
  }
  history_end(l->history);
  el_end(l->el);
  chn_buf_deinit(&l->text);
  free(l->file);
  free(l);
}

// ---- reading ----------------------------------------------------------------------------------

const char *cli_line_read(struct cli_line *l, const char *prompt, enum cli_line_end *end)
{
  int n = 0;
  l->prompt = prompt;
  el_resize(l->el);
  errno = 0;
  const char *text = el_gets(l->el, &n);
  if (text == NULL || n <= 0) {
    *end = errno == EINTR ? CLI_LINE_CANCELLED : CLI_LINE_EOF;
    fputc('\n', stdout);
    fflush(stdout);
    el_reset(l->el);
    return NULL;
  }
  chn_buf_clear(&l->text);
  chn_buf_add(&l->text, text, (size_t)n);
  while (l->text.len > 0 && (l->text.data[l->text.len - 1] == '\n')) {
    l->text.data[--l->text.len] = '\0';
  }
  *end = CLI_LINE_DONE;
  return chn_buf_str(&l->text);
}

void cli_line_add(struct cli_line *l, const char *text)
{
  HistEvent event;
  history(l->history, &event, H_ENTER, text);
  if (l->file != NULL) {
    const mode_t mask = umask(077); // what is typed is nobody else's business
    history(l->history, &event, H_SAVE, l->file);
    umask(mask);
  }
}
