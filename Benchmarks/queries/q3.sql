CREATE STREAM auction (
    id BIGINT, `itemName` STRING, description STRING, `initialBid` BIGINT, reserve BIGINT,
    `dateTime` BIGINT, expires BIGINT, seller BIGINT, category BIGINT, extra STRING
  ) WITH (FILE = '${data}/auction/*.${suffix}', VALUE_FORMAT = '${format}', TIMESTAMP = '`dateTime`');
CREATE STREAM person (
    id BIGINT, name STRING, `emailAddress` STRING, `creditCard` STRING, city STRING, state STRING,
    `dateTime` BIGINT, extra STRING
  ) WITH (FILE = '${data}/person/*.${suffix}', VALUE_FORMAT = '${format}', TIMESTAMP = '`dateTime`');
CREATE STREAM q3 AS
  SELECT p.id AS person, p.name, p.city, p.state, a.id AS auction
  FROM auction a JOIN person p WITHIN 10 DAYS ON a.seller = p.id
  WHERE a.category = 10 AND (p.state = 'OR' OR p.state = 'ID' OR p.state = 'CA');
