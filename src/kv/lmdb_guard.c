// Whether the file is still what this process opened. Somebody may remove the folder, put another
// one in its place, or copy another data.mdb over the one that is mapped here.
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "kv/lmdb_int.h"

static bool stat_open(const struct lmdb_env *e, struct stat *out)
{
  mdb_filehandle_t fd = -1;
  return mdb_env_get_fd(e->env, &fd) == MDB_SUCCESS && fstat(fd, out) == 0;
}

static bool stat_named(const struct lmdb_env *e, const char *name, struct stat *out)
{
  char path[4096];
  snprintf(path, sizeof path, "%s/%s", e->path, name);
  return stat(path, out) == 0;
}

void lmdb_guard_open(struct lmdb_env *e)
{
  struct stat data;
  struct stat lock;
  atomic_store(&e->file_bytes, stat_open(e, &data) ? (long long)data.st_size : 0);
  e->lock_ino = stat_named(e, "lock.mdb", &lock) ? lock.st_ino : 0;
}

// A file of LMDB never shrinks. To read what was cut off would end the process by SIGBUS, so its
// size is looked at before a read; not more often than every LOOK_NS, because asking for it costs
// as much as a get. Who loses that race dies as before.
chn_status lmdb_guard_size(struct lmdb_env *e, struct chn_err *err)
{
  enum { LOOK_NS = 250000 };
  struct timespec t;
  struct stat now;
  clock_gettime(CLOCK_MONOTONIC, &t);
  const long long at = (long long)t.tv_sec * 1000000000 + t.tv_nsec;
  if (at - atomic_load_explicit(&e->looked, memory_order_relaxed) > LOOK_NS) {
    atomic_store_explicit(&e->looked, at, memory_order_relaxed);
    // Known before it is asked: while this thread is between the two, the file may grow, and
    // another thread may see it.
    long long known = atomic_load(&e->file_bytes);
    if (stat_open(e, &now)) {
      if ((long long)now.st_size < known) {
        atomic_store(&e->cut, true);
      }
      while ((long long)now.st_size > known &&
             !atomic_compare_exchange_weak(&e->file_bytes, &known, (long long)now.st_size)) {
      }
    }
  }
  return atomic_load_explicit(&e->cut, memory_order_relaxed)
             ? chn_fail(err, CHN_E_IO,
                        "%s/data.mdb was cut while this process read it: put a whole store there, "
                        "or upload again into an empty folder, and restart it",
                        e->path)
             : CHN_OK;
}

// Where another file was copied over this one, its commits have other numbers than the lock file,
// which stays. Of one file the last commit is never older than a reader's; a reader that is late
// gets a later number at its next attempt.
int lmdb_guard_txn(const struct lmdb_env *e, MDB_txn *txn, size_t *before)
{
  MDB_envinfo info;
  const size_t id = mdb_txn_id(txn);
  mdb_env_info(e->env, &info);
  if (info.me_last_txnid < id || (info.me_last_txnid > id + 1 && id == *before)) {
    return LMDB_OVERWRITTEN;
  }
  *before = id;
  return info.me_last_txnid > id + 1 ? LMDB_LATE : 0;
}

/// A file that was removed stays readable where it is mapped; what is uploaded since goes
/// elsewhere. Without the lock file a writer does not know what is being read here.
chn_status lmdb_guard_file(const struct lmdb_env *e, struct chn_err *err)
{
  struct stat opened;
  struct stat now;
  if (!stat_open(e, &opened)) {
    return chn_fail(err, CHN_E_IO, "%s/data.mdb: %s", e->path, strerror(errno));
  }
  const bool there = stat_named(e, "data.mdb", &now);
  if (!there || now.st_ino != opened.st_ino || now.st_dev != opened.st_dev) {
    return chn_fail(
        err, CHN_E_IO,
        "%s/data.mdb was %s since this process opened it, which still reads the old file: %s",
        e->path, there ? "replaced" : "removed",
        there ? "restart it" : "upload again and restart it");
  }
  if (e->lock_ino != 0 && (!stat_named(e, "lock.mdb", &now) || now.st_ino != e->lock_ino)) {
    return chn_fail(err, CHN_E_IO,
                    "%s/lock.mdb was removed since this process opened it: an upload could "
                    "overwrite what is read here; restart it",
                    e->path);
  }
  return CHN_OK;
}
