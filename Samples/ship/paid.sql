-- The event says what has happened, and not again what was known.
INSERT INTO order_events (id, state) VALUES (1, 'PAID'), (2, 'PAID'), (3, 'PAID'), (4, 'PAID'), (5, 'PAID'), (6, 'PAID');
