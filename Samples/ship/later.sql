-- Three more, and then their payments.
INSERT INTO order_events VALUES (7, 'CREATED', '7 Mill Race'), (8, 'CREATED', '8 Mill Race'), (9, 'CREATED', '9 Mill Race');
