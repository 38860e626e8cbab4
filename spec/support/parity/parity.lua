--- Parity: random definitions over random data, the batch engine against a naive oracle.
local check = require('spec.support.parity.check')
local cols = require('spec.support.cols')
local conf = require('spec.support.parity.conf')
local engine = require('spec.support.parity.engine')
local gen = require('spec.support.parity.gen')
local model = require('spec.support.parity.model')
local shrink = require('spec.support.parity.shrink')

local M = {}

--- What is wrong with a case, as lines; none when it agrees.
function M.try(e, case)
  local got, message = e:run(case)
  if not got then return { 'the job failed: ' .. message } end
  return check.differences(case, got), got
end

--- Runs a case twice; @return string? how the two differ
local function unsteady(e, case, got)
  local again, message = e:run(case)
  if not again then return 'the second run failed: ' .. message end
  if check.exact(again) ~= check.exact(got) then return 'two runs of one case differ in their last digits' end
end

local function write(path, text)
  local f = assert(io.open(path, 'wb'))
  f:write(text)
  f:close()
end

local function expected_text(case)
  local columns, rows = model.expected(case)
  local lines = {}
  for i, row in ipairs(rows) do
    local parts = {}
    for c in ipairs(columns) do parts[c] = cols.show(row[c]) end
    lines[i] = table.concat(parts, '\t')
  end
  table.sort(lines)
  return table.concat(columns, '\t') .. '\n' .. table.concat(lines, '\n') .. '\n'
end

local function got_text(case, got)
  local columns = model.expected(case)
  local lines = {}
  for i, row in ipairs(got and got.rows or {}) do
    local parts = {}
    for c, name in ipairs(columns) do parts[c] = row[name] == nil and '?' or cols.show(row[name]) end
    lines[i] = table.concat(parts, '\t')
  end
  table.sort(lines)
  return table.concat(columns, '\t') .. '\n' .. table.concat(lines, '\n') .. '\n'
end

--- Writes a case as a folder that stands alone: data, conf.json, the commands, expected and got.
function M.save(e, case, folder, lines)
  os.execute(("rm -rf '%s' && mkdir -p '%s/data'"):format(folder, folder))
  local names, tables = {}, {}
  if not e.wh then e:open() end
  for i in pairs(model.tables_used(case)) do
    names[i] = 'data.t' .. i
    e:create(case.tables[i], ('%s/data/t%d.parquet'):format(folder, i))
    tables[#tables + 1] = ('--table data.t%d=data/t%d.parquet'):format(i, i)
  end
  write(folder .. '/conf.json', conf.json(case, names, 'parity_case'))
  local commands = { '#!/bin/sh', '# Run here with chronon on the PATH; the output is wh/out/parity_case.', 'set -e' }
  for _, run in ipairs(case.runs) do
    commands[#commands + 1] = ('# memory_limit %d, spill_rows %d'):format(run.memory, run.spill or 0)
    commands[#commands + 1] = table.concat({ 'chronon run --mode backfill --conf conf.json --warehouse wh --ds',
      model.ds_of(run.stop), run.start and '--start-ds ' .. model.ds_of(run.start) or '', '--step-days', run.step_days,
      run.first_hole and '--run-first-hole' or '', '--threads', run.threads, table.concat(tables, ' ') }, ' ')
  end
  write(folder .. '/run.sh', table.concat(commands, '\n') .. '\n')
  local ok, want = pcall(expected_text, case)
  write(folder .. '/expected.tsv', ok and want or 'the oracle failed: ' .. tostring(want) .. '\n')
  local _, got = pcall(e.run, e, case)
  if type(got) ~= 'table' then got = nil end
  if ok then write(folder .. '/got.tsv', got_text(case, got)) end
  write(folder .. '/differences.txt', table.concat(lines, '\n') .. '\n')
end

--- Runs cases first, first + stride, ..; stops after `seconds` and `least` cases, at case `first + count`,
--- when `stopped()` says so, or at a failure.
--- @param o table first, stride?, offset? of this worker, seconds?, least?, count?, folder? for failures, keep_going?,
---   log? fun(text), stopped? fun(): boolean
--- @return table { cases, failures = { { seed, lines, folder } }, seconds }
function M.run(o)
  local e, log = engine.new(), o.log or function() end
  local began, result = os.time(), { cases = 0, failures = {}, rows = 0 }
  -- A worker takes whole data sets.
  local seed = o.first
  local function mine() return math.floor(seed / gen.DEFINITIONS) % (o.stride or 1) == (o.offset or 0) end
  local function more()
    local in_time = not o.seconds or os.time() - began < o.seconds or result.cases < (o.least or 0)
    return in_time and (not o.count or seed < o.first + o.count)
      and not (o.stopped and o.stopped())
  end
  while not mine() do seed = seed + 1 end
  while more() do
    local ok, case = pcall(gen.case, seed)
    if not ok then error(('case %d cannot be made: %s'):format(seed, case)) end
    local ran, lines, got = xpcall(function() return M.try(e, case) end, debug.traceback)
    if not ran then lines = { 'the check failed: ' .. lines } end
    if ran and #lines == 0 and seed % 10 == 0 then lines[1] = unsteady(e, case, got) end
    result.cases = result.cases + 1
    result.rows = result.rows + (ran and got and #got.rows or 0)
    if #lines > 0 then
      log(('case %d: %s'):format(seed, lines[1]))
      local kind = lines[1]:match('^the %a+ failed') or 'value'
      local small = shrink.shrink(case, function(c)
        local good, found = pcall(M.try, e, c)
        if not good then return kind == 'the check failed' end
        return #found > 0 and (found[1]:match('^the %a+ failed') or 'value') == kind
      end, o.shrinks or 300)
      local good, found = pcall(M.try, e, small)
      local folder = ('%s/%d'):format(o.folder or '.', seed)
      if o.folder then M.save(e, small, folder, good and #found > 0 and found or lines) end
      table.insert(result.failures, { seed = seed, lines = good and #found > 0 and found or lines, folder = folder })
      if not o.keep_going then break end
    end
    repeat seed = seed + 1 until mine()
  end
  result.out_of_memory = e.out_of_memory or 0
  result.seconds = os.time() - began
  e:close()
  return result
end

return M
