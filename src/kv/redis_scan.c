// Scanning a dataset in Redis: pages of SSCAN over the set of its keys, the versions of a page's
// keys in one exchange. The token is the page's cursor and how many of its items were given.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "kv/redis_int.h"

struct scan {
  struct kv_scan base;
  char *name;
  int64_t live;
  struct chn_buf pattern;
  char cursor[32]; ///< of the page under way
  char next[32];   ///< of the page after it
  redisReply *page;
  redisReply **versions; ///< of the page's keys
  size_t key, version;   ///< the item to give
  size_t given;          ///< of the page
  size_t skip;           ///< of the first page, by the token
  bool ended;
  char token[64];
};

static void drop_page(struct scan *s)
{
  for (size_t i = 0; s->page && i < s->page->element[1]->elements; i++) {
    freeReplyObject(s->versions[i]);
  }
  free(s->versions);
  freeReplyObject(s->page);
  s->versions = NULL;
  s->page = NULL;
}

void redis_scan_close(struct kv_scan *scan)
{
  struct scan *s = (struct scan *)scan;
  drop_page(s);
  chn_buf_deinit(&s->pattern);
  free(s->name);
  free(s);
}

// The prefix as a pattern of MATCH.
static void make_pattern(struct chn_buf *b, const char *prefix, size_t n)
{
  for (size_t i = 0; i < n; i++) {
    if (prefix[i] != '\0' && strchr("*?[]\\^-", prefix[i])) {
      chn_buf_addc(b, '\\');
    }
    chn_buf_addc(b, prefix[i]);
  }
  chn_buf_addc(b, '*');
}

chn_status redis_scan_open(struct kv_scan **out, struct kv_reader *reader, const char *name,
                           const void *prefix, size_t prefix_len, const char *token,
                           struct chn_err *err)
{
  struct redis_reader *r = (struct redis_reader *)reader;
  struct scan *s = chn_calloc(1, sizeof *s);
  s->name = chn_strdup(name);
  snprintf(s->next, sizeof s->next, "0");
  make_pattern(&s->pattern, prefix, prefix_len);
  if (token && strcmp(token, "end") == 0) {
    s->ended = true;
  } else if (token && sscanf(token, "%31[0-9]:%zu", s->next, &s->skip) != 2) {
    redis_scan_close(&s->base);
    return chn_fail(err, CHN_E_ARGUMENT, "\"%s\" is no token of a scan of this store", token);
  }
  redisReply *live = NULL;
  redis_dataset_key(&r->key, name, ":live");
  chn_status status = redis_ready(&r->conn, err);
  if (!status) {
    status = redis_ask(&r->conn, &live, err,
                       (struct redis_word[]){ redis_text("GET"), redis_buf(&r->key) }, 2);
  }
  if (status) {
    redis_scan_close(&s->base);
    return status;
  }
  s->live = redis_number(live);
  s->ended = s->ended || s->live == 0;
  freeReplyObject(live);
  *out = &s->base;
  return CHN_OK;
}

static chn_status next_page(struct scan *s, struct redis_reader *r, struct chn_err *err)
{
  drop_page(s);
  snprintf(s->cursor, sizeof s->cursor, "%s", s->next);
  redis_index_key(&r->key, s->name, s->live);
  redisReply *page = NULL;
  chn_status status = redis_ready(&r->conn, err);
  if (!status) {
    status = redis_ask(&r->conn, &page, err,
                       (struct redis_word[]){ redis_text("SSCAN"), redis_buf(&r->key),
                                              redis_text(s->cursor), redis_text("MATCH"),
                                              redis_buf(&s->pattern), redis_text("COUNT"),
                                              redis_text("100") },
                       7);
  }
  if (status) {
    return status;
  }
  const redisReply *keys = page->element[1];
  snprintf(s->next, sizeof s->next, "%s", page->element[0]->str);
  for (size_t i = 0; i < keys->elements; i++) {
    redis_data_key(&r->key, s->name, s->live, keys->element[i]->str, keys->element[i]->len);
    redis_push(&r->conn,
               (struct redis_word[]){ redis_text("ZRANGEBYLEX"), redis_buf(&r->key),
                                      redis_text("-"), redis_text("+") },
               4);
  }
  s->versions = chn_calloc(keys->elements + 1, sizeof(redisReply *));
  for (size_t i = 0; i < keys->elements && !status; i++) {
    status = redis_take(&r->conn, &s->versions[i], err);
  }
  s->page = page;
  s->key = s->version = s->given = 0;
  return status;
}

// The page's next version, or false.
static bool next_item(struct scan *s, struct kv_item *item)
{
  const redisReply *keys = s->page ? s->page->element[1] : NULL;
  while (keys && s->key < keys->elements) {
    const redisReply *versions = s->versions[s->key];
    if (s->version == versions->elements) {
      s->key++;
      s->version = 0;
      continue;
    }
    const redisReply *member = versions->element[s->version++];
    if (member->len >= REDIS_TS) { // else it is not ours
      *item = (struct kv_item){ .key = keys->element[s->key]->str,
                                .key_len = keys->element[s->key]->len };
      item->version = (struct kv_version){ .ts = redis_ts(member->str),
                                           .data = member->str + REDIS_TS,
                                           .len = member->len - REDIS_TS };
      s->given++;
      return true;
    }
  }
  return false;
}

chn_status redis_scan_next(struct kv_scan *scan, struct kv_item *item, bool *found,
                           struct chn_err *err)
{
  struct scan *s = (struct scan *)scan;
  while (!s->ended) {
    if (next_item(s, item)) {
      if (s->skip) {
        s->skip--;
        continue;
      }
      *found = true;
      return CHN_OK;
    }
    if (s->page && strcmp(s->next, "0") == 0) {
      s->ended = true;
      break;
    }
    s->skip = s->page ? 0 : s->skip;
    const chn_status status = next_page(s, (struct redis_reader *)scan->reader, err);
    if (status) {
      return status;
    }
  }
  return CHN_OK;
}

const char *redis_scan_token(struct kv_scan *scan)
{
  struct scan *s = (struct scan *)scan;
  if (s->ended) {
    return "end";
  }
  snprintf(s->token, sizeof s->token, "%s:%zu", s->page ? s->cursor : s->next,
           s->page ? s->given : s->skip);
  return s->token;
}
