#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# stress as a user meets it: nothing is found where nothing is wrong, what is wrong is found and repeated, and jobs change nothing.
set -u
failures=0
fail() { echo "FAILED: $*"; failures=$((failures + 1)); }

"$QUIESCE" stress --runs 40 --jobs 2 > two.txt || fail "stress found something: $(tail -20 two.txt)"
"$QUIESCE" stress --runs 40 --jobs 1 > one.txt || fail "stress with one job found something"
cmp -s one.txt two.txt || fail "--jobs changes what comes out: $(diff one.txt two.txt | head -5)"
grep -q "seeds 1 to 40: nothing found" two.txt || fail "no verdict: $(tail -2 two.txt)"

# Kernels that forget something are found, and the file repeats the very run.
for bug in R6 leak-pasid forget-tlbi; do
    "$QUIESCE" stress --runs 50 --set "os.bugs=[$bug]" --out found > found.txt; code=$?
    [ "$code" -eq 1 ] || fail "$bug: exit $code instead of 1"
    file=$(sed -n 's/.*repeat with: quiesce run \(.*\)/\1/p' found.txt | head -1)
    print=$(sed -n 's/.*fingerprint \([0-9a-f]*\), repeat.*/\1/p' found.txt | head -1)
    "$QUIESCE" run "$file" > again.txt 2>/dev/null; code=$?
    [ "$code" -eq 1 ] || fail "$bug: $file gives $code instead of 1"
    [ -n "$print" ] && grep -q "fingerprint $print" again.txt || fail "$bug: $file has another fingerprint than $print"
done
seed=$(sed -n 's/^FAIL  seed \([0-9]*\).*/\1/p' found.txt | head -1)
"$QUIESCE" stress --runs 1 --seed "$seed" --set 'os.bugs=[forget-tlbi]' --out found | grep -q "^FAIL  seed $seed " || fail "seed $seed by itself is another run"

expect() { # expect CODE TEXT COMMAND...
    local code=$1 text=$2; shift 2
    local out rc
    out=$("$@" 2>&1); rc=$?
    { [ "$rc" -eq "$code" ] && grep -qF -- "$text" <<<"$out"; } || fail "$rc instead of $code, or no '$text': $*: $(head -3 <<<"$out")"
}
expect 2 "expected an integer from 1" "$QUIESCE" stress --runs 0
expect 2 "did you mean" "$QUIESCE" stress --runs 3 --set os.polcy=mm-exit
expect 2 "does not exist on kernel 5.8" "$QUIESCE" stress --runs 3 --set os.policy=mm-exit --set os.kernel=5.8
expect 5 "cannot create" "$QUIESCE" stress --runs 1 --out /proc/none
[ "$failures" -eq 0 ] && echo "all held"
exit "$((failures > 0))"
