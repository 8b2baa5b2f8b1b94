-- Payments in AVRO: the columns are their first schema, which is registered with the statement.
CREATE STREAM payments (id STRING KEY, customer STRING, cents INT)
  WITH (KAFKA_TOPIC = 'payments', VALUE_FORMAT = 'AVRO', PARTITIONS = 1);

INSERT INTO payments VALUES ('p1', 'ada', 1200);
