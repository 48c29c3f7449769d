#!/bin/sh
# A report on runs of the real trainer and on another trainer's log; a list of somebody else's checkpoints.
# usage: report.sh FOLDER_OF_PROGRAMS
set -eu
. "$(dirname "$0")/session.sh"

train="repro train olmo2-tiny --smoke --until 12"
$train --name base >/dev/null 2>&1
$train --name faster --set optimizer.learning_rate=0.01 >/dev/null 2>&1
printf 'step,train/loss\n1,5.5\n6,4.5\n6,4.25\n12,nan\n' >theirs.csv
repro import log theirs.csv --name theirs >import.out
grep -q "1 value of steps that were logged again" import.out || fail "import log does not tell of the step that was logged twice"

expect_code 0 repro report base faster theirs -o page
expect_code 0 repro report base faster theirs -o again
cmp page/index.html again/index.html || fail "the same runs must give the same page"
cmp page/records.json again/records.json || fail "the same runs must give the same records"
grep -q "$(root base)" page/index.html || fail "the page does not name the state root"
grep -q '<td>optimizer.learning_rate</td>' page/index.html || fail "the page does not say in which key the runs differ"
grep -qi '<script' page/index.html && fail "the page has a script"
[ "$(grep -c '<h2>loss</h2>' page/index.html)" = 1 ] || fail "all losses belong into one picture"
expect_code 6 repro report base -o page
expect_code 3 repro report base nobody -o nothing
[ ! -e nothing ] || fail "a report that failed left a folder"
expect_code 0 repro fsck

printf 'Step,Checkpoint Directory\n1000,https://example.org/step1000/\n1000,https://example.org/b/step1000/' >list.csv
expect_code 1 repro verify --as olmo2 list.csv
grep -q "list.csv: inconsistent" expect.out || fail "a list that names a step twice must be inconsistent"
grep -q "not reproduced" expect.out || fail "what cannot be checked must be told"
echo "report.sh: all is well"
