#!/usr/bin/env bash
# Two clients change the same record: the one that comes second is refused and tries again, and nothing is lost.
. "$(dirname "$0")/../sample.sh"
export HEADRACE
try() { "$HEADRACE" run --data "$data" -c "$1" 2>&1 | sed -n '1p'; }
start
submit 1-accounts.sql 2-first.sql
echo "two clients have read version 0:"
echo "first:  $(try "INSERT INTO accounts VALUES ('ann', 70) IF VERSION = 0;")"
echo "second: $(try "INSERT INTO accounts VALUES ('ann', 150) IF VERSION = 0;")"
echo "second: $(try "SELECT budget, version FROM accounts_now WHERE holder = 'ann';" >/dev/null;
  try "INSERT INTO accounts VALUES ('ann', 120) IF VERSION = 1;")"
echo "seat:   $(try "INSERT INTO seats VALUES ('12A', 'bob') IF NOT EXISTS;")"
stop -KILL
start
echo "after a kill: $(try "INSERT INTO seats VALUES ('12A', 'bob') IF NOT EXISTS;")"
for client in 1 2 3 4; do
  (for _ in 1 2 3 4 5; do ./add.sh "$data" "$client"; done >"$work/refused.$client") &
  clients="${clients:-} $!"
done
# shellcheck disable=SC2086
wait $clients
[ "$(cat "$work"/refused.* | wc -l)" = 20 ] || { cat "$work"/refused.*; exit 1; }
echo "twenty additions by four clients at once:"
sql "SELECT holder, budget, version FROM accounts_now;"
