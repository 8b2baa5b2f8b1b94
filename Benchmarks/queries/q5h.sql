CREATE STREAM bid (
    auction BIGINT, bidder BIGINT, price BIGINT, channel STRING, url STRING, `dateTime` BIGINT,
    extra STRING
  ) WITH (FILE = '${data}/bid/*.${suffix}', VALUE_FORMAT = '${format}', TIMESTAMP = '`dateTime`');
CREATE TABLE q5h AS
  SELECT auction, COUNT(*) AS n FROM bid WINDOW HOPPING (SIZE 10 SECONDS, ADVANCE BY 2 SECONDS)
  GROUP BY auction EMIT FINAL;
