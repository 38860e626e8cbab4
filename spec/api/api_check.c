// What include/chronon.h promises, called as a program of its own would: api_check STORE, which a
// spec filled (spec/support/served.lua). Prints what is wrong and exits 1, or prints "ok".
#include <chronon.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { THREADS = 4, ROUNDS = 200 };

static chronon *c;

#define CHECK(what)                                                                                \
  do {                                                                                             \
    if (!(what)) {                                                                                 \
      fprintf(stderr, "line %d: %s\n", __LINE__, #what);                                           \
      exit(1);                                                                                     \
    }                                                                                              \
  } while (0)

static struct chronon_key long_key(const char *name, int64_t i)
{
  return (struct chronon_key){ name, { .kind = CHRONON_LONG, .i = i } };
}

static struct chronon_key text_key(const char *name, const char *text)
{
  return (struct chronon_key){ name,
                               { .kind = CHRONON_STRING, .text = text, .len = strlen(text) } };
}

/// Three rows of a GroupBy: known, with nulls, unknown.
static void check_values(chronon_session *s)
{
  struct chronon_key keys[3] = { long_key("uid", 1), text_key("uid", "2"), long_key("uid", 9) };
  const chronon_answer *a = NULL;
  struct chronon_value v;
  CHECK(chronon_fetch(s, CHRONON_GROUP_BY, "team/gs.v1", keys, 1, 3, CHRONON_NOW, &a, NULL) == 0);
  CHECK(chronon_row_count(a) == 3 && chronon_feature_count(a) == 3);
  CHECK(strcmp(chronon_feature_name(a, 0), "v_sum_7d") == 0);
  CHECK(chronon_feature_find(a, "v_average") == 1 && chronon_feature_find(a, "x") == -1);
  CHECK(chronon_feature(a, 0, 0, &v) == CHRONON_S_PRESENT && v.kind == CHRONON_LONG && v.i == 8);
  CHECK(chronon_feature(a, 0, 1, &v) == CHRONON_S_PRESENT && v.kind == CHRONON_DOUBLE && v.d == 4);
  CHECK(chronon_feature(a, 0, 2, &v) == CHRONON_S_PRESENT && v.kind == CHRONON_JSON);
  CHECK(strcmp(v.text, "[5,3]") == 0 && v.len == 5);
  CHECK(chronon_feature(a, 1, 0, &v) == CHRONON_S_NULL && v.kind == CHRONON_NULL);
  CHECK(chronon_feature(a, 2, 0, &v) == CHRONON_S_MISSING_KEY && v.kind == CHRONON_NULL);
  CHECK(chronon_feature(a, 3, 0, &v) == CHRONON_S_ERROR && chronon_feature_name(a, 3) == NULL);
  CHECK(chronon_row_error(a, 0) == NULL && chronon_part_error(a, 0, NULL, NULL) == NULL);
}

static void check_errors(chronon_session *s)
{
  struct chronon_key keys[2] = { text_key("uid", "abc"), long_key("uid", 1) };
  const struct chronon_key bytes = { "uid", { .kind = CHRONON_BYTES, .text = "x", .len = 1 } };
  const struct chronon_key nan = { "uid", { .kind = CHRONON_DOUBLE, .d = strtod("nan", NULL) } };
  struct chronon_error e;
  const chronon_answer *a = NULL;
  size_t row = 9;
  const char *name = NULL;
  CHECK(chronon_fetch(s, CHRONON_GROUP_BY, "team/gs.v1", keys, 1, 2, CHRONON_NOW, &a, &e) == 0);
  CHECK(strcmp(chronon_row_error(a, 0), "For input string: \"abc\"") == 0);
  CHECK(chronon_feature(a, 0, 0, NULL) == CHRONON_S_ERROR);
  CHECK(chronon_row_error(a, 1) == NULL && chronon_feature(a, 1, 0, NULL) == CHRONON_S_PRESENT);
  CHECK(chronon_fetch(s, CHRONON_JOIN, "team/j2.v1", keys + 1, 1, 1, CHRONON_NOW, &a, &e) == 0);
  CHECK(strstr(chronon_part_error(a, 0, &row, &name), "TEAM_GMISSING_V1_BATCH") != NULL);
  CHECK(row == 0 && strcmp(name, "team_gmissing_v1_exception") == 0);
  CHECK(chronon_feature(a, 0, 0, NULL) == CHRONON_S_PRESENT);
  a = NULL;
  CHECK(chronon_fetch(s, CHRONON_JOIN, "team/no.v1", keys, 1, 1, CHRONON_NOW, &a, &e) ==
        CHRONON_E_NOT_FOUND);
  CHECK(a == NULL && e.code == CHRONON_E_NOT_FOUND && strstr(e.message, "joins/team/no.v1"));
  CHECK(chronon_fetch(s, CHRONON_GROUP_BY, "team/gs.v1", keys, 1, 1, INT64_MAX, &a, &e) ==
            CHRONON_E_ARGUMENT &&
        strstr(e.message, "no instant of the years 1 to 9999") != NULL);
  CHECK(chronon_fetch(s, CHRONON_GROUP_BY, "team/gs.v1", &bytes, 1, 1, CHRONON_NOW, &a, &e) ==
        CHRONON_E_ARGUMENT);
  CHECK(chronon_fetch(s, CHRONON_GROUP_BY, "team/gs.v1", &nan, 1, 1, CHRONON_NOW, &a, &e) ==
        CHRONON_E_ARGUMENT);
  const char *text = NULL;
  size_t len = 0;
  CHECK(chronon_fetch_json(s, CHRONON_JOIN, "team/j1.v1", "[{", 2, CHRONON_NOW, false, &text, &len,
                           &e) == CHRONON_E_CORRUPT);
  CHECK(text == NULL);
}

static void check_json(chronon_session *s)
{
  const char *text = NULL;
  size_t len = 0;
  const char *keys = "[{\"uid\":2}]";
  for (int i = 0; i < 3; i++) { // kept after the first time, if the store is told to keep answers
    CHECK(chronon_fetch_json(s, CHRONON_GROUP_BY, "team.gs.v1", keys, strlen(keys), CHRONON_NOW,
                             false, &text, &len, NULL) == 0);
    CHECK(strlen(text) == len && strstr(text, "\"v_sum_7d\":null"));
  }
  CHECK(chronon_fetch_json(s, CHRONON_GROUP_BY, "team.gs.v1", keys, strlen(keys), CHRONON_NOW, true,
                           &text, &len, NULL) == 0);
  CHECK(strstr(text, "{\"value\":null,\"status\":\"null\"}"));
  CHECK(chronon_describe(s, CHRONON_GROUP_BY, "team/gs.v1", &text, &len, NULL) == 0);
  CHECK(strstr(text, "{\"name\":\"team.gs.v1\",\"keys\":[{\"name\":\"uid\",\"type\":\"bigint\"}]"));
  CHECK(strstr(text, "{\"name\":\"v_last2\",\"type\":\"array<bigint>\"}"));
}

static void *fetch_often(void *arg)
{
  chronon_session *s = NULL;
  (void)arg;
  CHECK(chronon_session_open(c, &s, NULL) == 0);
  for (int i = 0; i < ROUNDS; i++) {
    check_values(s);
    check_errors(s);
    check_json(s);
  }
  chronon_session_close(s);
  return NULL;
}

int main(int argc, char **argv)
{
  struct chronon_options o = { .store = "lmdb:/nowhere/at/all", .answer_cache = 1 << 20 };
  struct chronon_error e;
  chronon_session *s = NULL;
  pthread_t threads[THREADS];
  CHECK(argc == 2);
  CHECK(chronon_open(&o, &c, &e) == CHRONON_E_NOT_FOUND && strstr(e.message, "/nowhere/at/all"));
  o.store = "what";
  CHECK(chronon_open(&o, &c, &e) == CHRONON_E_ARGUMENT && c == NULL);
  o.store = argv[1];
  CHECK(chronon_open(&o, &c, &e) == CHRONON_OK);
  CHECK(chronon_session_open(c, &s, &e) == CHRONON_OK);
  check_values(s);
  int32_t changed = 9;
  CHECK(chronon_reload(c, &changed, &e) == CHRONON_OK && changed == 0);
  check_errors(s);
  check_json(s);
  for (int i = 0; i < THREADS; i++) {
    CHECK(pthread_create(&threads[i], NULL, fetch_often, NULL) == 0);
  }
  for (int i = 0; i < 20; i++) {
    CHECK(chronon_reload(c, NULL, &e) == CHRONON_OK);
  }
  for (int i = 0; i < THREADS; i++) {
    pthread_join(threads[i], NULL);
  }
  chronon_session_close(s);
  CHECK(chronon_close(c, &e) == CHRONON_OK);
  printf("ok\n");
  return 0;
}
