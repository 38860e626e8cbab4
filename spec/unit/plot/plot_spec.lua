-- Pictures of numbers: what they show, and that nothing leaves its width.
local ffi = require('ffi')
local cdef = require('spec.support.cdef')
local seed = require('spec.support.seed')
local xml = require('spec.support.xml')
local C = cdef.load('plot/plot.h', 'base/glyph.h')

local NAN = 0 / 0
local DAY = 86400000
local KINDS = { 'PLOT_SPARK', 'PLOT_BARS', 'PLOT_HISTOGRAM', 'PLOT_SERIES' }

local function doubles(list)
  return list and ffi.new('double[?]', #list + 1, list)
end

local function texts(list, n)
  local out = ffi.new('const char *[?]', n + 1)
  for i = 1, n do out[i - 1] = list[i] end -- a hole is NULL
  return out
end

--- @param o { values: number[], labels?: string[], at?: number[], title?: string, times?: boolean, zero?: boolean,
---   windows?: { from: number, until: number, label?: string }[] }
local function make(kind, o)
  local windows = o.windows or {}
  local kept = { doubles(o.values), doubles(o.at), o.labels and texts(o.labels, #o.values),
    ffi.new('struct plot_window[?]', #windows + 1) }
  for i, w in ipairs(windows) do kept[4][i - 1] = { w[1], w[2], w[3] } end
  local p = ffi.new('struct plot', { kind = C[kind], title = o.title, values = kept[1], at = kept[2], labels = kept[3],
    n = #o.values, times = o.times or false, zero = o.zero or false, windows = kept[4], n_windows = #windows })
  return p, kept
end

local function taken(buf)
  local text = ffi.string(C.chn_buf_str(buf), buf.len)
  C.chn_buf_deinit(buf)
  return text
end

local function text(kind, o, width, height)
  local p, kept = make(kind, o)
  local buf = ffi.new('struct chn_buf')
  C.plot_text(p, width, height or 0, buf)
  return taken(buf), kept
end

local function svg(kind, o, width, height)
  local p, kept = make(kind, o)
  local buf = ffi.new('struct chn_buf')
  C.plot_svg(p, width or 0, height or 0, buf)
  return taken(buf), kept
end

describe('plot', function()
  describe('sparkline', function()
    it('rises from the smallest to the largest value', function()
      assert.equal('▁▂▃▄▅▆▇█\n', (text('PLOT_SPARK', { values = { 0, 1, 2, 3, 4, 5, 6, 7 } }, 20)))
      assert.equal('█▁\n', (text('PLOT_SPARK', { values = { -1, -5 } }, 20)))
    end)

    it('has 0 in its scale if asked', function()
      assert.equal('▁█\n', (text('PLOT_SPARK', { values = { 9, 10 } }, 20)))
      assert.equal('██\n', (text('PLOT_SPARK', { values = { 9.9, 10 }, zero = true }, 20)))
    end)

    it('leaves gaps, and is in the middle where all is the same', function()
      assert.equal('▁ █\n', (text('PLOT_SPARK', { values = { 1, NAN, 2 } }, 20)))
      assert.equal('▅▅\n', (text('PLOT_SPARK', { values = { 3, 3 } }, 20)))
      assert.equal('▅\n', (text('PLOT_SPARK', { values = { 1e308 } }, 20)))
    end)

    it('shows means of neighbours where there are more values than columns', function()
      assert.equal('▁█\n', (text('PLOT_SPARK', { values = { 1, 1, 1, 5, 9, 9 } }, 2)))
    end)
  end)

  describe('bars', function()
    it('are as long as their values, to an eighth of a column', function()
      assert.equal('a  ████████ 8\nbc ▌        0.5\n', (text('PLOT_BARS', { values = { 8, 0.5 }, labels = { 'a', 'bc' } }, 15)))
    end)

    it('go to the left below 0', function()
      assert.equal('a    ███ 3\nb ███    -3\n', (text('PLOT_BARS', { values = { 3, -3 }, labels = { 'a', 'b' } }, 11)))
    end)

    it('show a value that is there and small, and say which is missing', function()
      assert.equal('a    ████ 8000\nb    ▏    1\nc         -\nNULL      0\n',
        (text('PLOT_BARS', { values = { 8000, 1, NAN, 0 }, labels = { 'a', 'b', 'c' } }, 14)))
    end)

    it('cut labels at a third of the line and replace what no terminal shows', function()
      assert.equal('a long … █████████████ 1\nx [1m\239\191\189   █████████████ 1\n',
        (text('PLOT_BARS', { values = { 1, 1 }, labels = { 'a long long label', 'x\27[1m\255' } }, 24)))
    end)
  end)

  it('histogram has the bin in front', function()
    assert.equal('0 to 5  ████ 2\n5 to 10 ██   1\n', (text('PLOT_HISTOGRAM', { values = { 2, 1 }, at = { 0, 5, 10 } }, 14)))
    assert.equal('7 ███ 4\n', (text('PLOT_HISTOGRAM', { values = { 4 }, at = { 7, 7 } }, 7)))
    assert.matches('^1970%-01%-01 to 1970%-01%-05 ',
      (text('PLOT_HISTOGRAM', { values = { 1 }, at = { 0, 4 * DAY }, times = true }, 60)))
    assert.matches('^1970%-01%-01 00:00 to 1970%-01%-01 06:00 ',
      (text('PLOT_HISTOGRAM', { values = { 1 }, at = { 0, DAY / 4 }, times = true }, 90)))
  end)

  describe('series', function()
    it('is a line of dots, with the ends of both scales', function()
      assert.equal('3    ⡠⠊\n1 ⡠⠔⠊\n  0   4\n', (text('PLOT_SERIES', { values = { 1, 2, 3 }, at = { 0, 2, 4 } }, 7, 2)))
    end)

    it('does not join over a value that is missing', function()
      assert.equal('\n2 ⠁  ⠈\n  0  2\n', (text('PLOT_SERIES', { values = { 2, NAN, 2 } }, 6, 2)))
    end)

    it('marks windows below', function()
      local out = text('PLOT_SERIES', { values = { 1, 2, 3 }, at = { 0, 5 * DAY, 10 * DAY }, times = true,
        windows = { { 0, 10 * DAY, 'ten days' }, { 8 * DAY, 10 * DAY, 'two' }, { 4 * DAY, 5 * DAY } } }, 42, 2)
      assert.equal([[
3                       ⢀⣀⣀⣀⣀⡠⠤⠤⠤⠤⠔⠒⠒⠒⠒⠊⠉⠉
1 ⣀⣀⣀⡠⠤⠤⠤⠤⠤⠤⠔⠒⠒⠒⠒⠒⠒⠉⠉⠉⠉⠉⠁
  1970-01-01                    1970-01-11
  ├ ten days ────────────────────────────┤
                                 ├ two ──┤
                 ├───┤
]], out)
    end)
  end)

  it('says that there is nothing', function()
    for _, kind in ipairs(KINDS) do
      for _, values in ipairs({ {}, { NAN }, { 1 / 0, -1 / 0 } }) do
        local o = { values = values, at = { 0, 1, 2 }, title = 'of x' }
        assert.equal('of x\nnothing to plot\n', (text(kind, o, 30)))
        assert.matches('>nothing to plot<', (svg(kind, o)))
      end
    end
  end)

  describe('bins', function()
    local function bins(values, most)
      local edges, counts = ffi.new('double[?]', most + 1), ffi.new('double[?]', most)
      local n = C.plot_bins(doubles(values), #values, most, edges, counts)
      local e, c = {}, {}
      for i = 0, n do e[i + 1] = n > 0 and edges[i] or nil end
      for i = 1, n do c[i] = counts[i - 1] end
      return e, c
    end

    it('are of equal width, the last with its upper edge', function()
      assert.same({ { 0, 2, 4 }, { 2, 3 } }, { bins({ 0, 1.9, 2, 3, 4, NAN, 1 / 0 }, 2) })
    end)

    it('are one where all is the same, and none without values', function()
      assert.same({ { 5, 5 }, { 2 } }, { bins({ 5, 5 }, 4) })
      assert.same({ {}, {} }, { bins({ NAN }, 4) })
    end)

    it('count every finite value once, whatever the values', function()
      local random, first = seed.random('plot bins')
      for round = 1, 300 do
        local values, finite = {}, 0
        local scale = 10 ^ random(-300, 307)
        for i = 1, random(1, 40) do
          values[i] = random(1, 8) == 1 and NAN or random(-10, 10) * scale
          finite = finite + (values[i] == values[i] and math.abs(values[i]) < math.huge and 1 or 0)
        end
        local edges, counts = bins(values, random(1, 20))
        local sum = 0
        for i, count in ipairs(counts) do
          sum = sum + count
          assert.is_true(#counts == 1 or edges[i] < edges[i + 1], ('seed %d, round %d'):format(first, round))
        end
        assert.equal(finite, sum, ('seed %d, round %d'):format(first, round))
      end
    end)
  end)

  describe('of anything', function()
    local LABELS = { 'a', 'a longer label of several words', '', '<b> & "c"', 'x\ny\27[2J',
      '\255\254\237\160\128', '日本語のラベル', 'é̂' }

    local function value(random, scale)
      local pick = random(1, 14)
      return pick == 1 and NAN or pick == 2 and 1 / 0 or pick == 3 and -1 / 0 or pick == 4 and 0
        or pick == 5 and 1.7e308 or pick == 6 and -1.7e308 or random(-100, 100) * scale
    end

    local function anything(random)
      local o = { values = {}, labels = {}, at = {}, windows = {}, times = random(1, 2) == 1, zero = random(1, 2) == 1 }
      local scale, place = 10 ^ random(-20, 20), (random(1, 2) == 1 and 1 or 1e12) * random(-100, 100)
      for i = 1, random(0, 30) do
        o.values[i] = value(random, scale)
        o.labels[i] = LABELS[random(1, #LABELS + 1)]
      end
      for i = 1, #o.values + 1 do
        place = place + random(0, 3) * 10 ^ random(0, 12)
        o.at[i] = place
      end
      for i = 1, random(0, 2) do
        local from = o.at[random(1, #o.at)]
        o.windows[i] = { from, from + random(0, 5) * 1e9, LABELS[random(1, #LABELS)] }
      end
      o.title = LABELS[random(1, #LABELS + 4)]
      return o
    end

    it('no line is wider than asked, nor is any byte broken', function()
      local random, first = seed.random('plot text')
      for round = 1, 3000 do
        local kind, width, height = KINDS[random(1, 4)], random(1, random(1, 130)), random(0, 12)
        local out = text(kind, anything(random), width, height)
        local why = ('seed %d, round %d, %s'):format(first, round, kind)
        for line in out:gmatch('([^\n]*)\n') do
          assert.is_true(C.chn_text_width(line) <= width, why .. ': ' .. line)
        end
        assert.is_nil(out:find('[%z\1-\9\11-\31]'), why)
        assert.is_nil(out:gsub('[\194-\244][\128-\191]+', ''):find('[\128-\255]'), why)
        assert.equal('\n', out:sub(-1), why)
      end
    end)

    it('SVG is well-formed, of finite numbers inside the picture', function()
      local random, first = seed.random('plot svg')
      for round = 1, 1500 do
        local kind, width, height = KINDS[random(1, 4)], random(40, 900), random(20, 500)
        local out = svg(kind, anything(random), width, height)
        local why = ('seed %d, round %d, %s\n%s'):format(first, round, kind, out)
        assert.is_nil(xml.broken(out), why)
        assert.is_nil(out:gsub('>[^<]*<', '><'):find('[^%a]nan[^%a]') or out:gsub('>[^<]*<', '><'):find('[^%a]inf[^%a]'), why)
        for x, w in out:gmatch('<rect [^>]-x="([^"]+)"[^>]-width="([^"]+)"') do
          assert.is_true(tonumber(x) >= 0 and tonumber(x) + tonumber(w) <= width + 1, why)
        end
      end
    end)
  end)

  describe('SVG', function()
    it('of a series has a line for each run of values, a dot for one alone, its windows', function()
      local out = svg('PLOT_SERIES', { values = { 1, 2, NAN, 4, NAN, 5, 6 }, windows = { { 1, 3, 'w' } }, title = 'a < b' })
      assert.equal(2, select(2, out:gsub('<polyline', '')))
      assert.equal(1, select(2, out:gsub('<circle', '')))
      assert.equal(1, select(2, out:gsub('class="window"', '')))
      assert.matches('<title>a &lt; b</title>', out, 1, true)
    end)

    it('of bars has a rectangle as wide as the value', function()
      local widths = {}
      for w in svg('PLOT_BARS', { values = { 4, 2, 1 }, labels = { 'a', 'b', 'c' } }):gmatch('class="bar"[^>]- width="([^"]+)"') do
        widths[#widths + 1] = tonumber(w)
      end
      assert.is_near(widths[1] / 2, widths[2], 0.1)
      assert.is_near(widths[1] / 4, widths[3], 0.1)
    end)
  end)
end)
