/* chronon.h: features of keys, in your process.
 *
 * A `chronon` is an opened online store with what is known of its definitions; all threads share
 * it. Each thread fetches with a `chronon_session` of its own. An answer belongs to the session
 * that gave it and lives until that session's next fetch:
 *
 *     chronon_open(&options, &c, &error)
 *     chronon_session_open(c, &s, &error)                          one a thread
 *     chronon_fetch(s, CHRONON_JOIN, "team/training.v1", keys, n_keys, n_rows, CHRONON_NOW, &a,
 * &error) chronon_feature(a, row, i, &value)                           as often as it pleases
 *     chronon_session_close(s); chronon_close(c)
 *
 * docs/examples/fetch.c is a whole program. Link with -lchronon.
 *
 * Errors. What can fail returns an enum chronon_code, and takes a struct chronon_error last, which
 * may be NULL; outputs are then untouched. What concerns one row or one part of a join is no such
 * failure: the other rows and features are there (chronon_row_error, chronon_part_error).
 *
 * Memory. Every `const char *` that comes out is the library's, UTF-8 and NUL-terminated (its bytes
 * may hold NULs too, hence the lengths). What goes in is copied before the call returns.
 *
 * Threads. A `chronon` from any thread at once; a session and its answers from one at a time. A
 * process that forks opens after the fork.
 */
#pragma once
#ifdef __cplusplus
extern "C" {
#endif
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct chronon chronon;
typedef struct chronon_session chronon_session;
typedef struct chronon_answer chronon_answer;

/* ---- errors ------------------------------------------------------------------------------------
 */

enum chronon_code {
  CHRONON_OK = 0,
  CHRONON_E_ARGUMENT,  /* what is asked cannot be */
  CHRONON_E_NOT_FOUND, /* the store has no such definition, or there is no such store */
  CHRONON_E_CORRUPT,   /* bytes mean nothing: JSON of keys, values of the store */
  CHRONON_E_IO,        /* the store or the disk did not answer */
  CHRONON_E_CONFLICT,  /* what exists contradicts what is asked */
  CHRONON_E_MEMORY,    /* a limit of memory is reached */
  CHRONON_E_CANCELLED, /* not from these functions */
  CHRONON_E_INTERNAL,  /* a bug of the library */
};

struct chronon_error {
  int code; /* enum chronon_code */
  char message[2048];
};

/* "0.1.0" */
const char *chronon_version(void);

/* ---- opening -----------------------------------------------------------------------------------
 */

/* Zero every member that is not set: zero is the default. */
struct chronon_options {
  const char *store;        /* lmdb:DIR, redis://[[USER]:PASSWORD@]HOST[:PORT][/DB]; must be set */
  const char *repo;         /* folder with production/: joins that the store lacks, files of Lua
                               external sources; NULL: none */
  int64_t metadata_ttl_ms;  /* age at which definitions are looked up again, in the background;
                               0: 2 hours */
  int32_t batch_cache;      /* uploaded values that each session keeps decoded; 0: none */
  const char *warehouse;    /* folder of the log's tables; NULL: nothing is logged */
  const char *log_table;    /* NULL: logs.served. Rows of the samplePercent of each join */
  const char *schema_table; /* NULL: logs.served_schemas */
  int64_t answer_cache;     /* bytes of answers that chronon_fetch_json keeps, of all sessions, as
                               long as nothing changes them (LMDB stores); 0: none */
};

/* Opens the store: CHRONON_E_NOT_FOUND where its folder is missing. Redis connects when first
 * asked. The process must not have the same LMDB folder open already. */
int chronon_open(const struct chronon_options *options, chronon **out, struct chronon_error *error);

/* Writes the log that waits; its failure is told. All sessions must be closed. `c` is gone in any
 * case; NULL is allowed. */
int chronon_close(chronon *c, struct chronon_error *error);

/* Looks all definitions up again now, while other threads fetch; *changed (may be NULL) counts
 * those that were new. After a failure, what could not be read stays as it was. */
int chronon_reload(chronon *c, int32_t *changed, struct chronon_error *error);

int chronon_session_open(chronon *c, chronon_session **out, struct chronon_error *error);
void chronon_session_close(chronon_session *s); /* NULL is allowed */

/* ---- fetching ----------------------------------------------------------------------------------
 */

enum chronon_of { CHRONON_GROUP_BY = 0, CHRONON_JOIN = 1 };

enum chronon_kind {
  CHRONON_NULL = 0,
  CHRONON_BOOL,   /* i is 0 or 1 */
  CHRONON_LONG,   /* i: BYTE, SHORT, INT, LONG */
  CHRONON_DOUBLE, /* d: FLOAT, DOUBLE */
  CHRONON_STRING, /* text, len */
  CHRONON_BYTES,  /* text, len: BINARY */
  CHRONON_JSON,   /* text, len: LIST, MAP, STRUCT and what else has no kind of its own */
};

struct chronon_value {
  enum chronon_kind kind;
  int64_t i;
  double d;
  const char *text;
  size_t len;
};

/* A key of a row. Values are cast as Chronon casts them: "5" is 5 where the definition has a LONG.
 */
struct chronon_key {
  const char *name;
  struct chronon_value value; /* no BYTES, no JSON */
};

/* An instant of the years 1 to 9999: epoch milliseconds, UTC. Of rows streamed since, those before
 * it count. */
enum { CHRONON_NOW = -1 };

/* The features of n_rows rows of n_keys keys, keys[row * n_keys + k]; a join's name is
 * `team/file.v1`, a GroupBy's may be that or `team.file.v1`. CHRONON_E_NOT_FOUND when the store
 * does not know the name, CHRONON_E_IO when it does not answer. The answer is the session's. */
int chronon_fetch(chronon_session *s, enum chronon_of of, const char *name,
                  const struct chronon_key *keys, size_t n_keys, size_t n_rows, int64_t at,
                  const chronon_answer **out, struct chronon_error *error);

/* The same from JSON, `[{"user_id": "5"}, ..]`, to the JSON that Chronon's service answers
 * (detailed: with the status of each feature; docs/reference/http.md). The text is the session's.
 */
int chronon_fetch_json(chronon_session *s, enum chronon_of of, const char *name, const char *keys,
                       size_t len, int64_t at, bool detailed, const char **out, size_t *out_len,
                       struct chronon_error *error);

/* What a name means now, as JSON: {"name", "keys": [{"name", "type"}], "features": [..],
 * "batch_end": ms or null}. The text is the session's. */
int chronon_describe(chronon_session *s, enum chronon_of of, const char *name, const char **out,
                     size_t *out_len, struct chronon_error *error);

/* ---- answers -----------------------------------------------------------------------------------
 */
/* Rows are those of the request, in its order. Indexes beyond the end are the caller's mistake:
 * they give NULL, CHRONON_S_ERROR or 0. */

enum chronon_status {
  CHRONON_S_PRESENT = 0,
  CHRONON_S_NULL,        /* the key is known and has no such value */
  CHRONON_S_MISSING_KEY, /* the store knows nothing of the key, or it was null or not given */
  CHRONON_S_STALE_BATCH, /* a value, more than two days after the last upload: windows of more than
                            two days hold rows that they should have dropped */
  CHRONON_S_ERROR,       /* chronon_row_error or chronon_part_error says why */
};

size_t chronon_row_count(const chronon_answer *a);
size_t chronon_feature_count(const chronon_answer *a);
const char *chronon_feature_name(const chronon_answer *a, size_t feature);

/* The index of a feature; -1: there is none of that name. */
int32_t chronon_feature_find(const chronon_answer *a, const char *name);

/* How a feature stands, and its value (CHRONON_NULL unless present or stale). `out` may be NULL. */
enum chronon_status chronon_feature(const chronon_answer *a, size_t row, size_t feature,
                                    struct chronon_value *out);

/* "present", "null", "missing_key", "stale_batch", "error" */
const char *chronon_status_name(enum chronon_status status);

/* Why a whole row has no features; NULL: it has them. */
const char *chronon_row_error(const chronon_answer *a, size_t row);

/* What parts of a join could not give: error i of the answer, its row, and the entry's name
 * (`<prefix>_exception`). NULL behind the last. */
const char *chronon_part_error(const chronon_answer *a, size_t i, size_t *row, const char **name);

#ifdef __cplusplus
}
#endif
