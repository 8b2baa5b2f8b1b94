-- The join has no end in the original; here WITHIN spans more than any auction lasts.
CREATE TABLE q9 AS
  SELECT id, `itemName`, description, `initialBid`, reserve, starts, expires, seller, category, extra,
    bidder, price, bid_time, bid_extra
  FROM (
    SELECT a.id AS id, a.`itemName`, a.description, a.`initialBid`, a.reserve, a.`dateTime` AS starts,
      a.expires, a.seller, a.category, a.extra AS extra, b.bidder, b.price, b.`dateTime` AS bid_time,
      b.extra AS bid_extra,
      ROW_NUMBER() OVER (PARTITION BY a.id ORDER BY b.price DESC, b.`dateTime`, b.bidder) AS number
    FROM auction a JOIN bid b WITHIN 10 DAYS ON a.id = b.auction
    WHERE b.`dateTime` BETWEEN a.`dateTime` AND a.expires)
  WHERE number = 1
  EMIT CONFLATED;
