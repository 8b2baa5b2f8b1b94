-- The order-details service: is the order complete, and does it make sense?
INSERT INTO order_validations
  SELECT id AS orderid, 'DETAILS' AS checked,
         CASE WHEN quantity > 0 AND price > 0 AND product IS NOT NULL THEN 'PASS' ELSE 'FAIL' END
           AS result
  FROM orders
  WHERE state = 'CREATED';
