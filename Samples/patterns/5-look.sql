SELECT show, reservation->reserved AS sold FROM sold ORDER BY show WAIT FOR WRITES TIMEOUT 60 SECONDS;
SELECT COUNT(*) AS answers, SUM(CASE WHEN reservation->granted THEN 1 ELSE 0 END) AS granted FROM answers;
