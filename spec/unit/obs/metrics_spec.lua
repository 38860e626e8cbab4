local ffi = require('ffi')
local C = require('spec.support.cdef').load('obs/metrics.h')

local function text(f)
  local buf = ffi.new('struct chn_buf')
  f(buf)
  local s = ffi.string(C.chn_buf_str(buf), buf.len)
  C.chn_buf_deinit(buf)
  return s
end

describe('obs metrics', function()
  local m
  local function all(buf) C.obs_metrics_write(m, buf) end
  before_each(function() m = C.obs_metrics_new() end)
  after_each(function() C.obs_metrics_free(m) end)

  it('writes nothing while there is none', function() assert.equal('', text(all)) end)

  it('writes counters and gauges by name, each name once', function()
    local b = C.obs_series(m, C.OBS_COUNTER, 'b_total', 'code="200"', 'What b counts.')
    local a = C.obs_series(m, C.OBS_GAUGE, 'a', nil, 'A level.')
    local c = C.obs_series(m, C.OBS_COUNTER, 'b_total', 'code="500"', 'ignored')
    C.obs_add(b, 3)
    C.obs_add(b, 4)
    C.obs_add(c, 1)
    C.obs_set(a, -5)
    assert.equal(table.concat({
      '# HELP a A level.', '# TYPE a gauge', 'a -5',
      '# HELP b_total What b counts.', '# TYPE b_total counter', 'b_total{code="200"} 7', 'b_total{code="500"} 1', '',
    }, '\n'), text(all))
    assert.equal(7, tonumber(C.obs_read(b)))
  end)

  it('gives the series that is there', function()
    local a = C.obs_series(m, C.OBS_COUNTER, 'a_total', 'x="1"', '')
    assert.equal(a, C.obs_series(m, C.OBS_COUNTER, 'a_total', 'x="1"', ''))
    assert.are_not.equal(a, C.obs_series(m, C.OBS_COUNTER, 'a_total', 'x="2"', ''))
  end)

  it('counts an observation in the bucket whose bound it does not pass', function()
    local h = C.obs_histogram(m, 'h_seconds', 'route="x"', 'Time.', ffi.new('double[2]', { 0.5, 2 }), 2)
    for _, v in ipairs({ 0.25, 0.5, 0.75, 2.0, 3.5 }) do C.obs_observe(h, v) end
    assert.equal(table.concat({
      '# HELP h_seconds Time.', '# TYPE h_seconds histogram',
      'h_seconds_bucket{route="x",le="0.5"} 2', 'h_seconds_bucket{route="x",le="2"} 4',
      'h_seconds_bucket{route="x",le="+Inf"} 5', 'h_seconds_sum{route="x"} 7', 'h_seconds_count{route="x"} 5', '',
    }, '\n'), text(all))
    assert.equal(5, tonumber(C.obs_read(h)))
  end)

  it('has buckets for the seconds of an answer', function()
    C.obs_observe(C.obs_histogram(m, 'h', nil, '', nil, 0), 0.0003)
    local s = text(all)
    assert.matches('h_bucket{le="0.00025"} 0', s, 1, true)
    assert.matches('h_bucket{le="0.0005"} 1', s, 1, true)
    assert.matches('h_count 1', s, 1, true)
  end)

  it('escapes labels and help', function()
    local labels = ffi.new('struct chn_buf')
    C.obs_label(labels, 'a', 'x"y\\z\nw')
    C.obs_label(labels, 'b', '1')
    assert.equal('a="x\\"y\\\\z\\nw",b="1"', ffi.string(C.chn_buf_str(labels)))
    C.chn_buf_deinit(labels)
    assert.equal('# HELP n a "b" \\\\\\n\n# TYPE n gauge\n',
      text(function(buf) C.obs_text_family(buf, C.OBS_GAUGE, 'n', 'a "b" \\\n') end))
  end)

  it('writes whole numbers whole and others short', function()
    for value, want in pairs({ [0] = 'n 0\n', [-3] = 'n -3\n', [1e14] = 'n 100000000000000\n', [0.125] = 'n 0.125\n',
      [1 / 0] = 'n +Inf\n', [-1 / 0] = 'n -Inf\n', [1e18] = 'n 1e+18\n' }) do
      assert.equal(want, text(function(buf) C.obs_text_value(buf, 'n', nil, value) end))
    end
  end)
end)
