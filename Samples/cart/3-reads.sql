-- The side that reads: the carts now, a line a product and as whole facts.
SELECT cart, product, quantity FROM cart_lines ORDER BY cart, product;
SELECT cart, items FROM carts ORDER BY cart;

-- Cart 1 as it was at 3000: the events up to then, folded again.
SELECT cart, product, SUM(CASE WHEN kind = 'ADDED' THEN quantity ELSE -quantity END) AS quantity
FROM cart_events
WHERE cart = 1 AND ROWTIME <= 3000
GROUP BY cart, product
ORDER BY product;
