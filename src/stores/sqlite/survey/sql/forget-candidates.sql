INSERT INTO temp.candidates (candidates) VALUES ('delete-all');
