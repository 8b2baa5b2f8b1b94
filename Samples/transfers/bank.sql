-- Two entries make a transfer, and their sum is 0. What follows is computed from them by four queries in a chain.
CREATE STREAM entries (account INT KEY, transfer INT, amount DECIMAL(12, 2))
  WITH (KAFKA_TOPIC = 'entries', VALUE_FORMAT = 'JSON', KEY_FORMAT = 'DELIMITED', PARTITIONS = 4);

CREATE TABLE credits WITH (VALUE_FORMAT = 'JSON') AS
  SELECT account, SUM(amount) AS credit FROM entries WHERE amount > 0 GROUP BY account;

CREATE TABLE debits WITH (VALUE_FORMAT = 'JSON') AS
  SELECT account, SUM(amount) AS debit FROM entries WHERE amount < 0 GROUP BY account;

CREATE TABLE balance WITH (VALUE_FORMAT = 'JSON') AS
  SELECT ROWKEY AS account,
         COALESCE(c.credit, CAST(0 AS DECIMAL(12, 2))) + COALESCE(d.debit, CAST(0 AS DECIMAL(12, 2)))
           AS amount
  FROM credits c FULL OUTER JOIN debits d ON c.account = d.account;

CREATE TABLE total WITH (VALUE_FORMAT = 'JSON') AS
  SELECT 'all' AS accounts, SUM(amount) AS total, COUNT(*) AS n FROM balance GROUP BY 'all';
