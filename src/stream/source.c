#include "stream/source.h"

#include "stream/source_int.h"

chn_status source_poll(struct stream_source *s, size_t most, size_t most_bytes, int32_t wait_ms,
                       struct stream_poll *out, struct chn_err *err)
{
  *out = (struct stream_poll){ .event = STREAM_IDLE };
  return s->ops->poll(s, most, most_bytes, wait_ms, out, err);
}

void source_release(struct stream_source *s, const struct stream_poll *poll)
{
  s->ops->release(s, poll);
}

chn_status source_start(struct stream_source *s, int32_t partition, int64_t offset,
                        struct chn_err *err)
{
  return s->ops->start(s, partition, offset, err);
}

void source_pause(struct stream_source *s, bool pause)
{
  s->ops->pause(s, pause);
}

void source_committed(struct stream_source *s, int32_t partition, int64_t offset)
{
  s->ops->committed(s, partition, offset);
}

int64_t source_lag(struct stream_source *s, int32_t partition, int64_t offset)
{
  return s->ops->lag(s, partition, offset);
}

void source_pace(struct stream_source *s, int64_t ts)
{
  s->ops->pace(s, ts);
}

void source_close(struct stream_source *s)
{
  if (s != NULL) {
    s->ops->close(s);
  }
}
