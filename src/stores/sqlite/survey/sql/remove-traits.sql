-- :number
DELETE FROM traits WHERE summary = :number;
