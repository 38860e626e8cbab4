--- An in-memory DuckDB with what rendered SQL needs, and Spark SQL run in it: for the specs of
--- src/warehouse/sql*. It calls DuckDB's C API through libchronon, which links it.
local ffi = require('ffi')
local cdef = require('spec.support.cdef')
local C = cdef.load('warehouse/sql.h', 'warehouse/sql_install.h')

ffi.cdef([[
typedef struct { uint64_t unused[8]; } duck_result;
int duckdb_open(const char *path, void **db);
int duckdb_connect(void *db, struct _duckdb_connection **con);
void duckdb_disconnect(struct _duckdb_connection **con);
void duckdb_close(void **db);
int duckdb_query(struct _duckdb_connection *con, const char *sql, duck_result *r);
void duckdb_destroy_result(duck_result *r);
const char *duckdb_result_error(duck_result *r);
uint64_t duckdb_row_count(duck_result *r);
uint64_t duckdb_column_count(duck_result *r);
const char *duckdb_column_name(duck_result *r, uint64_t col);
char *duckdb_value_varchar(duck_result *r, uint64_t col, uint64_t row);
bool duckdb_value_is_null(duck_result *r, uint64_t col, uint64_t row);
void duckdb_free(void *p);
]])

local M = {}
M.__index = M

local function message(err) return ffi.string(err.msg) end

--- Renders by sql_render_expr, sql_render_query or sql_render_setup; nil and the message on failure.
function M.render(kind, spark)
  local arena = ffi.gc(ffi.new('struct arena'), C.arena_deinit)
  local out, err = ffi.new('char *[1]'), ffi.new('struct chn_err')
  if C['sql_render_' .. kind](arena, spark, out, err) ~= 0 then return nil, message(err) end
  return ffi.string(out[0])
end

--- The strings that sql_query_tables or sql_expr_columns find, or nil and the message.
function M.names(f, spark)
  local arena = ffi.gc(ffi.new('struct arena'), C.arena_deinit)
  local out, n = ffi.new('char **[1]'), ffi.new('size_t[1]')
  local err = ffi.new('struct chn_err')
  if C[f](arena, spark, out, n, err) ~= 0 then return nil, message(err) end
  local names = {}
  for i = 0, tonumber(n[0]) - 1 do names[#names + 1] = ffi.string(out[0][i]) end
  return names
end

function M.open()
  local self = setmetatable({ db = ffi.new('void *[1]') }, M)
  self.con = ffi.new('struct _duckdb_connection *[1]')
  assert(C.duckdb_open(nil, self.db) == 0)
  assert(C.duckdb_connect(self.db[0], self.con) == 0)
  cdef.check(C.sql_install, self.con[0])
  return self
end

function M:close()
  C.duckdb_disconnect(self.con)
  C.duckdb_close(self.db)
end

--- Runs DuckDB's SQL: rows of texts (nil for NULL) and the column names, or nil and the message.
function M:run(sql)
  local r = ffi.gc(ffi.new('duck_result'), C.duckdb_destroy_result)
  if C.duckdb_query(self.con[0], sql, r) ~= 0 then return nil, ffi.string(C.duckdb_result_error(r)) end
  local rows, names = {}, {}
  local n_columns = tonumber(C.duckdb_column_count(r))
  for c = 1, n_columns do names[c] = ffi.string(C.duckdb_column_name(r, c - 1)) end
  for i = 1, tonumber(C.duckdb_row_count(r)) do
    rows[i] = {}
    for c = 1, n_columns do
      if not C.duckdb_value_is_null(r, c - 1, i - 1) then
        local text = C.duckdb_value_varchar(r, c - 1, i - 1)
        rows[i][c] = text ~= nil and ffi.string(text) or '(nested)'
        C.duckdb_free(text)
      end
    end
  end
  return rows, names
end

--- Runs a query in Spark's SQL.
function M:spark(sql)
  local text, err = M.render('query', sql)
  if not text then return nil, err end
  return self:run(text)
end

return M
