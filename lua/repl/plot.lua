--- Pictures of results and tables, in the terminal or as SVG.
local ffi = require 'ffi'
local C = require 'repl.cdef'
local args = require 'repl.args'
local definition = require 'repl.definition'
local doc = require 'repl.doc'
local host = require 'repl.host'
local result = require 'repl.result'
local text = require 'chronon.text'

local M = {}

local KINDS = { histogram = C.PLOT_HISTOGRAM, bars = C.PLOT_BARS, series = C.PLOT_SERIES, spark = C.PLOT_SPARK }
M.KIND_NAMES = { 'bars', 'histogram', 'series', 'spark' }
M.OPTIONS = { 'kind', 'x', 'y', 'title', 'times', 'bins', 'windows', 'width', 'height', 'svg' }

--- A picture shows itself.
local Picture = { __tostring = function(p) return p.text end }

local function kind_of(name)
  if name == nil then return -1 end
  if KINDS[name] then return KINDS[name] end
  local known = type(name) == 'string' and text.nearest(name, M.KIND_NAMES)
  host.fail('plot: kind = %s is none of %s%s', tostring(name), table.concat(M.KIND_NAMES, ', '),
    known and text.hint(name, M.KIND_NAMES) or '')
end

local function whole(x, name, least, most)
  if x == nil then return 0 end
  if type(x) ~= 'number' or x % 1 ~= 0 or x < least or x > most then
    host.fail('plot: %s is a whole number from %d to %d', name, least, most)
  end
  return x
end

--- An end of a window: a number of the axis, or an instant.
local function place(x)
  if type(x) == 'number' then return x end
  if type(x) ~= 'string' then host.fail('plot: a window is { from, to, label }, of numbers or instants') end
  local ms, err = ffi.new('int64_t[1]'), ffi.new('struct chn_err')
  if C.chn_ms_of_text(x, ms, err) ~= 0 then host.fail('plot: a window: %s', ffi.string(err.msg)) end
  return tonumber(ms[0])
end

--- @return ffi.cdata*, integer windows, whose labels lie in the list, and how many
local function windows_of(list)
  if list == nil then return nil, 0 end
  if type(list) ~= 'table' then host.fail('plot: windows is a list of { from, to, label }') end
  local out = ffi.new('struct plot_window[?]', #list + 1)
  for i, w in ipairs(list) do
    if type(w) ~= 'table' then host.fail('plot: a window is { from, to, label }, of numbers or instants') end
    out[i - 1] = ffi.new('struct plot_window', { place(w[1]), place(w[2]), args.text(w[3], 'plot', 'a label') })
  end
  return out, #list
end

local function table_of(x)
  local facts = result.facts(x)
  if definition.is(x) then host.fail('plot draws results: what a definition gives is gb:backfill { ... }') end
  if not facts and type(x) ~= 'string' then host.fail('plot takes a result or the name of a table') end
  return facts and facts.table or x
end

local function check_path(path)
  if path and not path:find('%.svg$') then host.fail('plot: %s: a picture is an SVG, in a file that ends with .svg', path) end
  return path
end

local function write(path, bytes)
  local file, why = io.open(path, 'wb')
  if not file then host.fail('%s', why) end
  local ok, wrong = file:write(bytes)
  local closed, late = file:close()
  if not (ok and closed) then host.fail('%s: %s', path, wrong or late) end
end

--- @param x userdata|string result or the name of a table
function M.plot(x, given)
  local o = args.options(given, 'plot', M.OPTIONS)
  local name, svg = table_of(x), check_path(args.text(o.svg, 'plot', 'svg'))
  local windows, n_windows = windows_of(o.windows)
  C.cli_repl_resize(host.repl)
  local terminal = host.repl.style.width > 0 and host.repl.style.width or 80
  local width = whole(o.width, 'width', svg and 40 or 1, 10000)
  local picture = host.text(C.explore_picture, name, ffi.new('struct explore_plot', {
    kind = kind_of(o.kind), x = args.text(o.x, 'plot', 'x'), y = args.text(o.y, 'plot', 'y'),
    title = args.text(o.title, 'plot', 'title'), times = o.times == true, svg = svg ~= nil,
    width = svg and width or width > 0 and width or terminal,
    height = whole(o.height, 'height', svg and 20 or 1, 10000), bins = whole(o.bins, 'bins', 1, 100),
    windows = windows, n_windows = n_windows,
  }))
  if svg then return write(svg, picture) end
  return setmetatable({ text = (picture:gsub('\n$', '')) }, Picture)
end

local USAGE = '%s { kind = "series", x = "ds", y = "amount", svg = "amount.svg" }'
local TEXT = [[
Draws a column x: its histogram, of texts the most frequent values; or y by x: a line over numbers or
  times, bars by texts. Without names it draws the one or two columns there are.
  kind is bars, histogram, series or spark; svg = "file.svg" writes a file. Further: title, width, height,
  bins, windows = { { from, to, label } } marked below a line, times = true for an x in epoch milliseconds.]]

doc.method('result', result.methods, 'plot', {
  short = 'a picture: histogram, bars, line', usage = USAGE:format('r:plot'), text = TEXT,
  example = 'sql[[SELECT ds, sum(amount) AS spent FROM raw.purchases GROUP BY ds]]:plot()',
}, M.plot)

--- Puts `plot` among the globals.
function M.install(env)
  doc.global(env, 'plot', {
    short = 'a picture of a table or a result', usage = USAGE:format('plot(x,'):gsub(' }$', ' })'), text = TEXT,
    example = 'plot("raw.purchases", { x = "amount" })',
  }, M.plot)
end

return M
