#!/usr/bin/env bash
# An old schema and a new one at once, a record that nobody can read, and a query that changes its rule.
. "$(dirname "$0")/../sample.sh"
produce() { "$HEADRACE" produce --data "$data" --key-separator '|' "$1"; }
start
submit 1-old.sql
produce orders_v1 <<'LINES'
1|{"customer": "ada", "cents": 12000}
2|{"customer": "ben", "cents": 6000}
3|{"customer": "cem", "cents": "seven euros"}
LINES
sql "SELECT id, cents FROM large_orders;"
stop -KILL
start
submit 2-new.sql
produce orders_v1 <<<'4|{"customer": "ben", "cents": 8000}'
produce orders_v2 <<<'5|{"customer": "ada", "amount": 2.50, "currency": "EUR"}'
submit 3-look.sql 4-repaired.sql 3-look.sql
submit 5-rebuild.sql
stop -KILL
start
# The new column is there when the two have been swapped.
until "$HEADRACE" run --data "$data" -c "SELECT largest FROM spending;" >/dev/null 2>&1; do sleep 0.05; done
sql "SELECT customer, amount, orders, largest FROM spending ORDER BY customer;"
# The same with schemas that are registered.
submit 6-avro.sql 7-avro-new.sql
sql "SELECT customer, cents, payments, with_currency FROM paid ORDER BY customer;"
text='{"type": "record", "name": "KsqlDataSourceSchema", "namespace": "io.confluent.ksql.avro_schemas", "fields": [{"name": "CENTS", "type": "string"}]}'
sql "CHECK SCHEMA 'payments-value' AS '$text';"
"$HEADRACE" run --data "$data" -c "CREATE SCHEMA 'payments-value' AS '$text';" 2>&1 | head -1 || true
submit 8-avro-renamed.sql
sql "SELECT id, customer, client, currency FROM payments_all;"
submit 9-avro-rebuild.sql
until "$HEADRACE" run --data "$data" -c "SELECT * FROM paid WHERE cents = 550;" --output csv 2>/dev/null | grep -q 550; do sleep 0.05; done
sql "SELECT customer, cents, payments, with_currency FROM paid ORDER BY customer;"
sql "SHOW SCHEMAS;"
