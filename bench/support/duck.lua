--- DuckDB by FFI: as a module for questions, as a program to time an SQL file in its own process.
--
--   luajit bench/support/duck.lua LIBDUCKDB THREADS FILE.sql
--
-- prints for each statement that follows a line `-- time NAME` one line `NAME SECONDS`.
local ffi = require "ffi"

ffi.cdef [[
typedef struct { uint64_t columns, rows, changed; void *c; char *error; void *data; } bench_result;
int duckdb_create_config(void **config);
int duckdb_set_config(void *config, const char *name, const char *value);
int duckdb_open_ext(const char *path, void **db, void *config, char **error);
int duckdb_connect(void *db, void **connection);
int duckdb_query(void *connection, const char *sql, bench_result *result);
const char *duckdb_result_error(bench_result *result);
uint64_t duckdb_row_count(bench_result *result);
uint64_t duckdb_column_count(bench_result *result);
char *duckdb_value_varchar(bench_result *result, uint64_t column, uint64_t row);
void duckdb_destroy_result(bench_result *result);
void duckdb_free(void *p);
]]

local Duck = {}
Duck.__index = Duck

--- @param library string path of libduckdb.so
--- @param threads integer
--- @param memory? string such as "8GB"
function Duck.open(library, threads, memory)
  local lib = ffi.load(library)
  local config, db, con = ffi.new("void *[1]"), ffi.new("void *[1]"), ffi.new("void *[1]")
  assert(lib.duckdb_create_config(config) == 0)
  assert(lib.duckdb_set_config(config[0], "threads", tostring(threads)) == 0)
  if memory then assert(lib.duckdb_set_config(config[0], "memory_limit", memory) == 0) end
  assert(lib.duckdb_open_ext(nil, db, config[0], nil) == 0, "cannot open DuckDB")
  assert(lib.duckdb_connect(db[0], con) == 0, "cannot connect to DuckDB")
  return setmetatable({ lib = lib, con = con[0] }, Duck)
end

--- @return table[] rows arrays of strings, false for NULL
function Duck:query(sql)
  local result = ffi.new("bench_result")
  local lib = self.lib
  if lib.duckdb_query(self.con, sql, result) ~= 0 then
    local message = ffi.string(lib.duckdb_result_error(result))
    lib.duckdb_destroy_result(result)
    error(message .. "\nin: " .. sql:sub(1, 400), 0)
  end
  local rows = {}
  local width = tonumber(lib.duckdb_column_count(result))
  for r = 1, tonumber(lib.duckdb_row_count(result)) do
    local row = {}
    for c = 1, width do
      local text = lib.duckdb_value_varchar(result, c - 1, r - 1)
      row[c] = text ~= nil and ffi.string(text)
      if text ~= nil then lib.duckdb_free(text) end
    end
    rows[r] = row
  end
  lib.duckdb_destroy_result(result)
  return rows
end

--- Statements end with ";\n"; `-- time NAME` before one asks for its time.
function Duck:script(text, now, say)
  for statement in (text .. "\n"):gmatch("(.-);\n") do
    if statement:find("%S") then
      local name = statement:match("^%s*%-%- time (%S+)")
      local start = now()
      self:query(statement)
      if name then say(("%s %.3f"):format(name, now() - start)) end
    end
  end
end

if arg and arg[0] and arg[0]:match("support/duck%.lua$") then
  package.path = arg[0]:gsub("bench/support/duck%.lua$", "?.lua;") .. package.path
  local now = require("bench.support.proc").now
  local db = Duck.open(arg[1], tonumber(arg[2]), arg[4])
  db:query("SET preserve_insertion_order = false")
  local ok, message = pcall(db.script, db, assert(io.open(arg[3])):read("*a"), now, print)
  if not ok then
    io.stderr:write(message, "\n")
    os.exit(1)
  end
end

return Duck
