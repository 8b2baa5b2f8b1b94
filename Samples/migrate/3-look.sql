SELECT customer, amount, orders FROM spending ORDER BY customer WAIT FOR WRITES TIMEOUT 60 SECONDS;
SELECT id, customer, cents FROM large_orders ORDER BY id;
SHOW ERRORS;
