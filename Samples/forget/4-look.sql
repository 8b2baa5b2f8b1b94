SELECT id, name, mail FROM german_customers ORDER BY id;
SELECT country, customers FROM per_country ORDER BY country;
SELECT id, name, amount FROM letters ORDER BY id;
