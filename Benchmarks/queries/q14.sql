-- Where the original counts letters with a function of its own, LEN and REPLACE do it here.
CREATE STREAM q14 AS
  SELECT auction, bidder, 0.908 * price AS price,
    CASE
      WHEN CAST(FORMAT_TIMESTAMP(FROM_UNIXTIME(`dateTime`), 'H') AS INT) BETWEEN 8 AND 18 THEN 'dayTime'
      WHEN CAST(FORMAT_TIMESTAMP(FROM_UNIXTIME(`dateTime`), 'H') AS INT) <= 6 THEN 'nightTime'
      WHEN CAST(FORMAT_TIMESTAMP(FROM_UNIXTIME(`dateTime`), 'H') AS INT) >= 20 THEN 'nightTime'
      ELSE 'otherTime'
    END AS kind,
    `dateTime`, extra, LEN(extra) - LEN(REPLACE(extra, 'c', '')) AS cs
  FROM bid WHERE 0.908 * price > 1000000 AND 0.908 * price < 50000000;
