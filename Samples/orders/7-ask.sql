-- A customer orders and asks for the outcome in one breath: the query waits until there is one.
INSERT INTO orders (ROWTIME, id, customerid, state, product, quantity, price)
  VALUES (8000000, 10, 21, 'CREATED', 'JUMPERS', 1, 40.00);
SELECT id, state FROM orders_by_id WHERE id = 10 AND state <> 'CREATED' WAIT 20 SECONDS;
INSERT INTO orders (ROWTIME, id, customerid, state, product, quantity, price)
  VALUES (8001000, 11, 21, 'CREATED', 'JUMPERS', 99, 1.00);
SELECT id, state FROM orders_by_id WHERE id = 11 AND state <> 'CREATED' WAIT 20 SECONDS;
