-- A record without a value is a tombstone. The format KAFKA of one column writes one for NULL.
CREATE STREAM removals (id INT KEY, nothing STRING) WITH (KAFKA_TOPIC = 'customers', VALUE_FORMAT = 'KAFKA');
INSERT INTO removals (id) VALUES (2);
SELECT id, name, mail FROM german_customers ORDER BY id WAIT FOR WRITES TIMEOUT 20 SECONDS;
SELECT country, customers FROM per_country ORDER BY country WAIT FOR WRITES TIMEOUT 20 SECONDS;
SELECT id, name, amount FROM letters ORDER BY id WAIT FOR WRITES TIMEOUT 20 SECONDS;
DROP STREAM removals;
