-- Six orders, not paid yet.
INSERT INTO order_events VALUES (1, 'CREATED', '1 Mill Race'), (2, 'CREATED', '2 Mill Race'),
  (3, 'CREATED', '3 Mill Race'), (4, 'CREATED', '4 Mill Race'), (5, 'CREATED', '5 Mill Race'),
  (6, 'CREATED', '6 Mill Race');
