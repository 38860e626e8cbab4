// What decoding costs by itself: messages of about 150 bytes to six columns, one core.
//
//     ninja -C build/release decode_bench && build/release/decode_bench [json|csv|avro] [MESSAGES]
//
// The last line is one JSON object, as bench/run prints.
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/time.h"
#include "codec/avro.h"
#include "stream/decode.h"

enum { BATCH = 10000, ROOM = 256, ROUNDS = 5 };

static const char schema_text[] =
    "{\"type\":\"record\",\"name\":\"Event\",\"fields\":[{\"name\":\"user_id\",\"type\":[\"null\",\"string\"]},"
    "{\"name\":\"amount\",\"type\":[\"null\",\"double\"]},{\"name\":\"ts\",\"type\":[\"null\",\"long\"]},"
    "{\"name\":\"merchant\",\"type\":[\"null\",\"string\"]},{\"name\":\"country\",\"type\":[\"null\",\"string\"]},"
    "{\"name\":\"items\",\"type\":[\"null\",\"int\"]},{\"name\":\"session\",\"type\":\"string\"}]}";

static void must(chn_status status, const struct chn_err *err)
{
  if (status) {
    fprintf(stderr, "decode_bench: %s\n", err->msg);
    exit(1);
  }
}

static void put_varint(struct chn_buf *out, int64_t value)
{
  uint64_t v = ((uint64_t)value << 1) ^ (uint64_t)(value >> 63);
  for (; v >= 0x80; v >>= 7) {
    chn_buf_addc(out, (char)(v | 0x80));
  }
  chn_buf_addc(out, (char)v);
}

static void put_text(struct chn_buf *out, bool nullable, const char *text)
{
  if (nullable) {
    put_varint(out, 1);
  }
  put_varint(out, (int64_t)strlen(text));
  chn_buf_adds(out, text);
}

static void write_message(const char *serde, uint32_t i, struct chn_buf *out)
{
  const uint32_t h = i * 2654435761u;
  char user[32];
  char merchant[32];
  char session[40];
  const double amount = (double)(h % 100000) / 100;
  const int64_t ts = 1700000000000 + i;
  snprintf(user, sizeof user, "user_%06u", h % 100000);
  snprintf(merchant, sizeof merchant, "merchant_%04u", h % 1000);
  snprintf(session, sizeof session, "%08x%08x", h, ~h);
  chn_buf_clear(out);
  if (strcmp(serde, "json") == 0) {
    chn_buf_addf(out,
                 "{\"user_id\":\"%s\",\"amount\":%.2f,\"ts\":%" PRId64
                 ",\"merchant\":\"%s\",\"country\":\"DE\",\"items\":%u,\"session\":\"%s\"}",
                 user, amount, ts, merchant, h % 10, session);
  } else if (strcmp(serde, "csv") == 0) {
    chn_buf_addf(out, "%s,%.2f,%" PRId64 ",%s,DE,%u,%s", user, amount, ts, merchant, h % 10, session);
  } else {
    put_text(out, true, user);
    put_varint(out, 1);
    chn_buf_add(out, &amount, sizeof amount);
    put_varint(out, 1);
    put_varint(out, ts);
    put_text(out, true, merchant);
    put_text(out, true, "DE");
    put_varint(out, 1);
    put_varint(out, h % 10);
    put_text(out, false, session);
  }
}

static void write_schema(const char *path)
{
  FILE *file = fopen(path, "w");
  if (file == NULL || fputs(schema_text, file) < 0 || fclose(file) != 0) {
    fprintf(stderr, "decode_bench: cannot write %s\n", path);
    exit(1);
  }
}

static struct stream_decoder *open_decoder(struct arena *a, const char *serde)
{
  struct chn_err err;
  const char *folder = getenv("TMPDIR") != NULL ? getenv("TMPDIR") : "/tmp";
  if (strcmp(serde, "avro") == 0) {
    write_schema(arena_printf(a, "%s/decode_bench.avsc", folder));
  }
  struct row_field *fields = arena_calloc(a, 6, sizeof *fields);
  fields[0] = (struct row_field){"user_id", row_scalar(ROW_STRING)};
  fields[1] = (struct row_field){"amount", row_scalar(ROW_DOUBLE)};
  fields[2] = (struct row_field){"ts", row_scalar(ROW_LONG)};
  fields[3] = (struct row_field){"merchant", row_scalar(ROW_STRING)};
  fields[4] = (struct row_field){"country", row_scalar(ROW_STRING)};
  fields[5] = (struct row_field){"items", row_scalar(ROW_INT)};
  struct row_schema *schema = arena_calloc(a, 1, sizeof *schema);
  *schema = (struct row_schema){fields, 6};
  const char *text = arena_printf(
      a, "events/serde=%s/fields=user_id,amount,ts,merchant,country,items,session/schema=decode_bench.avsc", serde);
  struct stream_topic *topic = arena_calloc(a, 1, sizeof *topic);
  must(stream_topic_parse(a, text, topic, &err), &err);
  const struct decode_options o = {.topic = topic, .folder = folder, .columns = schema};
  struct stream_decoder *d = NULL;
  must(stream_decoder_open(&o, &d, &err), &err);
  return d;
}

int main(int argc, char **argv)
{
  const char *serde = argc > 1 ? argv[1] : "json";
  const int64_t messages = argc > 2 ? atoll(argv[2]) : 5000000;
  struct arena a = {0};
  struct chn_err err;
  struct stream_decoder *d = open_decoder(&a, serde);
  const struct reject_options rejects = {.topic = "events", .group_by = "bench", .stop = true};
  struct stream_rejects *r = stream_rejects_new(&rejects);
  struct stream_message *list = arena_calloc(&a, BATCH, sizeof *list);
  struct chn_buf text = {0};
  size_t bytes = 0;
  for (uint32_t i = 0; i < BATCH; i++) {
    write_message(serde, i, &text);
    list[i] = (struct stream_message){.offset = i, .ts = i, .data = arena_strndup(&a, text.data, text.len), .len = text.len};
    bytes += text.len;
  }
  double best = 0;
  for (int round = 0; round < ROUNDS; round++) {
    const double from = chn_monotonic_ms();
    int64_t rows = 0;
    while (rows < messages / ROUNDS) {
      struct decoded out;
      must(stream_decode(d, list, BATCH, r, &out, &err), &err);
      rows += (int64_t)out.n;
    }
    const double rate = (double)rows / (chn_monotonic_ms() - from) * 1e3;
    best = rate > best ? rate : best;
  }
  printf("%s: %.2f M messages/s of %zu bytes, best of %d\n", serde, best / 1e6, bytes / BATCH, ROUNDS);
  printf("{\"bench\":\"stream-decode-%s\",\"ours\":%.0f,\"unit\":\"messages/s\",\"rows\":%" PRId64 "}\n", serde, best,
         messages);
  stream_decoder_close(d);
  stream_rejects_free(r);
  chn_buf_deinit(&text);
  arena_deinit(&a);
  return 0;
}
