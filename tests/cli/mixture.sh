#!/bin/sh
# Mixtures through the real programs: budgets to the token, training and replay on one, released shards that stay in place.
# usage: mixture.sh FOLDER_OF_PROGRAMS
set -eu
. "$(dirname "$0")/session.sh"

repro init >/dev/null 2>&1
mkdir mine
for i in $(seq 40); do echo "The $i-th line of a text that says little, and then it ends."; done >mine/text.txt
repro data add prose builtin:prose:20000 --licence CC0-1.0 >/dev/null 2>&1
repro data add mine mine >/dev/null 2>&1
expect_code 2 repro data mix mix --source prose:9000 --source mine:x2 --licences CC0-1.0
grep -q "mine (no licence recorded)" expect.err || fail "does not name the source without a licence"
repro data add mine mine --licence MIT >/dev/null 2>&1
repro data mix mix --source prose:9000 --source mine:x2 --source prose:30001 --licences CC0-1.0,MIT >made 2>made.err
grep -q "a copy of them" made.err || fail "does not say what is copied"
size=$(repro show mine --json | sed -n 's/.*"tokens":\([0-9]*\),"type.*/\1/p')
total=$(repro show mix --json | sed -n 's/.*"tokens":\([0-9]*\),"type.*/\1/p')
[ "$total" = $((39001 + 2 * size)) ] || fail "the mixture has $total tokens, not 39001 + 2 * $size"

# It is the same data as the same tokens written out: each shard's begin is that of its source.
root_of() { repro show "$1" --json | sed -n 's/.*"digest":"\([0-9a-f]*\)","documents":[0-9]*,"dtype.*/\1/p'; }
repro data mix again --source prose:9000 --source mine --source mine --source prose:30001 >/dev/null 2>&1
[ -n "$(root_of mix)" ] && [ "$(root_of mix)" = "$(root_of again)" ] || fail "x2 is not twice"

repro train olmo2-tiny --smoke --data mix --until 4 --checkpoint-every 2 --name one >/dev/null 2>train.err || fail "$(cat train.err)"
repro verify one --replay >/dev/null 2>&1 || fail "the replay differs"
repro show one@1 --batch | grep -q "prose/\|mine/" || fail "the batch does not name its sources"
repro verify mix >/dev/null 2>&1 || fail "the mixture does not verify"
repro fsck >/dev/null 2>fsck.err || fail "$(cat fsck.err)"

# Released shards stay where they are; only what is cut is copied.
mkdir data
for i in 0 1; do
  for j in $(seq 60); do printf "$i\001b\001c\001\377\001d\001"; done >"data/part-$i.u16"
done
repro data add shards data --in-place --end-of-text 511 >/dev/null 2>&1
repro data mix more --source shards:x2 --source shards:450 >/dev/null 2>&1
rm data/part-1.u16
cat >recipe.yaml <<'END'
model: {hidden_size: 16, num_layers: 1, num_heads: 2, intermediate_size: 24, vocab_size: 512}
data: {sequence_length: 32, tokenizer: ids, order: olmo_order, holdout_every: 0}
train: {seed: 6198, steps: 2, batch_size: 4}
optimizer: {learning_rate: "3e-3"}
END
repro plan recipe.yaml --data more >/dev/null || fail "a plan needs no tokens"
expect_code 3 repro train recipe.yaml --data more
grep -q "2 of 6 shards .*data/part-1.u16" expect.err || { cat expect.err >&2; fail "does not say what is missing"; }
expect_code 4 repro data mix less --source shards:301
grep -q "part-1.u16" expect.err || fail "a cut does not say which file is missing"
echo "mixture.sh: all is well"
