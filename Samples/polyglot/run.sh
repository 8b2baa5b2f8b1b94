#!/usr/bin/env bash
# A table in a SQLite file, asked with the sqlite3 program while the engine runs, through kills.
. "$(dirname "$0")/../sample.sh"
lite() { sqlite3 -box "$work/stock.db" "$1"; }
# The file follows the commits at once, but on a thread of its own.
agree() {
  "$HEADRACE" run --data "$data" -c "SELECT product, pieces, moves FROM stock$settled;" | tail -n +2 | sort >"$work/own"
  for _ in $(seq 200); do
    sqlite3 -csv "$work/stock.db" 'SELECT product, pieces, moves FROM stock;' 2>/dev/null | tr -d '\r' | sort >"$work/lite"
    if cmp -s "$work/own" "$work/lite"; then
      echo "$1: the file agrees with the table"
      return
    fi
    sleep 0.05
  done
  echo "$1: the file differs"
  diff "$work/own" "$work/lite"
}
start
submit 1-products.sql 2-moves.sql
agree "first moves"
lite "SELECT s.product, title, pieces, price FROM stock s JOIN products USING (product) ORDER BY s.product;"
python3 make_moves.py 3000 >"$work/moves"
for round in 1 2 3; do
  "$HEADRACE" produce --data "$data" --key-separator '|' moves <"$work/moves" &
  producer=$!
  sleep "0.$round"
  stop -KILL
  wait "$producer" 2>/dev/null || true
  start
  agree "after kill $round"
done
rm "$work"/stock.db*
stop -TERM
start
agree "file removed, restarted"
