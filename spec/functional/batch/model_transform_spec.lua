--- A join with model transforms: its backfill ends in the table that a model backend would read.
local repo_of = require('spec.support.batch_repo')

describe('a join with model transforms', function()
  it('is backfilled into its _pre_mt table, and only that', function()
    local repo = repo_of.new()
    repo:table('data.l', repo_of.values('u VARCHAR, ts BIGINT, ds VARCHAR',
      { { 'a', repo_of.ms('2024-01-02 10:00:00'), '2024-01-02' } }))
    repo:table('data.r', repo_of.values('u VARCHAR, v BIGINT, ts BIGINT, ds VARCHAR',
      { { 'a', 7, repo_of.ms('2024-01-01 10:00:00'), '2024-01-01' } }))
    repo:conf('joins/t/j.v1', { metaData = { name = 't.j.v1' },
      left = { events = { table = 'data.l', query = { selects = { u = 'u', ts = 'ts' }, timeColumn = 'ts', setups = {},
        startPartition = '2024-01-02' } } },
      joinParts = { { groupBy = { metaData = { name = 't.g.v1', outputNamespace = 'ns' }, accuracy = 1,
        sources = { { events = { table = 'data.r', query = { selects = { u = 'u', v = 'v' }, timeColumn = 'ts', setups = {} } } } },
        keyColumns = { 'u' }, aggregations = { { inputColumn = 'v', operation = 7 } } } } },
      modelTransforms = { transforms = { { model = { metaData = { name = 't.m' } }, prefix = 'p' } } } })
    repo:succeed('backfill', 'joins/t/j.v1', '2024-01-02')
    local list = repo:read('SELECT u, t_g_v1_v_sum AS v FROM ns.t_j_v1_pre_mt', { 'ns.t_j_v1_pre_mt' })
    assert.same({ 'a', 7, 1 }, { list[1].u, tonumber(list[1].v), #list })
    assert.is_false(pcall(repo.read, repo, 'SELECT 1 FROM ns.t_j_v1', { 'ns.t_j_v1' }))
    repo:remove()
  end)
end)
