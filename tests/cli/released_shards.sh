#!/bin/sh
# Token files that stay where they are, in OLMo's order, through the real programs: which file, window and documents a step
# was made of; what is said where a file is gone or another.
# usage: released_shards.sh FOLDER_OF_PROGRAMS
set -eu
. "$(dirname "$0")/session.sh"

mkdir data
repro init >/dev/null 2>&1
# Ids of two bytes out of ASCII: each "\377\001" is 511, the end of a document.
for i in 0 1 2; do
  for j in $(seq 60); do printf "$i\001b\001c\001\377\001d\001"; done >"data/part-$i.u16"
done
cat >recipe.yaml <<'END'
model: {hidden_size: 16, num_layers: 1, num_heads: 2, intermediate_size: 24, vocab_size: 512}
data: {sequence_length: 32, tokenizer: ids, order: olmo_order, holdout_every: 0}
train: {seed: 6198, steps: 6, batch_size: 4}
optimizer: {learning_rate: "3e-3"}
END
repro data add mix data --in-place --end-of-text 511 >/dev/null 2>&1
repro plan recipe.yaml --data mix | grep -q "olmo_order/1" || fail "the plan does not name the order"
repro train recipe.yaml --data mix --name one >/dev/null 2>train.err || fail "$(cat train.err)"
# 300 ids a file are 9 windows of 32; numpy's shuffle(arange(27)) of seed 6198 begins 14 3 16 5.
repro show one@1 --batch >there
sed -n 's/.*part-\(.\).u16 window \(.\) .*/\1.\2/p' there | tr '\n' ' ' | grep -qx "1.5 0.3 1.7 0.5 " || fail "another order"
repro verify one --replay >/dev/null 2>&1 || fail "the replay differs"

mv data/part-1.u16 away
repro plan recipe.yaml --data mix >/dev/null 2>&1 || fail "a plan needs no tokens"
repro show one@1 --batch >absent 2>absent.err
grep -q "1 of 3 shards of dataset mix are not here: .*part-1.u16" absent.err || fail "show does not name what is missing"
[ "$(cut -c 1-30 there | tail -4)" = "$(cut -c 1-30 absent | tail -4)" ] || fail "the samples need no tokens"
expect 3 "1 of 3 shards .*part-1.u16" repro train recipe.yaml --data mix --set train.seed=7
mv away data/part-1.u16
printf 'xx' >>data/part-1.u16
expect 4 "part-1.u16, has 602 bytes instead of 600" repro train recipe.yaml --data mix --set train.seed=7
expect 2 "expected a token id" repro data add mix data --end-of-text x
