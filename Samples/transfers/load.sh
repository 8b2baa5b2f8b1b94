#!/usr/bin/env bash
# load.sh [TRANSFERS]: moves a million times money while readers ask for the total, by pull queries and by a conflated
# push query. Says on standard output which totals they saw, and how often and how fast on standard error.
. "$(dirname "$0")/../sample.sh"
count=${1:-1000000}
python3 make_transfers.py "$count" 1000 >"$work/transfers"
send() { "$HEADRACE" produce --data "$data" --key-separator '|' --together 2 --producer bank entries; }
pull() { until [ -e "$work/enough" ]; do ask "SELECT total FROM total;"; done; ask "SELECT total FROM total;"; }
push() { until [ -e "$work/enough" ]; do ask "$changes"; done; ask "$changes"; }
changes="SELECT accounts, total FROM total EMIT CONFLATED;"
ask() { "$HEADRACE" run --data "$data" -c "$1" | grep -v TOTAL || true; }
seen() { sed 's/.*,//; /^$/d' "$@" | sort -u | xargs; }
start
submit bank.sql
pull >"$work/pull.1" & readers="$!"
pull >"$work/pull.2" & readers="$readers $!"
push >"$work/push" & readers="$readers $!"
from=$(date +%s%N)
send <"$work/transfers"
written=$(date +%s%N)
"$HEADRACE" run --data "$data" --output csv -c "SELECT n FROM total WHERE accounts = 'all';" >/dev/null
to=$(date +%s%N)
touch "$work/enough"
# shellcheck disable=SC2086
wait $readers
echo "totals seen by pull queries: $(seen "$work"/pull.*)"
echo "totals seen by a conflated push query: $(seen "$work/push")"
sql "SELECT COUNT(*) AS entries FROM entries;"
sql "SELECT total, n AS accounts FROM total;"
{
  echo "transfers: $count, written in $(((written - from) / 1000000)) ms, in all views after $(((to - from) / 1000000)) ms"
  echo "observed: $(cat "$work"/pull.* | grep -c .) by pull queries, $(grep -c . "$work/push") by the push query"
} >&2
