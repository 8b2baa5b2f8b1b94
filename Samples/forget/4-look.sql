SELECT id, name, mail FROM german_customers ORDER BY id WAIT FOR WRITES TIMEOUT 60 SECONDS;
SELECT country, customers FROM per_country ORDER BY country;
SELECT id, name, amount FROM letters ORDER BY id;
