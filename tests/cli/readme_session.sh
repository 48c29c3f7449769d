#!/bin/sh
# Runs the session of README.md, line by line as it stands there.
# usage: readme_session.sh FOLDER_OF_PROGRAMS README
set -eu
bin=$(cd "$1" && pwd)
readme=$(cd "$(dirname "$2")" && pwd)/$(basename "$2")
PATH="$bin:$PATH"
export PATH
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
sed -n '/^```sh$/,/^```$/p' "$readme" | sed '/^```/d' >session
[ "$(grep -c '^repro ' session)" = 11 ] || { echo "README.md has no session of eleven commands" >&2; exit 1; }
while read -r line; do
  echo "\$ $line"
  sh -c "$line" </dev/null || { echo "readme_session.sh: failed: $line" >&2; exit 1; }
done <session
