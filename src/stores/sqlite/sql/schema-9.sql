-- Version 9 of the schema: bodies that are compressed with a dictionary (see body.ts), which earlier programs cannot
-- read.
SELECT 1;
