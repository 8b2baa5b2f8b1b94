#!/usr/bin/env bash
# A customer asks to be forgotten: a tombstone, compaction, and no file knows the customer any more.
. "$(dirname "$0")/../sample.sh"
# Files of the log in which the customer's name stands.
known() { if grep -rqs Berta "$data"; then echo "Berta is known"; else echo "Berta is nowhere"; fi; }
start
submit 1-customers.sql 2-data.sql
known
submit 3-forget.sql
known
stop -KILL
start
"$HEADRACE" topic compact --data "$data" --erase >/dev/null
known
stop -KILL
start
known
submit 4-look.sql
