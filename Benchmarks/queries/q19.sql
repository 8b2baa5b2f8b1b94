CREATE TABLE q19 AS
  SELECT auction, n, bidder, price, channel, url, `dateTime`, extra FROM (
    SELECT *, ROW_NUMBER() OVER (PARTITION BY auction ORDER BY price DESC, `dateTime`, bidder) AS n FROM bid)
  WHERE n <= 10
  EMIT CONFLATED;
