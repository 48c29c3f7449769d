#!/bin/sh
# What goes wrong on real machines, through the real programs: kernels and devices that are not there, a library that sets
# flush-to-zero, numbers that leave their range, two trainings of one run, kill -9 at any moment.
# usage: hazards.sh FOLDER_OF_PROGRAMS [LIBRARY_THAT_FLUSHES]
set -eu
flushing=${2:-}
. "$(dirname "$0")/session.sh"

# expect CODE TEXT COMMAND...: the command must end with this exit code and say TEXT on standard error or output.
expect() {
  wanted=$1
  text=$2
  shift 2
  expect_code "$wanted" "$@"
  cat expect.out expect.err | grep -q -- "$text" || { cat expect.out expect.err >&2; fail "$* does not say: $text"; }
}
# kill_worker PID: kill -9 of the child of this `repro`; false if there is none.
kill_worker() {
  child=$(cat "/proc/$1/task/$1/children" 2>/dev/null) || true
  [ -n "$child" ] && kill -9 $child 2>/dev/null
}
same_as_straight() {
  [ "$(root "$1")" = "$(root straight)" ] || fail "$1 has another state"
  repro log "$1" --json | cmp - straight.log || fail "$1 has another log"
}

recipe="repro train olmo2-tiny --smoke"
train="$recipe --checkpoint-every 7 --until 60"
expect 0 "step   60" $train --name straight
repro log straight --json >straight.log
runs=$(repro runs --json | wc -l)

# What this machine has not.
has=$(repro doctor --json)
for kernels in avx2 avx512 amx neon; do
  case $has in *"$kernels"*) continue ;; esac
  expect 5 "this machine has: auto, scalar" $train --again --kernels "$kernels"
done
expect 2 "run.kernels" $train --again --kernels sse9
expect 5 "this build has no GPU part" env REPRO_CUDA_LIBRARY=none.so $train --again --device cuda
repro doctor | grep -q "gpu " || fail "doctor says nothing of the GPU"
if [ -e "$bin/librepro_cuda.so" ]; then  # no driver, or one that is shown no GPU
  expect 5 "NVIDIA driver" env CUDA_VISIBLE_DEVICES= $train --again --device cuda
fi
case $has in
  *"exact native"*)  # what a native run is bound to
    expect 0 "step   2" repro train olmo2-tiny --smoke --profile native --until 2 --name native
    expect 0 identical repro verify native --replay
    expect 5 "micro_batch: the run has 0, here is 1" repro verify native --replay --micro-batch 1
    expect 5 "cannot load LibTorch's CUDA part" env REPRO_TORCH_CUDA=none.so repro verify native --replay --device cuda
    repro rm native >/dev/null ;;
esac

# What exact sums are not proven for.
for limit in model.hidden_size=16777218 model.intermediate_size=16777217 model.vocab_size=16777217 \
  data.sequence_length=16777217 train.batch_size=16777217 train.grad_group=16777218; do
  expect 2 "${limit%=*}" $recipe --set "$limit"
done
expect 2 "16777216 tokens a step" $recipe --set train.batch_size=1048576
expect 5 "not enough memory" $recipe --set model.hidden_size=1048576 --set model.intermediate_size=8388608 \
  --set model.vocab_size=4194304

# A library that sets flush-to-zero in the threads it sees.
if [ -n "$flushing" ]; then
  cat >flushing-train <<END
#!/bin/sh
LD_PRELOAD="$flushing" exec "$bin/repro-train" "\$@"
END
  chmod +x flushing-train
  expect 5 "thread 1 is not the default one: flush-to-zero" \
    env REPRO_TRAIN="$work/flushing-train" $train --again --threads 2
fi
[ "$(repro runs --json | wc -l)" = "$runs" ] || fail "a run was published that never began"

# Numbers that leave their range. Whoever computes says the same.
wild="--set optimizer.learning_rate=1000 --set optimizer.weight_decay=1000 --set schedule.warmup_steps=0"
expect 2 "non-finite value in .*: .* at index [0-9]*, step [0-9]" $recipe $wild --threads 1 --kernels scalar
grep -v "^run\|dataset" expect.err >alone
expect 2 "non-finite value" $recipe $wild --again --threads 3
grep -v "^run\|dataset" expect.err | cmp - alone || fail "threads or kernels change what an error says"
expect 2 "gradient of .*, step 1" $recipe --set loss.z_loss=1000 --set train.gradient_unit=48

# How far inputs of linear maps peak, at each evaluation.
repro log straight --telemetry --json | grep '"type":"peaks"' | grep -q '"ratio":.*"tensor":"model.norm.weight"' ||
  fail "telemetry has no peaks"

# A profile changes nothing.
expect 0 "trace  .*trace.json" $train --again --name profiled --profile-steps 5..7
same_as_straight profiled
expect 0 "re-derived; its root is the log's" repro verify straight@11
expect 0 "step   60" $train --again --name sparse --digest-every 5
expect 5 "the log has none at step 11" repro verify sparse@11

# Two trainings of one run.
$recipe --set train.steps=1000000 --name long >/dev/null 2>&1 &
first=$!
for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
  if repro status --json 2>/dev/null | grep -q '"running":\[{'; then break; fi
  sleep 0.1
done
expect 6 "run [0-9a-f]* .*train" repro resume long
kill -INT "$first"
wait "$first" || [ $? = 130 ] || fail "an interrupted training must end with 130"

# kill -9 of the worker, twice a run, sooner and later each time.
round=0
kills=0
for delay in 0.01 0.04 0.08 0.12 0.17 0.23; do
  round=$((round + 1))
  $train --again --name "killed$round" --threads $((round % 3 + 1)) >/dev/null 2>killed.err &
  training=$!
  sleep "$delay"
  if kill_worker "$training"; then killed=yes kills=$((kills + 1)); else killed=no; fi
  wait "$training" || [ "$killed" = yes ] || { cat killed.err >&2; fail "the training failed by itself"; }
  # Killed before it was published: nothing is there to resume.
  repro show "killed$round" >/dev/null 2>&1 || expect 0 state $recipe --again --name "killed$round" --until 1
  repro resume "killed$round" --until 60 >/dev/null 2>killed.err &
  training=$!
  sleep 0.06
  kill_worker "$training" || true
  wait "$training" || true
  expect 0 "step   60" repro resume "killed$round" --until 60
  same_as_straight "killed$round"
done
expect 0 "sound" repro fsck
echo "hazards.sh: all is well, $kills workers killed"
