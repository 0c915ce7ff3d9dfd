-- Makes a line the main one, with its latest turn as the head.
-- :tenant, :session
-- :line                    its number
-- :to                      its latest turn
UPDATE sessions SET head = :to, main = :line WHERE tenant = :tenant AND id = :session;
