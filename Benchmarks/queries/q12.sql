CREATE STREAM bid (
    auction BIGINT, bidder BIGINT, price BIGINT, channel STRING, url STRING, `dateTime` BIGINT,
    extra STRING
  ) WITH (FILE = '${data}/bid/*.${suffix}', VALUE_FORMAT = '${format}', TIMESTAMP = '`dateTime`');
CREATE TABLE q12 AS
  SELECT bidder, COUNT(*) AS n FROM bid WINDOW TUMBLING (SIZE 10 SECONDS) GROUP BY bidder
  EMIT FINAL;
