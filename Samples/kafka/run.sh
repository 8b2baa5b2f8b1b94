#!/usr/bin/env bash
# run.sh [ORDERS]: the orders of Samples/orders on a Kafka broker. Two equal processes share the work; one of them is killed
# while orders flow, and comes back. With KAFKA=host:port that cluster is taken, and the service's group deals out the
# shares; without it a broker for tests is started, and the shares are fixed. To a reader that is behind a given-up transaction
# that broker shows nothing of its producer any more, so there the processes start one after the other, and
# the one that is killed has just nothing to write.
[ -n "${KAFKA:-}" ] || exec "$(dirname "$0")/../../Scripts/broker" env SHARES=fixed "$0" "$@"
. "$(dirname "$0")/../sample.sh"
count=${1:-60}
third=$((count / 3))
pids=(0 0)
trap 'stop -TERM 0; stop -TERM 1; rm -rf "$work"' EXIT

# Names of its own, for a cluster that has other topics too.
service=sample-$(date +%s)-$$
echo "headrace.topic.prefix=$service." >"$work/kafka.properties"

start() {
  rm -f "$work/log.$1"
  # shellcheck disable=SC2086
  "$HEADRACE" serve --kafka "$KAFKA" --kafka-config "$work/kafka.properties" --service "$service" \
    ${SHARES:+--share $1/2} --data "$work/$1" --create --queries ../orders/1-orders.sql \
    --queries ../orders/2-details.sql --queries ../orders/3-fraud.sql --queries ../orders/4-inventory.sql \
    $serving 2>"$work/log.$1" &
  pids[$1]=$!
}
serves() { grep -qs serves "$work/log.$1" || { kill -0 "${pids[$1]}" || failed "process $1 has ended"; false; }; }
stop() {
  [ "${pids[$2]}" = 0 ] || { kill "$1" "${pids[$2]}" && wait "${pids[$2]}" || true; } 2>/dev/null
  pids[$2]=0
}
failed() {
  echo "$1"
  tail -n 5 "$work"/log.*
  exit 1
}

# All questions and orders go to process 0, which answers for the whole service.
ask() { "$HEADRACE" run --data "$work/0" --output csv -c "$1" 2>/dev/null | tail -n +2; }
order() { sed -n "$1p" "$work/orders.sql" | "$HEADRACE" shell --data "$work/0" >/dev/null 2>"$work/log.orders" ||
  failed "orders are not taken"; }
# Lines of share N: partition p of each topic belongs to share p modulo 2.
of() { grep -c "$([ "$1" = 0 ] && echo '[02]' || echo '[13]')" || true; }
created() { ask "SELECT ROWPARTITION FROM orders WHERE state = 'CREATED' EMIT CHANGES;" | of "$1"; }
checked() { ask "SELECT ROWPARTITION FROM order_validations WHERE checked = 'DETAILS' EMIT CHANGES;" | of "$1"; }
all_checked() { [ "$(checked "$1")" = "$(created "$1")" ]; }
outcomes() { [ "$(ask "SELECT id FROM orders WHERE state <> 'CREATED' EMIT CHANGES;" | wc -l)" -ge "$1" ]; }
# Process N has read nothing for a moment.
is_quiet() {
  rows_read "$1" >"$work/before"
  sleep 0.5
  rows_read "$1" | cmp -s - "$work/before"
}
rows_read() { "$HEADRACE" run --data "$work/$1" --output csv -c "SHOW QUERIES;" 2>/dev/null | cut -d, -f1,5; }
await() {
  local deadline=$((SECONDS + 120))
  until "$@"; do
    [ $SECONDS -lt $deadline ] || failed "not within two minutes: $*"
    sleep 0.1
  done
}
# same NAME QUESTION: the answer is what make_orders.py has worked out.
same() {
  ask "$2$settled;" >"$work/found-$1"
  cmp "$work/found-$1" "$work/expected-$1"
}

python3 -B make_orders.py "$work" "$count"
start 0
[ -z "${SHARES:-}" ] || await serves 0
start 1
await serves 0
await serves 1
"$HEADRACE" shell --data "$work/0" <"$work/inventory.sql" >/dev/null 2>&1
echo "two processes serve"

order "1,$third" &
flow=$!
if [ -n "${SHARES:-}" ]; then
  await outcomes "$third"
  await is_quiet 1
else
  await outcomes $((count / 12))
fi
stop -KILL 1
wait $flow
stood=$(checked 1)
order "$((third + 1)),$((2 * third))"
echo "process 1 is killed while orders flow, and they flow on"
if [ -n "${SHARES:-}" ]; then
  await all_checked 0
  echo "all orders of share 0 are checked"
  [ "$(checked 1)" = "$stood" ] && [ "$stood" -lt "$(created 1)" ] && echo "those of share 1 stand still"
else
  await outcomes $((2 * third))
  echo "process 0 has taken over its share: all orders have an outcome"
fi
start 1
await serves 1
order "$((2 * third + 1)),$count"
echo "process 1 is back, and the last orders have come"

await outcomes "$count"
same outcomes "SELECT o.id AS id, o.state AS state, COALESCE(f.failures, CAST(0 AS BIGINT)) AS failures
  FROM orders_by_id o LEFT JOIN order_failures f ON o.id = f.orderid ORDER BY id"
same reserved "SELECT product, reservation->reserved AS reserved FROM reservations ORDER BY product"
same spent "SELECT customerid, total FROM spending ORDER BY customerid"
echo "outcomes, reservations and spending are the expected ones"
echo "verdicts, and how many of them:"
ask "SELECT checked, result, COUNT(*) AS n FROM order_validations GROUP BY checked, result;" | sort
echo "orders with two outcomes: $(ask "SELECT id, COUNT(*) AS n FROM orders WHERE state <> 'CREATED' GROUP BY id
  HAVING COUNT(*) > 1;" | wc -l), verdicts given twice: $(ask "SELECT orderid, checked, COUNT(*) AS n
  FROM order_validations GROUP BY orderid, checked HAVING COUNT(*) > 1;" | wc -l)"
