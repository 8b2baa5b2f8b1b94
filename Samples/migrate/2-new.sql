-- Today's orders, beside the old ones. The upcast query turns every old record, past and future, into a new one, so
-- that readers know one schema only.
CREATE STREAM orders_v2 (id INT KEY, customer STRING, amount DECIMAL(9, 2), currency STRING)
  WITH (KAFKA_TOPIC = 'orders-v2', VALUE_FORMAT = 'JSON', KEY_FORMAT = 'DELIMITED', PARTITIONS = 2);

INSERT INTO orders_v2
  SELECT id, customer, CAST(CAST(cents AS DECIMAL(9, 2)) / 100 AS DECIMAL(9, 2)) AS amount, 'EUR' AS currency
  FROM orders_v1;

CREATE TABLE spending WITH (VALUE_FORMAT = 'JSON') AS
  SELECT customer, SUM(amount) AS amount, COUNT(*) AS orders FROM orders_v2 GROUP BY customer;

-- The rule for large orders changes; the query goes on where it is, under the new rule.
CREATE OR REPLACE STREAM large_orders WITH (VALUE_FORMAT = 'JSON') AS
  SELECT id, customer, cents FROM orders_v1 WHERE cents >= 5000;
