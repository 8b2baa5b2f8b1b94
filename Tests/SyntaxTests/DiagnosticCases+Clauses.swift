// Wrong statements and the whole of what is said about each: statement, `----`, diagnostic.
// Types, properties, joins, windows and expressions.

let clauseCases = #"""
  CREATE STREAM s (a ARRAY)
  ----
  error[syntax-error]: Syntax error at or near ")" at line 1:25
    --> t.sql:1:25
  1 | CREATE STREAM s (a ARRAY)
    |                         ^
    = Expecting "<"

  CREATE STREAM s (a MAP<INT>)
  ----
  error[syntax-error]: Syntax error at or near ">" at line 1:27
    --> t.sql:1:27
  1 | CREATE STREAM s (a MAP<INT>)
    |                           ^
    = Expecting ARRAY, "(" or ","

  CREATE STREAM s (a INT) AS SELECT * FROM t
  ----
  error[column-list-with-query]: a statement with AS SELECT takes its columns from the query
    --> t.sql:1:17
  1 | CREATE STREAM s (a INT) AS SELECT * FROM t
    |                 ^^^^^^^ hint: remove the column list

  CREATE SOURCE STREAM s AS SELECT * FROM t
  ----
  error[read-only-with-query]: a SOURCE stream or table cannot be made by a query
    --> t.sql:1:8
  1 | CREATE SOURCE STREAM s AS SELECT * FROM t
    |        ^^^^^^ hint: remove SOURCE

  CREATE STREAM s WITH (a = b)
  ----
  error[syntax-error]: Syntax error at or near "b" at line 1:27
    --> t.sql:1:27
  1 | CREATE STREAM s WITH (a = b)
    |                           ^
    = Expecting FALSE, NULL, TRUE, a string or an integer

  CREATE STREAM s (a INT
  ----
  error[syntax-error]: Syntax error at the end of the statement at line 1:23
    --> t.sql:1:23
  1 | CREATE STREAM s (a INT
    |                       ^
    = Expecting ARRAY, HEADER, HEADERS, KEY, PRIMARY, "(", "," or ")"

  SELECT * FROM a JOIN b
  ----
  error[join-without-condition]: join has no ON condition
    --> t.sql:1:22
  1 | SELECT * FROM a JOIN b
    |                      ^ hint: add ON left.column = right.column

  SELECT * FROM a JOIN b WITHIN 1 HOUR WHERE x
  ----
  error[join-without-condition]: join has no ON condition
    --> t.sql:1:22
  1 | SELECT * FROM a JOIN b WITHIN 1 HOUR WHERE x
    |                      ^ hint: add ON left.column = right.column

  SELECT * FROM a LEFT b ON x
  ----
  error[syntax-error]: Syntax error at or near "b" at line 1:22
    --> t.sql:1:22
  1 | SELECT * FROM a LEFT b ON x
    |                      ^
    = Expecting JOIN or OUTER

  SELECT * FROM s WINDOW TUMBLNG (SIZE 1 HOUR)
  ----
  error[syntax-error]: Syntax error at or near "TUMBLNG" at line 1:24
    --> t.sql:1:24
  1 | SELECT * FROM s WINDOW TUMBLNG (SIZE 1 HOUR)
    |                        ^^^^^^^ hint: did you mean "TUMBLING"?

  SELECT * FROM s WINDOW TUMBLING (SIZE 1 FORTNIGHT)
  ----
  error[syntax-error]: Syntax error at or near "FORTNIGHT" at line 1:41
    --> t.sql:1:41
  1 | SELECT * FROM s WINDOW TUMBLING (SIZE 1 FORTNIGHT)
    |                                         ^^^^^^^^^
    = Expecting a unit of time

  SELECT * FROM s WINDOW TUMBLING (SIZE 1 HUOR)
  ----
  error[syntax-error]: Syntax error at or near "HUOR" at line 1:41
    --> t.sql:1:41
  1 | SELECT * FROM s WINDOW TUMBLING (SIZE 1 HUOR)
    |                                         ^^^^ hint: did you mean "HOUR"?

  SELECT * FROM s WINDOW TUMBLING (1 HOUR)
  ----
  error[syntax-error]: Syntax error at or near "1" at line 1:34
    --> t.sql:1:34
  1 | SELECT * FROM s WINDOW TUMBLING (1 HOUR)
    |                                  ^
    = Expecting SIZE

  SELECT a IN () FROM s
  ----
  error[syntax-error]: Syntax error at or near ")" at line 1:14
    --> t.sql:1:14
  1 | SELECT a IN () FROM s
    |              ^
    = Expecting an expression

  SELECT (a FROM s
  ----
  error[syntax-error]: Syntax error at or near "FROM" at line 1:11
    --> t.sql:1:11
  1 | SELECT (a FROM s
    |           ^^^^
    = Expecting ")"

  SELECT f(a FROM s
  ----
  error[syntax-error]: Syntax error at or near "FROM" at line 1:12
    --> t.sql:1:12
  1 | SELECT f(a FROM s
    |            ^^^^
    = Expecting "," or ")"

  SELECT f(x => x, a) FROM s
  ----
  error[syntax-error]: Syntax error at or near "a" at line 1:18
    --> t.sql:1:18
  1 | SELECT f(x => x, a) FROM s
    |                  ^
    = Expecting a lambda

  SELECT CASE WHEN a THEN b FROM s
  ----
  error[syntax-error]: Syntax error at or near "FROM" at line 1:27
    --> t.sql:1:27
  1 | SELECT CASE WHEN a THEN b FROM s
    |                           ^^^^
    = Expecting ELSE, END or WHEN

  SELECT CASE a END FROM s
  ----
  error[syntax-error]: Syntax error at or near "END" at line 1:15
    --> t.sql:1:15
  1 | SELECT CASE a END FROM s
    |               ^^^
    = Expecting WHEN

  SELECT CAST(a, INT) FROM s
  ----
  error[syntax-error]: Syntax error at or near "," at line 1:14
    --> t.sql:1:14
  1 | SELECT CAST(a, INT) FROM s
    |              ^
    = Expecting AS

  SELECT * FROM s GROUP BY a, (b, c)
  ----
  error[syntax-error]: Syntax error at or near "," at line 1:31
    --> t.sql:1:31
  1 | SELECT * FROM s GROUP BY a, (b, c)
    |                               ^
    = Expecting ")"

  SELECT * FROM s PARTITION BY a AND b
  ----
  error[syntax-error]: Syntax error at or near "AND" at line 1:32
    --> t.sql:1:32
  1 | SELECT * FROM s PARTITION BY a AND b
    |                                ^^^

  SELECT * FROM s GROUP BY (a, b), c
  ----
  error[syntax-error]: Syntax error at or near "," at line 1:32
    --> t.sql:1:32
  1 | SELECT * FROM s GROUP BY (a, b), c
    |                                ^
    = Expecting EMIT, HAVING, LIMIT, OFFSET, ORDER, PARTITION, UNION, WAIT or the end of the statement

  SELECT a + b->* FROM s
  ----
  error[syntax-error]: Syntax error at or near "->" at line 1:13
    --> t.sql:1:13
  1 | SELECT a + b->* FROM s
    |             ^^
    = Expecting AS, FROM or ","

  LIMIT 5
  ----
  error[syntax-error]: Syntax error at or near "LIMIT" at line 1:1
    --> t.sql:1:1
  1 | LIMIT 5
    | ^^^^^

  SELECT * FROM s LIMIT x
  ----
  error[syntax-error]: Syntax error at or near "x" at line 1:23
    --> t.sql:1:23
  1 | SELECT * FROM s LIMIT x
    |                       ^
    = Expecting an integer

  SELECT * FROM s LIMIT ${n}
  ----
  error[undefined-variable]: variable "n" is not defined
    --> t.sql:1:23
  1 | SELECT * FROM s LIMIT ${n}
    |                       ^^^^ hint: set it with DEFINE n = '...'

  SET a = b
  ----
  error[syntax-error]: Syntax error at or near "a" at line 1:5
    --> t.sql:1:5
  1 | SET a = b
    |     ^
    = Expecting a string

  SELECT ${v}1 FROM s
  ----
  error[syntax-error]: Syntax error at or near "1" at line 1:12
    --> t.sql:1:12
  1 | SELECT ${v}1 FROM s
    |            ^
    = Expecting AS, FROM or ","

  EXPLAIN
  ----
  error[syntax-error]: Syntax error at the end of the statement at line 1:8
    --> t.sql:1:8
  1 | EXPLAIN
    |        ^

  SELECT a.b.c FROM s
  ----
  error[syntax-error]: Syntax error at or near "." at line 1:11
    --> t.sql:1:11
  1 | SELECT a.b.c FROM s
    |           ^
    = Expecting AS, FROM or ","

  HELP
  ----
  error[syntax-error]: Syntax error at or near "HELP" at line 1:1
    --> t.sql:1:1
  1 | HELP
    | ^^^^

  SELECT 1 FROM a; SELECT 2 FROM b
  ----
  error[several-statements]: text holds more than one statement
    --> t.sql:1:18
  1 | SELECT 1 FROM a; SELECT 2 FROM b
    |                  ^^^^^^^^^^^^^^^

  SELECT a AS FROM b
  ----
  error[reserved-keyword]: "FROM" is a reserved keyword and it can't be used as an identifier
    --> t.sql:1:13
  1 | SELECT a AS FROM b
    |             ^^^^ hint: as a name, write it in backquotes: `FROM`
    = Syntax error at or near "FROM" at line 1:13

  COPY s TOO 'x'
  ----
  error[syntax-error]: Syntax error at or near "TOO" at line 1:8
    --> t.sql:1:8
  1 | COPY s TOO 'x'
    |        ^^^ hint: did you mean "TO"?

  TERMINATE
  ----
  error[syntax-error]: Syntax error at the end of the statement at line 1:10
    --> t.sql:1:10
  1 | TERMINATE
    |          ^
    = Expecting ALL or an identifier

  SHOW CONNECTOR
  ----
  error[syntax-error]: Syntax error at the end of the statement at line 1:15
    --> t.sql:1:15
  1 | SHOW CONNECTOR
    |               ^
    = Expecting PLUGINS

  ASSERT FOO
  ----
  error[syntax-error]: Syntax error at or near "FOO" at line 1:8
    --> t.sql:1:8
  1 | ASSERT FOO
    |        ^^^
    = Expecting NOT, NULL, SCHEMA, STREAM, TABLE, TOPIC or VALUES

  ALTER STREAM s DROP a
  ----
  error[syntax-error]: Syntax error at or near "DROP" at line 1:16
    --> t.sql:1:16
  1 | ALTER STREAM s DROP a
    |                ^^^^
    = Expecting ADD

  CREATE OR REPLACE TYPE t AS INT
  ----
  error[syntax-error]: Syntax error at or near "TYPE" at line 1:19
    --> t.sql:1:19
  1 | CREATE OR REPLACE TYPE t AS INT
    |                   ^^^^
    = Expecting SOURCE, STREAM or TABLE

  SELECT MAP('a' = 1) FROM s
  ----
  error[syntax-error]: Syntax error at or near ")" at line 1:19
    --> t.sql:1:19
  1 | SELECT MAP('a' = 1) FROM s
    |                   ^
    = Expecting ":="

  SELECT a FROM s ORDER BY a NULLS
  ----
  error[syntax-error]: Syntax error at the end of the statement at line 1:33
    --> t.sql:1:33
  1 | SELECT a FROM s ORDER BY a NULLS
    |                                 ^
    = Expecting FIRST or LAST

  PRINT t FROM START
  ----
  error[syntax-error]: Syntax error at or near "START" at line 1:14
    --> t.sql:1:14
  1 | PRINT t FROM START
    |              ^^^^^
    = Expecting BEGINNING

  SELECT a FROM s WHERE ABS(SELECT b FROM t) = 1
  ----
  error[subquery-in-expression]: a subquery stands in parentheses of its own
    --> t.sql:1:27
  1 | SELECT a FROM s WHERE ABS(SELECT b FROM t) = 1
    |                           ^^^^^^ hint: write (SELECT ...)
  """#
