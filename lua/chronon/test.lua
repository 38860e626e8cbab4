--- chronon.test: what a file `*_test.lua` beside definitions requires; docs/reference/testing.md.
local map = require 'chronon.map'
local params = require 'chronon.params'
local trial = require 'chronon.trial'

return params.strict('chronon.test', {
  null = map.null,
  test = trial.test,
  table = trial.table,
  expect = trial.expect,
  expect_rows = trial.expect_rows,
  expect_error = trial.expect_error,
  approx = trial.approx,
})
