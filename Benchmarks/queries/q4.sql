-- The join has no end in the original; here WITHIN spans more than any auction lasts.
CREATE TABLE q4 AS
  SELECT category, AVG(final) AS average FROM (
    SELECT a.id, a.category, MAX(b.price) AS final
    FROM auction a JOIN bid b WITHIN 10 DAYS ON a.id = b.auction
    WHERE b.`dateTime` BETWEEN a.`dateTime` AND a.expires
    GROUP BY a.id, a.category)
  GROUP BY category
  EMIT CONFLATED;
