-- The words of the only candidate, in their order.
SELECT term FROM temp.candidate_words ORDER BY offset;
