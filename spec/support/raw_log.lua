--- Raw logs of fetches for specs: rows as a logger writes them, and the table of their schemas.
local avro = require('spec.support.avro')

local M = {}

local DIGITS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'

--- Base64 of bytes, written here: the program's decoder is what is tested.
function M.base64(bytes)
  local out = {}
  for i = 1, #bytes, 3 do
    local a, b, c = bytes:byte(i, i + 2)
    local n = a * 65536 + (b or 0) * 256 + (c or 0)
    for k = 0, 3 do
      local d = math.floor(n / 64 ^ (3 - k)) % 64
      out[#out + 1] = (k == 2 and not b or k == 3 and not c) and '=' or DIGITS:sub(d + 1, d + 1)
    end
  end
  return table.concat(out)
end

--- A logged schema: fields as spec/support/avro.lua takes them.
function M.schema(hash, key, value)
  local s = { hash = hash, key = assert(avro.of('j_key', key)), value = assert(avro.of('j_value', value)) }
  s.text = require('dkjson').encode({ join_name = 'team.j.v1', key_schema = avro.text(s.key),
    value_schema = avro.text(s.value) })
  return s
end

--- A row of the raw log: { key_base64, value_base64, ts_millis, schema_hash, name, ds }.
function M.row(schema, key, value, ts, ds)
  return { M.base64(assert(avro.encode(schema.key, key))), M.base64(assert(avro.encode(schema.value, value))), ts,
    schema.hash, 'team/j.v1', ds }
end

M.COLUMNS = 'key_base64 VARCHAR, value_base64 VARCHAR, ts_millis BIGINT, schema_hash VARCHAR, name VARCHAR, ds VARCHAR'
M.SCHEMA_COLUMNS = 'schema_hash VARCHAR, schema_value_last VARCHAR, ds VARCHAR'

return M
