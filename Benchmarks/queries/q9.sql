-- The join has no end in the original; here WITHIN spans more than any auction lasts.
CREATE TABLE q9 AS
  SELECT a.id, a.`itemName`, a.description, a.`initialBid`, a.reserve, a.`dateTime` AS starts, a.expires,
    a.seller, a.category, a.extra, b.bidder, b.price, b.`dateTime` AS bid_time, b.extra AS bid_extra
  FROM auction a JOIN bid b WITHIN 10 DAYS ON a.id = b.auction
  WHERE b.`dateTime` BETWEEN a.`dateTime` AND a.expires
  QUALIFY ROW_NUMBER() OVER (PARTITION BY a.id ORDER BY b.price DESC, b.`dateTime`, b.bidder) = 1;
