#!/usr/bin/env bash
# add.sh DATA AMOUNT: reads ann's budget and writes it back with AMOUNT more; if it is stale by then, again. Says how
# often it was refused.
refused=0
while true; do
  IFS=, read -r budget version < <("$HEADRACE" run --data "$1" \
    -c "SELECT budget, version FROM accounts_now WHERE holder = 'ann';" | tail -n 1)
  if error=$("$HEADRACE" run --data "$1" \
    -c "INSERT INTO accounts VALUES ('ann', $((budget + $2))) IF VERSION = $version;" 2>&1); then
    break
  fi
  case $error in *"error[stale-version]"*) refused=$((refused + 1)) ;; *) echo "$error" && exit 1 ;; esac
done
echo "$refused"
