#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Traces and stalled requests from the command line: where a trace is looked for, what is wrong with one, what a run tells.
set -u
failures=0
expect() { # expect CODE TEXT COMMAND...: exit code, and a text that stdout or stderr must hold ("" for any)
    local code=$1 text=$2; shift 2
    local out rc
    out=$("$@" 2>&1); rc=$?
    if [ "$rc" -ne "$code" ] || { [ -n "$text" ] && ! grep -qF -- "$text" <<<"$out"; }; then
        echo "FAILED ($rc instead of $code, or no '$text'): $*"; sed 's/^/    /' <<<"$out" | head -20; failures=$((failures + 1))
    fi
}
print() { "$QUIESCE" run "$@" 2>/dev/null | sed -n 's/.*fingerprint //p'; }

mkdir -p here/below
scenario() { # scenario FILE TRACE [PROCESS...]
    local file=$1 trace=$2; shift 2
    { echo "scenario: a trace"; echo "devices: {tp0: {kind: trace-player, trace: $trace}}"; echo "steps:"
      for p in "$@"; do echo "  - os: {spawn: $p}"; echo "  - os: {bind: $p, to: tp0}"; echo "  - tp0: {play: $p}"; done
      echo "  - after: 5us"; echo "    os: {kill: $1}"; } > "$file"
}
printf 'quiesce-dma-trace 1\nwho app0\n0 app0 read heap+0 64\n1us app0 write heap+4096 256\n' > here/good.trace
scenario here/below/s.yaml ../good.trace app0
expect 0 "2 requests played" "$QUIESCE" run here/below/s.yaml --out out
expect 0 "2 requests played" "$QUIESCE" run out/config.resolved.yaml
[ "$(print here/below/s.yaml)" = "$(print out/config.resolved.yaml)" ] || { echo "FAILED: resolved"; failures=$((failures + 1)); }

# Everything that is wrong with a trace, before anything runs; its path as the reader would open it.
printf 'quiesce-dma-trace 1\nwho app0\n0 app0 read heap+0 64\n1us app0 fetch heap+4096 256\n\n2us app1 read heap+0 1\n' > here/bad.trace
scenario here/bad.yaml bad.trace app0
expect 3 "here/bad.trace:4:10: error: expected read or write, got 'fetch'" "$QUIESCE" run here/bad.yaml
expect 3 "here/bad.trace:6:5: error: expected a name of the 'who' line, got 'app1'" "$QUIESCE" check here/bad.yaml
expect 3 "1us app0 fetch heap+4096 256" "$QUIESCE" check here/bad.yaml
expect 3 "2 errors" "$QUIESCE" check here/bad.yaml
scenario here/none.yaml none.trace app0
expect 3 "here/none.trace': No such file or directory" "$QUIESCE" run here/none.yaml
scenario here/empty.yaml '""' app0
expect 3 "a trace-player needs a trace" "$QUIESCE" check here/empty.yaml

# Who plays.
scenario here/other.yaml good.trace app1
expect 3 "the trace of tp0 does not name app1: its processes are app0" "$QUIESCE" check here/other.yaml
printf 'quiesce-dma-trace 1\nwho app0 app1\n0 app0 read heap+0 64\n' > here/two.trace
scenario here/two.yaml two.trace app0
expect 3 "the trace of tp0 names app1, too" "$QUIESCE" check here/two.yaml
scenario here/both.yaml two.trace app0 app1
expect 0 "1 requests played" "$QUIESCE" run here/both.yaml
sed 's/{play:/{stream:/' here/both.yaml > here/stream.yaml
expect 3 "tp0 cannot 'stream'" "$QUIESCE" check here/stream.yaml

# A trace that is too large to be checked whole: told, and a bad line behind ends the run.
{ printf 'quiesce-dma-trace 1\nwho app0\n'; yes '0 app0 read heap+0x0 64 # a line with a comment that makes it long enough for this test, more or less' | head -700000
  echo '1us app0 read heap+0 never'; } > here/large.trace
scenario here/large.yaml large.trace app0
expect 0 "the first 64 MiB were checked" "$QUIESCE" check here/large.yaml
rm here/large.trace

# Platform devices and stalled requests.
for policy in "" "--set os.policy=mm-exit" "--set os.kernel=6.1" "--set os.policy=mm-exit --set os.kernel=2018" "--set os.policy=mm-exit --set os.kernel=6.1" \
    "--set platform.iommu.smmuv3.stall_model=forced" "--set platform.iommu.smmuv3.stall_max=4" "--seed 5"; do
    expect 0 "verdict pass" "$QUIESCE" run stall-master-exit $policy
done
for policy in "" "--set os.policy=mm-exit" "--set os.kernel=6.1" "--set os.policy=mm-exit --set os.kernel=2018" "--seed 3"; do
    expect 0 "verdict pass" "$QUIESCE" run trace-replay $policy
done
expect 0 "needs 'stall'" "$QUIESCE" run stall-master-exit --set platform.iommu.smmuv3.stall_model=none
expect 1 lost-page-request "$QUIESCE" run stall-master-exit --set 'os.bugs=[forget-resume]'
for sentence in "os: {reset: qm0}" "os: {bus-master: clear, of: qm0}"; do
    { echo "scenario: x"; echo "devices: {qm0: {kind: platform-master}}"; echo "steps:"; echo "  - $sentence"; } > here/function.yaml
    expect 3 "qm0 is no PCI function" "$QUIESCE" check here/function.yaml
done
exit $((failures > 0))
