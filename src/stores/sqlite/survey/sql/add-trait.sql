-- :term, :number
INSERT INTO traits (term, summary) VALUES (:term, :number) ON CONFLICT DO NOTHING;
