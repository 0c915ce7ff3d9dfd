-- Appends a turn; changes nothing where its key is taken, or where its dialect has no number yet.
-- :tenant, :session, :id   its key
-- :parentPlace, :root      places of the turn before and of the branch's root; NULL at the root
-- :dialect                 its name
-- :createdAt, :state, :listed, :deleted, :model, :tokens, :totalTokens
-- :digest                  text; lower-case hex is stored as bytes
-- :metadata, :hidden       JSON, or NULL when empty
-- :body
INSERT INTO turns (
  tenant, session, id, parent, root, created_at, state, dialect, listed, deleted,
  model, tokens, total_tokens, digest, metadata, hidden, body
)
SELECT
  :tenant, :session, :id, :parentPlace, :root, :createdAt, :state, number, :listed, :deleted,
  :model, :tokens, :totalTokens,
  iif(:digest GLOB '*[^0-9a-f]*', :digest, coalesce(unhex(:digest), :digest)),
  :metadata, :hidden, :body
FROM dialects
WHERE name = :dialect
ON CONFLICT (tenant, session, id) DO NOTHING;
