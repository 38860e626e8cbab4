/// log_int.h: what log.c and log_table.c share.
#pragma once
#include "fetcher/log.h"

/// The two tables and the thread that writes them.
struct log_table;

chn_status log_table_open(const struct fetch_log_options *options, struct log_table **out,
                          struct chn_err *err);
chn_status log_table_close(struct log_table *t, struct chn_err *err);

/// A fetch_log_fn: puts a copy into the queue; schemas always, rows while there is room.
bool log_table_put(void *table, const struct fetch_log_event *event);

/// Adds its own part to *out.
void log_table_count(struct log_table *t, struct fetch_log_counts *out);
void log_table_error(struct log_table *t, char out[256]);
