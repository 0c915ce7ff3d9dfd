-- Reads the first and the last session, by id and by name. A damaged page on the way is an error.
SELECT
  (SELECT metadata FROM sessions ORDER BY tenant, id LIMIT 1),
  (SELECT metadata FROM sessions ORDER BY tenant DESC, id DESC LIMIT 1),
  (SELECT metadata FROM sessions WHERE name IS NOT NULL ORDER BY tenant, name LIMIT 1),
  (SELECT metadata FROM sessions WHERE name IS NOT NULL ORDER BY tenant DESC, name DESC LIMIT 1);
