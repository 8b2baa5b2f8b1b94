CREATE STREAM bid (
    auction BIGINT, bidder BIGINT, price BIGINT, channel STRING, url STRING, `dateTime` BIGINT,
    extra STRING
  ) WITH (FILE = '${data}/bid/*.${suffix}', VALUE_FORMAT = '${format}', TIMESTAMP = '`dateTime`');
CREATE STREAM q2 AS SELECT auction, price FROM bid WHERE auction % 123 = 0;
