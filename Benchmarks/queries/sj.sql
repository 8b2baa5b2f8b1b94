CREATE TABLE customers AS
  SELECT customer_id, LATEST_BY_OFFSET(name) AS name, LATEST_BY_OFFSET(region) AS region,
    LATEST_BY_OFFSET(tier) AS tier
  FROM customer_changes GROUP BY customer_id;
CREATE STREAM sj AS
  SELECT o.customer_id AS customer_id, o.order_id AS order_id, o.amount AS amount, c.name AS name,
    c.region AS region, c.tier AS tier
  FROM orders o LEFT JOIN customers c ON o.customer_id = c.customer_id;
