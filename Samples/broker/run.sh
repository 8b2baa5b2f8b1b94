#!/usr/bin/env bash
# What the keeper of the log looks after: that a flood leaves others their share, that files are the owner's, and that
# what belongs together is one commit.
. "$(dirname "$0")/../sample.sh"
rate=100000
ask() { "$HEADRACE" run --data "$data" --output csv -c "$1" 2>/dev/null | tail -n +2; }
modes() { find "$data" -type "$1" -printf '%M\n' | sort -u | xargs; }
start --producer-byte-rate "$rate"
submit 1-services.sql

# 30 MB of measurements, as fast as they are taken: five minutes at this rate.
awk 'BEGIN { for (n = 0; n < 1000000; n++) print "{\"host\":\"web-1\",\"busy\":0.75}" }' >"$work/flood"
began=$(date +%s%N)
"$HEADRACE" produce --data "$data" measurements <"$work/flood" 2>/dev/null &
flood=$!
until [ "$(ask "SELECT COUNT(*) AS n FROM measurements;")" != 0 ]; do sleep 0.02; done
echo "an order during the flood: $(ask "INSERT INTO orders VALUES (1, 'hat'); SELECT product, n FROM sold;")"
kill -0 "$flood" && echo "the flood is held back"
lines=$(ask "SELECT COUNT(*) AS n FROM measurements;")
ms=$((($(date +%s%N) - began) / 1000000))
# A second's worth may come at once, and what is over it is a request at most.
[ $((lines * 29)) -le $((rate * ms / 1000 + rate + 1048576)) ] && echo "it came at its rate"
{ kill "$flood" && wait "$flood" || true; } 2>/dev/null

echo "directories $(modes d), files $(modes f), socket $(modes s)"
mv_in() { cp "$1" "$work/$1" && mv "$work/$1" "$inbox/"; }
mv_in 2-outside.sql
until [ -e "$inbox/2-outside.done" ]; do sleep 0.02; done
sed -n 's/.*"error": "\(.*directories\).*/\1/p' "$inbox/2-outside.status.json" | tr -d '\\'

echo "two statements of two records, in two partitions, and no markers between them:"
ask "INSERT INTO orders (ROWTIME, id, product) VALUES (1000, 2, 'hat'), (1000, 5, 'coat');"
ask "INSERT INTO orders (ROWTIME, id, product) VALUES (1000, 2, 'sock'), (1000, 5, 'boot');"
"$HEADRACE" topic dump --data "$data" orders | grep 1000
stop -KILL
start
echo "after a kill: $(ask "SELECT product, n FROM sold ORDER BY product$settled;" | xargs)"
