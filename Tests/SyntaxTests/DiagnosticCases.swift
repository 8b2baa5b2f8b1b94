// Wrong statements and the whole of what is said about each: statement, `----`, diagnostic.
// Misspelt and misplaced words, clauses in the wrong order.

let wordCases = #"""
  SELCT a FROM b
  ----
  error[syntax-error]: Syntax error at or near "SELCT" at line 1:1
    --> t.sql:1:1
  1 | SELCT a FROM b
    | ^^^^^ hint: did you mean "SELECT"?

  SELECT a FORM t
  ----
  error[syntax-error]: Syntax error at or near "FORM" at line 1:10
    --> t.sql:1:10
  1 | SELECT a FORM t
    |          ^^^^ hint: did you mean "FROM"?

  SELECT * FROM s WERE x = 1
  ----
  error[syntax-error]: Syntax error at or near "WERE" at line 1:17
    --> t.sql:1:17
  1 | SELECT * FROM s WERE x = 1
    |                 ^^^^ hint: did you mean "WHERE"?

  SELECT * FROM s LIMT 5
  ----
  error[syntax-error]: Syntax error at or near "LIMT" at line 1:17
    --> t.sql:1:17
  1 | SELECT * FROM s LIMT 5
    |                 ^^^^ hint: did you mean "LIMIT"?

  CREATE STRAM s (a INT)
  ----
  error[syntax-error]: Syntax error at or near "STRAM" at line 1:8
    --> t.sql:1:8
  1 | CREATE STRAM s (a INT)
    |        ^^^^^ hint: did you mean "STREAM"?

  SELECT a, FROM b
  ----
  error[reserved-keyword]: "FROM" is a reserved keyword and it can't be used as an identifier
    --> t.sql:1:11
  1 | SELECT a, FROM b
    |           ^^^^ hint: remove the comma before it
    = Syntax error at or near "FROM" at line 1:11

  SELECT
  ----
  error[syntax-error]: Syntax error at the end of the statement at line 1:7
    --> t.sql:1:7
  1 | SELECT
    |       ^
    = Expecting DISTINCT, "*" or an expression

  SELECT * FROM s EMIT CHANGE
  ----
  error[syntax-error]: Syntax error at or near "CHANGE" at line 1:22
    --> t.sql:1:22
  1 | SELECT * FROM s EMIT CHANGE
    |                      ^^^^^^ hint: did you mean "CHANGES"?

  SELECT * FROM s GROUP YB a
  ----
  error[syntax-error]: Syntax error at or near "YB" at line 1:23
    --> t.sql:1:23
  1 | SELECT * FROM s GROUP YB a
    |                       ^^ hint: did you mean "BY"?

  SELECT * FROM s UNION ALL 1 FROM t
  ----
  error[syntax-error]: Syntax error at or near "1" at line 1:27
    --> t.sql:1:27
  1 | SELECT * FROM s UNION ALL 1 FROM t
    |                           ^
    = Expecting SELECT or VALUES

  SELECT a = b = c FROM s
  ----
  error[syntax-error]: Syntax error at or near "=" at line 1:14
    --> t.sql:1:14
  1 | SELECT a = b = c FROM s
    |              ^
    = Expecting AS, FROM or ","

  SELECT a NOT b FROM s
  ----
  error[syntax-error]: Syntax error at or near "NOT" at line 1:10
    --> t.sql:1:10
  1 | SELECT a NOT b FROM s
    |          ^^^
    = Expecting AS, FROM or ","

  SELECT 1 FROM s s2 s3
  ----
  error[syntax-error]: Syntax error at or near "s3" at line 1:20
    --> t.sql:1:20
  1 | SELECT 1 FROM s s2 s3
    |                    ^^

  SELECT a b c FROM s
  ----
  error[syntax-error]: Syntax error at or near "c" at line 1:12
    --> t.sql:1:12
  1 | SELECT a b c FROM s
    |            ^
    = Expecting FROM or ","

  INSERT INTO t VALUSE (1)
  ----
  error[syntax-error]: Syntax error at or near "VALUSE" at line 1:15
    --> t.sql:1:15
  1 | INSERT INTO t VALUSE (1)
    |               ^^^^^^ hint: did you mean "VALUES"?

  INSERT INTO s (a, b) VALUES 1
  ----
  error[syntax-error]: Syntax error at or near "1" at line 1:29
    --> t.sql:1:29
  1 | INSERT INTO s (a, b) VALUES 1
    |                             ^
    = Expecting "("

  DROP STREM s
  ----
  error[syntax-error]: Syntax error at or near "STREM" at line 1:6
    --> t.sql:1:6
  1 | DROP STREM s
    |      ^^^^^ hint: did you mean "STREAM"?

  SHOW STREEMS
  ----
  error[syntax-error]: Syntax error at or near "STREEMS" at line 1:6
    --> t.sql:1:6
  1 | SHOW STREEMS
    |      ^^^^^^^ hint: did you mean "STREAMS"?

  DESCRIBE
  ----
  error[syntax-error]: Syntax error at the end of the statement at line 1:9
    --> t.sql:1:9
  1 | DESCRIBE
    |         ^
    = Expecting CONNECTOR, FUNCTION, SCHEMA, STREAMS or an identifier

  CREATE STREAM size (a INT)
  ----
  error[reserved-keyword]: "size" is a reserved keyword and it can't be used as an identifier
    --> t.sql:1:15
  1 | CREATE STREAM size (a INT)
    |               ^^^^ hint: as a name, write it in backquotes: `size`
    = Syntax error at or near "size" at line 1:15

  SELECT 1abc FROM s
  ----
  error[digit-identifier]: identifier "1abc" starts with a digit
    --> t.sql:1:8
  1 | SELECT 1abc FROM s
    |        ^^^^ hint: write it in backquotes: `1abc`

  SELECT 9223372036854775808 FROM s
  ----
  error[integer-out-of-range]: Invalid numeric literal: 9223372036854775808
    --> t.sql:1:8
  1 | SELECT 9223372036854775808 FROM s
    |        ^^^^^^^^^^^^^^^^^^^ hint: a DECIMAL literal ends with a point: 9223372036854775808.
    = a BIGINT holds -9223372036854775808 to 9223372036854775807

  SELECT -9223372036854775809 FROM s
  ----
  error[integer-out-of-range]: Invalid numeric literal: -9223372036854775809
    --> t.sql:1:8
  1 | SELECT -9223372036854775809 FROM s
    |        ^^^^^^^^^^^^^^^^^^^^ hint: a DECIMAL literal ends with a point: -9223372036854775809.
    = a BIGINT holds -9223372036854775808 to 9223372036854775807

  SELECT 1e999 FROM s
  ----
  error[number-overflow]: Number overflows DOUBLE: 1e999
    --> t.sql:1:8
  1 | SELECT 1e999 FROM s
    |        ^^^^^

  SELECT 'abc FROM s
  ----
  error[unterminated-string]: string is not closed
    --> t.sql:1:8
  1 | SELECT 'abc FROM s
    |        ^ hint: a quote inside a string is written twice

  SELECT `abc FROM s
  ----
  error[unterminated-identifier]: quoted identifier is not closed
    --> t.sql:1:8
  1 | SELECT `abc FROM s
    |        ^

  SELECT /* a FROM s
  ----
  error[unterminated-comment]: comment is not closed
    --> t.sql:1:8
  1 | SELECT /* a FROM s
    |        ^^ hint: close it with */

  SELECT a # b FROM s
  ----
  error[unexpected-character]: unexpected character "#"
    --> t.sql:1:10
  1 | SELECT a # b FROM s
    |          ^

  SELECT naïve FROM s
  ----
  error[unexpected-character]: unexpected character "ï"
    --> t.sql:1:10
  1 | SELECT naïve FROM s
    |          ^ hint: a name with letters beyond A to Z is written in backquotes

  SELECT `` FROM s
  ----
  error[empty-identifier]: quoted identifier has no characters
    --> t.sql:1:8
  1 | SELECT `` FROM s
    |        ^^

  CREATE STREAM s (a INT(10))
  ----
  error[type-parameters]: type "INT" does not take parameters
    --> t.sql:1:23
  1 | CREATE STREAM s (a INT(10))
    |                       ^^^^ hint: only DECIMAL(precision, scale) does

  CREATE STREAM s (a VARCHAR(STRING) (KEY))
  ----
  error[syntax-error]: Syntax error at or near "(" at line 1:36
    --> t.sql:1:36
  1 | CREATE STREAM s (a VARCHAR(STRING) (KEY))
    |                                    ^
    = Expecting ARRAY, HEADER, HEADERS, KEY, PRIMARY, "," or ")"

  CREATE STREAM s (a STRING (KEY))
  ----
  error[syntax-error]: Syntax error at or near "KEY" at line 1:28
    --> t.sql:1:28
  1 | CREATE STREAM s (a STRING (KEY))
    |                            ^^^
    = Expecting a string or an integer

  CREATE STREAM s (a NULL)
  ----
  error[reserved-keyword]: "NULL" is a reserved keyword and it can't be used as an identifier
    --> t.sql:1:20
  1 | CREATE STREAM s (a NULL)
    |                    ^^^^ hint: as a name, write it in backquotes: `NULL`
    = Syntax error at or near "NULL" at line 1:20

  CREATE STREAM s (a DECIMAL(4))
  ----
  error[syntax-error]: Syntax error at or near ")" at line 1:29
    --> t.sql:1:29
  1 | CREATE STREAM s (a DECIMAL(4))
    |                             ^
    = Expecting ","
  """#
