#!/usr/bin/env bash
# A picture of a shipped dashboard, drawn from a running Prometheus by Chromium without a screen.
#
#   tests/pictures/picture.sh BOARD PROMETHEUS INSTANCE MINUTES PICTURE
#
#   BOARD        fleet or instance
#   PROMETHEUS   its address, such as http://127.0.0.1:9090
#   INSTANCE     the instance_name that the board of one instance shows
#   MINUTES      how far back
#   PICTURE      the PNG to write
#
# Environment:
#   CHROMIUM   the program (default: chromium)
set -euo pipefail

[ $# = 5 ] || { sed -n '2,13s/^# \{0,1\}//p' "$0"; exit 2; }
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# A page of a file may not read another file; a script it may.
cp "$here/board.html" "$work/"
printf 'window.BOARDS = { "%s": %s };\n' "$1" "$(cat "$here/../../config/dashboards/$1.json")" >"$work/boards.js"
lowest=$(jq '[.panels[].gridPos | .y + .h] | max' "$here/../../config/dashboards/$1.json")

HOME=$work "${CHROMIUM:-chromium}" --headless --no-sandbox --disable-gpu --disable-dev-shm-usage --hide-scrollbars \
  --user-data-dir="$work/profile" --window-size=1200,$((lowest * 30 + 6)) --virtual-time-budget=20000 --screenshot="$5" \
  "file://$work/board.html?board=$1&prometheus=$2&instance=$3&minutes=$4" >"$work/log" 2>&1 \
  || { cat "$work/log" >&2; exit 1; }
