-- What happened is the truth; every record is one event, and none is ever changed.
CREATE STREAM cart_events (cart INT KEY, kind STRING, product STRING, quantity INT)
  WITH (KAFKA_TOPIC = 'cart-events', VALUE_FORMAT = 'JSON', PARTITIONS = 4);

-- The current carts, a line a product: a view, computed from the events.
CREATE TABLE cart_lines WITH (KEY_FORMAT = 'JSON', VALUE_FORMAT = 'JSON') AS
  SELECT cart, product,
         SUM(CASE WHEN kind = 'ADDED' THEN quantity ELSE -quantity END) AS quantity
  FROM cart_events
  WHERE kind IN ('ADDED', 'REMOVED')
  GROUP BY cart, product
  HAVING SUM(CASE WHEN kind = 'ADDED' THEN quantity ELSE -quantity END) > 0;

-- Whole facts: each record is a whole cart, so a reader needs only the latest one.
CREATE TABLE carts WITH (VALUE_FORMAT = 'JSON') AS
  SELECT cart, AS_MAP(COLLECT_LIST(product), COLLECT_LIST(quantity)) AS items
  FROM cart_lines
  GROUP BY cart;

-- Every state that a cart was ever in, a record each.
CREATE STREAM cart_facts (cart INT KEY, items MAP<STRING, INT>)
  WITH (KAFKA_TOPIC = 'CARTS', KEY_FORMAT = 'JSON', VALUE_FORMAT = 'JSON');
