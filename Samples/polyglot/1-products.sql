-- What is sold, as events; the stock is a view of them, and SQLite keeps the view for those who speak its language.
CREATE STREAM moves (product STRING KEY, kind STRING, pieces INT)
  WITH (KAFKA_TOPIC = 'moves', VALUE_FORMAT = 'JSON', PARTITIONS = 4);
CREATE TABLE stock WITH (VALUE_FORMAT = 'JSON', SQLITE = '${work}/stock.db') AS
  SELECT product, SUM(CASE WHEN kind = 'IN' THEN pieces ELSE -pieces END) AS pieces, COUNT(*) AS moves
  FROM moves
  GROUP BY product
  HAVING SUM(CASE WHEN kind = 'IN' THEN pieces ELSE -pieces END) > 0;

-- A table that somebody else fills, kept in the same file.
CREATE TABLE products (product STRING PRIMARY KEY, title STRING, price DECIMAL(6, 2))
  WITH (KAFKA_TOPIC = 'products', VALUE_FORMAT = 'JSON', PARTITIONS = 2, SQLITE = '${work}/stock.db');
