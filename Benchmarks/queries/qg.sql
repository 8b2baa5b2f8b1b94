CREATE STREAM bid (
    auction BIGINT, bidder BIGINT, price BIGINT, channel STRING, url STRING, `dateTime` BIGINT,
    extra STRING
  ) WITH (FILE = '${data}/bid/*.${suffix}', VALUE_FORMAT = '${format}', TIMESTAMP = '`dateTime`');
CREATE TABLE qg AS SELECT auction, COUNT(*) AS n FROM bid GROUP BY auction;
