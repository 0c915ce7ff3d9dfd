-- The processes that hold leases, expired or not.
SELECT DISTINCT holder FROM leases;
