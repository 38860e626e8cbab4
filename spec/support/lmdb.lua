--- LMDB itself, to count what a store left in its folder.
local ffi = require('ffi')

local M = {}

ffi.cdef [[
typedef struct { unsigned psize, depth; size_t branches, leaves, overflows, entries; } mdb_stat_t;
int mdb_env_create(void **env);
int mdb_env_set_maxdbs(void *env, unsigned n);
int mdb_env_open(void *env, const char *path, unsigned flags, int mode);
int mdb_txn_begin(void *env, void *parent, unsigned flags, void **txn);
int mdb_dbi_open(void *txn, const char *name, unsigned flags, unsigned *dbi);
int mdb_stat(void *txn, unsigned dbi, mdb_stat_t *stat);
void mdb_txn_abort(void *txn);
void mdb_env_close(void *env);
]]

--- Entries of all generations in a folder, by LMDB itself; no store may have it open here.
function M.entries(folder)
  local lmdb, env, txn = ffi.load('lmdb'), ffi.new('void *[1]'), ffi.new('void *[1]')
  local dbi, stat = ffi.new('unsigned[1]'), ffi.new('mdb_stat_t')
  assert(lmdb.mdb_env_create(env) == 0 and lmdb.mdb_env_set_maxdbs(env[0], 4) == 0)
  assert(lmdb.mdb_env_open(env[0], folder, 0x20000, 438) == 0)
  assert(lmdb.mdb_txn_begin(env[0], nil, 0x20000, txn) == 0)
  assert(lmdb.mdb_dbi_open(txn[0], 'chronon.data', 0, dbi) == 0 and lmdb.mdb_stat(txn[0], dbi[0], stat) == 0)
  lmdb.mdb_txn_abort(txn[0])
  lmdb.mdb_env_close(env[0])
  return tonumber(stat.entries)
end

return M
