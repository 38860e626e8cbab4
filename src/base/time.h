/// time.h: the only place where instants, days and their texts meet.
///
/// An instant is int64 epoch milliseconds, UTC. A day is an int32 count of days since 1970-01-01.
/// A `ds` is the text of a day, yyyy-MM-dd, proleptic Gregorian.
#pragma once
#include "base/err.h"

enum { CHN_DS_SIZE = 16 }; ///< bytes that hold any ds with its NUL

enum {
  CHN_SECOND_MS = 1000,
  CHN_MINUTE_MS = 60000,
  CHN_HOUR_MS = 3600000,
  CHN_DAY_MS = 86400000,
};

/// The day an instant lies in; rounds down for instants before 1970 too.
int32_t chn_day_of_ms(int64_t ms);

/// The first instant of a day.
int64_t chn_ms_of_day(int32_t day);

/// Writes the ds of a day (years 0001 to 9999) and returns `out`.
char *chn_ds_of_day(int32_t day, char out[16]);

/// Reads a ds; fails with CHN_E_ARGUMENT on anything but an existing yyyy-MM-dd.
chn_status chn_day_of_ds(const char *ds, int32_t *day, struct chn_err *err);

/// Reads an instant: epoch milliseconds, or ISO 8601 (2024-03-10, 2024-03-10T12:30[:05[.123]], then
/// nothing or Z for UTC, or an offset like +02:00, whose sign may be a blank, which is what a query
/// string makes of a plus), of the years 0001 to 9999. Fails with CHN_E_ARGUMENT.
chn_status chn_ms_of_text(const char *text, int64_t *ms, struct chn_err *err);

/// Whether the day of an instant has a ds: years 0001 to 9999.
bool chn_ms_has_ds(int64_t ms);

/// Today in UTC.
int32_t chn_today(void);

/// Milliseconds of a clock that never goes back, for measuring.
double chn_monotonic_ms(void);

/// Milliseconds since 1970, UTC, now.
int64_t chn_now_ms(void);
