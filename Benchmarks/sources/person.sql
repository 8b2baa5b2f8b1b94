CREATE STREAM person (
    id BIGINT, name STRING, `emailAddress` STRING, `creditCard` STRING, city STRING, state STRING,
    `dateTime` BIGINT, extra STRING
  ) WITH (${source}, VALUE_FORMAT = '${format}', TIMESTAMP = '`dateTime`');
