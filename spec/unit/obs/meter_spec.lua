local ffi = require('ffi')
local C = require('spec.support.cdef').load('obs/meter.h')

local function printed(f, ...)
  local buf = ffi.new('struct chn_buf')
  f(buf, ...)
  local text = ffi.string(C.chn_buf_str(buf))
  C.chn_buf_deinit(buf)
  return text
end

describe('obs numbers', function()
  it('have three digits and never 1000 of a unit', function()
    for value, text in pairs({ [0] = '0', [999] = '999', [1000] = '1.00 k', [12345] = '12.3 k', [999499] = '999 k',
      [999600] = '1.00 M', [4560000] = '4.56 M', [7.89e9] = '7.89 G' }) do
      assert.equal(text, printed(C.obs_print_count, value))
    end
  end)

  it('write sizes in powers of 1024', function()
    assert.equal('512 B', printed(C.obs_print_bytes, 512))
    assert.equal('1.50 KB', printed(C.obs_print_bytes, 1536))
    assert.equal('2.00 GB', printed(C.obs_print_bytes, 2 * 2 ^ 30))
  end)

  it('write durations in the unit that a reader thinks in', function()
    for value, text in pairs({ [0.1234] = '0.123 s', [4.561] = '4.56 s', [12.34] = '12.3 s', [59.97] = '1 min 0 s',
      [125] = '2 min 5 s', [3725] = '1 h 2 min' }) do
      assert.equal(text, printed(C.obs_print_seconds, value))
    end
  end)
end)

describe('obs meter', function()
  local m = ffi.new('struct obs_meter')
  local function text(now)
    local buf = ffi.new('struct chn_buf')
    C.obs_meter_print(m, now, buf)
    local s = ffi.string(C.chn_buf_str(buf))
    C.chn_buf_deinit(buf)
    return s
  end
  before_each(function() C.obs_meter_start(m, 1000) end)

  it('knows no rate at first', function()
    C.obs_meter_set(m, 10, 100)
    assert.equal(0, C.obs_meter_rate(m, 1049))
    assert.equal(-1, C.obs_meter_left(m, 1049))
    assert.equal('10 of 100 rows (10 %)', text(1000))
  end)

  it('tells rate and time left', function()
    C.obs_meter_set(m, 2500, 10000)
    assert.equal(1250, C.obs_meter_rate(m, 3000))
    assert.equal(6, C.obs_meter_left(m, 3000))
    assert.equal('2.50 k of 10.0 k rows (25 %), 1.25 k/s, 6.00 s left', text(3000))
  end)

  it('tells no time left while the total is unknown', function()
    C.obs_meter_set(m, 500, 0)
    assert.equal('500 rows, 500/s', text(2000))
  end)

  it('is never negative when there was more than expected', function()
    C.obs_meter_set(m, 11, 10)
    assert.equal(0, C.obs_meter_left(m, 2000))
  end)
end)
