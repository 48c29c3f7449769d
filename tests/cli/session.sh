# Sourced by the scripts of this folder, whose first argument is the folder of the programs: they come first on PATH, and the
# script goes on in an empty folder of its own, which is removed at the end.
set -eu
bin=$(cd "$1" && pwd)
PATH="$bin:$PATH"
REPRO_TRAIN="$bin/repro-train"
export PATH REPRO_TRAIN
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

fail() {
  echo "${0##*/}: $*" >&2
  exit 1
}
# expect_code CODE COMMAND...: the command must end with this exit code; expect.out and expect.err keep what it said.
expect_code() {
  wanted=$1
  shift
  set +e
  "$@" >expect.out 2>expect.err
  code=$?
  set -e
  [ "$code" = "$wanted" ] || { cat expect.out expect.err >&2; fail "$* ended with $code, not $wanted"; }
}
# expect CODE TEXT COMMAND...: the command must end with this exit code and say TEXT on standard error.
expect() {
  wanted=$1
  text=$2
  shift 2
  expect_code "$wanted" "$@"
  [ -z "$text" ] || grep -q -- "$text" expect.err || { cat expect.err >&2; fail "$* does not say: $text"; }
}
# root WHAT: its state root.
root() { repro show "$1" --json | sed -n 's/.*"state":{"digest":"\([0-9a-f]*\)".*/\1/p'; }
