-- The join has no end in the original; here WITHIN spans more than any auction lasts.
CREATE STREAM q20 AS
  SELECT b.auction AS auction, b.bidder, b.price, b.channel, b.url, b.`dateTime` AS bid_time, b.extra AS bid_extra,
    a.`itemName`, a.description, a.`initialBid`, a.reserve, a.`dateTime` AS starts, a.expires, a.seller,
    a.category, a.extra AS extra
  FROM bid b JOIN auction a WITHIN 10 DAYS ON b.auction = a.id
  WHERE a.category = 10;
