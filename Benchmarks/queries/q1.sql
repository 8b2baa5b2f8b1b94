CREATE STREAM bid (
    auction BIGINT, bidder BIGINT, price BIGINT, channel STRING, url STRING, `dateTime` BIGINT,
    extra STRING
  ) WITH (FILE = '${data}/bid/*.${suffix}', VALUE_FORMAT = '${format}', TIMESTAMP = '`dateTime`');
CREATE STREAM q1 AS
  SELECT auction, bidder, 0.908 * price AS price, `dateTime`, extra FROM bid;
