CREATE TABLE q18 WITH (KEY_FORMAT = 'JSON') AS
  SELECT bidder, auction, price, channel, url, `dateTime`, extra FROM bid
  QUALIFY ROW_NUMBER() OVER (PARTITION BY bidder, auction ORDER BY `dateTime` DESC, price DESC) = 1
  EMIT CONFLATED;
