-- The next changes of the log.
-- :change, :limit
SELECT number, tenant, session, place, last FROM log.survey_changes WHERE number > :change ORDER BY number LIMIT :limit;
