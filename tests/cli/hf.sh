#!/bin/sh
# Weights to Hugging Face's folders and back, through the real programs: no bit changes, a model answers as the run did it came
# from, training goes on from it, and text is encoded by the tokenizer of the folder.
# usage: hf.sh FOLDER_OF_PROGRAMS TOKENIZER_JSON
set -eu
tokenizer=$(cd "$(dirname "$2")" && pwd)/${2##*/}
. "$(dirname "$0")/session.sh"

same() { cmp "$1" "$2" || fail "$1 and $2 differ"; }
answers() { repro score "$1" --ids 256,72,105,32,72 --per-token --json 2>/dev/null | grep '"type":"scored"'; }

repro train olmo2-tiny --smoke --until 6 --checkpoint-every 3 --name one >/dev/null 2>&1
repro export hf one -o first >/dev/null
repro checkout one -o checked >/dev/null
for name in model.safetensors config.json generation_config.json repro-state.json; do same "first/$name" "checked/$name"; done

# Run -> folder -> model -> folder: weights and configuration are the same, and so are the answers.
repro import hf first --name back >/dev/null 2>&1
repro export hf back -o second >/dev/null
for name in model.safetensors config.json generation_config.json; do same "first/$name" "second/$name"; done
repro verify second >/dev/null
[ "$(answers one)" = "$(answers back)" ] || fail "the model answers otherwise than the run"
[ -n "$(answers back)" ] || fail "the model does not answer"
repro generate back --ids 256,72 --max-tokens 8 --json 2>/dev/null | grep -q '"ids":\[[0-9]' || fail "the model does not go on"

# Shards and bfloat16.
repro export hf one -o shards --shard-size 30000 --dtype bfloat16 >lossy.txt
grep -q '^lossy' lossy.txt || fail "rounding is not told"
[ -s shards/model.safetensors.index.json ] || fail "there is one file only"
repro import hf shards >/dev/null 2>&1
repro export hf shards -o shards2 --shard-size 30000 >/dev/null
for file in shards/*; do same "$file" "shards2/${file##*/}"; done
repro import hf shards >/dev/null 2>&1 || fail "the same folder again is refused"
expect_code 6 repro import hf first --name shards

# Every stored state under its released name.
repro export hf one --revisions -o all >/dev/null
for step in 3 6; do [ -s "all/stage1-step$step-tokens1B/model.safetensors" ] || fail "no revision of step $step"; done
same all/stage1-step6-tokens1B/model.safetensors first/model.safetensors

# Training goes on from a model.
repro train olmo2-tiny --smoke --until 2 --from back --name on >/dev/null 2>&1 || fail "no training from a model"

# Text is encoded by the folder's tokenizer; one that cannot be read is refused where text needs it.
cp "$tokenizer" first/tokenizer.json
repro import hf first --name spoken >/dev/null 2>&1
expect_code 0 repro generate spoken --ids 72 --max-tokens 2
repro export hf spoken -o third >/dev/null
same first/tokenizer.json third/tokenizer.json
printf '{"model":{"type":"BPE"}}' >first/tokenizer.json
repro import hf first --name mute >/dev/null 2>&1
expect_code 5 repro score mute "text"
repro fsck >/dev/null || fail "the store is not sound"
