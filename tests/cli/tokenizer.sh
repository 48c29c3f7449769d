#!/bin/sh
# A tokenizer.json through the real programs: data is added with it, a model is trained, asked and checked out with it.
# usage: tokenizer.sh FOLDER_OF_PROGRAMS TOKENIZER
set -eu
tokenizer=$(cd "$(dirname "$2")" && pwd)/$(basename "$2")
. "$(dirname "$0")/session.sh"

mkdir texts
for i in $(seq 40); do
  printf '{"text": "The quick brown fox %s doesn'"'"'t jump over <|pad|> the lazy dog\\n\\n  again."}\n' "$i"
done >texts/a.jsonl
repro init >/dev/null 2>&1
repro data add fox texts --tokenizer "$tokenizer" >/dev/null 2>&1
digest=$(sha256sum "$tokenizer" | cut -d ' ' -f 1)
repro show fox | grep -q "bpe/1, 905 ids as uint16" || fail "show does not name the tokenizer"
repro show fox | grep -q "of $digest" || fail "show does not name the tokenizer's file"
repro show fox --json | grep -q "\"tokenizer_file\":\"$digest\"" || fail "show --json has no tokenizer_file"
repro cat "$digest" | cmp - "$tokenizer" || fail "the store has another tokenizer.json"

# A recipe names bpe; the dataset has the file.
train="repro train olmo2-tiny --smoke --set model.vocab_size=960 --until 4"
expect 2 "wants the tokenizer byte/1, the dataset was made with bpe/1" $train --data fox
expect 2 "bpe needs its file" $train --set data.tokenizer=bpe --data ./texts
$train --set data.tokenizer=bpe --data fox --name one >/dev/null 2>&1
expect 0 "" repro verify one --replay
repro show one@2 --batch --text | grep -q "quick brown fox" || fail "a batch is not shown as text"

# Ids of the text that is asked for are the tokenizer's; 902 ends a document and is no text.
repro score one "The quick" --per-token --json 2>/dev/null >scored
ids=$(sed -n 's/.*"ids":\[\([^]]*\)\].*/\1/p' scored)
repro score one --ids "$ids" --per-token --json 2>/dev/null | cmp - scored || fail "text and ids score otherwise"
repro generate one --prompt "The quick" --max-tokens 6 --json 2>/dev/null >drawn
grep -q '"tokenizer":"bpe/1"' drawn || fail "generate does not name the tokenizer"
grep -q '"type":"generated"' drawn || fail "generate gives nothing"

repro checkout one -o model >/dev/null 2>&1
cmp model/tokenizer.json "$tokenizer" || fail "checkout gives another tokenizer.json"
grep -q '"eos_token_id": 902' model/config.json || fail "config.json does not name the end of text"
expect 0 "" repro fsck

# Another tokenizer is other data; a broken one leaves nothing behind.
sed 's/"normalizer":null/"normalizer":{"type":"NFC"}/' "$tokenizer" >nfc.json
before=$(find .repro/objects -type f | wc -l)
expect 5 "nfc.json: normalizer NFC is not supported" repro data add other texts --tokenizer nfc.json
head -c 1000 "$tokenizer" >cut.json
expect 2 "cut.json: not valid JSON" repro data add other texts --tokenizer cut.json
expect 3 "none.json" repro data add other texts --tokenizer none.json
[ "$(find .repro/objects -type f | wc -l)" = "$before" ] || fail "a refused tokenizer left objects"

# A dataset without its tokenizer is found out.
rm -f "$(find .repro/objects -name "*$(echo "$digest" | cut -c 3-)*")"
expect 4 "" repro fsck
expect 3 "" repro score one "The quick"
echo "tokenizer.sh: passed"
