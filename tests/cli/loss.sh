#!/bin/sh
# Repetitive sequences without loss, all positions as divisor, and skipped updates, through the real programs: what the log and
# `show --batch` say, that going on, branching and replaying reach the same bits.
# usage: loss.sh FOLDER_OF_PROGRAMS
set -eu
. "$(dirname "$0")/session.sh"

mkdir text
for i in $(seq 60); do printf 'Line %s of a text that says little, %s times over.\n' "$i" "$((i * 7919 % 97))"; done >text/a
for i in $(seq 500); do printf 'ab'; done >text/b
cat >recipe.yaml <<'END'
model: {hidden_size: 32, num_layers: 2, num_heads: 2, intermediate_size: 48, vocab_size: 320}
data: {sequence_length: 64, repetition_max_period: 4, repetition_max_count: 16}
train: {seed: 3, steps: 16, batch_size: 4}
loss: {denominator: positions}
optimizer: {name: skip_step_adamw, skip_window: 4, skip_sigma: "0.5", learning_rate: "1e-2"}
eval: {every: 8}
END
repro init >/dev/null 2>&1
repro data add words text >/dev/null 2>&1
repro plan recipe.yaml --data words | grep -q "skip_step_adamw/1" || fail "the plan does not name the optimiser"
repro train recipe.yaml --data words --name straight --checkpoint-every 4 >/dev/null 2>train.err || fail "$(cat train.err)"
grep -q "the update was skipped" train.err || fail "no word of a skipped update"

repro log straight --json >straight.log
grep -q '"skipped":true' straight.log || fail "the log says of no step that it was skipped"
grep '"type":"step"' straight.log | grep -vq '"tokens":252,' || fail "every sequence had targets"
repro log straight | grep -q "update skipped" || fail "the table of the log is silent"
# Each sample that is called repetitive costs its step 63 targets.
for step in 1 2 3; do
  left_out=$(repro show straight@$step --batch --json | grep -o '"repetitive":true' | wc -l)
  tokens=$(sed -n "s/.*\"step\":$step,\"tokens\":\([0-9]*\),.*/\1/p" straight.log | head -n 1)
  [ "$tokens" = "$((252 - 63 * left_out))" ] || fail "step $step has $tokens targets, and $left_out of 4 sequences are repetitive"
done

# Interrupted, replayed, and checked out between checkpoints: the window is in the state.
repro train recipe.yaml --data words --name broken --again --until 5 >/dev/null 2>&1
repro resume broken --until 16 --threads 1 --kernels scalar >/dev/null 2>&1
repro log broken --json >broken.log
cmp straight.log broken.log || fail "the resumed run has another log"
expect_code 0 repro verify straight --replay
expect_code 0 repro checkout straight@6 -o six --format raw
[ -s six/trainer/losses.bin ] || [ -n "$(find six -name '*losses*')" ] || fail "the state has no losses"

# Another rule goes on from there, and forgets; a reset forgets too.
expect_code 0 repro train recipe.yaml --data words --from straight@8 --name plain --until 12 \
  --set optimizer.name=adamw --set optimizer.skip_window=128 --set optimizer.skip_sigma=6
repro show plain@12 --json >/dev/null
expect_code 0 repro train recipe.yaml --data words --from straight@8 --name anew --until 4 --reset step,optimizer
expect_code 0 repro verify anew --replay
expect_code 2 repro train recipe.yaml --data words --set optimizer.name=adamw
grep -q "optimizer.skip_window" expect.err || fail "nobody says which keys do not fit"

# One rule skips, the other does not: the comparison names it.
repro train recipe.yaml --data words --name never --set optimizer.skip_sigma=1000 >/dev/null 2>&1
expect_code 1 repro diff straight never
grep -q "skipped" expect.out || { cat expect.out >&2; fail "diff does not show the skipped update"; }
