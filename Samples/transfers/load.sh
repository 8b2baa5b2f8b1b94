#!/usr/bin/env bash
# load.sh [TRANSFERS]: moves money a million times while readers ask for the total: by pull queries, one client after
# the other and one that stays, and by a conflated push query, which is told at the end of each epoch. Says on standard
# output which totals they saw, and how often and how fast on standard error.
. "$(dirname "$0")/../sample.sh"
count=${1:-1000000}
python3 make_transfers.py "$count" 1000 >"$work/transfers"
send() { "$HEADRACE" produce --data "$data" --key-separator '|' --together 2 --producer bank entries; }
asking() { until [ -e "$work/enough" ]; do echo "SELECT total FROM total;"; sleep 0.02; done; }
pull() { asking | "$HEADRACE" shell --data "$data" --output csv; }
visit() { until [ -e "$work/enough" ]; do "$HEADRACE" run --data "$data" -c "SELECT total FROM total;"; done; }
push() { exec "$HEADRACE" run --data "$data" --follow -c "SELECT accounts, total FROM total EMIT CONFLATED;"; }
totals() { sed 's/.*,//; /TOTAL/d; /^$/d' "$@"; }
start
submit bank.sql
pull >"$work/pull" 2>"$work/said" & readers="$!"
visit >"$work/visits" & readers="$readers $!"
push >"$work/push" 2>"$work/said" & pusher=$!
from=$(date +%s%N)
send <"$work/transfers"
written=$(date +%s%N)
sql "SELECT n FROM total WHERE accounts = 'all';" >/dev/null
to=$(date +%s%N)
touch "$work/enough"
# shellcheck disable=SC2086
wait $readers
until grep -q all "$work/push"; do sleep 0.02; done
{ kill -TERM "$pusher" && wait "$pusher" || true; } 2>/dev/null
echo "totals seen by pull queries: $(totals "$work/pull" "$work/visits" | sort -u | xargs)"
echo "totals seen by a conflated push query: $(totals "$work/push" | sort -u | xargs)"
sql "SELECT COUNT(*) AS entries FROM entries;"
sql "SELECT total, n AS accounts FROM total;"
{
  echo "transfers: $count, written in $(((written - from) / 1000000)) ms, in all views after $(((to - from) / 1000000)) ms"
  echo "observed: $(totals "$work/pull" | grep -c .) by a client that stays, $(totals "$work/visits" | grep -c .)" \
    "by clients that come and go, $(totals "$work/push" | grep -c .) by the push query"
} >&2
