// Fetches a row of a join and prints its features: fetch STORE JOIN KEY=VALUE...
//
//     cc -std=c11 -I include docs/examples/fetch.c -L build/release -lchronon -o fetch
//     LD_LIBRARY_PATH=build/release ./fetch lmdb:store team/training.v1 user_id=5
#include <chronon.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { MAX_KEYS = 16 };

static void print_value(const struct chronon_value *v)
{
  switch (v->kind) {
  case CHRONON_NULL: printf("null"); break;
  case CHRONON_BOOL: printf("%s", v->i ? "true" : "false"); break;
  case CHRONON_LONG: printf("%" PRId64, v->i); break;
  case CHRONON_DOUBLE: printf("%.17g", v->d); break;
  case CHRONON_STRING:
  case CHRONON_JSON: printf("%s", v->text); break;
  case CHRONON_BYTES: printf("%zu bytes", v->len); break;
  }
}

static int print_answer(const chronon_answer *a)
{
  const char *why = chronon_row_error(a, 0);
  if (why != NULL) {
    fprintf(stderr, "%s\n", why);
    return 1;
  }
  for (size_t i = 0; i < chronon_feature_count(a); i++) {
    struct chronon_value v;
    const enum chronon_status status = chronon_feature(a, 0, i, &v);
    printf("%s = ", chronon_feature_name(a, i));
    print_value(&v);
    printf(" (%s)\n", chronon_status_name(status));
  }
  // What a part could not give is told beside the features of the others.
  const char *name = NULL;
  for (size_t i = 0; (why = chronon_part_error(a, i, NULL, &name)) != NULL; i++) {
    fprintf(stderr, "%s: %s\n", name, why);
  }
  return 0;
}

/// Takes `user_id=5` apart, in place; a text is cast to the type of the key.
static int read_key(char *word, struct chronon_key *key)
{
  char *eq = strchr(word, '=');
  if (eq == NULL) {
    return 0;
  }
  *eq = '\0';
  *key = (struct chronon_key){ word,
                               { .kind = CHRONON_STRING, .text = eq + 1, .len = strlen(eq + 1) } };
  return 1;
}

int main(int argc, char **argv)
{
  struct chronon_key keys[MAX_KEYS];
  size_t n_keys = 0;
  for (int i = 3; i < argc && n_keys < MAX_KEYS && read_key(argv[i], &keys[n_keys]); i++) {
    n_keys++;
  }
  if (n_keys == 0) {
    fprintf(stderr, "usage: fetch STORE JOIN KEY=VALUE...\n");
    return 2;
  }
  const struct chronon_options options = { .store = argv[1] };
  struct chronon_error error;
  chronon *c = NULL;
  chronon_session *session = NULL;
  const chronon_answer *answer = NULL;
  int code = 1;
  if (chronon_open(&options, &c, &error) != CHRONON_OK ||
      chronon_session_open(c, &session, &error) != CHRONON_OK ||
      chronon_fetch(session, CHRONON_JOIN, argv[2], keys, n_keys, 1, CHRONON_NOW, &answer,
                    &error) != CHRONON_OK) {
    fprintf(stderr, "%s\n", error.message);
  } else {
    code = print_answer(answer);
  }
  chronon_session_close(session);
  chronon_close(c, NULL);
  return code;
}
