-- Gives a dialect a number, where it has none.
-- :name
INSERT INTO dialects (name) VALUES (:name) ON CONFLICT (name) DO NOTHING;
