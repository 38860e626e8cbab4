--- chronon convert: returns the function that the program calls (src/cli/cmd_convert.c).
---
--- Compiled JSON becomes files of Lua, the files are compiled in a scratch repo, and what comes out
--- is compared with what was given. What does not load is written as a comment, and tried again
--- without; what differs is told.
local ffi = require 'ffi'
local file = require 'convert.file'
local headers = require 'repl.headers'
local json = require 'convert.json'
local map = require 'chronon.map'
local text = require 'chronon.text'
local units = require 'convert.units'

ffi.cdef((headers['cli/convert.h']:gsub('#[^\n]*', '')))
local C = ffi.C

local function string_of(p) return p ~= nil and ffi.string(p) or nil end

local function must(why)
  if why ~= nil then error(ffi.string(why), 0) end
end

local function tell(message) io.stderr:write('error: ', message, '\n') end

--- The files, by path, of all units.
local function files_of(all)
  local list, by_path = {}, {}
  for _, unit in ipairs(all.list) do
    local f = by_path[unit.path]
    if not f then
      f = { path = unit.path, units = {} }
      by_path[unit.path], list[#list + 1] = f, f
    end
    f.units[#f.units + 1] = unit
  end
  table.sort(list, function(a, b) return a.path < b.path end)
  for _, f in ipairs(list) do
    table.sort(f.units, function(a, b) return a.var < b.var end)
  end
  return list, by_path
end

--- A message without the scratch repo's path.
local function message_of(host, p)
  local message, scratch = string_of(p), ffi.string(host.scratch) .. '/'
  local at, stop = (message or ''):find(scratch, 1, true)
  return at and message:sub(1, at - 1) .. message:sub(stop + 1) or message
end

--- Compiles the files: what became of each definition, and the files that do not load.
local function try(host, files)
  for _, f in ipairs(files) do
    f.text = file.render(f)
    must(C.cli_convert_write(host, ffi.string(host.scratch) .. '/' .. f.path, f.text))
  end
  must(C.cli_convert_compile(host))
  local items, broken = {}, {}
  for i = 0, host.n_items - 1 do
    local raw = host.items[i]
    local item = { name = string_of(raw.name), where = string_of(raw.where), text = string_of(raw.text),
      message = message_of(host, raw.message), failed = raw.failed }
    if raw.folder == nil then
      broken[#broken + 1] = item
    else
      items[ffi.string(raw.folder) .. ' ' .. item.name] = item
    end
  end
  return items, broken
end

--- Finds what does not load, to be left out. The line of the error tells the definition, unless it is in
--- what several share: then nothing is shared.
local function leave_out(item, by_path)
  local path, line = (item.where or ''):match('^(.*):(%d+)$')
  local f = by_path[path or item.where or item.name] or by_path[item.name]
  line = tonumber(line)
  for _, unit in ipairs(f.units) do
    if not unit.error and line and line >= unit.first and line <= unit.last then
      unit.error = item.message
      return
    end
  end
  if not f.plain then
    f.plain = true
    return
  end
  for _, unit in ipairs(f.units) do unit.error = unit.error or item.message end
end

local function shown(value)
  if value == nil then return 'nothing' end
  local s = text.json(value)
  return #s > 300 and s:sub(1, 300) .. '...' or s
end

--- What is to be said of one given definition, or nil.
local function problems_of(input, items)
  local unit, item = input.unit, items[input.conf.folder .. ' ' .. (input.conf.name or '')]
  if unit and unit.error then return { 'has no Lua form: ' .. unit.error } end
  if input.kind == 'Model' then return { 'is written, and `chronon compile` makes no files of models' } end
  if not item then
    return { unit and 'does not come out of its file'
      or 'has no Lua form: its name is not team.file.variable, and no join has it' }
  end
  if item.failed then return { 'does not compile: ' .. item.message } end
  local list = {}
  for _, d in ipairs(json.differences(input.doc, json.read(item.text))) do
    list[#list + 1] = ('%s has no Lua form: %s becomes %s'):format(d[1], shown(d[2]), shown(d[3]))
  end
  return #list > 0 and list or nil
end

local function compare(all, items)
  local problems = {}
  for _, input in ipairs(all.inputs) do
    for _, message in ipairs(problems_of(input, items) or {}) do
      local name = input.conf.name or input.conf.path
      problems[#problems + 1] = { name = name, message = message }
      if input.unit and not input.unit.error then table.insert(input.unit.problems, message) end
    end
  end
  return problems
end

local function put(host, files)
  local folder = ffi.string(host.output)
  if not host.force then
    local there = {}
    for _, f in ipairs(files) do
      if C.cli_convert_is_there(folder .. '/' .. f.path) then there[#there + 1] = f.path end
    end
    if #there > 0 then
      tell(('%s %s there already, and nothing was written: --force writes over, --folder DIR goes elsewhere'):format(
        table.concat(there, ', '), #there == 1 and 'is' or 'are'))
      return false
    end
  end
  for _, f in ipairs(files) do must(C.cli_convert_write(host, folder .. '/' .. f.path, f.text)) end
  return true
end

local function list_json(files, problems)
  local doc, list = map.new(), {}
  for i, f in ipairs(files) do
    local entry, names = map.new(), {}
    for k, unit in ipairs(f.units) do names[k] = unit.name end
    map.set(entry, 'path', f.path)
    map.set(entry, 'definitions', names)
    list[i] = entry
  end
  map.set(doc, 'files', list)
  local told = {}
  for i, problem in ipairs(problems) do
    told[i] = map.new()
    map.set(told[i], 'name', problem.name)
    map.set(told[i], 'message', problem.message)
  end
  map.set(doc, 'problems', told)
  return text.json(doc) .. '\n'
end

local function show(host, files, problems)
  if host.to_stdout then
    for i, f in ipairs(files) do
      if #files > 1 then io.stdout:write(i > 1 and '\n' or '', '-- ', f.path, '\n') end
      io.stdout:write(f.text)
    end
  elseif host.json then
    io.stdout:write(list_json(files, problems))
  else
    for _, f in ipairs(files) do io.stdout:write(f.path, '\n') end
  end
  io.stdout:flush()
  for _, problem in ipairs(problems) do tell(problem.name .. ': ' .. problem.message) end
end

local function convert(host)
  local confs = {}
  for i = 0, host.n_confs - 1 do
    local conf = host.confs[i]
    confs[i + 1] = { path = ffi.string(conf.path), folder = ffi.string(conf.folder), name = string_of(conf.name),
      text = ffi.string(conf.text) }
  end
  local all = units.collect(confs, ffi.string(host.teams))
  local files, by_path = files_of(all)
  local items, broken = try(host, files)
  while #broken > 0 do
    for _, item in ipairs(broken) do leave_out(item, by_path) end
    items, broken = try(host, files)
  end
  local problems = compare(all, items)
  for _, f in ipairs(files) do f.text = file.render(f) end
  if not host.to_stdout and not put(host, files) then return 1 end
  show(host, files, problems)
  if not host.quiet then
    io.stderr:write(('%d definitions in %d files, %d without a form in Lua\n'):format(#all.list, #files, #problems))
  end
  return #problems == 0 and 0 or 1
end

return function(pointer, protect)
  local ok, code, trace = protect(convert, ffi.cast('struct cli_convert *', pointer))
  if ok then return code end
  tell(tostring(code) .. (os.getenv('CHRONON_TRACE') and '\n' .. tostring(trace) or ''))
  return 1
end
