-- How far the survey has come.
SELECT place, counted, change, tenant, session FROM progress;
