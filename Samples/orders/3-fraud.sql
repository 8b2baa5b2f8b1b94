-- The fraud service: what a customer has ordered without an hour's pause, this order included.
CREATE TABLE spending WITH (VALUE_FORMAT = 'JSON') AS
  SELECT customerid, LATEST_BY_OFFSET(id) AS orderid, SUM(quantity * price) AS total
  FROM orders WINDOW SESSION (1 HOUR)
  WHERE state = 'CREATED'
  GROUP BY customerid;

CREATE STREAM spending_changes (customerid INT KEY, orderid INT, total DECIMAL(20, 2))
  WITH (KAFKA_TOPIC = 'SPENDING', VALUE_FORMAT = 'JSON', WINDOW_TYPE = 'SESSION');

INSERT INTO order_validations
  SELECT orderid, 'FRAUD' AS checked, CASE WHEN total >= 2000 THEN 'FAIL' ELSE 'PASS' END AS result
  FROM spending_changes
  WHERE orderid IS NOT NULL
  PARTITION BY orderid;
