local ffi = require('ffi')
local program = require('spec.support.program')
local C = require('spec.support.cdef').load('warehouse/fs.h')

ffi.cdef('int close(int);')

describe('a temporary folder', function()
  local dir, a, err
  before_each(function()
    dir = program.folder()
    a, err = ffi.new('struct arena'), ffi.new('struct chn_err')
  end)
  after_each(function()
    C.arena_deinit(a)
    program.remove(dir)
  end)

  local function make(prefix)
    local path, fd = ffi.new('const char *[1]'), ffi.new('int[1]')
    assert.equal(C.CHN_OK, C.fs_temp(a, dir, prefix, path, fd, err), ffi.string(err.msg))
    return ffi.string(path[0]), fd[0]
  end

  local function is_there(path) return program.shell('test -e ' .. program.quote(path)) == 0 end

  it('is its user\'s alone, and goes when it is given back', function()
    local path, fd = make('made-')
    assert.matches('^' .. dir:gsub('%p', '%%%0') .. '/made%-%w+$', path)
    assert.equal(0, program.shell(('test "$(stat -c %%a %s)" = 700'):format(path)))
    program.write(path .. '/file', 'x')
    C.fs_temp_remove(path, fd)
    assert.is_false(is_there(path))
  end)

  it('of a process that was killed goes when the next one is made, that of one at work stays', function()
    local working, working_fd = make('made-')
    local killed, fd = make('made-')
    program.write(killed .. '/file', 'x')
    C.close(fd)
    local other = make('other-')
    assert.is_true(is_there(killed))
    local third = make('made-')
    assert.is_false(is_there(killed))
    assert.is_true(is_there(working) and is_there(other) and is_there(third))
    C.close(working_fd)
  end)

  it('is not what has only its name', function()
    local outside = program.folder()
    program.shell(('mkdir %s/made-folder && touch %s/made-folder/kept %s/made-a-file && touch %s/lock && ln -s %s %s/made-a-link')
      :format(dir, dir, dir, outside, outside, dir))
    make('made-')
    assert.is_true(is_there(dir .. '/made-folder/kept') and is_there(dir .. '/made-a-file'))
    assert.is_true(is_there(dir .. '/made-a-link') and is_there(outside .. '/lock'))
    program.remove(outside)
  end)

  it('names what is in its way', function()
    local path, fd = ffi.new('const char *[1]'), ffi.new('int[1]')
    program.write(dir .. '/file', 'x')
    assert.equal(C.CHN_E_IO, C.fs_temp(a, dir .. '/file', 'made-', path, fd, err))
    assert.matches(dir .. '/file', ffi.string(err.msg), 1, true)
  end)
end)
