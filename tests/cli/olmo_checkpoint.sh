#!/bin/sh
# Checkpoints of OLMo's old trainer, through the real programs: every bit of weights and moments, from torch's archives and
# from their safetensors twins; training goes on from them; hostile and broken ones leave nothing.
# usage: olmo_checkpoint.sh FOLDER_OF_PROGRAMS FOLDER_OF_TESTS/imports/old_checkpoint.py
set -eu
writer=$(cd "$(dirname "$2")" && pwd)/$(basename "$2")
. "$(dirname "$0")/session.sh"

python3 "$writer" pt
python3 "$writer" twin --twin
python3 "$writer" evil --evil
repro init >/dev/null 2>&1

for kind in pt twin; do
  expect_code 0 repro import olmo-checkpoint $kind/checkpoint --name $kind
  grep -q "does not fit" expect.err && fail "$kind: counters that fit are said not to"
  repro checkout $kind -o $kind/out --format raw >/dev/null 2>&1
  (cd $kind/expected && find . -name '*.bin') >names
  [ "$(wc -l <names)" = 76 ] || fail "$kind: $(wc -l <names) tensors were expected"
  while read -r name; do
    cmp "$kind/expected/$name" "$kind/out/$name" || fail "$kind: $name differs"
  done <names
  [ "$(find $kind/out -name '*.bin' | wc -l)" = 76 ] || fail "$kind: there are other tensors"
  expect_code 0 repro verify $kind
done
repro show pt --json | grep -q '"tokens":"1536"' || fail "the counters are not kept"
[ "$(repro show pt | grep ^root)" = "$(repro show twin | grep ^root)" ] || fail "archive and twin are not one model"
expect_code 0 repro import olmo-checkpoint pt/checkpoint --name pt
expect_code 6 repro import olmo-checkpoint twin/checkpoint --name pt

# Training goes on from the step and the moments.
train="repro train olmo2-tiny --smoke --data builtin:prose --set model.hidden_size=8 --set model.num_heads=4 --set model.num_kv_heads=2"
train="$train --set model.intermediate_size=6 --checkpoint-every 1"
expect_code 0 $train --from pt --until 14 --name more
expect_code 0 $train --from pt --reset optimizer --until 14 --name fresh
[ "$(root more)" != "$(root fresh)" ] || fail "the moments are not used"
repro show more | grep -q "import-olmo-checkpoint/1" || fail "the run does not name what it goes on from"

# Hostile and broken ones.
models=$(repro status --json)
expect_code 5 repro import olmo-checkpoint evil/checkpoint --name evil
grep -q "names \(posix\|os\).system" expect.err || fail "the foreign class is not named"
[ ! -e executed ] || fail "the pickle was executed"
broken() { # broken CODE TEXT: a copy of pt/checkpoint, changed by the commands on standard input, is refused
  rm -rf broken && cp -r pt/checkpoint broken
  (cd broken && sh -e)
  expect_code "$1" repro import olmo-checkpoint broken --name half
  grep -q -- "$2" expect.err || { cat expect.err >&2; fail "it is not said: $2"; }
}
echo 'rm model.pt' | broken 3 "neither model.pt nor model.safetensors"
echo 'rm config.yaml' | broken 3 "config.yaml"
echo 'rm model.pt; ln -s ../pt/checkpoint/model.pt model.pt' | broken 2 "no regular file"
echo 'sed -i "s/n_layers: 2/n_layers: 3/" config.yaml' | broken 4 "missing transformer.blocks.2.att_proj.weight"
echo 'sed -i "s/_size: 320/_size: 256/" config.yaml' |
  broken 4 "transformer.wte.weight is float32 \[320,8\], not float32 \[256,8\]"
echo 'truncate -s -1 optim.pt' | broken 4 "optim.pt is no sound archive"
echo 'python3 -c "b=bytearray(open(\"model.pt\",\"rb\").read()); i=b.find(b\"model/data/3\")+14; b[i]^=1; open(\"model.pt\",\"wb\").write(b)"' |
  broken 4 "checksum"
echo 'cp model.pt model.safetensors' | broken 4 "model.safetensors"
[ "$(repro status --json)" = "$models" ] || fail "a failed import left something"
expect_code 3 repro show half
expect_code 0 repro fsck
echo "olmo_checkpoint.sh: all is well"
