// An LMDB folder: opening it, write transactions and the growth of the map.
//
// The folder holds data.mdb, lock.mdb and loads.lock. In data.mdb there are two trees:
// `chronon.data`, laid out as layout.c says, and `chronon.catalogue`, told in lmdb_catalogue.c.
//
// The map. LMDB maps the file into memory at a fixed size, and a write beyond it fails. Then the
// writer ends its transaction, waits until no thread of this process reads, doubles the map, and
// repeats. Other processes notice at their next read (MDB_MAP_RESIZED) and take the new size over,
// again while none of their threads reads. A read costs two atomic stores for that.
//
// Crashes. LMDB never overwrites a page that the last commit uses, so the file is always as of a
// commit. The slots of dead readers, which would keep old pages from being reused, are cleared at
// every opening, at every bulk load and before the map grows.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/time.h"
#include "kv/lmdb_int.h"

enum {
  READERS = 1024,
  MIB = 1 << 20,
  DEFAULT_MIB = 16 * 1024,
  RESIZE_WAIT_MS = 5000,
  FILE_MODE = 0664
};

static const char MAGIC[8] = "chrnkv\0\2";

static pthread_mutex_t envs_lock = PTHREAD_MUTEX_INITIALIZER;
static struct lmdb_env *envs;

// LMDB calls a write that stopped half-way an I/O error: a full disk looks like that too.
static chn_status write_failed(const struct lmdb_env *e, int rc, struct chn_err *err)
{
  struct statvfs disk;
  const bool known = statvfs(e->path, &disk) == 0;
  const unsigned long free_mib = known ? (unsigned long)(disk.f_bavail * disk.f_frsize / MIB) : 0;
  return chn_fail(err, CHN_E_IO,
                  "%s: %s: the disk is full (%lu MiB are free), a quota or a limit of file size is "
                  "reached, or the "
                  "device fails; what was stored before is whole",
                  e->path, mdb_strerror(rc), free_mib);
}

chn_status lmdb_fail(const struct lmdb_env *e, int rc, struct chn_err *err)
{
  switch (rc) {
  case LMDB_FAILED: return err->code;
  case MDB_INVALID:
  case MDB_VERSION_MISMATCH:
    return chn_fail(err, CHN_E_CORRUPT, "%s/data.mdb is not an LMDB file of this LMDB: %s", e->path,
                    mdb_strerror(rc));
  case MDB_CORRUPTED:
  case MDB_PAGE_NOTFOUND:
  case MDB_BAD_VALSIZE:
  case MDB_BAD_TXN: // an earlier get of the transaction met one of the above
    return chn_fail(err, CHN_E_CORRUPT,
                    "%s/data.mdb is damaged (%s): remove the folder and upload again", e->path,
                    mdb_strerror(rc));
  case LMDB_OVERWRITTEN:
    return chn_fail(err, CHN_E_IO,
                    "%s/data.mdb was written over by something else than this program while it was "
                    "in use: restart all that have it open",
                    e->path);
  case MDB_PANIC:
    return chn_fail(err, CHN_E_IO, "%s: an earlier write failed half-way; restart the program",
                    e->path);
  case MDB_READERS_FULL:
    return chn_fail(err, CHN_E_IO, "%s: more than %d readers", e->path, READERS);
  case EACCES:
  case EROFS:
    return chn_fail(err, CHN_E_IO,
                    "%s cannot be written (%s); readers too need the right to write lock.mdb",
                    e->path, strerror(rc));
  case ENOSPC:
  case EIO: return write_failed(e, rc, err);
  default: return chn_fail(err, CHN_E_IO, "%s: %s", e->path, mdb_strerror(rc));
  }
}

// --- the map ---

void lmdb_enter(struct lmdb_reader *r)
{
  for (;;) {
    atomic_store(&r->active, true);
    if (!atomic_load(&r->env->resizing)) {
      return;
    }
    atomic_store(&r->active, false);
    pthread_mutex_lock(&r->env->write_lock); // held while the map changes
    pthread_mutex_unlock(&r->env->write_lock);
  }
}

void lmdb_leave(struct lmdb_reader *r)
{
  atomic_store(&r->active, false);
}

static bool nobody_reads(struct lmdb_env *e)
{
  pthread_mutex_lock(&e->readers_lock);
  bool nobody = true;
  for (const struct lmdb_reader *r = e->readers; r; r = r->next) {
    nobody = nobody && !atomic_load(&r->active);
  }
  pthread_mutex_unlock(&e->readers_lock);
  return nobody;
}

// Under the write lock, outside of any transaction. Size 0 takes over what another process chose.
static chn_status resize(struct lmdb_env *e, size_t size, struct chn_err *err)
{
  atomic_store(&e->resizing, true);
  chn_status status = CHN_OK;
  const double until = chn_monotonic_ms() + RESIZE_WAIT_MS;
  while (!nobody_reads(e) && !status) {
    if (chn_monotonic_ms() > until) {
      status =
          chn_fail(err, CHN_E_IO,
                   "%s: its map must change, but a read of this process has been open for %d s",
                   e->path, RESIZE_WAIT_MS / CHN_SECOND_MS);
    }
    nanosleep(&(struct timespec){ .tv_nsec = 50000 }, NULL);
  }
  if (!status) {
    const int rc = mdb_env_set_mapsize(e->env, size);
    status = rc ? lmdb_fail(e, rc, err) : CHN_OK;
  }
  atomic_store(&e->resizing, false);
  return status;
}

chn_status lmdb_adopt_size(struct lmdb_env *e, struct chn_err *err)
{
  pthread_mutex_lock(&e->write_lock);
  const chn_status status = resize(e, 0, err);
  pthread_mutex_unlock(&e->write_lock);
  return status;
}

static chn_status grow(struct lmdb_env *e, struct chn_err *err)
{
  int dead;
  mdb_reader_check(e->env, &dead);
  MDB_envinfo info;
  mdb_env_info(e->env, &info);
  return resize(e, info.me_mapsize * 2, err);
}

chn_status lmdb_write(struct lmdb_env *e, lmdb_step *step, void *job, struct chn_err *err)
{
  struct chn_err own;
  err = err ? err : &own;
  if (e->read_only) {
    return lmdb_fail(e, EACCES, err);
  }
  chn_status status = CHN_OK;
  pthread_mutex_lock(&e->write_lock);
  status = lmdb_guard_size(e, err);
  for (bool again = true; again && !status;) {
    MDB_txn *txn = NULL;
    int rc = mdb_txn_begin(e->env, NULL, 0, &txn);
    if (rc == 0) {
      lmdb_journal_start(e->journal);
      rc = step(e, txn, job, err);
      rc = rc ? rc : lmdb_journal_write(e, txn);
      if (rc == 0) {
        rc = mdb_txn_commit(txn);
      } else {
        mdb_txn_abort(txn);
      }
    }
    again = rc == MDB_MAP_FULL || rc == MDB_MAP_RESIZED;
    if (again) {
      status = rc == MDB_MAP_FULL ? grow(e, err) : resize(e, 0, err);
    } else if (rc) {
      status = lmdb_fail(e, rc, err);
    }
  }
  pthread_mutex_unlock(&e->write_lock);
  return status;
}

// --- opening ---

static int make_trees(struct lmdb_env *e, MDB_txn *txn, void *job, struct chn_err *err)
{
  (void)job;
  (void)err;
  int rc = mdb_dbi_open(txn, "chronon.data", MDB_CREATE, &e->data);
  if (rc == 0) {
    rc = mdb_dbi_open(txn, "chronon.catalogue", MDB_CREATE, &e->catalogue);
  }
  struct lmdb_root root = { .next_generation = 1 };
  memcpy(root.magic, MAGIC, sizeof root.magic);
  struct lmdb_root old;
  if (rc == 0) {
    rc = lmdb_get_root(e, txn, &old);
  }
  return rc == MDB_NOTFOUND ? lmdb_put_root(e, txn, &root) : rc;
}

static chn_status check_root(const struct lmdb_env *e, MDB_txn *txn, struct chn_err *err)
{
  struct lmdb_root root;
  const int rc = lmdb_get_root(e, txn, &root);
  if (rc || memcmp(root.magic, MAGIC, sizeof MAGIC - 1) != 0) {
    return chn_fail(err, CHN_E_CORRUPT, "%s is no store of ours, or damaged: choose another folder",
                    e->path);
  }
  if (root.magic[7] != MAGIC[7]) {
    return chn_fail(err, CHN_E_CORRUPT,
                    "%s has format %d, this program reads %d: upload to another folder", e->path,
                    root.magic[7], MAGIC[7]);
  }
  return CHN_OK;
}

// Opens the trees where they are there; *empty where the file holds nothing yet.
static chn_status open_trees(struct lmdb_env *e, bool *empty, struct chn_err *err)
{
  *empty = false;
  MDB_txn *txn;
  int rc = mdb_txn_begin(e->env, NULL, MDB_RDONLY, &txn);
  if (rc) {
    return lmdb_fail(e, rc, err);
  }
  // What this transaction sees: another process may make the trees meanwhile, and mdb_env_stat
  // would tell of those.
  MDB_dbi main;
  MDB_stat stat;
  rc = mdb_dbi_open(txn, NULL, 0, &main);
  rc = rc ? rc : mdb_stat(txn, main, &stat);
  if (rc) {
    mdb_txn_abort(txn);
    return lmdb_fail(e, rc, err);
  }
  MDB_envinfo info;
  struct stat file;
  mdb_env_info(e->env, &info);
  mdb_filehandle_t fd;
  mdb_env_get_fd(e->env, &fd);
  if (fstat(fd, &file) == 0 && (size_t)file.st_size < (info.me_last_pgno + 1) * stat.ms_psize &&
      stat.ms_entries) {
    mdb_txn_abort(txn);
    return chn_fail(err, CHN_E_CORRUPT, "%s/data.mdb is cut: remove the folder and upload again",
                    e->path);
  }
  rc = mdb_dbi_open(txn, "chronon.data", 0, &e->data);
  if (rc == 0) {
    rc = mdb_dbi_open(txn, "chronon.catalogue", 0, &e->catalogue);
  }
  chn_status status = CHN_OK;
  if (rc == MDB_NOTFOUND && stat.ms_entries == 0) {
    *empty = true;
  } else if (rc == MDB_NOTFOUND || rc == MDB_INCOMPATIBLE) {
    status = chn_fail(err, CHN_E_CORRUPT, "%s is an LMDB folder of another program: choose another",
                      e->path);
  } else {
    status = rc ? lmdb_fail(e, rc, err) : check_root(e, txn, err);
  }
  if (status || *empty) {
    mdb_txn_abort(txn);
  } else {
    mdb_txn_commit(txn); // keeps the handles
  }
  return status;
}

static chn_status prepare(struct lmdb_env *e, bool create, struct chn_err *err)
{
  bool empty;
  chn_status status = open_trees(e, &empty, err);
  if (!status && empty) {
    status = create
                 ? lmdb_write(e, make_trees, NULL, err)
                 : chn_fail(err, CHN_E_NOT_FOUND, "%s is empty: upload something first", e->path);
  }
  int dead;
  mdb_reader_check(e->env, &dead);
  return status;
}

static chn_status open_env(struct lmdb_env *e, const struct kv_url *url, bool create,
                           struct chn_err *err)
{
  char file[4096];
  snprintf(file, sizeof file, "%s/data.mdb", e->path);
  if (!create && access(file, F_OK) != 0) {
    return chn_fail(err, CHN_E_NOT_FOUND, "%s holds no store: upload something first", e->path);
  }
  for (unsigned flags = MDB_NOTLS;; flags |= MDB_RDONLY) {
    int rc = mdb_env_create(&e->env);
    if (rc == 0) {
      mdb_env_set_maxdbs(e->env, 4);
      mdb_env_set_maxreaders(e->env, READERS);
      mdb_env_set_mapsize(e->env, (size_t)(url->map_mib ? url->map_mib : DEFAULT_MIB) * MIB);
      rc = mdb_env_open(e->env, e->path, flags, FILE_MODE);
    }
    e->read_only = (flags & MDB_RDONLY) != 0;
    if (rc == 0) {
      lmdb_guard_open(e);
      return prepare(e, create, err);
    }
    if ((rc != EACCES && rc != EROFS) || create || e->read_only) {
      return lmdb_fail(e, rc, err);
    }
    mdb_env_close(e->env);
    e->env = NULL;
  }
}

static void free_env(struct lmdb_env *e)
{
  if (e->env) {
    mdb_env_close(e->env);
  }
  pthread_mutex_destroy(&e->write_lock);
  pthread_mutex_destroy(&e->readers_lock);
  lmdb_journal_free(e->journal);
  free(e->path);
  free(e);
}

// The folder and those above it.
static chn_status make_folder(const char *path, struct chn_err *err)
{
  char *copy = chn_strdup(path);
  for (char *slash = copy + 1; *slash; slash++) {
    if (*slash == '/') {
      *slash = '\0';
      mkdir(copy, 0777); // what matters is said by the last one
      *slash = '/';
    }
  }
  const int made = mkdir(copy, 0777);
  const int cause = errno;
  free(copy);
  if (made != 0 && cause != EEXIST) {
    return chn_fail(err, CHN_E_IO, "folder %s cannot be made: %s", path, strerror(cause));
  }
  return CHN_OK;
}

static chn_status find_folder(const char *path, bool create, struct stat *folder,
                              struct chn_err *err)
{
  if (stat(path, folder) != 0) {
    const int cause = errno;
    if (cause != ENOENT) {
      return chn_fail(err, CHN_E_IO, "folder %s: %s", path, strerror(cause));
    }
    if (!create) {
      return chn_fail(err, CHN_E_NOT_FOUND, "folder %s does not exist: upload something first",
                      path);
    }
    const chn_status status = make_folder(path, err);
    if (status) {
      return status;
    }
    if (stat(path, folder) != 0) {
      return chn_fail(err, CHN_E_IO, "folder %s: %s", path, strerror(errno));
    }
  }
  return S_ISDIR(folder->st_mode)
             ? CHN_OK
             : chn_fail(err, CHN_E_ARGUMENT, "%s is a file, want a folder", path);
}

chn_status lmdb_env_open(struct lmdb_env **out, const struct kv_url *url, bool create,
                         struct chn_err *err)
{
  struct stat folder;
  chn_status status = find_folder(url->path, create, &folder, err);
  if (status) {
    return status;
  }
  // A second opening of one folder in one process would end the first one's locks.
  pthread_mutex_lock(&envs_lock);
  struct lmdb_env *e = envs;
  while (e && (e->dev != folder.st_dev || e->ino != folder.st_ino)) {
    e = e->next;
  }
  if (!e) {
    e = chn_calloc(1, sizeof *e);
    *e = (struct lmdb_env){ .dev = folder.st_dev,
                            .ino = folder.st_ino,
                            .path = chn_strdup(url->path),
                            .journal = lmdb_journal_new() };
    pthread_mutex_init(&e->write_lock, NULL);
    pthread_mutex_init(&e->readers_lock, NULL);
    status = open_env(e, url, create, err);
    if (status) {
      free_env(e);
      e = NULL;
    } else {
      e->next = envs;
      envs = e;
    }
  }
  if (e) {
    e->users++;
  }
  pthread_mutex_unlock(&envs_lock);
  *out = e;
  return status;
}

void lmdb_env_close(struct lmdb_env *e)
{
  pthread_mutex_lock(&envs_lock);
  if (--e->users == 0) {
    struct lmdb_env **link = &envs;
    while (*link != e) {
      link = &(*link)->next;
    }
    *link = e->next;
    free_env(e);
  }
  pthread_mutex_unlock(&envs_lock);
}
