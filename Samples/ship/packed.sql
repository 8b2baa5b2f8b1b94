INSERT INTO packed VALUES (1, 1), (2, 1), (3, 1), (4, 1), (5, 1), (6, 1);
