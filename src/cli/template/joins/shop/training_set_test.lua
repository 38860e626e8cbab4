--- A visit sees the purchases before it, and none after it.
local t = require "chronon.test"

local training_set = require "joins.shop.training_set"

t.test("each visit gets what was known at its instant", function()
  t.table("raw.purchases", {
    { user_id = "ann", item = "pen", amount = 2.5, ts = "2024-01-08T09:00:00Z" },
    { user_id = "ann", item = "book", amount = 12, ts = "2024-01-08T11:00:00Z" },
  })
  t.table("raw.visits", {
    { visit_id = 1, user_id = "ann", bought = false, ts = "2024-01-08T10:00:00Z" },
    { visit_id = 2, user_id = "ann", bought = true, ts = "2024-01-08T12:00:00Z" },
    { visit_id = 3, user_id = "cy", bought = false, ts = "2024-01-08T12:00:00Z" },
  })
  t.expect_rows(training_set.v1, {
    { visit_id = 1, shop_spending_v1_amount_sum_7d = 2.5 },
    { visit_id = 2, shop_spending_v1_amount_sum_7d = 14.5 },
    { visit_id = 3, shop_spending_v1_amount_sum_7d = t.null },
  })
end)
