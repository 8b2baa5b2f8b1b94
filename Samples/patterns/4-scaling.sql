-- Scaling concurrent operations: bookings of seats, many at once. The bookings of a show meet in its partition, one
-- after the other; other shows go on beside it, in eight partitions and on two threads.
CREATE STREAM bookings (id STRING KEY, show STRING, seats INT)
  WITH (KAFKA_TOPIC = 'bookings', VALUE_FORMAT = 'JSON', PARTITIONS = 8);
CREATE TABLE halls (show STRING PRIMARY KEY, seats BIGINT)
  WITH (KAFKA_TOPIC = 'halls', VALUE_FORMAT = 'JSON', PARTITIONS = 8);
CREATE STREAM bookings_of_show WITH (KAFKA_TOPIC = 'bookings-of-show') AS
  SELECT b.show AS show, b.id AS id, b.seats AS seats, COALESCE(h.seats, 0) AS hall
  FROM bookings b LEFT JOIN halls h ON b.show = h.show;
CREATE TABLE sold WITH (KAFKA_TOPIC = 'sold') AS
  SELECT show, LATEST_BY_OFFSET(id) AS booking, RESERVE(seats, hall) AS reservation
  FROM bookings_of_show
  GROUP BY show;

-- The answer to each booking.
CREATE STREAM answers (show STRING KEY, booking STRING, reservation STRUCT<reserved BIGINT, granted BOOLEAN>)
  WITH (KAFKA_TOPIC = 'sold', VALUE_FORMAT = 'JSON');
INSERT INTO halls (ROWTIME, show, seats) VALUES
  (0, 'A', 120), (0, 'B', 120), (0, 'C', 120), (0, 'D', 120), (0, 'E', 120);
