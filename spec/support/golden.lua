--- Runs the cases of spec/golden through the program and compares their outputs.
local json = require('dkjson')
local rows = require('spec.support.rows')

local M = { root = 'spec/golden/' }

local function read(path)
  local file = io.open(path)
  if not file then return nil end
  local text = file:read('*a')
  file:close()
  return text
end

--- @param name string folder of spec/golden
function M.case(name)
  local case = json.decode(assert(read(M.root .. name .. '/case.json')))
  case.folder = M.root .. name .. '/'
  case.table_paths = {}
  for table_name, path in pairs(case.tables) do case.table_paths[table_name] = M.root .. path end
  return case
end

--- @return string[] names of all cases, sorted
function M.names()
  local list = {}
  local pipe = assert(io.popen('ls ' .. M.root))
  for name in pipe:lines() do
    if read(M.root .. name .. '/case.json') then list[#list + 1] = name end
  end
  pipe:close()
  return list
end

local program = os.getenv('CHRONON_BIN') or 'bin/chronon'

--- Runs a command line; @return boolean ok, string stderr and stdout together
local function shell(command)
  local pipe = assert(io.popen(command .. ' 2>&1; echo "exit:$?"'))
  local text = pipe:read('*a')
  pipe:close()
  local code = tonumber(text:match('exit:(%d+)%s*$'))
  return code == 0, text
end

local modes = { group_by = 'backfill', join = 'backfill', staging_query = 'backfill', label_join = 'label-join' }

--- Runs one step of a case in `warehouse`.
function M.run(case, step, warehouse)
  local args = {
    program, 'run --mode', modes[step.kind] or step.kind, '--conf', case.folder .. step.conf,
    '--ds', step.end_date, '--warehouse', warehouse, '--repo', M.root,
  }
  if step.start_override then args[#args + 1] = '--start-ds ' .. step.start_override end
  if step.step_days then args[#args + 1] = '--step-days ' .. step.step_days end
  if step.kind == 'upload' then args[#args + 1] = '--store memory: --upload-table' end
  if step.more then args[#args + 1] = step.more end
  for name, path in pairs(case.table_paths) do args[#args + 1] = ('--table %s=%s'):format(name, path) end
  return shell(table.concat(args, ' '))
end

--- The compiled definition of a step, as a table.
function M.conf(case, step) return json.decode(assert(read(case.folder .. step.conf))) end

--- "golden_ns.golden_gb_ops_d_v1" of a compiled definition.
function M.output_table(case, step)
  local conf = M.conf(case, step)
  return conf.metaData.outputNamespace .. '.' .. conf.metaData.name:gsub('[^%w_]', '_')
end

function M.expected_types(case, out)
  local types = {}
  for _, column in ipairs(json.decode(assert(read(case.folder .. 'expected/' .. out .. '.schema.json')))) do
    types[column.name] = column.type
  end
  return types
end

--- Sorted, so that rows are paired by what identifies them before anything inexact.
local function ordered(columns, step)
  local first, rest = {}, {}
  local is_first = {}
  for _, name in ipairs(step.sort or {}) do
    is_first[name] = true
    first[#first + 1] = name
  end
  for _, column in ipairs(columns) do
    if not is_first[column.name] then rest[#rest + 1] = column.name end
  end
  table.sort(rest)
  for _, name in ipairs(rest) do first[#first + 1] = name end
  return first
end

--- What a step writes: its name in expected/ -> the table; a label join has a table and two views.
local function outputs(case, step)
  local name = M.output_table(case, step)
  if step.kind ~= 'label_join' then return { [step.out] = name } end
  return {
    [step.out .. '_labels'] = name .. '_labels',
    [step.out .. '_final_view'] = name .. '_labeled',
    [step.out .. '_latest_view'] = name .. '_labeled_latest',
  }
end

--- Compares what a step wrote with what the real Chronon made.
--- @param same fun(column, want, got, row): boolean? says which unequal values are the same
--- @return string[] differences
function M.compare(case, step, warehouse, same)
  local lines = {}
  for out, name in pairs(outputs(case, step)) do
    for _, line in ipairs(M.compare_table(case, step, warehouse, out, name, same)) do
      lines[#lines + 1] = out .. ': ' .. line
    end
  end
  return lines
end

function M.compare_table(case, step, warehouse, out, name, same)
  local wh = rows.open(warehouse, case.table_paths)
  local cdef = require('spec.support.cdef')
  local C = cdef.load('warehouse/warehouse.h')
  case.warehouse = warehouse
  cdef.check(C.wh_use, wh, name)
  local want, want_columns =
    rows.read(wh, ("SELECT * FROM read_parquet('%sexpected/%s.parquet')"):format(case.folder, out))
  local got, got_columns = rows.read(wh, 'SELECT * FROM ' .. name)
  local lines, types = {}, M.expected_types(case, out)
  local seen = {}
  for _, column in ipairs(got_columns) do
    seen[column.name] = true
    if types[column.name] == nil then
      lines[#lines + 1] = 'a column too many: ' .. column.name
    elseif types[column.name] ~= column.type then
      lines[#lines + 1] = ('%s is %s, want %s'):format(column.name, column.type, types[column.name])
    end
  end
  for _, column in ipairs(want_columns) do
    if not seen[column.name] then lines[#lines + 1] = 'no column ' .. column.name end
  end
  if #lines > 0 then return lines end
  -- Upstream groups a NULL and an empty string key of a tuple together and shows whichever came first.
  local keys = M.conf(case, step).keyColumns or {}
  for _, key in ipairs(#keys > 1 and keys or {}) do
    for _, list in ipairs({ want, got }) do
      for _, row in ipairs(list) do
        if types[key] == 'string' and row[key] == rows.NULL then row[key] = '' end
      end
    end
  end
  return rows.differences(want, got, ordered(want_columns, step), same)
end

function M.expected_error(case, step) return read(case.folder .. 'expected/' .. step.out .. '.error.txt') end

return M
