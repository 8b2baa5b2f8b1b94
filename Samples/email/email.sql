-- The mail service: a mail for each order that is paid for within a minute, and a topic of orders for each level of
-- customers.
CREATE STREAM orders (id INT KEY, customerid INT, product STRING, total DECIMAL(9, 2))
  WITH (KAFKA_TOPIC = 'orders', VALUE_FORMAT = 'JSON', PARTITIONS = 4);

-- Payments come with their own id as the key.
CREATE STREAM payments (id STRING KEY, orderid INT, amount DECIMAL(9, 2))
  WITH (KAFKA_TOPIC = 'payments', VALUE_FORMAT = 'JSON', PARTITIONS = 4);

CREATE TABLE customers (id INT PRIMARY KEY, name STRING, email STRING, level STRING)
  WITH (KAFKA_TOPIC = 'customers', VALUE_FORMAT = 'JSON', PARTITIONS = 4);

-- Re-keyed by order, so that a payment lies where its order does.
CREATE STREAM payments_by_order AS
  SELECT orderid, id AS paymentid, amount FROM payments PARTITION BY orderid;

-- An order and its payment, no more than a minute apart, whichever comes first.
CREATE STREAM paid_orders AS
  SELECT o.id AS id, o.customerid AS customerid, o.product AS product, o.total AS total,
         p.paymentid AS paymentid, p.amount AS amount
  FROM orders o JOIN payments_by_order p WITHIN 1 MINUTE ON o.id = p.orderid;

CREATE STREAM enriched_orders AS
  SELECT o.customerid AS customerid, o.id AS id, o.product AS product, o.total AS total,
         o.paymentid AS paymentid, o.amount AS amount, c.name AS name, c.email AS email, c.level AS level
  FROM paid_orders o JOIN customers c ON o.customerid = c.id;

-- What goes to the mail server: one text a record.
CREATE STREAM mails WITH (KAFKA_TOPIC = 'mails', VALUE_FORMAT = 'KAFKA') AS
  SELECT id, 'To: ' + email + ' | Dear ' + name + ', thank you for ' + CAST(amount AS STRING)
             + ' for order ' + CAST(id AS STRING) + ' (' + product + ').' AS mail
  FROM enriched_orders PARTITION BY id;

-- A topic for each level.
CREATE STREAM platinum_orders WITH (KAFKA_TOPIC = 'platinum') AS
  SELECT * FROM enriched_orders WHERE level = 'platinum';
CREATE STREAM gold_orders WITH (KAFKA_TOPIC = 'gold') AS
  SELECT * FROM enriched_orders WHERE level = 'gold';
CREATE STREAM other_orders WITH (KAFKA_TOPIC = 'bronze') AS
  SELECT * FROM enriched_orders WHERE level NOT IN ('platinum', 'gold');
