#!/usr/bin/env bash
# check.sh [ORDERS]: runs the mail service over a hundred thousand generated orders, kills it in the middle, and compares
# the mails with reference.py.
. "$(dirname "$0")/../sample.sh"
count=${1:-100000}
python3 -B make_events.py "$work" "$count"
ask() { "$HEADRACE" run --data "$data" --output csv -c "$1" | tail -n +2; }
start
submit email.sql
from=$(date +%s%N)
ask "COPY customers FROM '$work/customers.csv' WITH (ROWTIME = 0);" 2>/dev/null
ask "COPY orders FROM '$work/orders.csv';" 2>/dev/null
stop -KILL
start
ask "COPY payments FROM '$work/payments.csv';" 2>/dev/null
ask "SELECT id, paymentid, level FROM enriched_orders$settled;" | sort >"$work/found"
to=$(date +%s%N)
python3 -B reference.py "$work" | sort >"$work/expected"
cmp "$work/found" "$work/expected"
echo "$(wc -l <"$work/found") mails agree with reference.py"
echo "$count orders in $(((to - from) / 1000000)) ms" >&2
