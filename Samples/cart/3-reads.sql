-- The side that reads, when the views have taken in what others have written: the carts now, a line a product and as
-- whole facts.
SELECT cart, product, quantity FROM cart_lines ORDER BY cart, product
  WAIT FOR WRITES TIMEOUT 60 SECONDS;
SELECT cart, items FROM carts ORDER BY cart;

-- Cart 1 as it was at 3000, from the view's own log; then what has become of each cart since.
SELECT cart, product, quantity FROM cart_lines AS OF TIME 3000 WHERE cart = 1 ORDER BY product;
SELECT past.cart AS cart, past.items AS items_then, now.items AS items_now
FROM carts AS OF TIME 3000 past LEFT JOIN carts now ON past.cart = now.cart
ORDER BY cart;

-- The same moment by position: where each partition of the view's topic ended then.
SELECT cart, items FROM carts AS OF OFFSET (1, 0, 0, 2) ORDER BY cart;
