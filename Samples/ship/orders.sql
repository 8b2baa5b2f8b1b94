-- The orders service. What happens to orders is for everybody: a public topic, its schema declared.
CREATE STREAM order_events (id INT KEY, state STRING, address STRING)
  WITH (KAFKA_TOPIC = 'orders.events', VALUE_FORMAT = 'JSON', PARTITIONS = 4, VISIBILITY = 'PUBLIC');

-- Its own view of them is nobody else's business: others may ask it, and do not see how it is kept.
CREATE TABLE orders_now WITH (KAFKA_TOPIC = 'orders-now', VALUE_FORMAT = 'JSON', VISIBILITY = 'PRIVATE') AS
  SELECT id, LATEST_BY_OFFSET(state) AS state, LATEST_BY_OFFSET(address) AS address
  FROM order_events
  GROUP BY id;
