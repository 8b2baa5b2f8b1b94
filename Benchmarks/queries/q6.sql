-- The join has no end in the original; here WITHIN spans more than any auction lasts.
CREATE TABLE q6 AS
  SELECT id, seller,
    AVG(final) OVER (PARTITION BY seller ORDER BY ended, id ROWS BETWEEN 10 PRECEDING AND CURRENT ROW) AS average
  FROM (
    SELECT a.id AS id, a.seller AS seller, b.price AS final, b.`dateTime` AS ended
    FROM auction a JOIN bid b WITHIN 10 DAYS ON a.id = b.auction
    WHERE b.`dateTime` BETWEEN a.`dateTime` AND a.expires
    QUALIFY ROW_NUMBER() OVER (PARTITION BY a.id ORDER BY b.price DESC, b.`dateTime`, b.bidder) = 1)
  EMIT CONFLATED;
