#!/usr/bin/env bash
# Four patterns, a file each; the last one under contention: four clients book at once, and the engine is killed.
. "$(dirname "$0")/../sample.sh"
clients=4
bookings=${1:-250}
# What client N books, one seat at a time, five shows in turn.
wishes() {
  for number in $(seq 0 $((bookings - 1))); do
    echo "$(($1 * bookings + number))|{\"show\":\"$(echo ABCDE | cut -c $((number % 5 + 1)))\",\"seats\":1}"
  done
}
# A client that does not know what has arrived sends all of it again: its numbers say what is there already.
book() { "$HEADRACE" produce --data "$data" --key-separator '|' --producer "client$1" bookings <"$work/wishes.$1" 2>/dev/null; }
everyone() {
  local pids=
  for client in $(seq "$clients"); do book "$client" & pids="$pids $!"; done
  # shellcheck disable=SC2086
  for pid in $pids; do wait "$pid" || true; done
}
for client in $(seq "$clients"); do wishes "$client" >"$work/wishes.$client"; done
start --workers 2
submit 1-waiting.sql 2-rekey.sql 3-process.sql 4-scaling.sql
everyone &
booking=$!
sleep 0.1
stop -KILL
wait "$booking"
# Without a server the clients opened the directory themselves, one of them at a time.
start --workers 2
everyone
submit 5-look.sql
