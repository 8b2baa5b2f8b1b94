-- Two teams on one log: one counts orders, the other floods it with measurements.
CREATE STREAM measurements (host STRING, busy DOUBLE)
  WITH (KAFKA_TOPIC = 'operations.measurements', VALUE_FORMAT = 'JSON', PARTITIONS = 4);
CREATE STREAM orders (id INT KEY, product STRING)
  WITH (KAFKA_TOPIC = 'sales.orders', KEY_FORMAT = 'DELIMITED', VALUE_FORMAT = 'JSON', PARTITIONS = 4);
CREATE TABLE sold WITH (VALUE_FORMAT = 'JSON') AS
  SELECT product, COUNT(*) AS n FROM orders GROUP BY product;
