--- Dot commands, as DuckDB's shell has them.
local host = require 'repl.host'
local run = require 'repl.run'
local show = require 'repl.show'
local text = require 'chronon.text'

local M = {}

local commands = {} -- name -> { usage, doc, run }
local MODES = { 'table', 'vertical', 'markdown', 'json', 'csv' }

local function command(name, usage, doc, fn) commands[name] = { usage = usage, doc = doc, run = fn } end

command('mode', '.mode MODE', 'how results are printed: table, vertical, markdown, json, csv', function(word)
  if word == '' then
    return show.emit((host.repl.style.turned and 'vertical' or host.format()) .. '\n')
  end
  for _, mode in ipairs(MODES) do
    if word == mode then
      host.repl.style.turned = mode == 'vertical'
      return host.set_format(mode == 'vertical' and 'table' or mode)
    end
  end
  host.fail('.mode %s: no such mode%s', word, text.hint(word, MODES))
end)

command('timer', '.timer on|off', 'tell how long each line takes', function(word)
  if word ~= 'on' and word ~= 'off' then host.fail('.timer on, or .timer off') end
  host.timer = word == 'on'
end)

command('output', '.output [FILE]', 'results go to a file; without one back to the screen', function(word)
  if host.output then host.output:close() end
  host.output = nil
  if word ~= '' then
    local file, why = io.open(word, 'w')
    host.output = file or host.fail('.output %s', why)
  end
end)

command('read', '.read FILE', 'run a file, line by line', function(word)
  local file, why = io.open(word)
  if not file then host.fail('.read %s', why) end
  local ok = run.file(file, word, M.run)
  file:close()
  return ok
end)

command('maxrows', '.maxrows N', 'rows of a table that are printed; 0: all', function(word)
  local n = tonumber(word)
  if not n or n < 0 or n > 2 ^ 31 - 1 or n % 1 ~= 0 then host.fail('.maxrows needs a number, 0 for all rows') end
  host.repl.max_rows = n
end)

command('tables', '.tables', 'the tables and results', function()
  for _, name in ipairs(require('repl.sql').table_names()) do host.out():write(name, '\n') end
end)

command('schema', '.schema [TABLE]', 'the columns of a table, or all tables with theirs', function(word)
  show.value(word == '' and _G.tables() or _G.describe(word))
end)

command('help', '.help', 'this list', function() show.emit(M.help()) end)

local function leave() host.leaving = 0 end
command('exit', '.exit', 'leave the shell, as Ctrl-D does', leave)
command('quit', '.quit', 'the same', leave)

local function names()
  local list = {}
  for name in pairs(commands) do list[#list + 1] = name end
  table.sort(list)
  return list
end

M.names = names

function M.help()
  local lines = {}
  for _, name in ipairs(names()) do
    lines[#lines + 1] = ('%-16s %s\n'):format(commands[name].usage, commands[name].doc)
  end
  return table.concat(lines)
end

--- Runs a line that begins with a dot; false when it failed, which is told.
--- @param place string? "file:3: ", where it stands
function M.run(line, place)
  local name, rest = line:match('^%.(%a+)%s*(.-)%s*$')
  local ok = true
  return run.protected(function()
    local found = name and commands[name]
    local near = name and text.nearest(name, names())
    if not found then
      error(('%s.%s is no command%s; .help lists them'):format(place or '', name or '',
        near and (' (did you mean .%s?)'):format(near) or ''), 0)
    end
    if found.run(rest) == false then ok = false end
  end) and ok
end

return M
