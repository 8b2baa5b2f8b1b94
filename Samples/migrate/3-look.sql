SELECT customer, amount, orders FROM spending ORDER BY customer;
SELECT id, customer, cents FROM large_orders ORDER BY id;
SHOW ERRORS;
