CREATE STREAM auction (
    id BIGINT, `itemName` STRING, description STRING, `initialBid` BIGINT, reserve BIGINT,
    `dateTime` BIGINT, expires BIGINT, seller BIGINT, category BIGINT, extra STRING
  ) WITH (${source}, VALUE_FORMAT = '${format}', TIMESTAMP = '`dateTime`');
