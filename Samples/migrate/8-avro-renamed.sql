-- A field is renamed. Its alias lets readers that go by Avro's rules find the old one; columns go by the name that was
-- written, so the renamed field is another column, and a stream may have both.
CREATE SCHEMA 'payments-value' FROM FILE '${here}/payments.v3.avsc';

CREATE STREAM payments_renamed (id STRING KEY) WITH (KAFKA_TOPIC = 'payments', VALUE_FORMAT = 'AVRO');

INSERT INTO payments_renamed VALUES ('p4', 'ben', 50, 'CHF');

CREATE STREAM payments_all (id STRING KEY, customer STRING, client STRING, cents INT, currency STRING)
  WITH (KAFKA_TOPIC = 'payments', VALUE_FORMAT = 'AVRO');
