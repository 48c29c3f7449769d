#!/bin/sh
# Evaluation through the real programs: a choice is scored as what it adds to its context, to the unit; the same record whatever
# the batch, threads and kernels; texts begin as documents do; with byte-level BPE too.
# usage: evaluation.sh FOLDER_OF_PROGRAMS TOKENIZER.json
set -eu
tokenizer=$(cd "$(dirname "$2")" && pwd)/$(basename "$2")
. "$(dirname "$0")/session.sh"
units() { sed -n 's/.*"log_likelihood_units":\(-*[0-9]*\).*/\1/p'; }
records() { sed -n 's/.*"record":"\([0-9a-f]*\)".*/\1/p'; }

repro train olmo2-tiny --smoke --until 12 --checkpoint-every 4 --name one >/dev/null 2>&1
cat >quiz.jsonl <<'END'
{"context":"The capital of France is","choices":[" Paris"," a long name of no town"],"answer":0}
{"context":"x","choices":["y","z"],"answer":1}
{"context":"","choices":["Once upon","zzzz"],"answer":0}
END
printf '{"text":"It was the best of times, it was the worst of times."}\n{"text":"a"}\n' >prose.jsonl
repro eval one quiz.jsonl prose.jsonl --batch 1 --threads 1 --kernels scalar --json >first 2>/dev/null
[ "$(records <first | wc -l)" = 2 ] || fail "two results were asked for"
repro eval one@12 prose.jsonl quiz.jsonl --batch 7 --threads 2 --json 2>/dev/null | records | sort >others
records <first | sort | cmp - others || fail "batch, threads or kernels change a record"
repro eval one@6 quiz.jsonl --json 2>/dev/null | records | grep -qxF "$(records <first | head -n 1)" && fail "another step, the same record"

# By hand: the whole's log-likelihood less that of its context.
score() { repro score one "$@" --json 2>/dev/null | units; }
record=$(records <first | head -n 1)
repro cat "$record" >record.json
whole=$(score "The capital of France is Paris")
context=$(score "The capital of France is")
grep -q "\"units\":$((whole - context))}" record.json || fail "a choice is not what it adds to its context"
# A text begins as a document does: behind 256, the end of one.
list=256$(printf 'Once upon' | od -An -v -tu1 | tr -s ' \n' ',' | sed 's/,*$//')
[ "$(printf %s "$list" | tr ',' '\n' | wc -l)" = 9 ] || fail "no ids: $list"
grep -q "\"units\":$(score --ids "$list")}" record.json || fail "a text does not begin as a document does"

# Longer than the model's 136 positions: the context loses its begin, a text is several sequences.
long=$(printf 'many words %.0s' $(seq 30))
printf '{"context":"%s","choices":["a","b"],"answer":0}\n' "$long" >long.jsonl
printf '{"text":"%s"}\n' "$long" >longer.jsonl
repro eval one long.jsonl longer.jsonl >long.out 2>long.err || fail "$(cat long.err)"
grep -q "2 texts longer than the model's 136 positions" long.err || { cat long.err >&2; fail "a cut is not said"; }
repro eval one longer.jsonl --json 2>/dev/null | grep -q '"tokens":330,' || fail "not every token of a long text is scored"

# Another arithmetic is another record, which says what it depends on.
case $(repro doctor --json) in *"exact native"*)
  repro eval one quiz.jsonl --profile native --threads 1 --json >native.out 2>native.err || fail "$(cat native.err)"
  repro cat "$(records <native.out)" >native.json
  grep -q '"held_constant":{.*"threads":"1"}.*"profile":"native"' native.json || { cat native.json >&2; fail "the record is not native"; }
  repro eval one quiz.jsonl --profile exact --json 2>/dev/null | records | grep -qxF "$record" || fail "exact gives another record" ;;
esac

# While it is trained, on tasks that a recipe names: what eval finds for the step, on any threads, and again in a replay.
repro train olmo2-tiny --smoke --until 12 --set eval.every=6 --set "eval.tasks=quiz.jsonl prose.jsonl" --name told --json >told.out 2>told.err ||
  fail "$(cat told.err)"
[ "$(grep -c '"task_digest"' told.out)" = 4 ] || fail "not two tasks at two steps"
grep '"task":"quiz"' told.out | grep -q '"accuracy":.*"accuracy_per_byte":.*"bits_per_byte":.*"items":3,"perplexity":.*"step":6' || { cat told.out >&2; fail "the event of a task"; }
repro log told --json | grep '"name":"quiz".*"step":12' >line || fail "no task in the log"
repro eval told quiz.jsonl --json 2>/dev/null >later
for key in bytes tokens correct; do
  value=$(sed -n "s/.*\"$key\":\([0-9]*\).*/\1/p" later)
  grep -q "\"$key\":$value," line || fail "$key is not what eval finds: $value, $(cat line)"
done
grep -q "\"units\":$(units <later)" line || fail "the log-likelihood is not what eval finds"
grep -q "\"task\":\"$(sha256sum <quiz.jsonl | cut -d' ' -f1)\"" line || fail "the task is not named by its file"
repro log told | grep -q "quiz [0-3]/3, .* bits a byte" || fail "log does not tell of tasks"
head() { repro show "$1" --json | sed -n 's/.*"head":"\([0-9a-f]*\)".*/\1/p'; }
first=$(head told)
repro train olmo2-tiny --smoke --until 12 --set eval.every=6 --set "eval.tasks=quiz.jsonl prose.jsonl" --again --threads 3 --kernels scalar >again 2>/dev/null ||
  fail "$(cat again)"
grep -q "^identical" again || { cat again >&2; fail "threads or kernels change what is told"; }
[ -n "$first" ] || fail "show has no head"
mv quiz.jsonl quiz.jsonl.kept
repro verify told --replay >replay.out 2>&1 || { cat replay.out >&2; fail "a replay needs the file"; }
status=0
repro train olmo2-tiny --smoke --set eval.every=6 --set eval.tasks=quiz.jsonl >/dev/null 2>error || status=$?
[ $status = 3 ] && grep -q "quiz.jsonl" error || { cat error >&2; fail "a task that is not there: exit code $status"; }
mv quiz.jsonl.kept quiz.jsonl
# States do not need the tasks; neither do runs that differ in them differ in weights.
digest=$(sha256sum <quiz.jsonl | cut -d' ' -f1)
object=.repro/objects/$(printf %s "$digest" | cut -c1-2)/$(printf %s "$digest" | cut -c3-)
mv "$object" kept
repro checkout told@5 -o out >/dev/null 2>error || { cat error >&2; fail "a state needs a task"; }
mv kept "$object"
repro train olmo2-tiny --smoke --until 12 --set eval.every=6 --set "eval.tasks=prose.jsonl quiz.jsonl" --name turned >/dev/null 2>&1
repro diff told turned --json >diff.out 2>/dev/null || true
grep -q '"first_difference":null' diff.out || { cat diff.out >&2; fail "the order of tasks counts as a difference"; }
status=0
repro train olmo2-tiny --smoke --set eval.every=6 --set "eval.tasks=quiz.jsonl quiz.jsonl" >/dev/null 2>error || status=$?
[ $status = 2 ] && grep -q "has the name of the task quiz" error || { cat error >&2; fail "a task twice: exit code $status"; }
# A signal does not wait for thousands of items.
seq 40000 | sed 's/.*/{"context":"a &","choices":["b","c"],"answer":0}/' >many.jsonl
repro train olmo2-tiny --smoke --set eval.every=6 --set eval.tasks=many.jsonl --name many --json >many.out 2>many.err &
trainer=$!
for _ in $(seq 200); do grep -q '"step":6,' many.out && break; sleep 0.1; done
kill -INT $trainer
status=0
wait $trainer || status=$?
[ $status = 130 ] && grep -q "interrupted in the evaluation after step " many.err || { cat many.err >&2; fail "a signal in an evaluation: exit code $status"; }
repro train olmo2-tiny --smoke --data builtin:ids:64:5000 --set data.tokenizer=ids --set eval.every=6 --set eval.tasks=quiz.jsonl --name ids >/dev/null 2>error && fail "ids alone were asked for text"
grep -q "task quiz" error || { cat error >&2; fail "which task is not said"; }

# Two models side by side.
repro eval one@4 one prose.jsonl quiz.jsonl >table 2>/dev/null
grep -q "^TASK .*one@4 .*one" table || { cat table >&2; fail "no column for each model"; }
grep -q "accuracy  .*/3).*/3)" table || { cat table >&2; fail "no accuracy for each model"; }

# A tokenizer whose tokens reach over the end of a context.
for i in $(seq 400); do echo "The $i-th quick brown fox jumps over the lazy dog, and then it ends."; done >text.txt
repro data add lines text.txt --tokenizer "$tokenizer" >/dev/null 2>&1
repro train olmo2-tiny --smoke --set model.vocab_size=960 --set data.tokenizer=bpe --data lines --until 4 --name bpe >/dev/null 2>train.err ||
  fail "$(cat train.err)"
repro eval bpe quiz.jsonl prose.jsonl --json >bpe.out 2>bpe.err || fail "$(cat bpe.err)"
repro eval bpe quiz.jsonl prose.jsonl --json --batch 1 --kernels scalar 2>/dev/null | cmp - bpe.out || fail "the batch changes results"

repro fsck >/dev/null 2>fsck.err || fail "$(cat fsck.err)"
echo "evaluation.sh: all is well"
