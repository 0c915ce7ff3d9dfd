-- The vector of a passage; that of the same passage and model is replaced.
INSERT INTO vectors (tenant, session, turn, model, passage, vector)
VALUES ($tenant, $session, $turn, $model, $passage, $vector)
ON CONFLICT DO UPDATE SET vector = excluded.vector
