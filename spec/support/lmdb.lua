--- LMDB itself, to count what a store left in its folder, and to write as a program does that knows less.
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
typedef struct { size_t size; const void *data; } mdb_val_t;
int mdb_put(void *txn, unsigned dbi, mdb_val_t *key, mdb_val_t *data, unsigned flags);
int mdb_del(void *txn, unsigned dbi, mdb_val_t *key, mdb_val_t *data);
void mdb_txn_abort(void *txn);
int mdb_txn_commit(void *txn);
void mdb_env_close(void *env);
]]

local RDONLY = 0x20000

-- In a transaction of its own; no store of this process may have the folder open.
local function with_tree(folder, tree, flags, f)
  local lmdb, env, txn, dbi = ffi.load('lmdb'), ffi.new('void *[1]'), ffi.new('void *[1]'), ffi.new('unsigned[1]')
  assert(lmdb.mdb_env_create(env) == 0 and lmdb.mdb_env_set_maxdbs(env[0], 4) == 0)
  assert(lmdb.mdb_env_open(env[0], folder, flags, 438) == 0)
  assert(lmdb.mdb_txn_begin(env[0], nil, flags, txn) == 0)
  assert(lmdb.mdb_dbi_open(txn[0], tree, 0, dbi) == 0)
  local out = f(lmdb, txn[0], dbi[0])
  assert(lmdb.mdb_txn_commit(txn[0]) == 0)
  lmdb.mdb_env_close(env[0])
  return out
end

--- Entries of a tree: without a name those of all generations.
function M.entries(folder, tree)
  return with_tree(folder, tree or 'chronon.data', RDONLY, function(lmdb, txn, dbi)
    local stat = ffi.new('mdb_stat_t')
    assert(lmdb.mdb_stat(txn, dbi, stat) == 0)
    return tonumber(stat.entries)
  end)
end

local function val(bytes) return ffi.new('mdb_val_t', #bytes, ffi.cast('const char *', bytes)) end

--- Puts an entry, or removes it where there is no value.
function M.put(folder, tree, key, value)
  with_tree(folder, tree, 0, function(lmdb, txn, dbi)
    if value then
      assert(lmdb.mdb_put(txn, dbi, val(key), val(value), 0) == 0)
    else
      assert(lmdb.mdb_del(txn, dbi, val(key), nil) == 0)
    end
  end)
end

return M
