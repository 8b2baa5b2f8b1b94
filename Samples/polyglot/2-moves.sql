INSERT INTO products VALUES ('sock', 'Sock, wool', 4.50), ('hat', 'Hat, felt', 30.00), ('boot', 'Boot', 85.25);
INSERT INTO moves VALUES ('sock', 'IN', 100), ('hat', 'IN', 20), ('boot', 'IN', 10), ('sock', 'OUT', 30), ('hat', 'OUT', 20);
