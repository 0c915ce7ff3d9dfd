-- The turns of a session without their content, in the order in which they were appended.
-- :tenant, :session
SELECT id, parent, createdAt, state, dialect, listed, deleted, model, tokens, totalTokens, digest, line
FROM log.turn_rows
WHERE tenant = :tenant AND session = :session
ORDER BY place;
