#include "base/err.h"

#include <stdio.h>
#include <string.h>

chn_status chn_fail(struct chn_err *err, chn_status code, const char *fmt, ...)
{
  if (err == NULL) {
    return code;
  }
  err->code = code;
  va_list ap;
  va_start(ap, fmt);
  vsnprintf(err->msg, sizeof err->msg, fmt, ap);
  va_end(ap);
  return code;
}

chn_status chn_wrap(struct chn_err *err, const char *fmt, ...)
{
  if (err == NULL) {
    return CHN_E_INTERNAL;
  }
  char old[sizeof err->msg];
  memcpy(old, err->msg, sizeof old);
  va_list ap;
  va_start(ap, fmt);
  const int n = vsnprintf(err->msg, sizeof err->msg, fmt, ap);
  va_end(ap);
  if (n >= 0 && (size_t)n < sizeof err->msg) {
    snprintf(err->msg + n, sizeof err->msg - (size_t)n, ": %s", old);
  }
  return err->code;
}

const char *chn_code_name(chn_status code)
{
  switch (code) {
  case CHN_OK: return "ok";
  case CHN_E_ARGUMENT: return "argument";
  case CHN_E_NOT_FOUND: return "not_found";
  case CHN_E_CORRUPT: return "corrupt";
  case CHN_E_IO: return "io";
  case CHN_E_CONFLICT: return "conflict";
  case CHN_E_MEMORY: return "memory";
  case CHN_E_CANCELLED: return "cancelled";
  case CHN_E_INTERNAL: return "internal";
  }
  return "internal";
}
