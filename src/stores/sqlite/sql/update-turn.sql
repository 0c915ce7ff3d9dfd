-- Changes what may change on a turn.
-- :place
-- :metadata, :hidden       JSON, or NULL when empty
-- :deleted
UPDATE turns SET metadata = :metadata, hidden = :hidden, deleted = :deleted WHERE place = :place;
