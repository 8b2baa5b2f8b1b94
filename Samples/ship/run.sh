#!/usr/bin/env bash
# Three ways to learn where an order goes, while the orders service is there and while it is not. Two engines: the
# orders service's and the shipping service's. They share a public topic and nothing else.
. "$(dirname "$0")/../sample.sh"
orders=$work/orders
service=
trap 'kill "$service" 2>/dev/null || true; stop -TERM; rm -rf "$work"' EXIT

open_orders() {
  rm -f "$work/orders.log"
  # shellcheck disable=SC2086
  "$HEADRACE" serve --data "$orders" --create $serving 2>"$work/orders.log" &
  service=$!
  until grep -qs serves "$work/orders.log"; do kill -0 "$service"; sleep 0.02; done
}

# The new records of the public topic, to the engine of the shipping service.
deliver() {
  "$HEADRACE" consume --data "$orders" --from-beginning --group shipping --key-separator '|' orders.events |
    "$HEADRACE" produce --data "$data" --key-separator '|' orders.events
}

# lookup WAY ID: asks the orders service, and ships if the order is paid.
lookup() {
  echo "$2" >>"$work/lookups.$1"
  kill -0 "$service" 2>/dev/null || return 0
  local address
  address=$("$HEADRACE" run --data "$orders" \
    -c "SELECT address FROM orders_now WHERE id = $2 AND state = 'PAID';" | tail -n +2)
  [ -n "$address" ] || return 0
  "$HEADRACE" run --data "$data" -c "INSERT INTO shipments VALUES ($2, '$1', '$address');" 2>/dev/null
  echo "$2" >>"$work/shipped.$1"
}

# work_off WAY STREAM: looks up every order of a stream that was not shipped yet.
work_off() {
  touch "$work/shipped.$1"
  for id in $("$HEADRACE" run --data "$data" -c "SELECT id FROM $2$settled;" | tail -n +2 | sort -n); do
    grep -qx "$id" "$work/shipped.$1" || lookup "$1" "$id"
  done
}

all_ways() {
  work_off asking packed
  work_off notified paid
  echo "$1: lookups: asking $(wc -l <"$work/lookups.asking"), notified $(wc -l <"$work/lookups.notified"), own table 0"
  "$HEADRACE" run --data "$data" -c "SELECT way, n FROM shipped ORDER BY way$settled;" | tail -n +2
}

touch "$work/lookups.notified"
open_orders
"$HEADRACE" run --data "$orders" orders.sql 2>/dev/null
start
submit shipping.sql
sql "SHOW TOPICS;"
echo "who takes the public topic for something else: $("$HEADRACE" run --data "$data" \
  -c "CREATE STREAM refunds (id INT KEY, state INT) WITH (KAFKA_TOPIC = 'orders.events', VALUE_FORMAT = 'JSON');" \
  2>&1 | head -n 1)"

"$HEADRACE" run --data "$orders" created.sql 2>/dev/null
"$HEADRACE" run --data "$data" packed.sql 2>/dev/null
deliver
all_ways "created"
"$HEADRACE" run --data "$orders" paid.sql 2>/dev/null
deliver
all_ways "paid"
"$HEADRACE" run --data "$orders" later.sql 2>/dev/null
deliver
"$HEADRACE" run --data "$orders" later-paid.sql 2>/dev/null
deliver
"$HEADRACE" run --data "$data" -c "INSERT INTO packed VALUES (7, 2), (8, 2), (9, 2);" 2>/dev/null
{ kill -KILL "$service" && wait "$service" || true; } 2>/dev/null
all_ways "three more, and the orders service is down"
stop -KILL
open_orders
start
all_ways "it is back"
