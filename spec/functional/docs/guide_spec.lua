--- docs/guide/: the café of its first page, then each page by itself. All but the first page build on sources.md.
local page = require('spec.support.page')

local BASE, SOURCES = 'docs/guide/README.md', 'docs/guide/sources.md'

page.describe(BASE)
page.describe(SOURCES, { before = { BASE } })
for _, name in ipairs({ 'windows', 'operations', 'joins', 'derivations', 'chaining', 'labels', 'bootstrap' }) do
  page.describe('docs/guide/' .. name .. '.md', { before = { BASE, SOURCES } })
end
