--- The sessions of docs/reference/repl.md, run on the sample repo.
local program = require('spec.support.program')

local PATH = 'docs/reference/repl.md'

describe(PATH, function()
  it('shows what the shell prints', function()
    local dir = program.folder()
    local repo = dir .. '/shop'
    for _, args in ipairs({
      { 'init', repo, '-q' },
      { 'compile', '--all', '--repo', repo },
      { 'run', '--mode', 'upload', '--repo', repo, '--conf', 'production/group_bys/shop/spending.v1', '--ds', '2024-01-14' },
    }) do
      local r = program.run(args, { cwd = dir })
      assert.equal(0, r.code, r.err)
    end
    local here = os.getenv('PWD')
    program.write(dir .. '/run', ('cd %s && COLUMNS=120 %s repl -c %s 2>&1 </dev/null'):format(program.quote(repo),
      program.quote(program.bin), program.quote(('assert(loadfile("%s/tools/repl_page.lua"))("%s/%s")'):format(here, here, PATH))))
    local pipe = assert(io.popen('sh ' .. dir .. '/run'))
    local got = pipe:read('*a'):gsub(' +\n', '\n')
    pipe:close()
    if os.getenv('REPL_PAGE') then program.write(os.getenv('REPL_PAGE'), got) end
    assert.equal(program.read(PATH), got)
    program.remove(dir)
  end)
end)
