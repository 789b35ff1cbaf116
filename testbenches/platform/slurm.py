#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A sweep as a job array of a real Slurm: munged, slurmctld and slurmd are started here, on one node, and stopped again. Skipped
where they are not installed (Debian: slurm-wlm munge) or where this is not root."""
import json
import os
import pathlib
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import time

from claims import QUIESCE, check, verdict

daemons = {}
for name in ("munged", "slurmctld", "slurmd", "sbatch", "squeue", "scancel", "sinfo"):
    daemons[name] = shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin:/usr/bin")
    if daemons[name] is None:
        print(f"skipped: no {name} (Debian: slurm-wlm munge)")
        sys.exit(77)
if os.geteuid() != 0:
    print("skipped: slurmd is started as root")
    sys.exit(77)
if os.environ.get("SANITIZED") == "1":
    print("skipped: the sweep is the same, and only slower")
    sys.exit(77)
here = pathlib.Path.cwd()


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


# ---- one node -----------------------------------------------------------------------------------------------------------------
host = subprocess.run(["hostname", "-s"], capture_output=True, text=True).stdout.strip()
munge = here / "munge"
munge.mkdir()
try:
    user = pwd.getpwnam("munge")
    os.chown(munge, user.pw_uid, user.pw_gid)
except KeyError:
    print("skipped: no user munge")
    sys.exit(77)
munge.chmod(0o755)
key = munge / "key"
key.write_bytes(os.urandom(128))
key.chmod(0o400)
os.chown(key, user.pw_uid, user.pw_gid)
for directory in ("state", "spool"):
    (here / directory).mkdir()
(here / "slurm.conf").write_text(f"""ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={free_port()}
SlurmdPort={free_port()}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={munge}/socket
CredType=cred/munge
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
DefMemPerCPU=500
SchedulerParameters=sched_interval=1,batch_sched_delay=0,bf_interval=1
JobCompType=jobcomp/none
AccountingStorageType=accounting_storage/none
MpiDefault=none
ReturnToService=2
StateSaveLocation={here}/state
SlurmdSpoolDir={here}/spool
SlurmctldPidFile={here}/slurmctld.pid
SlurmdPidFile={here}/slurmd.pid
SlurmctldLogFile={here}/slurmctld.log
SlurmdLogFile={here}/slurmd.log
NodeName={host} NodeAddr=127.0.0.1 CPUs=2 RealMemory=2000
PartitionName=debug Nodes={host} Default=YES
""")
environment = {**os.environ, "SLURM_CONF": str(here / "slurm.conf"), "PATH": os.environ["PATH"] + ":/usr/sbin:/sbin"}
started = []


def start(*command, **how):
    started.append(subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=open(f"{pathlib.Path(command[0]).name}.out", "w"), stderr=subprocess.STDOUT, **how))


def stop():
    for process in reversed(started):
        if process.poll() is None:
            process.terminate()
    for process in started:
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()


def run(*arguments, **more):
    return subprocess.run([QUIESCE, *map(str, arguments)], capture_output=True, text=True, env={**environment, **more})


def expect(code, text, *arguments, **more):
    got = run(*arguments, **more)
    check(got.returncode == code and text in got.stdout + got.stderr,
          f"{got.returncode} instead of {code}, or no '{text}': {' '.join(map(str, arguments))}\n{got.stdout[-800:]}{got.stderr[-800:]}")
    return got


def jobs():
    return subprocess.run([daemons["squeue"], "--noheader", "--format=%A"], capture_output=True, text=True, env=environment).stdout.split()


SWEEP = """sweep: a small one
scenario: ats-teardown
repeat: 2
judge: violations
set: {platform.simultaneous: shuffled, os.cpu.jitter: 1us}
axes:
  devices.acc0.stop_time: {from: 1us, to: %dus, step: 1us}
metrics: [quiesce, mmput]
"""


def test():
    pathlib.Path("small.yaml").write_text(SWEEP % 10)
    expect(0, "20 runs: 20 now, 0 kept from before, 0 failed; 20 pass, 0 fail", "sweep", "small.yaml", "--out", "array", "--engine", "slurm")
    logs = sorted(pathlib.Path("array/slurm").glob("*_*.out"))
    check(len(logs) == 20, f"{len(logs)} tasks have left a log")
    check("#SBATCH --array=1-20\n" in pathlib.Path("array/slurm/job.sh").read_text(), "the array is another")
    expect(0, "20 runs: 20 now", "sweep", "small.yaml", "--out", "local")
    array, local = (json.loads(pathlib.Path(d, "sweep.json").read_text()) for d in ("array", "local"))
    for a, b in zip(array["points"], local["points"]):
        check([r["fingerprint"] for r in a["runs"]] == [r["fingerprint"] for r in b["runs"]] and a["statistics"] == b["statistics"],
              f"point {a['point']} is another one than with the local engine")
    # Either goes on where the other stopped, and nothing is submitted for nothing.
    expect(0, "20 runs: 0 now, 20 kept from before", "sweep", "small.yaml", "--out", "local", "--engine", "slurm")
    check(not pathlib.Path("local/slurm").exists(), "something was submitted for nothing")

    # A point that fails is said with its reason, and alone tried again.
    pathlib.Path("heap.yaml").write_text("""scenario: a process with a heap of 16 MiB is killed
devices: {acc0: {kind: accelerator}}
steps:
  - os: {spawn: app0, pages: 4096}
  - os: {bind: app0, to: acc0}
  - os: {kill: app0}
""")
    pathlib.Path("failing.yaml").write_text("sweep: one point has no room\nscenario: heap.yaml\naxes: {platform.memory.ram: [16MiB, 64MiB, 1GiB]}\nmetrics: [quiesce]\n")
    expect(6, "FAILED  point 1 (ram 16MiB), seed 1: ", "sweep", "failing.yaml", "--out", "failing", "--engine", "slurm", "--jobs", 1)
    check("the simulated machine is out of memory" in pathlib.Path("failing/sweep.json").read_text(), "the reason is lost")
    check("--array=1-3%1\n" in pathlib.Path("failing/slurm/job.sh").read_text(), "--jobs is no limit")
    expect(6, "3 runs: 0 now, 2 kept from before, 1 failed", "sweep", "failing.yaml", "--out", "failing")

    # Submitted and left alone, then collected.
    got = expect(0, "submitted as job ", "sweep", "small.yaml", "--set", "os.policy=mm-exit", "--out", "left", "--engine", "slurm", "--detach",
                 "--sbatch", "--comment=a b'c", "--sbatch=--time=5")
    check(got.stdout == "" and not pathlib.Path("left/sweep.json").exists(), "somebody has waited")
    until = time.time() + 120
    while jobs() and time.time() < until:
        time.sleep(0.5)
    expect(0, "20 runs: 0 now, 20 kept from before, 0 failed", "sweep", "small.yaml", "--set", "os.policy=mm-exit", "--out", "left", "--collect")

    # Interrupted: the job is cancelled, what was done is there, and the rest comes later.
    pathlib.Path("large.yaml").write_text(SWEEP % 400)
    sweeping = subprocess.Popen([QUIESCE, "sweep", "large.yaml", "--out", "large", "--engine", "slurm"], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    until = time.time() + 60
    while len(list(pathlib.Path("large").glob("points/*.json"))) < 8 and time.time() < until and sweeping.poll() is None:
        time.sleep(0.05)
    sweeping.send_signal(signal.SIGINT)
    sweeping.communicate()
    check(sweeping.returncode == 130, f"an interrupted array exits with {sweeping.returncode}")
    until = time.time() + 30
    while jobs() and time.time() < until:
        time.sleep(0.2)
    check(jobs() == [], f"jobs after an interrupt: {jobs()}")
    counts = json.loads(pathlib.Path("large/sweep.json").read_text())
    check(counts["interrupted"] and counts["counts"]["missing"] > 0, f"partial results: {counts['counts']}")
    expect(5, "cannot submit: sbatch: ", "sweep", "small.yaml", "--out", "refused", "--engine", "slurm", "--sbatch=--partition=none")


# ---- without Slurm ------------------------------------------------------------------------------------------------------------
pathlib.Path("small.yaml").write_text(SWEEP % 10)
expect(5, "cannot submit: sbatch is not there", "sweep", "small.yaml", "--out", "absent", "--engine", "slurm", PATH="/nowhere")
expect(2, "--engine slurm needs --out DIR", "sweep", "small.yaml", "--engine", "slurm")

try:
    start(daemons["munged"], "--foreground", f"--key-file={key}", f"--socket={munge}/socket", f"--pid-file={munge}/pid", f"--log-file={munge}/log",
          f"--seed-file={munge}/seed", "--force", user="munge", group="munge")
    time.sleep(1)
    start(daemons["slurmctld"], "-D", "-c", env=environment)
    start(daemons["slurmd"], "-D", "-N", host, env=environment)
    until = time.time() + 40
    while time.time() < until:
        state = subprocess.run([daemons["sinfo"], "--noheader", "--format=%T"], capture_output=True, text=True, env=environment).stdout.strip()
        if state == "idle":
            break
        time.sleep(0.5)
    else:
        print(f"skipped: Slurm does not start here: the node is '{state}'")
        for log in ("munged.out", "slurmctld.out", "slurmd.out", "slurmctld.log", "slurmd.log"):
            print(f"-- {log}\n{pathlib.Path(log).read_text(errors='replace')[-600:] if pathlib.Path(log).exists() else ''}")
        sys.exit(77)
    test()
finally:
    stop()
raise SystemExit(verdict())
