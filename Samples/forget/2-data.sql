INSERT INTO customers VALUES (1, 'Ada', 'ada@example.com', 'GB');
INSERT INTO customers VALUES (2, 'Berta', 'berta@example.com', 'DE');
INSERT INTO customers VALUES (3, 'Carl', 'carl@example.com', 'DE');
INSERT INTO customers VALUES (2, 'Berta', 'berta.new@example.com', 'DE');
INSERT INTO orders VALUES (10, 1, 20.00), (11, 2, 5.50), (12, 2, 4.50), (13, 3, 7.00);
SELECT id, name, mail FROM german_customers ORDER BY id WAIT FOR WRITES TIMEOUT 20 SECONDS;
SELECT country, customers FROM per_country ORDER BY country WAIT FOR WRITES TIMEOUT 20 SECONDS;
SELECT id, name, amount FROM letters ORDER BY id WAIT FOR WRITES TIMEOUT 20 SECONDS;
