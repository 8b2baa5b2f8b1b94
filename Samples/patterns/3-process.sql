-- Join, filter, process: what a machine reports, against what it may do; what is over is worth a message.
CREATE STREAM reports (machine STRING KEY, celsius DOUBLE)
  WITH (KAFKA_TOPIC = 'reports', VALUE_FORMAT = 'JSON', PARTITIONS = 8);
CREATE TABLE limits (machine STRING PRIMARY KEY, celsius DOUBLE)
  WITH (KAFKA_TOPIC = 'limits', VALUE_FORMAT = 'JSON', PARTITIONS = 8);
CREATE STREAM alarms WITH (KAFKA_TOPIC = 'alarms') AS
  SELECT r.machine AS machine, ROUND(r.celsius - l.celsius, 1) AS over_by
  FROM reports r JOIN limits l ON r.machine = l.machine
  WHERE r.celsius > l.celsius;

INSERT INTO limits (ROWTIME, machine, celsius) VALUES (0, 'press', 80), (0, 'oven', 250);
INSERT INTO reports (ROWTIME, machine, celsius) VALUES
  (1000, 'press', 79.5), (2000, 'press', 81.25), (3000, 'oven', 180), (4000, 'lathe', 400);
INSERT INTO limits (ROWTIME, machine, celsius) VALUES (5000, 'press', 90);
INSERT INTO reports (ROWTIME, machine, celsius) VALUES (6000, 'press', 89), (7000, 'oven', 251);
SELECT machine, over_by FROM alarms ORDER BY machine;
