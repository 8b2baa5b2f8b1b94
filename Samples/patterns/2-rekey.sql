-- Rekey to join: clicks come by visit and must lie where their customers do.
CREATE STREAM clicks (visit STRING KEY, customer INT, page STRING)
  WITH (KAFKA_TOPIC = 'clicks', VALUE_FORMAT = 'JSON', PARTITIONS = 8);
CREATE TABLE customers (id INT PRIMARY KEY, level STRING)
  WITH (KAFKA_TOPIC = 'customers', VALUE_FORMAT = 'JSON', PARTITIONS = 8);
CREATE STREAM clicks_by_customer WITH (KAFKA_TOPIC = 'clicks-by-customer', VISIBILITY = 'PRIVATE') AS
  SELECT customer, visit, page FROM clicks PARTITION BY customer;
CREATE STREAM clicks_with_level WITH (KAFKA_TOPIC = 'clicks-with-level') AS
  SELECT k.customer AS customer, k.visit AS visit, k.page AS page, c.level AS level
  FROM clicks_by_customer k JOIN customers c ON k.customer = c.id;

INSERT INTO customers (ROWTIME, id, level) VALUES (0, 7, 'gold'), (0, 8, 'bronze');
INSERT INTO clicks (ROWTIME, visit, customer, page) VALUES
  (1000, 'v1', 7, '/hats'), (2000, 'v2', 8, '/boots'), (3000, 'v1', 7, '/pay'), (4000, 'v3', 9, '/');
SELECT customer, visit, page, level FROM clicks_with_level ORDER BY visit, page;
