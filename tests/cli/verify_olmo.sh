#!/bin/sh
# `repro verify --as olmo2` on checkpoints of OLMo's old trainer, through the real program: originals, their Hugging Face form
# and means of them that `repro` made; without a store, and nothing is written or executed.
# usage: verify_olmo.sh FOLDER_OF_PROGRAMS FOLDER_OF_TESTS/imports/old_checkpoint.py
set -eu
writer=$(cd "$(dirname "$2")" && pwd)/$(basename "$2")
. "$(dirname "$0")/session.sh"

says() { grep -q -- "$1" expect.out || { cat expect.out expect.err >&2; fail "it is not said: $1"; }; }
verify() { expect_code "$1" repro verify --as olmo2 released; }

for seed in 1 2 3; do python3 "$writer" "ingredient$seed" --seed "$seed"; done
python3 "$writer" twin --twin --seed 1
python3 "$writer" evil --evil

# The files as the trainer names them, and their Hugging Face form as `repro` exports it.
mkdir store released
(
  cd store
  repro init
  for seed in 1 2 3; do
    repro import olmo-checkpoint "../ingredient$seed/checkpoint" --name "one$seed"
    repro export hf "one$seed" -o "../released/stage2-ingredient$seed-step12-tokens1B"
  done
) >/dev/null 2>&1
cp -r ingredient1/checkpoint released/step12-unsharded
verify 0
says "the step is one that the run can have made (1 checkpoint)"
says "the tokens that train.pt has seen are steps x batch x length (1 checkpoint)"
says "loaded from (1 checkpoint)"
says "Hugging Face's tensors are those of model.pt, split: needs"  # the original is of a first stage

mv released/stage2-ingredient1-step12-tokens1B released/step12-tokens1B
verify 0
says "Hugging Face's tensors are those of model.pt, split (1 checkpoint)"
rm -r released/step12-unsharded && cp -r twin/checkpoint released/step12-unsharded
verify 0
says "split (1 checkpoint)"
mv released/step12-tokens1B kept
cp -r released/stage2-ingredient2-step12-tokens1B released/step12-tokens1B
verify 1
says "tensor lm_head.weight is not that of step12-unsharded, split"
says "other tensors differ"
rm -r released/step12-tokens1B released/step12-unsharded
mv kept released/stage2-ingredient1-step12-tokens1B

# Means, of each formula.
for formula in exact olmo olmo-core hf; do
  (
    cd store
    repro merge one3 one1 one2 --as $formula --name "soup-$formula"
    repro export hf "soup-$formula" -o "../main-$formula"
  ) >/dev/null 2>&1
  rm -rf released/main && mv "main-$formula" released/main
  verify 0
  says "has the weights of the mean .$formula. of stage2-ingredient"
done
says "by one of the known formulas (4 checkpoints)"
(cd store && repro merge one1 one2 --as hf --name two && repro export hf two -o ../main-two) >/dev/null 2>&1
rm -r released/main && mv main-two released/main
verify 0
rm -r released/stage2-ingredient2-step12-tokens1B
verify 1
says "is no mean (exact, olmo, olmo-core or hf) of"
says "the nearest is"

# Hostile and broken ones.
cp -r evil/checkpoint released/step14-unsharded
verify 4
says "names \(posix\|os\).system"
[ ! -e executed ] || fail "the pickle was executed"
rm -r released/step14-unsharded
cp -r ingredient2/checkpoint released/step12-unsharded
truncate -s -1 released/step12-unsharded/optim.pt
verify 4
says "optim.pt is no sound archive"
rm released/step12-unsharded/optim.pt
mv released/step12-unsharded released/step13-unsharded
verify 1
says "train.pt is of step 12, the name of step 13"
printf '{"weight_map":{"lm_head.weight":"../x.safetensors"}}' >released/main/model.safetensors.index.json
verify 4
says "no file name in this folder"
printf '{"weight_map":{"lm_head.weight":"gone.safetensors"}}' >released/main/model.safetensors.index.json
verify 1
says "lm_head.weight is in gone.safetensors, but it is in model.safetensors"
grep -q "^released: reproduced" expect.out && fail "something is called reproduced"

# The order that the trainer wrote beside a run: numpy's for seed 6198 and 20 instances, of which 3 processes dropped two.
order="17 4 14 3 5 12 6 15 18 13 10 11 2 19 0 16 7 9"
indices() { python3 -c 'import struct,sys; sys.stdout.buffer.write(b"".join(struct.pack("<I", int(x)) for x in sys.argv[1:]))' "$@"; }
mkdir -p run/train_data
{ cat ingredient1/checkpoint/config.yaml; printf 'data: {drop_last: true}\n'; } >run/config.yaml
check_order() { # check_order CODE TEXT INDEX...
  code=$1
  text=$2
  shift 2
  indices "$@" >run/train_data/global_indices.npy
  expect_code "$code" repro verify --as olmo2 run
  says "$text"
}
check_order 0 "is the order of seed 6198, epoch 0, of 20 instances" $order
check_order 1 "place 0 holds index 4; the order of seed 6198, epoch 0 of 20 instances has 17" 4 17 ${order#17 4 }
check_order 1 "place 18 holds index 99, which points outside" $order 99
echo 'epoch: 1' >>run/config.yaml
check_order 0 "epoch 1, of 20 instances" 19 8 9 11 4 5 17 6 15 14 2 12 16 1 18 3 10 13
check_order 1 "the order of seed 6198, epoch 1 of 20 instances has 19" $order
# A signal ends the worker's search, which would take hours here, and with it the command.
cat >searching-train <<END
#!/bin/sh
sed 's/"most":[0-9]*/"most":16777216/' "\$1" >endless.json
echo \$\$ >"$work/worker.pid"
exec "$bin/repro-train" "$work/endless.json"
END
chmod +x searching-train
indices 0 1 2 3 >run/train_data/global_indices.npy
REPRO_TRAIN="$work/searching-train" repro verify --as olmo2 run >cut 2>&1 &
asking=$!
catches_signals() { # once the worker is there and has its handlers
  worker=$(cat worker.pid 2>/dev/null) && grep -q '^repro-train' "/proc/$worker/comm" && grep -q '^SigCgt:.*4[0-9a-f]\{3\}$' "/proc/$worker/status"
}
for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
  catches_signals && break
  sleep 0.1
done
catches_signals || { cat cut >&2; fail "no worker searches"; }
kill -TERM "$worker"
code=0
wait "$asking" || code=$?
[ "$code" = 130 ] || { cat cut >&2; fail "an interrupted search must end with 130, not $code"; }
printf x >>run/train_data/global_indices.npy
expect_code 4 repro verify --as olmo2 run
says "are no 32-bit indices"
[ ! -e released/.repro ] || fail "something was written"
echo "verify_olmo.sh: all is well"
