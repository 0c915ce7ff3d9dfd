#!/usr/bin/env bash
# A conversation with curl. The second request has only its own message; the gateway adds the first.
# Usage: CLAWHOLD_ROOT_KEY=$(cat clawhold-data/root-key) examples/trip.sh [session]
set -euo pipefail
url=${CLAWHOLD_URL:-http://127.0.0.1:2529}
session=${1:-trip-$RANDOM}

ask() {
  curl -sS --fail-with-body "$url/v1/chat/completions" \
    -H "authorization: Bearer $CLAWHOLD_ROOT_KEY" -H "x-session-id: $session" -H 'content-type: application/json' \
    -d "{\"model\":\"${MODEL:-local/recall}\",\"messages\":[{\"role\":\"user\",\"content\":\"$1\"}]}" |
    sed -E 's/.*"content":"(([^"\\]|\\.)*)".*/\1/'
  echo
}

ask "My name is Ada."
ask "What is my name?"
