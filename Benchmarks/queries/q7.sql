CREATE STREAM bid (
    auction BIGINT, bidder BIGINT, price BIGINT, channel STRING, url STRING, `dateTime` BIGINT,
    extra STRING
  ) WITH (FILE = '${data}/bid/*.${suffix}', VALUE_FORMAT = '${format}', TIMESTAMP = '`dateTime`');
CREATE TABLE q7 AS
  SELECT 1 AS one, MAX(price) AS m FROM bid WINDOW TUMBLING (SIZE 10 SECONDS) GROUP BY 1
  EMIT FINAL;
