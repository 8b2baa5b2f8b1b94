-- A field more: the second version of the same subject, in the same topic. New writers have the columns of the latest
-- version; old writers go on writing the first one.
CREATE SCHEMA 'payments-value' FROM FILE '${here}/payments.v2.avsc';

CREATE STREAM payments_new (id STRING KEY) WITH (KAFKA_TOPIC = 'payments', VALUE_FORMAT = 'AVRO');

-- One view reads both; what a record's schema does not have is NULL.
CREATE TABLE paid WITH (VALUE_FORMAT = 'AVRO') AS
  SELECT customer, SUM(cents) AS cents, COUNT(*) AS payments, COUNT(currency) AS with_currency
  FROM payments_new GROUP BY customer;

INSERT INTO payments_new VALUES ('p2', 'ada', 300, 'EUR');
INSERT INTO payments VALUES ('p3', 'ben', 500);
