-- Weeks later somebody asks what people put back. A new view over the old events, built from the first one.
CREATE TABLE put_back WITH (VALUE_FORMAT = 'JSON') AS
  SELECT product, SUM(quantity) AS times FROM cart_events WHERE kind = 'REMOVED' GROUP BY product;
SELECT product, times FROM put_back ORDER BY product;
