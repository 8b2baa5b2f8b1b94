-- The inventory service: an order passes if the stock less what is reserved still covers it, and then
-- reserves its part. All orders of a product meet in one partition, so no piece is promised twice.
CREATE TABLE inventory (product STRING PRIMARY KEY, stock BIGINT)
  WITH (KAFKA_TOPIC = 'inventory', VALUE_FORMAT = 'JSON', PARTITIONS = 4);

CREATE STREAM orders_with_stock WITH (VALUE_FORMAT = 'JSON') AS
  SELECT o.product AS product, o.id AS id, o.quantity AS quantity, COALESCE(i.stock, 0) AS stock
  FROM orders o LEFT JOIN inventory i ON o.product = i.product
  WHERE o.state = 'CREATED';

CREATE TABLE reservations WITH (VALUE_FORMAT = 'JSON') AS
  SELECT product, LATEST_BY_OFFSET(id) AS orderid, RESERVE(quantity, stock) AS reservation
  FROM orders_with_stock
  GROUP BY product;

CREATE STREAM reservation_changes (
    product STRING KEY, orderid INT, reservation STRUCT<reserved BIGINT, granted BOOLEAN>
  ) WITH (KAFKA_TOPIC = 'RESERVATIONS', VALUE_FORMAT = 'JSON');

INSERT INTO order_validations
  SELECT orderid, 'INVENTORY' AS checked,
         CASE WHEN reservation->granted THEN 'PASS' ELSE 'FAIL' END AS result
  FROM reservation_changes
  PARTITION BY orderid;
