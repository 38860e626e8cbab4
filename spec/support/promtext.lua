--- The text form of Prometheus, read as strictly as its grammar says.
local M = {}

--- @return table<string, number> values by `name{labels}`, without `{}` where there are none
--- @return table<string, string> kinds by name
function M.parse(text)
  local kinds, seen, current, buckets = {}, {}, nil, {}
  assert(text:sub(-1) == '\n', 'the last line is cut')
  for line in text:gmatch('([^\n]*)\n') do
    local kind_of, kind = line:match('^# TYPE ([%a_:][%w_:]*) (%l+)$')
    local name, labels, value = line:match('^([%a_:][%w_:]*)(%b{}) (%S+)$')
    if not name then
      name, value = line:match('^([%a_:][%w_:]*) (%S+)$')
      labels = ''
    end
    if kind_of then
      assert(not kinds[kind_of], line)
      assert(kind == 'counter' or kind == 'gauge' or kind == 'histogram', line)
      assert((kind == 'counter') == (kind_of:match('_total$') ~= nil), line)
      kinds[kind_of], current = kind, kind_of
    elseif name then
      assert((kinds[name] and name or name:gsub('_%l+$', '')) == current, line)
      assert(tonumber(value), line)
      assert(not seen[name .. labels], line)
      seen[name .. labels] = tonumber(value)
      assert(labels:sub(2, -2):gsub('[%a_][%w_]*="[^"\\]*",?', '') == '', line)
      local bound = name:match('_bucket$') and labels:match('le="([^"]+)"')
      if bound then
        local id = name .. labels:gsub(',?le="[^"]+"', '')
        assert(tonumber(value) >= (buckets[id] or 0), line)
        buckets[id] = tonumber(value)
        if bound == '+Inf' then buckets[id .. 'whole'] = tonumber(value) end
      end
    else
      assert(line:match('^# HELP [%a_:][%w_:]* %S'), line)
    end
  end
  for id, whole in pairs(buckets) do
    local name, labels = id:match('^(.*)_bucket(.*)whole$')
    if name then assert(whole == seen[name .. '_count' .. labels:gsub('^{}$', '')], name) end
  end
  return seen, kinds
end

return M
