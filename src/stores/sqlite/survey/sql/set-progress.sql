-- Notes how far the survey has come.
-- :place, :counted, :change, :tenant, :session
UPDATE progress
SET place = :place, counted = :counted, change = :change, tenant = :tenant, session = :session;
