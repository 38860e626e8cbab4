-- What a stream counts, at --metrics-port; docs/reference/metrics.md names all of it.
local program = require('spec.support.program')
local promtext = require('spec.support.promtext')
local socket = require('spec.support.socket')
local streamed = require('spec.support.streamed')

describe('the metrics of a stream', function()
  local s, run
  setup(function()
    s = streamed.new({ gb = streamed.group_by('shop.gb.v1'), tiles = streamed.group_by('shop.tiles.v1', nil, true) })
    program.shell('mkdir ' .. s.folder .. '/in')
    s:input('in/1', { { 'a', 1, '2024-03-11 00:00:10' }, '{bad', { 'b', 2, '2024-03-11 03:00:00' }, { 'a', 3,
      '2024-03-11 00:01:00' },
      '{"uid": "a", "i": 3}' })
    s:input('in/2', { { 'b', 1, '2024-03-11 02:00:00' } })
    run = s:start(s:words('local-streaming', 'gb,tiles', { '--input', s.folder .. '/in', '--follow', '--metrics-port', '0' }))
  end)
  teardown(function()
    run:stop()
    s:remove()
  end)

  local port
  local function ask(path, o)
    port = port or assert(streamed.wait_for(function()
      return tonumber((run:err():match('metrics at http://127%.0%.0%.1:(%d+)/metrics\n')))
    end), run:err())
    local c = assert(socket.connect(port))
    local r = assert(c:ask(path, o))
    c:close()
    return r
  end

  --- Of one GroupBy, by name.
  local function of(group_by)
    local out = {}
    for id, value in pairs((promtext.parse(ask('/metrics').body))) do
      local name, labels = id:match('^(.-)(%b{})$')
      if name and labels:match('feature_group="' .. group_by:gsub('%p', '%%%0') .. '"') then
        labels = labels:gsub('feature_group="[^"]*",?', '')
        out[name .. (labels == '{}' and '' or labels)] = value
      end
    end
    return out
  end

  it('have the names of Chronon and count by GroupBy', function()
    local tiles
    assert(streamed.wait_for(function()
      tiles = of('shop.tiles.v1')
      return tiles.chronon_ingress_row_count_total == 6 and (tiles.chronon_stream_watermark_ms or 0) > 0
        and tiles.chronon_kvstore_writer_in_flight == 0 and tiles['chronon_stream_lag_messages{partition="1"}']
    end), run:err())
    for name, value in pairs({
      chronon_ingress_row_count_total = 6, chronon_event_processing_error_total = 1, chronon_stream_no_time_total = 1,
      chronon_expr_eval_errors_total = 0, chronon_avro_conversion_errors_total = 0, chronon_tiling_late_events_total = 1,
      chronon_tiling_process_function_error_total = 0, chronon_kvstore_writer_successes_total = 3,
      chronon_kvstore_writer_errors_total = 0, chronon_stream_partitions = 2,
      ['chronon_stream_lag_messages{partition="0"}'] = 0, ['chronon_stream_lag_messages{partition="1"}'] = 0,
      chronon_stream_watermark_ms = streamed.ms('2024-03-11 01:55:00'),
    }) do
      assert.equal(value, tiles[name], name)
    end
    assert.equal(#program.read(s.folder .. '/in/1') + #program.read(s.folder .. '/in/2') - 6, tiles.chronon_ingress_bytes_total)
    assert.is_true(tiles.chronon_expr_eval_time_seconds_count > 0)
    assert.is_true(tiles.chronon_kvstore_writer_seconds_count > 0)
    assert.is_true(tiles.chronon_egress_freshness_millis_sum > 0)
    local gb = of('shop.gb.v1')
    assert.same({ 6, 0, 4 }, { gb.chronon_ingress_row_count_total, gb.chronon_tiling_late_events_total,
      gb.chronon_kvstore_writer_successes_total })
  end)

  it('are all that the port answers', function()
    assert.equal('text/plain; version=0.0.4; charset=utf-8', ask('/metrics').headers['content-type'])
    assert.equal(404, ask('/').status)
    assert.equal(405, ask('/metrics', { method = 'POST', body = 'x' }).status)
  end)

  it('are in docs/reference/metrics.md, as those of serve, and no others', function()
    local page, named = program.read('docs/reference/metrics.md'), {}
    local pipe = io.popen("grep -rhoE '\"(chronon|process)_[a-z_]+\"' src/stream src/http src/obs src/fetcher")
    for name in pipe:read('*a'):gmatch('"([%l_]+)"') do named[name] = true end
    pipe:close()
    for name in pairs((select(2, promtext.parse(ask('/metrics').body)))) do assert.is_true(named[name], name) end
    for name in pairs(named) do assert.matches('`' .. name .. '`', page, 1, true) end
    for name in page:gmatch('`(chronon_[%l_]+)`') do assert.is_true(named[name], name .. ' is in the page only') end
  end)
end)
