-- The row of an hour and its names.
-- :hour, :tenant, :key, :user, :model, :claw, :alias
SELECT id FROM usage
WHERE hour = :hour AND tenant = :tenant AND key = :key AND user = :user AND model = :model AND claw = :claw
  AND alias = :alias;
