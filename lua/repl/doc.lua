--- What help() knows: one entry a function of the shell, entered where the function is defined.
local M = {
  entries = {}, ---@type table[] { name, of, usage, text, short, example, fn }, in the order of entry
}

--- Enters a global function of the shell.
--- @param env table where it is put
--- @param facts { usage: string, text: string, short: string?, example: string } short: a line for the list
function M.global(env, name, facts, fn)
  env[name] = fn
  M.entries[#M.entries + 1] = {
    name = name, usage = facts.usage, text = facts.text, short = facts.short, example = facts.example, fn = fn,
  }
end

--- Enters a method; `of` is what it belongs to: "result", "definition", "join".
function M.method(of, methods, name, facts, fn)
  methods[name] = fn
  M.entries[#M.entries + 1] = {
    name = name, of = of, usage = facts.usage, text = facts.text, short = facts.short, example = facts.example, fn = fn,
  }
end

--- @return table? entry by name or by function
function M.find(x)
  for _, entry in ipairs(M.entries) do
    if entry.fn == x or entry.name == x or (entry.of and entry.of .. ':' .. entry.name == x) then return entry end
  end
end

return M
