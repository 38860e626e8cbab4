// The group's partitions: which are ours, where each starts, what Kafka is told of them.
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/time.h"
#include "stream/source_kafka_int.h"

enum { ASK_MS = 3000 }; ///< how long a broker is waited for where a partition's bounds are asked

struct partition *kafka_find(const struct kafka *k, int32_t id)
{
  for (int32_t i = 0; i < k->n; i++) {
    if (k->partitions[i].id == id) {
      return &k->partitions[i];
    }
  }
  return NULL;
}

chn_status kafka_failed(const struct kafka *k, rd_kafka_resp_err_t code, struct chn_err *err)
{
  return code == RD_KAFKA_RESP_ERR_NO_ERROR
             ? CHN_OK
             : chn_fail(err, CHN_E_IO, "topic %s: %s", k->topic, rd_kafka_err2str(code));
}

rd_kafka_topic_partition_list_t *kafka_list_of(const struct kafka *k)
{
  rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(k->n);
  for (int32_t i = 0; i < k->n; i++) {
    rd_kafka_topic_partition_list_add(list, k->topic, k->partitions[i].id);
  }
  return list;
}

// ---- the group --------------------------------------------------------------------------------

static void set_event(struct kafka *k, const rd_kafka_topic_partition_list_t *list)
{
  k->event = chn_realloc(k->event, ((size_t)list->cnt + 1) * sizeof *k->event);
  k->n_event = list->cnt;
  for (int32_t i = 0; i < list->cnt; i++) {
    k->event[i] = list->elems[i].partition;
  }
}

void kafka_rebalance(rd_kafka_t *rk, rd_kafka_resp_err_t code,
                     rd_kafka_topic_partition_list_t *list, void *opaque)
{
  struct kafka *k = opaque;
  if (k->closing) {
    rd_kafka_assign(rk, NULL);
    return;
  }
  set_event(k, list);
  k->assigned = code == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS;
  k->revoked = !k->assigned;
  if (k->assigned) {
    pthread_mutex_lock(&k->lock);
    k->partitions = chn_realloc(k->partitions, ((size_t)list->cnt + 1) * sizeof *k->partitions);
    k->n = list->cnt;
    for (int32_t i = 0; i < list->cnt; i++) {
      k->partitions[i] = (struct partition){ list->elems[i].partition, INT64_MIN, -1 };
    }
    pthread_mutex_unlock(&k->lock);
    k->reassign = true; // also of no partitions: the group waits for the answer
  } else {
    k->lost = code != RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS || rd_kafka_assignment_lost(rk);
  }
  rd_kafka_yield(rk); // the poll returns at once
}

rd_kafka_topic_partition_list_t *kafka_take_committed(struct kafka *k)
{
  rd_kafka_topic_partition_list_t *list = NULL;
  pthread_mutex_lock(&k->lock);
  for (int32_t i = 0; i < k->n; i++) {
    struct partition *p = &k->partitions[i];
    if (p->committed >= 0) {
      list = list != NULL ? list : rd_kafka_topic_partition_list_new(k->n);
      rd_kafka_topic_partition_list_add(list, k->topic, p->id)->offset = p->committed;
      p->committed = -1;
    }
  }
  pthread_mutex_unlock(&k->lock);
  return list;
}

void kafka_tell_committed(struct kafka *k)
{
  rd_kafka_topic_partition_list_t *list = k->telling ? NULL : kafka_take_committed(k);
  k->told_ms = chn_monotonic_ms();
  if (list != NULL) {
    k->telling = true;
    const rd_kafka_resp_err_t code = rd_kafka_commit(k->rk, list, 1);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
      kafka_on_told(k->rk, code, list, k);
    }
    rd_kafka_topic_partition_list_destroy(list);
  }
}

void kafka_on_told(rd_kafka_t *rk, rd_kafka_resp_err_t code, rd_kafka_topic_partition_list_t *list,
                   void *opaque)
{
  (void)rk;
  struct kafka *k = opaque;
  k->telling = false;
  pthread_mutex_lock(&k->lock);
  for (int i = 0; list != NULL && i < list->cnt; i++) {
    const rd_kafka_topic_partition_t *told = &list->elems[i];
    struct partition *p = kafka_find(k, told->partition);
    const bool failed =
        code != RD_KAFKA_RESP_ERR_NO_ERROR || told->err != RD_KAFKA_RESP_ERR_NO_ERROR;
    if (failed && p != NULL && p->committed < 0) {
      p->committed = told->offset; // to be told again
    }
  }
  pthread_mutex_unlock(&k->lock);
}

static void let_go(struct kafka *k)
{
  if (!k->lost) {
    kafka_tell_committed(k);
  }
  pthread_mutex_lock(&k->lock);
  k->n = 0;
  pthread_mutex_unlock(&k->lock);
  rd_kafka_assign(k->rk, NULL);
  k->unassign = k->reassign = k->lost = k->stopped = false;
}

bool kafka_tell_event(struct kafka *k, struct stream_poll *out)
{
  if (k->unassign) {
    let_go(k);
  }
  if (!k->assigned && !k->revoked) {
    return false;
  }
  *out = (struct stream_poll){ .event = k->assigned ? STREAM_ASSIGNED : STREAM_REVOKED,
                               .partitions = k->event,
                               .n_partitions = k->n_event,
                               .lost = k->lost };
  k->unassign = k->revoked;
  k->assigned = k->revoked = false;
  return true;
}

// ---- where partitions start -------------------------------------------------------------------

const struct latest *kafka_latest(const struct kafka *k, int32_t id)
{
  for (int32_t i = 0; i < k->n_latest; i++) {
    if (k->latest[i].id == id) {
      return &k->latest[i];
    }
  }
  return NULL;
}

static rd_kafka_resp_err_t ask_latest(struct kafka *k, int32_t id, int64_t *offset)
{
  const struct latest *known = kafka_latest(k, id);
  int64_t low = 0;
  if (known != NULL) {
    *offset = known->offset;
    return RD_KAFKA_RESP_ERR_NO_ERROR;
  }
  const rd_kafka_resp_err_t code =
      rd_kafka_query_watermark_offsets(k->rk, k->topic, id, &low, offset, ASK_MS);
  if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
    pthread_mutex_lock(&k->lock);
    k->latest = chn_realloc(k->latest, (size_t)(k->n_latest + 1) * sizeof *k->latest);
    k->latest[k->n_latest++] = (struct latest){ id, *offset };
    pthread_mutex_unlock(&k->lock);
  }
  return code;
}

chn_status kafka_assign(struct kafka *k, struct chn_err *err)
{
  rd_kafka_topic_partition_list_t *list = kafka_list_of(k);
  rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;
  for (int32_t i = 0; i < k->n && code == RD_KAFKA_RESP_ERR_NO_ERROR; i++) {
    const struct partition *p = &k->partitions[i];
    list->elems[i].offset = p->next != INT64_MIN ? p->next : RD_KAFKA_OFFSET_BEGINNING;
    if (p->next == INT64_MIN && k->from == STREAM_FROM_LATEST) {
      code = ask_latest(k, p->id, &list->elems[i].offset);
    }
  }
  chn_status s = CHN_OK;
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
    kafka_trouble_note(&k->trouble, k->rk, code, rd_kafka_err2str(code));
    k->again_ms = chn_monotonic_ms() + KAFKA_TELL_MS;
  } else {
    if (k->stopped) {
      rd_kafka_resume_partitions(k->rk, list);
    }
    s = kafka_failed(k, rd_kafka_assign(k->rk, list), err);
    if (k->stopped) {
      rd_kafka_pause_partitions(k->rk, list);
    }
    k->reassign = false;
  }
  rd_kafka_topic_partition_list_destroy(list);
  return s;
}

chn_status kafka_on_gap(struct kafka *k, struct partition *p, const char *text, struct chn_err *err)
{
  int64_t low = 0;
  int64_t high = 0;
  const rd_kafka_resp_err_t code =
      rd_kafka_query_watermark_offsets(k->rk, k->topic, p->id, &low, &high, ASK_MS);
  k->reassign = true;
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR || p->next == INT64_MIN ||
      (p->next >= low && p->next <= high)) {
    kafka_trouble_note(&k->trouble, k->rk, RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET, text);
    k->again_ms = chn_monotonic_ms() + KAFKA_TELL_MS;
    return CHN_OK;
  }
  if (k->skip_gaps) {
    char line[160];
    snprintf(line, sizeof line,
             "partition %d no longer has offset %" PRId64 "; going on at %" PRId64, p->id, p->next,
             low);
    kafka_trouble_note(&k->trouble, k->rk, RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE, line);
    p->next = low;
    return CHN_OK;
  }
  return p->next < low
             ? chn_fail(err, CHN_E_CONFLICT,
                        "topic %s, partition %d begins at offset %" PRId64
                        ", and the store goes on at %" PRId64
                        ": messages between are lost; --skip-gaps goes on without them",
                        k->topic, p->id, low, p->next)
             : chn_fail(err, CHN_E_CONFLICT,
                        "topic %s, partition %d ends at offset %" PRId64
                        ", and the store goes on at %" PRId64
                        ": it is another topic of that name, or lost messages; give it its own "
                        "--group, or --skip-gaps goes on at %" PRId64,
                        k->topic, p->id, high, p->next, low);
}
