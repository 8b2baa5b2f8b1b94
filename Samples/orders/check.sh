#!/usr/bin/env bash
# check.sh [ORDERS]: runs the services over a hundred thousand generated orders, kills them in the middle, and compares
# what became of each order, and what each customer had spent with it, with reference.py.
. "$(dirname "$0")/../sample.sh"
count=${1:-100000}
python3 -B make_orders.py "$work" "$count"
ask() { "$HEADRACE" run --data "$data" --output csv -c "$1" | tail -n +2; }
start
submit 1-orders.sql 2-details.sql 3-fraud.sql 4-inventory.sql
from=$(date +%s%N)
ask "COPY inventory FROM '$work/inventory.csv' WITH (ROWTIME = 0);" 2>/dev/null
ask "COPY orders FROM '$work/orders.csv' WITH (FORMAT = 'CSV');" 2>/dev/null
stop -KILL
start
ask "SELECT o.id AS id, o.state AS state, COALESCE(f.failures, CAST(0 AS BIGINT)) AS failures
  FROM orders_by_id o LEFT JOIN order_failures f ON o.id = f.orderid ORDER BY id$settled;" >"$work/found"
ask "SELECT orderid, total FROM spending_changes WHERE orderid IS NOT NULL;" | sort -u >"$work/totals"
to=$(date +%s%N)
python3 -B reference.py "$work" >"$work/expected"
python3 -B reference.py "$work" totals | sort -u >"$work/expected-totals"
cmp "$work/found" "$work/expected"
cmp "$work/totals" "$work/expected-totals"
echo "$(wc -l <"$work/found") orders and $(wc -l <"$work/totals") totals agree with reference.py"
echo "$count orders in $(((to - from) / 1000000)) ms" >&2
