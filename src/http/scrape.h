/// scrape.h: a process's metrics for Prometheus, and nothing else: GET /metrics on loopback.
#pragma once
#include "base/err.h"

struct obs_metrics;
struct http_scrape;

/// Serves until http_scrape_close; `metrics` must outlive it. port 0: any that is free.
/// CHN_E_CONFLICT when the port is taken.
chn_status http_scrape_open(int32_t port, struct obs_metrics *metrics, struct http_scrape **out,
                            struct chn_err *err);
int32_t http_scrape_port(const struct http_scrape *s);
void http_scrape_close(struct http_scrape *s);
