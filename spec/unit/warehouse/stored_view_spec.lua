local ffi = require('ffi')
local support = require('spec.support.warehouse')
local C = support.C

describe('warehouse: views', function()
  local wh, err

  before_each(function()
    wh = support.open()
    err = ffi.new('struct chn_err')
    wh:write('ns.t', "SELECT 1 AS k, 'a' AS v, '2024-01-01' AS ds")
  end)
  after_each(function() wh:close() end)

  local function create(name, sql)
    local names, values = ffi.new('const char *[1]', { 'made_by' }), ffi.new('const char *[1]', { 'spec' })
    local status = C.wh_view_create(wh.wh, name, sql, names, values, 1, err)
    return status == C.CHN_OK, ffi.string(err.msg)
  end

  local function use(name)
    local status = C.wh_use(wh.wh, name, err)
    return status == C.CHN_OK, ffi.string(err.msg)
  end

  local function rows(sql)
    local list = {}
    for i, row in ipairs((wh:rows(sql))) do list[i] = row[1] end
    return list
  end

  it('are read like tables, and are as fresh as what they read', function()
    assert.is_true(create('ns.view', 'SELECT `k` + 1 AS `next`, `ds` FROM `ns`.`t`'))
    assert.is_true(use('ns.view'))
    assert.same({ 2 }, rows('SELECT next FROM ns.view'))
    wh:write('ns.t', "SELECT 5 AS k, 'b' AS v, '2024-01-02' AS ds")
    assert.is_true(use('ns.view'))
    assert.same({ 2, 6 }, rows('SELECT next FROM ns.view ORDER BY 1'))
  end)

  it('follow a table that is made again with other types', function()
    assert.is_true(create('ns.one', 'SELECT k FROM ns.t'))
    assert.is_true(create('ns.two', 'SELECT k FROM ns.one'))
    assert.is_true(use('ns.two'))
    assert.equal(C.CHN_OK, C.wh_table_drop(wh.wh, 'ns.t', err))
    wh:write('ns.t', "SELECT 'text' AS k, '2024-01-01' AS ds")
    assert.is_true(use('ns.two'))
    assert.same({ 'text' }, rows('SELECT k FROM ns.two'))
  end)

  it('have partitions, properties and a place in the list', function()
    assert.is_true(create('ns.view', 'SELECT k, ds FROM ns.t'))
    local arena, out, n = ffi.new('struct arena'), ffi.new('char **[1]'), ffi.new('size_t[1]')
    assert.equal(C.CHN_OK, C.wh_partitions(wh.wh, 'ns.view', 'ds', nil, 0, arena, out, n, err))
    assert.equal(1, tonumber(n[0]))
    assert.equal('spec', ffi.string(C.wh_property(wh.wh, 'ns.view', 'made_by', arena)))
    local tables = ffi.new('struct wh_table *[1]')
    assert.equal(C.CHN_OK, C.wh_table_list(wh.wh, arena, tables, n, err))
    assert.equal('ns.view', ffi.string(tables[0][1].name))
    assert.equal('SELECT k, ds FROM ns.t', ffi.string(tables[0][1].view))
    assert.is_true(tables[0][0].view == nil)
    C.arena_deinit(arena)
  end)

  it('are refused where they cannot be read', function()
    local ok, why = create('ns.view', 'SELECT nix FROM ns.t')
    assert.is_false(ok)
    assert.truthy(why:find('view ns.view: .*nix'), why)
    assert.is_false(use('ns.view'))
    ok, why = create('ns.view', "SELECT * FROM read_csv('/etc/passwd')")
    assert.is_false(ok)
    assert.truthy(why:find('read_csv', 1, true), why)
  end)

  it('do not read files, whoever wrote them', function()
    support.sh(("mkdir -p '%s/ns/evil'"):format(wh.root))
    support.write_file(wh.root .. '/ns/evil/_chronon.json', [[{"version": 1, "columns": [], "properties": {},
      "partition_columns": [], "view": "SELECT * FROM read_csv('/etc/passwd')"}]])
    local ok, why = use('ns.evil')
    assert.is_false(ok)
    assert.truthy(why:find('view ns.evil: .*read_csv'), why)
  end)

  it('neither take the place of a table nor are written to', function()
    local ok, why = create('ns.t', 'SELECT 1 AS x')
    assert.is_false(ok)
    assert.truthy(why:find('there is a table of that name', 1, true), why)
    assert.is_true(create('ns.view', 'SELECT k FROM ns.t'))
    local writer, o = ffi.new('struct wh_writer *[1]'), ffi.new('struct wh_write_options')
    assert.equal(C.CHN_E_CONFLICT, C.wh_write_begin(wh.wh, 'ns.view', o, writer, err))
    assert.truthy(ffi.string(err.msg):find('ns.view is a view', 1, true))
    assert.equal(C.CHN_OK, C.wh_table_drop(wh.wh, 'ns.view', err))
    assert.is_false(use('ns.view'))
  end)

  it('cannot read themselves: the old one stays', function()
    assert.is_true(create('ns.one', 'SELECT k FROM ns.t'))
    assert.is_true(create('ns.two', 'SELECT k FROM ns.one'))
    local ok, why = create('ns.one', 'SELECT k FROM ns.two')
    assert.is_false(ok)
    assert.truthy(why:find('circle', 1, true), why)
    assert.is_true(use('ns.two'))
    assert.same({ 1 }, rows('SELECT k FROM ns.two'))
  end)
end)
