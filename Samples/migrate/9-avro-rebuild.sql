-- The view is made anew from the first payment on, whatever its customer was called.
CREATE OR REPLACE TABLE paid WITH (VALUE_FORMAT = 'AVRO', REBUILD = TRUE) AS
  SELECT COALESCE(client, customer) AS customer, SUM(cents) AS cents, COUNT(*) AS payments,
         COUNT(currency) AS with_currency
  FROM payments_all GROUP BY COALESCE(client, customer);
