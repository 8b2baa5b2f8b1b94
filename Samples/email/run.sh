#!/usr/bin/env bash
# The mail service as a submitted file, its mails consumed into a file like any other reader would.
. "$(dirname "$0")/../sample.sh"
start
submit email.sql events.sql
echo "mails:"
"$HEADRACE" consume --data "$data" --from-beginning --group mailer mails >"$work/mails.txt"
# The order is that of each partition; which partition comes first depends on how epochs were cut.
sort "$work/mails.txt"
stop -KILL
start
for topic in platinum gold bronze; do
  echo "$topic:"
  "$HEADRACE" consume --data "$data" --from-beginning "$topic" | sort
done
echo "mails after the restart: $("$HEADRACE" consume --data "$data" --from-beginning --group mailer mails | wc -l)"
