#!/bin/sh
# A pipeline through the real programs: pre-training, three anneals, their mean; every stage replays.
# usage: pipeline.sh FOLDER_OF_PROGRAMS
set -eu
. "$(dirname "$0")/session.sh"

full=olmo2-tiny-full-smoke
model() { # model NAME: the model root that `show` gives
  repro show "$1" | sed -n 's/^\(root\|model\)  *\([0-9a-f]\{64\}\)$/\2/p' | tail -n 1
}

repro plan olmo2-tiny-full --smoke >plan.out
grep -q "^anneal-666 .* 40\.\.50 " plan.out || fail "the plan does not tell steps of an anneal"
[ ! -e .repro/refs/runs ] || [ -z "$(ls .repro/refs/runs)" ] || fail "a plan starts nothing"

repro train olmo2-tiny-full --smoke >train.out 2>&1
grep -q "^soup  *merge of anneal-42, anneal-42069, anneal-666 " train.out || fail "no table of stages"
grep -q "^builtin:sums  *accuracy " train.out || fail "stages are not compared by their tasks"
repro show $full-soup >soup.out
grep -q "|- .*anneal-42  trained olmo2-tiny, steps 40..50" soup.out || fail "show does not draw the chain"
grep -q "\`- $full-pretrain@40  trained olmo2-tiny, steps 0..40" soup.out || fail "the chain has no beginning"
[ "$(model $full-anneal-42)" != "$(model $full-anneal-666)" ] || fail "two orders of data gave one model"

# The learning rate falls to zero over the anneal's own ten steps, not over those of its parent.
repro log $full-anneal-42 --json >log.out
grep -q '"step":50' log.out || fail "the anneal does not go on counting"
grep '"step":50' log.out | grep -q '"learning_rate":"0"' || fail "the last rate is not zero: $(grep '"step":50' log.out)"

for stage in pretrain anneal-42 anneal-42069 anneal-666; do
  repro verify $full-$stage --replay >/dev/null 2>&1 || fail "stage $stage does not replay"
done
expect_code 0 repro verify $full-soup
expect_code 0 repro fsck

# Again, nothing is trained and the mean is the same; in another order of the parents, too.
repro train olmo2-tiny-full --smoke >again.out 2>&1
! grep -q "^training" again.out || fail "a pipeline that is done was trained again"
repro merge $full-anneal-666 $full-anneal-42 $full-anneal-42069 --name turned >/dev/null
[ "$(model turned)" = "$(model $full-soup)" ] || fail "the order of the parents changed the mean"

# A model is trained from, and its run names it.
repro train olmo2-tiny --smoke --data builtin:sums:20000 --from $full-soup --until 3 --name more >/dev/null 2>&1
repro show more | grep -q "\`- $full-soup  merge/1 formula=exact" || fail "a run does not name its model"
expect_code 0 repro verify more --replay
expect_code 0 repro fsck

expect_code 2 repro train olmo2-tiny-full --smoke --until 3
expect_code 2 repro train olmo2-tiny-full --smoke --set train.steps=3
expect_code 2 repro train olmo2-tiny-full --smoke --set soup.train.steps=3
expect_code 3 repro eval $full-soup builtin:sum.jsonl
cat >own.yaml <<'Y'
stages:
  a:
    recipe: olmo2-tiny
    from: b
Y
expect_code 2 repro train own.yaml
