#!/usr/bin/env bash
# Four services and their customers: each a file that is submitted to one `serve`, which is killed in the middle.
. "$(dirname "$0")/../sample.sh"
start
submit 1-orders.sql 2-details.sql 3-fraud.sql 4-inventory.sql 5-customers.sql
stop -KILL
start
submit 6-look.sql 7-ask.sql
