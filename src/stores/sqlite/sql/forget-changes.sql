-- Deletes changes that the survey has seen.
-- :until
DELETE FROM survey_changes WHERE number <= :until;
