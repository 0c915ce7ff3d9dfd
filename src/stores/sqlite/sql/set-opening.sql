-- Replaces the opening of a line.
-- :tenant, :session, :number
-- :opening
UPDATE lines SET opening = :opening WHERE tenant = :tenant AND session = :session AND number = :number;
