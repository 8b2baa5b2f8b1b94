SELECT show, reservation->reserved AS sold FROM sold ORDER BY show;
SELECT COUNT(*) AS answers, SUM(CASE WHEN reservation->granted THEN 1 ELSE 0 END) AS granted FROM answers;
