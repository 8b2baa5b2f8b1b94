-- The orders service. Only it writes the topic of orders: what customers ask for, and what became of it.
-- PRICE is that of one piece. A record is the whole order, so the latest one of an id is its state.
CREATE STREAM orders (
    id INT KEY, customerid INT, state STRING, product STRING, quantity INT, price DECIMAL(9, 2)
  ) WITH (KAFKA_TOPIC = 'orders', VALUE_FORMAT = 'JSON', PARTITIONS = 4);

-- Every check writes here, and only the orders service reads it.
CREATE STREAM order_validations (orderid INT KEY, checked STRING, result STRING)
  WITH (KAFKA_TOPIC = 'order-validations', VALUE_FORMAT = 'JSON', PARTITIONS = 4);

-- The view of orders by id: the same topic, read as a table.
CREATE TABLE orders_by_id (
    id INT PRIMARY KEY, customerid INT, state STRING, product STRING, quantity INT,
    price DECIMAL(9, 2)
  ) WITH (KAFKA_TOPIC = 'orders', VALUE_FORMAT = 'JSON', PARTITIONS = 4);

-- The first failure of an order, whoever found it.
CREATE TABLE order_failures WITH (VALUE_FORMAT = 'JSON') AS
  SELECT orderid, COUNT(*) AS failures
  FROM order_validations
  WHERE result = 'FAIL'
  GROUP BY orderid;

-- Passes within five minutes of each other.
CREATE TABLE order_passes WITH (VALUE_FORMAT = 'JSON') AS
  SELECT orderid, COUNT_DISTINCT(checked) AS passes, COUNT(*) AS times
  FROM order_validations WINDOW SESSION (5 MINUTES)
  WHERE result = 'PASS'
  GROUP BY orderid;

-- The changes of both tables are streams: failures = 1 and passes = 3 happen once. A session may grow longer than its
-- gap; passes that are further apart do not count together.
CREATE STREAM failure_changes (orderid INT KEY, failures BIGINT)
  WITH (KAFKA_TOPIC = 'ORDER_FAILURES', VALUE_FORMAT = 'JSON');
CREATE STREAM pass_changes (orderid INT KEY, passes BIGINT, times BIGINT)
  WITH (KAFKA_TOPIC = 'ORDER_PASSES', VALUE_FORMAT = 'JSON', WINDOW_TYPE = 'SESSION');
CREATE STREAM passed_orders WITH (VALUE_FORMAT = 'JSON') AS
  SELECT orderid, passes FROM pass_changes
  WHERE passes = 3 AND times = 3 AND WINDOWEND - WINDOWSTART <= 300000
  PARTITION BY orderid;

INSERT INTO orders
  SELECT o.id AS id, o.customerid AS customerid, 'FAILED' AS state, o.product AS product,
         o.quantity AS quantity, o.price AS price
  FROM failure_changes f JOIN orders_by_id o ON f.orderid = o.id
  WHERE f.failures = 1;

INSERT INTO orders
  SELECT o.id AS id, o.customerid AS customerid, 'VALIDATED' AS state, o.product AS product,
         o.quantity AS quantity, o.price AS price
  FROM passed_orders p JOIN orders_by_id o ON p.orderid = o.id;
