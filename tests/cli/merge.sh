#!/bin/sh
# Two anneals of one parent and their mean, through the real programs: it does not depend on the order of the parents or on
# what was stored, is checked like any model, and training goes on from it.
# usage: merge.sh FOLDER_OF_PROGRAMS
set -eu
. "$(dirname "$0")/session.sh"

value() { sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p"; } # value KEY: of the record on standard input
anneal() {
  repro train olmo2-tiny --smoke --from base@8 --set schedule.name=linear --set "train.seed=$1" --until 16 \
    --set train.steps=16 --checkpoint-every 16 --name "$2" >/dev/null 2>&1
}

repro train olmo2-tiny --smoke --until 8 --checkpoint-every 8 --name base >/dev/null 2>&1
anneal 2 one
anneal 3 two
[ "$(root one)" != "$(root two)" ] || fail "the anneals do not differ"

# One mean, whatever the order; a formula with an order has another.
repro merge one two --name soup --json >soup.json 2>/dev/null
repro merge two one --name other --json >other.json 2>/dev/null
[ "$(value digest <soup.json)" = "$(value digest <other.json)" ] || fail "the order of the parents changes the mean"
[ "$(value derivation <soup.json)" = "$(value derivation <other.json)" ] || fail "the order changes the derivation"
expect_code 0 repro merge two one --name soup
grep -q "is this mean already" expect.err || fail "the same mean is made again"
expect_code 6 repro merge one two --as olmo --name soup
expect_code 0 repro merge one two --as olmo --name halves
expect_code 0 repro merge one two base --as hf --name three

# A state that was not stored is re-derived, and gives the same mean as one that was.
expect_code 0 repro merge one@12 two@12 --name halfway
# What it was made of is shown, checked and complete.
repro show soup >shown
grep -q "merge/1 formula=exact" shown || fail "show does not draw the merge"
[ "$(grep -c "base" shown)" -ge 1 ] || fail "show does not draw the run that both began at"
for model in soup halves three halfway; do expect_code 0 repro verify "$model"; done
expect_code 0 repro fsck
expect_code 0 repro checkout soup -o out --format raw

expect_code 0 repro generate soup --prompt "The" --max-tokens 4

# Training goes on from it.
expect_code 0 repro train olmo2-tiny --smoke --from soup --data builtin:prose --until 2 --name after
expect_code 0 repro generate after --prompt "The" --max-tokens 4
expect_code 0 repro verify after --replay

# Models of other shapes; nothing is left of a merge that fails.
repro train olmo2-tiny --smoke --set model.num_layers=1 --until 1 --name small >/dev/null 2>&1
models=$(repro status --json)
expect_code 2 repro merge one small --name none
grep -q "missing model.layers.1.mlp.up_proj.weight" expect.err || fail "what differs is not listed"
[ "$(repro status --json | value models)" = "$(echo "$models" | value models)" ] || fail "a failed merge left a model"
expect_code 3 repro show none
expect_code 0 repro fsck
echo "merge.sh: all is well"
