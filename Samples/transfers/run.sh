#!/usr/bin/env bash
# Transfers from a producer that is cut off and repeats itself, while a reader adds up all accounts again and again.
. "$(dirname "$0")/../sample.sh"
count=${1:-2000}
python3 make_transfers.py "$count" >"$work/transfers"
send() { "$HEADRACE" produce --data "$data" --key-separator '|' --together 2 --producer bank entries; }
watch() { while [ ! -e "$work/enough" ]; do "$HEADRACE" run --data "$data" -c "SELECT total FROM total;"; done; }
start
submit bank.sql
head -n "$count" "$work/transfers" | send
stop -KILL
start
watch >"$work/totals" &
watcher=$!
send <"$work/transfers"
send <"$work/transfers"
touch "$work/enough"
wait "$watcher"
echo "totals seen: $(grep -v TOTAL "$work/totals" | sort -u | xargs)"
sql "SELECT COUNT(*) AS entries FROM entries;"
sql "SELECT account, amount FROM balance ORDER BY account;"
sql "SELECT total, n AS accounts FROM total;"
