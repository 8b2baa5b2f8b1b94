-- The shipping service. It gets the public events of orders and nothing else of them.
CREATE STREAM order_events (id INT KEY, state STRING, address STRING)
  WITH (KAFKA_TOPIC = 'orders.events', VALUE_FORMAT = 'JSON', PARTITIONS = 4, VISIBILITY = 'PUBLIC');

-- The warehouse says what is packed and may go; what is shipped is told with how it was found out.
CREATE STREAM packed (id INT KEY, pallet INT)
  WITH (KAFKA_TOPIC = 'packed', VALUE_FORMAT = 'JSON', PARTITIONS = 4);
CREATE STREAM shipments (id INT KEY, way STRING, address STRING)
  WITH (KAFKA_TOPIC = 'shipping.shipments', VALUE_FORMAT = 'JSON', PARTITIONS = 4, VISIBILITY = 'PUBLIC');

-- Notified: the numbers of the orders that are paid; the rest is looked up.
CREATE STREAM paid WITH (KAFKA_TOPIC = 'paid', VALUE_FORMAT = 'JSON', VISIBILITY = 'PRIVATE') AS
  SELECT id, state FROM order_events WHERE state = 'PAID';

-- Own table: the addresses come with the events of creation and stay here.
CREATE TABLE addresses WITH (KAFKA_TOPIC = 'addresses', VALUE_FORMAT = 'JSON', VISIBILITY = 'PRIVATE') AS
  SELECT id, LATEST_BY_OFFSET(address) AS address FROM order_events GROUP BY id;
INSERT INTO shipments
  SELECT p.id AS id, 'own table' AS way, a.address AS address
  FROM paid p JOIN addresses a ON p.id = a.id;

CREATE TABLE shipped WITH (KAFKA_TOPIC = 'shipped', VALUE_FORMAT = 'JSON', KEY_FORMAT = 'JSON',
    VISIBILITY = 'PRIVATE') AS
  SELECT way, COUNT(*) AS n FROM shipments GROUP BY way;
