/// memory_int.h: what the memory store keeps. All of it is used under the core's lock.
#pragma once
#include "kv/kv_int.h"

struct mem_value {
  struct mem_value *next; ///< in the graveyard
  int64_t ts;
  size_t len;
  char data[];
};

struct mem_versions { // of one key, ascending
  struct mem_value **list;
  size_t count, cap;
};

struct mem_generation {
  struct mem_generation *next; ///< in the graveyard
  uint64_t id;                 ///< of this process, never given twice
  struct chn_dict *keys;
  struct mem_versions *of_key; ///< by the key's id
  size_t cap;
};

struct mem_dataset {
  struct mem_generation *live;
  int64_t versions, bytes, version_ts, switched_ms;
  bool loading;
};

struct mem_mark {
  char *name;
  struct mem_value *value;
};

struct mem_core { // what stores of one name share
  struct mem_core *next;
  char *name;
  int users;
  pthread_mutex_t lock;
  struct chn_dict *names; ///< the dataset's name -> its place in `datasets`
  struct mem_dataset *datasets;
  size_t dataset_cap;
  struct mem_mark *marks;
  size_t mark_count;
  int reads;
  struct mem_value *dead_values;
  struct mem_generation *dead_generations;
};

struct mem_generation *mem_generation_new(void);
void mem_generation_free(struct mem_generation *g);

/// Frees what is buried, when no read is open.
void mem_bury_dead(struct mem_core *c);
void mem_bury(struct mem_core *c, struct mem_value *v);

struct mem_value *mem_value_new(int64_t ts, const void *data, size_t len);

/// The bytes of `v` and these behind them.
struct mem_value *mem_value_join(const struct mem_value *v, const void *data, size_t len);

struct mem_versions *mem_versions_of(struct mem_generation *g, const void *key, size_t len);

/// The first version with this ts or a later one.
size_t mem_place(const struct mem_versions *k, int64_t ts);

/// Returns the value that had this ts, or NULL.
struct mem_value *mem_set_version(struct mem_versions *k, struct mem_value *v);

struct mem_dataset *mem_find_dataset(struct mem_core *c, const char *name);
struct mem_dataset *mem_make_dataset(struct mem_core *c, const char *name);
struct mem_mark *mem_find_mark(struct mem_core *c, const char *name);
