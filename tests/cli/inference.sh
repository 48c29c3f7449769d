#!/bin/sh
# Asking a model, through the real programs: the same bytes whatever the batch, threads and kernels, for stored and re-derived
# states; what was drawn is scored as it was drawn; what cannot be asked is refused.
# usage: inference.sh FOLDER_OF_PROGRAMS
set -eu
. "$(dirname "$0")/session.sh"

# expect_only CODE TEXT COMMAND...: as `expect`, and a command that fails has answered nothing.
expect_only() {
  expect "$@"
  [ "$1" = 0 ] || [ ! -s expect.out ] || fail "$* answered, then failed"
}
list() { sed -n "s/.*\"$1\":\[\([^]]*\)\].*/\1/p"; } # list KEY: the numbers of a list on standard input

repro train olmo2-tiny --smoke --until 12 --checkpoint-every 4 --name one >/dev/null 2>&1
runs=$(repro runs --json)
has=$(repro doctor --json)
every="scalar fp64"
for kernels in avx2 avx512 amx neon; do
  case $has in *"$kernels"*) every="$every $kernels" ;; esac
done
printf 'It was the best of times, it was the worst of times, it was the age of wisdom, it was the age of foolishness, it was' >long.txt

# Any batch, threads, kernels: the same bytes, record for record.
ask() {
  state=$1
  shift
  repro generate "$state" --prompt "The quick" --prompt "a" --prompt-file long.txt --ids 256 --samples 3 --max-tokens 24 \
    --temperature 0.9 --top-k 60 --top-p 0.97 --seed 7 --json "$@" 2>/dev/null
}
weigh() {
  state=$1
  shift
  repro score "$state" "The quick brown fox" "ab" --file long.txt --ids 256,84,104 --per-token --json "$@" 2>/dev/null
}
for state in one one@6; do
  ask "$state" --batch 1 --threads 1 --kernels scalar >drawn
  weigh "$state" --batch 1 --threads 1 --kernels scalar >weighed
  [ "$(grep -c '"type":"generated"' drawn)" = 12 ] || fail "12 sequences were asked for"
  [ "$(grep -c '"type":"scored"' weighed)" = 4 ] || fail "4 texts were to be scored"
  for kernels in $every; do
    ask "$state" --batch 4 --threads 2 --kernels "$kernels" | cmp - drawn || fail "$state, $kernels: other sequences"
    weigh "$state" --batch 3 --threads 2 --kernels "$kernels" | cmp - weighed || fail "$state, $kernels: other scores"
  done
  ask "$state" --batch 5 --threads 1 | cmp - drawn || fail "$state: the batch changes sequences"
done
ask one --seed 8 | cmp -s - drawn && fail "the seed changes nothing"

# What was drawn is scored as it was drawn, number for number; greedy drawing ignores the seed.
repro generate one --ids 256 --max-tokens 30 --seed 3 --json 2>/dev/null >sequence
repro score one --ids "256,$(list ids <sequence)" --per-token --json 2>/dev/null >score
[ -n "$(list log_probabilities <sequence)" ] || fail "no log-probabilities"
[ "$(list log_probabilities <sequence)" = "$(list log_probabilities <score)" ] || fail "drawn and scored differ"
repro generate one --prompt The --temperature 0 --seed 1 >greedy 2>/dev/null
repro generate one --prompt The --temperature 0 --seed 2 --top-k 5 2>/dev/null | cmp - greedy || fail "greedy drawing is not"
repro generate one --prompt The --top-k 1 --seed 3 2>/dev/null | cmp - greedy || fail "the likeliest of one is another"

# What cannot be asked.
expect_only 2 "prompt 2 is empty" repro generate one --prompt a --prompt ""
expect_only 2 "has the id 320, but the model's vocabulary has 320 ids" repro generate one --ids 256,320
expect_only 2 "text 1 has the id 320" repro score one --ids 256,320
expect_only 2 "text 1 has one token only" repro score one a
cat long.txt long.txt >longer.txt
expect_only 2 "tokens, the model has 136 positions" repro generate one --prompt-file longer.txt
expect_only 2 "tokens, the model has 136 positions" repro score one --file longer.txt
head -c 136 longer.txt >full.txt
expect_only 2 "leaves none of the model's 136 positions" repro generate one --prompt-file full.txt
expect_only 0 "" repro score one --file full.txt
for temperature in -0.1 nan inf 1e39 warm; do
  expect_only 2 "temperature is '$temperature'" repro generate one --prompt a "--temperature=$temperature"
done
for mass in 0 -1 1.01 nan all; do
  expect_only 2 "top-p is '$mass'" repro generate one --prompt a "--top-p=$mass"
done
expect_only 2 "--top-k" repro generate one --prompt a --top-k 0
expect_only 2 "--batch" repro generate one --prompt a --batch 0
expect_only 3 "none.txt" repro generate one --prompt-file none.txt
expect_only 3 "did you mean one" repro generate onee --prompt a
expect_only 2 "run.kernels" repro score one ab --kernels sse9
for kernels in avx2 avx512 amx neon; do
  case $has in *"$kernels"*) continue ;; esac
  expect_only 5 "this machine has: auto, scalar" repro generate one --prompt a --kernels "$kernels"
  expect_only 5 "this machine has: auto, scalar" repro score one@7 ab --kernels "$kernels"
done
expect_only 2 'profile is "fast"' repro score one ab --profile fast
expect_only 5 "cannot load LibTorch's part" env REPRO_NATIVE=none.so repro score one ab --profile native

# In native, where this build has it: the profile of its run by default, and of any weights that it is asked for.
sum() { sed -n 's/.*"log_likelihood":\([^,]*\),.*/\1/p'; }
# near A B: sums of log-likelihood that float accuracy does not tell apart, but their bits do.
near() {
  cmp -s "$1" "$2" && fail "$1 and $2 are the same"
  sum <"$1" >left
  sum <"$2" | paste left - | awk '{ d = $1 - $2; if (d > 0.05 || d < -0.05) bad = 1 } END { exit bad || NR != 4 }' ||
    fail "$1 and $2 are not near"
}
case $has in *"exact native"*)
  repro train olmo2-tiny --smoke --until 4 --checkpoint-every 2 --profile native --threads 1 --name native >/dev/null 2>&1
  for state in native native@3; do
    weigh "$state" --batch 1 --threads 1 >native.scores
    grep -q '"profile":"native"' native.scores || fail "$state is not asked in the profile of its run"
    weigh "$state" --batch 3 --threads 1 --profile native | cmp - native.scores || fail "$state: the batch changes scores"
    weigh "$state" --profile exact --threads 1 >exact.scores
    near native.scores exact.scores
    ask "$state" --batch 1 --threads 1 >native.drawn
    [ "$(grep -c '"type":"generated"' native.drawn)" = 12 ] || fail "12 sequences were asked for in native"
    ask "$state" --batch 5 --threads 1 | cmp - native.drawn || fail "$state: the batch changes sequences"
  done
  weigh one --profile native >native.scores
  weigh one >exact.scores
  near native.scores exact.scores
  expect 0 "holds for this environment alone (LibTorch, CPU, threads)" repro score native ab --threads 1
  expect_only 5 "threads: the run has 1, here is 2" repro score native@3 ab --threads 2
  expect_only 5 "cannot load LibTorch's part" env REPRO_NATIVE=none.so repro score native ab
  expect_only 0 "" env REPRO_NATIVE=none.so repro score native ab --profile exact
  repro rm native >/dev/null ;;
esac

# A signal ends it in order; what was said until then is whole.
repro generate one --prompt a --samples 1000000 --max-tokens 130 --batch 1 --json >cut 2>/dev/null &
asking=$!
for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
  grep -q generated cut && break
  sleep 0.1
done
kill -INT "$asking"
code=0
wait "$asking" || code=$?
[ "$code" = 130 ] || fail "an interrupted generate must end with 130, not $code"
grep -q generated cut || fail "nothing was generated in two seconds"
[ "$(tail -c 1 cut | od -An -tx1 | tr -d ' ')" = 0a ] || fail "a record was cut"
# Nor does it go on when nobody reads.
cat >noting-train <<END
#!/bin/sh
echo \$\$ >"$work/worker.pid"
exec "$bin/repro-train" "\$@"
END
chmod +x noting-train
REPRO_TRAIN="$work/noting-train" repro generate one --prompt a --samples 1000000 --max-tokens 130 --json 2>/dev/null | head -n 2 >head.out
for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
  kill -0 "$(cat worker.pid)" 2>/dev/null || break
  sleep 0.1
done
kill -0 "$(cat worker.pid)" 2>/dev/null && fail "the worker goes on although nobody reads"

[ "$(repro runs --json)" = "$runs" ] || fail "asking changed a run"
repro fsck >fsck.out 2>&1 || fail "asking damaged the store"
echo "inference.sh: all is well"
