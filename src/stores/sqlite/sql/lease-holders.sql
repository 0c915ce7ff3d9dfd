-- Who holds leases, expired or not.
SELECT DISTINCT holder FROM leases;
