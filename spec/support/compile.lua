--- Calls compile_run by FFI.
local ffi = require('ffi')
local support = require('spec.support.cdef')
local C = support.load('compile/compile.h')

local M = {}

local OUTCOMES = { [0] = 'written', 'unchanged', 'skipped', 'failed' }

local function text(s) return s ~= nil and ffi.string(s) or nil end

--- @class CompileResult
--- @field code integer chn_status; other than 0 the run stopped
--- @field message string of the run's error
--- @field items table[] name, where, path, outcome, extra, message
--- @field warnings string[]

--- @param repo string
--- @param inputs string[] or {}
--- @param options? table the switches of struct compile_options
--- @return CompileResult
function M.run(repo, inputs, options)
  local opts, report, err = ffi.new('struct compile_options'), ffi.new('struct compile_report'),
    ffi.new('struct chn_err')
  local list = ffi.new('const char *[?]', #inputs + 1)
  for i, input in ipairs(inputs) do list[i - 1] = input end
  opts.repo, opts.inputs, opts.n_inputs = repo, list, #inputs
  for key, value in pairs(options or {}) do opts[key] = value end
  local result = { code = tonumber(C.compile_run(opts, report, err)), items = {}, warnings = {} }
  result.message = result.code ~= 0 and ffi.string(err.msg) or nil
  for i = 0, report.n_items - 1 do
    local item = report.items[i]
    result.items[i + 1] = {
      name = text(item.name), where = text(item.where), path = text(item.path), extra = item.extra,
      outcome = OUTCOMES[tonumber(item.outcome)], message = text(item.message),
    }
    result[result.items[i + 1].name] = result.items[i + 1]
  end
  for i = 0, report.n_warnings - 1 do result.warnings[i + 1] = ffi.string(report.warnings[i].message) end
  result.failed = report.n_failed
  C.compile_report_deinit(report)
  return result
end

return M
