-- Orders as they were once written: an amount in whole cents, and no currency.
CREATE STREAM orders_v1 (id INT KEY, customer STRING, cents INT)
  WITH (KAFKA_TOPIC = 'orders-v1', VALUE_FORMAT = 'JSON', KEY_FORMAT = 'DELIMITED', PARTITIONS = 2);

CREATE STREAM large_orders WITH (VALUE_FORMAT = 'JSON') AS
  SELECT id, customer, cents FROM orders_v1 WHERE cents >= 10000;
