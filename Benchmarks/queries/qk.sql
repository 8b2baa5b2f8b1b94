CREATE TABLE qk AS SELECT order_id, COUNT(*) AS n FROM orders GROUP BY order_id;
