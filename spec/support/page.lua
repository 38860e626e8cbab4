--- The pages of docs/, run as a reader would: one shell goes through a page from top to bottom, and what
--- each command prints is compared with what the page shows.
---
--- In a ```sh block a line `$ COMMAND` is typed (`> ` lines go on with it), the lines below are its answer:
--- `...` in a line stands for any text, a line `...` for any lines. A ```lua block that begins with
--- `-- PATH.lua` and any block with a path behind its language (```csv data/x.csv) is written to that
--- file of the repo. A block that begins with `chronon> ` is a session of `chronon repl`.
---
--- PAGES=FOLDER writes the pages there too, as they come out now.
local program = require('spec.support.program')

local M = {}
local quote = program.quote

--- Lines of a page as blocks { text = lines } and { fence =, lines = }.
local function blocks_of(page)
  local out, block = {}, { lines = {} }
  local function close()
    out[#out + 1] = block
    block = { lines = {} }
  end
  for line in page:gmatch('([^\n]*)\n') do
    if line:match('^```') then
      if block.fence then
        close()
      else
        close()
        block.fence = line
      end
    else
      table.insert(block.lines, line)
    end
  end
  assert(not block.fence, 'a block is not closed')
  close()
  return out
end

--- The examples of a ```sh block.
local function commands_of(block)
  local out = {}
  for _, line in ipairs(block.lines) do
    local command, more = line:match('^%$ (.*)$'), line:match('^> (.*)$')
    local last = out[#out]
    if command then
      out[#out + 1] = { command = command, typed = { line }, answer = {} }
    elseif more and last and #last.answer == 0 then
      last.command = last.command .. '\n' .. more
      table.insert(last.typed, line)
    else
      assert(last, 'an answer without a command: ' .. line)
      table.insert(last.answer, line)
    end
  end
  return out
end

local function file_of(block)
  return block.fence:match('^```%w+ (%S+)$') or (block.fence == '```lua' and (block.lines[1] or ''):match('^%-%- (%S+%.lua)$'))
end

--- Does the line got match the line shown, with its `...`?
local function line_matches(shown, got)
  if shown == got then return true end
  if not shown:find('...', 1, true) then return false end
  local pattern = shown:gsub('%.%.%.', '\1'):gsub('%p', '%%%0'):gsub('\1', '.-')
  return got:match('^' .. pattern .. '$') ~= nil
end

local function lines_match(shown, got, i, j)
  i, j = i or 1, j or 1
  if i > #shown then return j > #got end
  if shown[i] == '...' then
    for k = j, #got + 1 do
      if lines_match(shown, got, i + 1, k) then return true end
    end
    return false
  end
  return j <= #got and line_matches(shown[i], got[j]) and lines_match(shown, got, i + 1, j + 1)
end

local function read_lines(text)
  local out = {}
  if not text:find('\n$') and text ~= '' then text = text .. '\n' end
  for line in text:gmatch('([^\n]*)\n') do out[#out + 1] = (line:gsub(' +$', '')) end
  return out
end

--- The page as a list of steps, each of which has a title and the lines that it must print.
local function steps_of(blocks)
  local steps = {}
  for _, block in ipairs(blocks) do
    block.steps = {}
    local function add(step)
      steps[#steps + 1] = step
      table.insert(block.steps, step)
    end
    if block.fence and file_of(block) then
      block.file = file_of(block)
      add({ title = block.file, file = block.file, lines = block.lines, answer = {} })
    elseif block.fence == '```sh' then
      for _, e in ipairs(commands_of(block)) do
        add({ title = e.command, command = e.command, typed = e.typed, answer = e.answer })
      end
    elseif block.fence and (block.lines[1] or ''):match('^chronon> ') then
      add({ title = 'session: ' .. block.lines[1], session = true, lines = block.lines, answer = block.lines })
    end
  end
  return steps
end

--- The shell script of all steps; before each it prints a mark.
local function script_of(steps, folder)
  local out = {}
  for i, step in ipairs(steps) do
    out[#out + 1] = ("printf '\\036%d\\n'"):format(i)
    if step.command then
      out[#out + 1] = step.command
    else
      local path, fence = ('%s/step-%d'):format(folder, i), step.session and '```\n' or ''
      program.write(path, fence .. table.concat(step.lines, '\n') .. '\n' .. fence)
      if step.session then
        local code = ('assert(loadfile("%s/tools/repl_page.lua"))("%s")'):format(os.getenv('PWD'), path)
        out[#out + 1] = ('chronon repl -c %s </dev/null'):format(quote(code))
      else
        out[#out + 1] = ('mkdir -p "$(dirname %s)" && cp %s %s'):format(quote(step.file), path, quote(step.file))
      end
    end
  end
  return table.concat(out, '\n') .. '\n'
end

local function replaced(text, from, to) return (text:gsub(from:gsub('%p', '%%%0'), (to:gsub('%%', '%%%%')))) end

--- Runs the steps and gives each what it `got`.
--- @param place PagePlace
--- @param folder string for files of our own
local function run(steps, place, folder)
  local script = script_of(steps, folder)
  for shown, real in pairs(place.replace or {}) do script = replaced(script, shown, real) end
  program.write(folder .. '/page', script)
  local words = { 'env -u CHRONON_REPO -u CHRONON_WAREHOUSE -u CHRONON_STORE COLUMNS=120' }
  words[#words + 1] = ('PATH=%s:"$PATH"'):format(quote(program.bin:match('^(.*)/')))
  for k, v in pairs(place.env or {}) do words[#words + 1] = k .. '=' .. quote(v) end
  program.shell(('cd %s && %s sh %s/page >%s/out 2>&1 </dev/null'):format(quote(place.cwd or folder .. '/empty'),
    table.concat(words, ' '), folder, folder))
  local text = program.read(folder .. '/out')
  for shown, real in pairs(place.replace or {}) do text = replaced(text, real, shown) end
  for number, answer in (text .. '\30'):gmatch('\30(%d+)\n([^\30]*)') do
    local step = steps[tonumber(number)]
    step.got = read_lines(answer)
    if step.session then -- without the fences
      table.remove(step.got, 1)
      table.remove(step.got)
    end
  end
end

--- The page with what came out; an answer that still matches stays, with its dots.
local function written(blocks)
  local out = {}
  local function add(lines)
    for _, line in ipairs(lines) do out[#out + 1] = line end
  end
  for _, block in ipairs(blocks) do
    if block.fence then out[#out + 1] = block.fence end
    if #block.steps == 0 or block.file then
      add(block.lines)
    else
      for _, step in ipairs(block.steps) do
        add(step.typed or {})
        add(lines_match(step.answer, step.got or {}) and step.answer or step.got or {})
      end
    end
    if block.fence then out[#out + 1] = '```' end
  end
  return table.concat(out, '\n') .. '\n'
end

--- @class PagePlace where a page is read
--- @field cwd? string the folder that the shell begins in; an empty one by default
--- @field env? table<string, string> further environment
--- @field replace? table<string, string> what the page says to what it is here, in commands and answers

--- Describes a page: a spec for each step of it.
--- @param path string
--- @param o? { before?: string[], place?: (fun(): PagePlace), after?: fun() } before: pages whose steps are
---   taken first, not compared; place: called once, before the page; after: takes away what it made
function M.describe(path, o)
  o = o or {}
  local busted = require('busted')
  local blocks = blocks_of(program.read(path))
  local all = {}
  for _, other in ipairs(o.before or {}) do
    for _, step in ipairs(steps_of(blocks_of(program.read(other)))) do all[#all + 1] = step end
  end
  local steps = steps_of(blocks)
  for _, step in ipairs(steps) do all[#all + 1] = step end
  busted.describe(path, function()
    busted.setup(function()
      local folder = program.folder()
      program.shell('mkdir ' .. folder .. '/empty')
      run(all, o.place and o.place() or {}, folder)
      program.remove(folder)
      if os.getenv('PAGES') then program.write(os.getenv('PAGES') .. '/' .. path:match('[^/]*$'), written(blocks)) end
    end)
    busted.teardown(function()
      if o.after then o.after() end
    end)
    for i, step in ipairs(steps) do
      busted.it(('%d: %s'):format(i, step.title), function()
        assert(step.got, 'the page has not come so far')
        if not lines_match(step.answer, step.got) then
          busted.assert.equal(table.concat(step.answer, '\n'), table.concat(step.got, '\n'))
        end
      end)
    end
  end)
end

return M
