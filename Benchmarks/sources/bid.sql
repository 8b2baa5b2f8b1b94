CREATE STREAM bid (
    auction BIGINT, bidder BIGINT, price BIGINT, channel STRING, url STRING, `dateTime` BIGINT,
    extra STRING
  ) WITH (${source}, VALUE_FORMAT = '${format}', TIMESTAMP = '`dateTime`');
