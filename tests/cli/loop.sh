#!/bin/sh
# The whole loop through the real programs: train, interrupt, kill, resume, branch, check out, compare, verify.
# usage: loop.sh FOLDER_OF_PROGRAMS
set -eu
. "$(dirname "$0")/session.sh"

field() { # field KEY: the first "KEY":"VALUE" of the JSON on standard input
  sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p" | head -n 1
}
# patiently COMMAND...: until it succeeds, for as long as a loaded machine may need.
patiently() {
  for _ in $(seq 300); do
    "$@" >/dev/null 2>&1 && return
    sleep 0.1
  done
  fail "$* did not succeed within 30 seconds"
}

train="repro train olmo2-tiny --smoke --checkpoint-every 10"

# One run in one go.
$train --until 30 --name straight >straight.out 2>/dev/null
grep -q "^state  [0-9a-f]\{64\}$" straight.out || fail "train does not end with the state root"
expect_code 0 repro verify straight --replay
expect_code 0 repro fsck

# The same, interrupted by a signal and by kill -9, must have the same log bytes and state.
$train --until 30 --again --name broken --threads 1 >/dev/null 2>&1 &
patiently repro show broken
kill -INT $! 2>/dev/null || true
wait $! || [ $? = 130 ] || fail "an interrupted training must end with 130 (or be done)"
repro resume broken --until 20 --kernels scalar >/dev/null 2>&1 &
sleep 0.2
kill -9 $! 2>/dev/null || true
wait $! 2>/dev/null || true
# The worker, whose parent is gone, first comes to its end: until then the run is taken.
patiently repro resume broken --until 30
[ "$(root broken)" = "$(root straight)" ] || fail "the resumed run has another state"
repro log straight --json >straight.log
repro log broken --json >broken.log
cmp straight.log broken.log || fail "the resumed run has another log"
expect_code 0 repro diff straight broken

# Stopping before the first step leaves no trace either.
expect_code 0 $train --until 0 --again --name early
expect_code 0 repro resume early --until 30
repro log early --json >early.log
cmp straight.log early.log || fail "a run stopped at step 0 has another log"

# A training that cannot begin leaves no run behind.
runs=$(repro runs --json | wc -l)
echo short >short.txt
expect_code 2 $train --data ./short.txt
expect_code 2 $train --kernels no-such
[ "$(repro runs --json | wc -l)" = "$runs" ] || fail "a run was published that never began"

# Any step, re-derived, is the state that the log names.
expect_code 0 repro checkout straight@7 -o seven
expect_code 0 repro verify seven
logged=$(sed -n 's/.*"state":"\([0-9a-f]*\)","step":7,.*/\1/p' straight.log)
[ "$(root straight@7)" = "$logged" ] || fail "step 7 is not what the log says"

# A branch and a recorded segment stand beside the run and are replayed like it.
expect_code 0 $train --from straight@15 --until 20 --name branch
expect_code 0 repro verify branch --replay
expect_code 0 repro resume straight --until 36 --set optimizer.learning_rate=0.001 --reason "a smaller step"
expect_code 0 repro resume straight --until 40 --skip-batches 38..40
expect_code 0 repro verify straight --replay
expect_code 1 repro diff straight broken
expect_code 0 repro show straight@39 --batch --text
expect_code 0 repro fsck
echo "loop.sh: all is well"
