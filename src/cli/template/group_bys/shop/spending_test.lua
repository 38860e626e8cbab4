--- What the features of spending.lua are expected to be. `chronon test` runs it.
local t = require "chronon.test"

local spending = require "group_bys.shop.spending"

t.table("raw.purchases", {
  { user_id = "ann", item = "pen", amount = 2.5, ts = "2024-01-01T09:00:00Z" },
  { user_id = "ann", item = "book", amount = 12, ts = "2024-01-07T12:00:00Z" },
  { user_id = "ben", item = "lamp", amount = 30, ts = "2024-01-07T18:00:00Z" },
})

t.test("a week is seven days back from the instant", function()
  t.expect(spending.v1, { user_id = "ann" }, "2024-01-08T08:00:00Z", { amount_sum_7d = 14.5, amount_count_7d = 2 })
  t.expect(spending.v1, { user_id = "ann" }, "2024-01-08T10:00:00Z", { amount_sum_7d = 12 })
end)

t.test("the last items come first", function()
  t.expect(spending.v1, { user_id = "ann" }, "2024-01-07T12:00:01Z", { item_last3_7d = { "book", "pen" } })
end)

t.test("a purchase counts from its own instant on", function()
  t.expect(spending.v1, { user_id = "ben" }, "2024-01-07T18:00:00Z", { amount_sum_1d = t.null })
  t.expect(spending.v1, { user_id = "ben" }, "2024-01-07T18:00:01Z", { amount_sum_1d = 30 })
end)
