-- What could not be read, put right by hand.
INSERT INTO orders_v1 (id, customer, cents) VALUES (3, 'cem', 700);
