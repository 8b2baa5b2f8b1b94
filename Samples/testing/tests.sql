--@test: a late click still counts in its window
CREATE STREAM clicks (page STRING KEY, ms BIGINT) WITH (KAFKA_TOPIC='clicks', VALUE_FORMAT='JSON');
CREATE TABLE hits AS
  SELECT page, COUNT(*) AS n FROM clicks WINDOW TUMBLING (SIZE 10 SECONDS) GROUP BY page;
INSERT INTO clicks (ROWTIME, page, ms) VALUES (0, 'home', 1), (11000, 'home', 2), (9000, 'home', 3);
ASSERT VALUES hits (page, n, WINDOWSTART, WINDOWEND) VALUES ('home', 1, 0, 10000);
ASSERT VALUES hits (page, n, WINDOWSTART) VALUES ('home', 1, 10000);
ASSERT VALUES hits (page, n, WINDOWSTART) VALUES ('home', 2, 0);
ASSERT TABLE hits (page STRING PRIMARY KEY, n BIGINT) WITH (VALUE_FORMAT='JSON');

--@test: a row that no longer passes is a tombstone
CREATE TABLE people (id INT PRIMARY KEY, age INT) WITH (KAFKA_TOPIC='people', VALUE_FORMAT='JSON');
CREATE TABLE adults AS SELECT id, age FROM people WHERE age >= 18;
INSERT INTO people (id, age) VALUES (1, 20);
INSERT INTO people (id, age) VALUES (1, 2);
ASSERT VALUES adults (id, age) VALUES (1, 20);
ASSERT NULL VALUES adults (id) KEY (1);

--@test: the key must be projected
--@expected.message: Key missing from projection
CREATE STREAM clicks (page STRING KEY, ms BIGINT) WITH (KAFKA_TOPIC='clicks', VALUE_FORMAT='JSON');
CREATE STREAM slow AS SELECT ms FROM clicks;
