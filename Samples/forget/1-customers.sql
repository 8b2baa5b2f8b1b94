-- What is known of a customer lies in one compacted topic, under the customer's id; all else names the id only.
CREATE TABLE customers (id INT PRIMARY KEY, name STRING, mail STRING, country STRING)
  WITH (KAFKA_TOPIC = 'customers', PARTITIONS = 2, VALUE_FORMAT = 'JSON', CLEANUP_POLICY = 'compact',
    DELETE_RETENTION_MS = 0);
CREATE STREAM orders (id INT KEY, customer INT, amount DECIMAL(9, 2))
  WITH (KAFKA_TOPIC = 'orders', VALUE_FORMAT = 'JSON');

-- Views of it, each with a topic and state of its own.
CREATE TABLE german_customers WITH (DELETE_RETENTION_MS = 0) AS
  SELECT id, name, mail FROM customers WHERE country = 'DE';
CREATE TABLE per_country AS SELECT country, COUNT(*) AS customers FROM customers GROUP BY country;
CREATE TABLE spent AS SELECT customer, SUM(amount) AS amount FROM orders GROUP BY customer;
CREATE TABLE letters WITH (DELETE_RETENTION_MS = 0) AS
  SELECT c.id AS id, c.name AS name, s.amount AS amount FROM customers c JOIN spent s ON c.id = s.customer;
