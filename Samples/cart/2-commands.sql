-- The side that writes: it knows no view.
INSERT INTO cart_events (ROWTIME, cart, kind, product, quantity) VALUES
  (1000, 1, 'ADDED', 'socks', 2), (2000, 1, 'ADDED', 'hat', 1), (3000, 2, 'ADDED', 'socks', 1);
INSERT INTO cart_events (ROWTIME, cart, kind, product, quantity) VALUES
  (4000, 1, 'REMOVED', 'hat', 1), (5000, 1, 'ADDED', 'boots', 1), (6000, 2, 'REMOVED', 'socks', 1);
INSERT INTO cart_events (ROWTIME, cart, kind, product, quantity) VALUES
  (7000, 1, 'ADDED', 'socks', 1), (8000, 2, 'ADDED', 'coat', 1);
