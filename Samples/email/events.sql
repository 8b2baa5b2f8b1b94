COPY customers FROM '${here}/data/customers.csv' WITH (ROWTIME = 0);
COPY orders FROM '${here}/data/orders.csv';
COPY payments FROM '${here}/data/payments.csv';
-- A query that reads waits until all of it is processed.
SELECT COUNT(*) AS mails FROM mails;
