-- The view of orders, and why some failed: when all is taken in that somebody has written until now.
SELECT id, customerid, state, product, quantity, price FROM orders_by_id ORDER BY id
  WAIT FOR WRITES TIMEOUT 60 SECONDS;
SELECT orderid, checked FROM order_validations WHERE result = 'FAIL' ORDER BY orderid, checked;
SELECT product, reservation->reserved AS reserved FROM reservations ORDER BY product;
