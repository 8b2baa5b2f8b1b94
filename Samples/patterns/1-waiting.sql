-- Waiting for N events: a loan is granted when three departments have agreed within an hour.
CREATE STREAM opinions (loan INT KEY, department STRING, agrees BOOLEAN)
  WITH (KAFKA_TOPIC = 'opinions', VALUE_FORMAT = 'JSON', PARTITIONS = 8);

-- The session is what waits: it holds an hour's opinions, however late the last one comes.
CREATE TABLE agreements WITH (KAFKA_TOPIC = 'agreements', VALUE_FORMAT = 'JSON') AS
  SELECT loan, COUNT_DISTINCT(department) AS departments, COUNT(*) AS times
  FROM opinions WINDOW SESSION (1 HOUR)
  WHERE agrees
  GROUP BY loan;

-- The table's changes as a stream: the third department passes once, whoever repeats itself afterwards.
CREATE STREAM agreement_changes (loan INT KEY, departments BIGINT, times BIGINT)
  WITH (KAFKA_TOPIC = 'agreements', VALUE_FORMAT = 'JSON', WINDOW_TYPE = 'SESSION');
CREATE STREAM granted WITH (KAFKA_TOPIC = 'granted', VALUE_FORMAT = 'JSON') AS
  SELECT loan, times AS opinions FROM agreement_changes
  WHERE departments = 3 AND times = 3
  PARTITION BY loan;

INSERT INTO opinions (ROWTIME, loan, department, agrees) VALUES
  (0, 1, 'legal', TRUE), (0, 2, 'legal', TRUE), (1000, 1, 'finance', TRUE), (2000, 2, 'finance', FALSE),
  (3000, 1, 'risk', TRUE), (4000, 2, 'risk', TRUE), (5000, 1, 'risk', TRUE), (6000, 3, 'legal', TRUE),
  (9000000, 3, 'finance', TRUE), (9001000, 3, 'risk', TRUE);
SELECT loan, opinions FROM granted;
