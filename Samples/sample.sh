# Shared by the samples' run.sh: finds or builds the binary, starts a serve with an inbox in a directory of its own,
# submits files to it, and ends it. HEADRACE names another binary.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[1]}")"
root=$(cd ../.. && pwd)
if [ -z "${HEADRACE:-}" ]; then
  (cd "$root" && swift build -q --product headrace)
  HEADRACE=$root/.build/debug/headrace
fi
work=$(mktemp -d)
data=$work/data
inbox=$work/inbox
mkdir "$inbox"
server=
# HEADRACE_SLICE: how many rows a query takes in an epoch; the answers are the same whatever it is.
serving=${HEADRACE_SLICE:+--slice $HEADRACE_SLICE}

start() {
  # What an earlier server said must not be taken for the word of this one.
  rm -f "$work/log"
  # shellcheck disable=SC2086
  "$HEADRACE" serve --data "$data" --create --inbox "$inbox" --root "$PWD" --root "$work" $serving "$@" 2>"$work/log" &
  server=$!
  until grep -qs serves "$work/log"; do kill -0 "$server" || { cat "$work/log"; exit 1; }; sleep 0.02; done
}

stop() {
  [ -z "$server" ] || { kill "$1" "$server" && wait "$server" || true; } 2>/dev/null
  server=
}

# Each file is copied beside the inbox and moved in, so that it appears as a whole; NAME.out holds its rows.
submit() {
  local file name
  for file in "$@"; do
    name=$(basename "$file" .sql)
    sed "s|\${here}|$PWD|g; s|\${work}|$work|g" "$file" >"$work/$name.sql"
    rm -f "$inbox/$name".*
    mv "$work/$name.sql" "$inbox/"
    until [ -e "$inbox/$name.done" ]; do
      kill -0 "$server" 2>/dev/null || { echo "the server has ended:"; cat "$work/log"; exit 1; }
      sleep 0.02
    done
    echo "$file: $(sed -n 's/.*"state": "\(.*\)",/\1/p' "$inbox/$name.status.json")"
    if grep -q '"error"' "$inbox/$name.status.json"; then cat "$inbox/$name.status.json"; exit 1; fi
    # When a bad record was found is another time in each run.
    sed -E 's/,[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]{12}$/,(now)/' "$inbox/$name.out"
  done
}

# A client sees at once what it has written itself; with this behind a SELECT, also what others have written before.
settled=" WAIT FOR WRITES TIMEOUT 60 SECONDS"
sql() {
  local text=${1%;}
  case $text in SELECT*) text=$text$settled ;; esac
  "$HEADRACE" run --data "$data" --output box -c "$text;"
}

trap 'stop -TERM; rm -rf "$work"' EXIT
