-- An account's record says what its holder may spend. Whoever changes it has read it before.
CREATE TABLE accounts (holder STRING PRIMARY KEY, budget INT)
  WITH (KAFKA_TOPIC = 'accounts', VALUE_FORMAT = 'JSON', PARTITIONS = 4);

-- What a client reads: the record, and its version, which is the offset where it stands.
CREATE TABLE accounts_now WITH (VALUE_FORMAT = 'JSON') AS
  SELECT holder, budget, ROWOFFSET AS version FROM accounts;

-- A seat is given once.
CREATE STREAM seats (seat STRING KEY, holder STRING)
  WITH (KAFKA_TOPIC = 'seats', VALUE_FORMAT = 'JSON', PARTITIONS = 4);
