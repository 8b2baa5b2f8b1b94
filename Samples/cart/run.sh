#!/usr/bin/env bash
# Events of shopping carts, the views over them, and a view that is added later, after a kill.
. "$(dirname "$0")/../sample.sh"
start
submit 1-events.sql 2-commands.sql 3-reads.sql
stop -KILL
start
submit 4-later.sql 3-reads.sql
echo "deltas:"
sql "SELECT ROWTIME, cart, kind, product, quantity FROM cart_events ORDER BY ROWTIME;"
echo "whole facts:"
sql "SELECT ROWTIME, cart, items FROM cart_facts ORDER BY ROWTIME;"
