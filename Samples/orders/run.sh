#!/usr/bin/env bash
# Four services and their customers: each a file that is submitted to one `serve`, which is killed in the middle.
. "$(dirname "$0")/../sample.sh"
start
submit 1-orders.sql 2-details.sql 3-fraud.sql 4-inventory.sql 5-customers.sql
stop -KILL
start
submit 6-look.sql 7-ask.sql
echo "from the shell:"
"$HEADRACE" shell --data "$data" --output csv 2>/dev/null <<'SQL'
INSERT INTO orders VALUES (12, 22, 'CREATED', 'COATS', 1, 95.00);
SELECT state FROM orders_by_id WHERE id = 12 AND state <> 'CREATED' WAIT 20 SECONDS;
INSERT INTO orders VALUES (13, 23, 'CREATED', 'GLOVES', 0, 5.00);
SELECT checked, result FROM order_validations WHERE orderid = 13 AND result = 'FAIL' ORDER BY checked
  WAIT FOR WRITES TIMEOUT 20 SECONDS;
SQL
