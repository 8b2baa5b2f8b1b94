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
