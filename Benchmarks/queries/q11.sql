CREATE STREAM bid (
    auction BIGINT, bidder BIGINT, price BIGINT, channel STRING, url STRING, `dateTime` BIGINT,
    extra STRING
  ) WITH (FILE = '${data}/bid/*.${suffix}', VALUE_FORMAT = '${format}', TIMESTAMP = '`dateTime`');
CREATE TABLE q11 AS
  SELECT bidder, COUNT(*) AS n FROM bid WINDOW SESSION (10 SECONDS) GROUP BY bidder EMIT FINAL;
