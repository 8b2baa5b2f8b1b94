INSERT INTO order_events (id, state) VALUES (7, 'PAID'), (8, 'PAID'), (9, 'PAID');
