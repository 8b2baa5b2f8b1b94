CREATE TABLE people AS
  SELECT id, LATEST_BY_OFFSET(name) AS name FROM person WINDOW TUMBLING (SIZE 10 SECONDS) GROUP BY id;
CREATE TABLE sellers AS
  SELECT seller, COUNT(*) AS n FROM auction WINDOW TUMBLING (SIZE 10 SECONDS) GROUP BY seller;
CREATE TABLE q8 AS
  SELECT p.id AS id, p.name AS name FROM people p JOIN sellers s ON p.id = s.seller;
