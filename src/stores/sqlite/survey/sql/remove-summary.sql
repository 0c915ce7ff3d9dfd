-- :number
DELETE FROM summaries WHERE number = :number;
