-- The side input of the original is here the table of customers.
CREATE TABLE side AS
  SELECT customer_id, LATEST_BY_OFFSET(name) AS name FROM customer_changes GROUP BY customer_id;
CREATE STREAM q13 AS
  SELECT s.customer_id AS id, b.auction AS auction, b.bidder AS bidder, b.price AS price,
    b.`dateTime` AS bid_time, s.name AS name
  FROM bid b JOIN side s ON b.auction % 10000 = s.customer_id;
