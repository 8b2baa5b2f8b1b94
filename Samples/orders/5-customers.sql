-- What customers do: stock arrives, and nine orders.
COPY inventory FROM '${here}/data/inventory.csv' WITH (ROWTIME = 0);
COPY orders FROM '${here}/data/orders.csv';
