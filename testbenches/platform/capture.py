#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""tlps.pcapng is read by another reader and by tshark with our dissector: same packets, same fields, and those that
events.sqlite has. The reader here takes blocks and headers apart by itself; it knows nothing of who wrote them."""
import collections
import json
import os
import pathlib
import re
import shutil
import sqlite3
import struct
import subprocess

from claims import SOURCE, check, quiesce, verdict

LUA = SOURCE / "scripts/wireshark/quiesce-tlp.lua"


# ---- pcapng

def options(data):
    found, at = collections.defaultdict(list), 0
    while at + 4 <= len(data):
        code, length = struct.unpack_from("<HH", data, at)
        if code == 0:
            break
        found[code].append(data[at + 4:at + 4 + length])
        at += 4 + (length + 3) // 4 * 4
    return found


class Capture:
    def __init__(self, file):
        data, at, self.interfaces, self.packets, self.statistics = file.read_bytes(), 0, [], [], {}
        while at < len(data):
            kind, length = struct.unpack_from("<II", data, at)
            body = data[at + 8:at + length - 4]
            check(struct.unpack_from("<I", data, at + length - 4)[0] == length and length % 4 == 0, f"{file}: block at {at}")
            if kind == 0x0A0D0D0A:
                check(struct.unpack_from("<IHH", body) == (0x1A2B3C4D, 1, 0), f"{file}: section header")
                self.section = options(body[16:])
            elif kind == 1:
                check(struct.unpack_from("<H", body)[0] == 147, f"{file}: link type")
                o = options(body[8:])
                check(o[9] == [b"\x0c"], f"{file}: timestamps are picoseconds")
                self.interfaces.append((o[2][0].decode(), o[3][0].decode()))
            elif kind == 6:
                interface, high, low, captured, whole = struct.unpack_from("<IIIII", body)
                o = options(body[20 + (captured + 3) // 4 * 4:])
                note = dict(n.split("=") for n in o[1][0].decode().split())
                self.packets.append({"interface": interface, "ps": high << 32 | low, "whole": whole, "note": note,
                                     "flags": struct.unpack("<I", o[2][0])[0], **header(body[20:20 + captured], whole)})
            elif kind == 5:
                o = options(body[12:])
                self.statistics[struct.unpack_from("<I", body)[0]] = {n: struct.unpack("<Q", o[c][0])[0] for n, c in
                                                                      (("seen", 4), ("dropped", 5), ("kept", 6))}
            at += length


# ---- headers: PCIe Base 2.2, with names of our own

def header(b, whole):
    p = {"captured": len(b), "pasid": None}
    if b[0] == 0x91:
        p["pasid"], b, whole = int.from_bytes(b[1:4], "big") & 0xFFFFF, b[4:], whole - 4
    fmt, kind = b[0] >> 5, b[0] & 31
    words = [int.from_bytes(b[n:n + 4], "big") for n in range(0, 16 if fmt & 1 else 12, 4)]
    p["fmt"], p["type"], p["at"], p["length"] = fmt, kind, words[0] >> 10 & 3, words[0] & 0x3FF
    p["tag"] = (words[0] >> 23 & 1) << 9 | (words[0] >> 19 & 1) << 8
    p["data"] = b[4 * len(words):]
    check(whole - 4 * len(words) == (4 * (p["length"] or 1024) if fmt & 2 else 0), f"length of {b.hex()}")
    if kind == 0x0A:
        p["completer"], p["status"], p["to_come"] = words[1] >> 16, words[1] >> 13 & 7, words[1] & 0xFFF
        p["requester"], p["lower"] = words[2] >> 16, words[2] & 0x7F
        p["tag"] |= words[2] >> 8 & 0xFF
    else:
        p["requester"] = words[1] >> 16
        if kind & 0x18 != 0x10:
            p["tag"] |= words[1] >> 8 & 0xFF
    if kind & 0x18 == 0x10:
        p["code"] = words[1] & 0xFF
        p["last_half"] = words[2] << 32 | words[3]
        if p["code"] == 1:
            p["itags"] = {words[1] >> 8 & 31}
        if p["code"] == 2:
            p["itags"] = {n for n in range(32) if words[3] >> n & 1}
        if p["code"] == 4:
            p["prgi"] = words[3] >> 3 & 0x1FF
        if p["code"] == 5:
            p["prgi"], p["answer"] = words[2] & 0x1FF, words[2] >> 12 & 15
    elif kind in (0, 0x0C, 0x0D, 0x0E, 0x1B):
        p["address"] = (words[2] << 32 | words[3] if fmt & 1 else words[2]) & ~3
    if kind in (0, 0x1B): # 2.2.5
        first, last = words[1] & 15, words[1] >> 4 & 15
        p["bytes"] = 4 * (p["length"] or 1024) - (4 - bin(first).count("1")) - (0 if p["length"] == 1 else 4 - bin(last).count("1")) or 1
    return p


def run(scenario, *settings, out=None):
    out = pathlib.Path(out or "out-" + scenario)
    done = quiesce("run", scenario, "--out", out, "--pcap", *[x for s in settings for x in ("--set", s)])
    check(done.returncode in (0, 1), f"{scenario}: exit {done.returncode}: {done.stderr}")
    return out, Capture(out / "tlps.pcapng")


# ---- against the other outputs

KINDS = ["MemoryRead", "MemoryWrite", "Completion", "Message", "ConfigRead", "ConfigWrite", "DeferrableWrite", "FetchAdd", "Swap", "CompareSwap"]
TYPES = [{0}, {0}, {0x0A}, set(range(0x10, 0x16)), {4, 5}, {4, 5}, {0x1B}, {0x0C}, {0x0D}, {0x0E}]


def same_as_event(p, e, interfaces):
    """What a row of TlpSent says of the packet that it is about."""
    link = interfaces[p["interface"]][1]
    claims = {"link": link == f"{e['link']}, {'upstream' if e['upstream'] else 'downstream'}",
              "kind": p["type"] in TYPES[e["kind"]], "pasid": p["pasid"] == (e["pasid"] if e["has_pasid"] else None),
              "requester": p["requester"] == e["requester"], "began": int(p["note"]["first_bit_ps"]) == e["began"]}
    if e["kind"] != 3 and not (e["kind"] == 1):
        claims["tag"] = p["tag"] == e["tag"]
    if e["kind"] in (0, 1, 7, 8, 9):
        claims["at"] = p["at"] == e["address_type"]
    if e["kind"] == 2:
        claims["status"] = p["status"] == e["status"]
        claims["completer"] = p["completer"] == e["completer"]
    if e["kind"] == 3:
        claims["message"] = p["code"] == e["message"]
    return [name for name, held in claims.items() if not held]


def events_agree(out, capture):
    """Every packet that events.sqlite has is in the file, at its instant, with its fields."""
    db = sqlite3.connect(out / "events.sqlite")
    by_instant = collections.defaultdict(list)
    for p in capture.packets:
        by_instant[p["ps"]].append(p)
        check(int(p["note"]["last_bit_ps"]) == p["ps"], f"{out}: {p}")
    compared = 0
    first = min(by_instant, default=0)
    for number, ps, fields in db.execute("SELECT id, time_ps, fields FROM events WHERE kind = 'TlpSent'"):
        if ps < first:
            continue
        e = json.loads(fields)
        there = [p for p in by_instant[ps] if not same_as_event(p, e, capture.interfaces)]
        if not check(there, f"{out}: no packet at {ps} for {fields}: {[same_as_event(p, e, capture.interfaces) for p in by_instant[ps]]}"):
            break
        check(any(int(p["note"].get("event", 0)) == number for p in there), f"{out}: event {number} of {ps}: {there}")
        compared += 1
    return compared


def requests_and_completions_agree(out, capture):
    """On one link, a completion answers an open request, and the Byte Counts of the answers count down to the end."""
    waiting, answered = {}, 0
    for p in capture.packets:
        ends = frozenset(capture.interfaces[p["interface"]][0].split("->"))
        key = (ends, p["requester"], p["tag"])
        if p["type"] == 0x0A:
            if key not in waiting:
                continue # it set out before the window
            if p["status"] == 0 and p["fmt"] & 2 and waiting[key] is not None:
                check(p["to_come"] % 4096 == waiting[key] % 4096, f"{out}: {p['to_come']} bytes to come of {waiting[key]}: {p}")
                waiting[key] -= min(4 * (p["length"] or 1024) - p["lower"] % 4, waiting[key])
            answered += 1
        elif p["type"] & 0x18 != 0x10 and not (p["type"] == 0 and p["fmt"] & 2):
            waiting[key] = p["bytes"] if p["type"] == 0 and p["at"] != 1 else None # of translations there may be fewer than were asked for
    return answered


# ---- tshark

def tshark(file, *arguments):
    home = pathlib.Path("wireshark-home").resolve()
    home.mkdir(exist_ok=True)
    done = subprocess.run(["tshark", "-X", f"lua_script:{LUA}", "-r", file, *arguments], capture_output=True, check=False, text=True,
                          env=os.environ | {"HOME": str(home), "XDG_CONFIG_HOME": str(home)})
    return done.returncode, done.stdout, re.sub(r"(?m)^(Running as user.*|.*XDG_RUNTIME_DIR.*)\n?", "", done.stderr)


def numbers(file, wanted):
    code, text, errors = tshark(file, "-Y", wanted, "-T", "fields", "-e", "frame.number")
    check(code == 0 and not errors.strip(), f"tshark {wanted}: {errors}")
    return [int(n) for n in text.split()]


def filters_agree(out, capture):
    file, packets = out / "tlps.pcapng", list(enumerate(capture.packets, 1))

    def agree(wanted, says):
        expected = [n for n, p in packets if says(p)]
        check(numbers(file, wanted) == expected, f"{out}: {wanted}: tshark has others than these {len(expected)}")
        return len(expected)

    check(numbers(file, "tlp") == [n for n, _ in packets], f"{out}: every packet is a TLP")
    check(numbers(file, "tlp.malformed") == [], f"{out}: none is malformed")
    counts = collections.Counter()
    for pasid in {p["pasid"] for p in capture.packets} - {None}:
        counts["pasid"] += agree(f"tlp.pasid == {pasid:#x}", lambda p: p["pasid"] == pasid)
    for tag in sorted({p["tag"] for p in capture.packets if p["type"] in (0, 0x0A)})[:6]:
        tagged = lambda p: p["tag"] == tag and p["type"] & 0x18 != 0x10 and not (p["type"] == 0 and p["fmt"] & 2)
        counts["tag"] += agree(f"tlp.tag == {tag}", tagged)
    for at in (0, 1, 2):
        counts[f"at{at}"] += agree(f"tlp.at == {at}", lambda p: "address" in p and p["at"] == at)
    for prgi in sorted({p["prgi"] for p in capture.packets if "prgi" in p})[:6]:
        counts["prgi"] += agree(f"tlp.prgi == {prgi}", lambda p: p.get("prgi") == prgi)
    for itag in sorted(set().union(*[p.get("itags", set()) for p in capture.packets]))[:4]:
        counts["itag"] += agree(f"tlp.itag == {itag}", lambda p: itag in p.get("itags", set()))
    for code in {p["answer"] for p in capture.packets if "answer" in p}:
        counts["answers"] += agree(f"tlp.prg.code == {code}", lambda p: p.get("answer") == code)
    for status in {p["status"] for p in capture.packets if "status" in p}:
        agree(f"tlp.status == {status}", lambda p: p.get("status") == status)
    for requester in {p["requester"] for p in capture.packets}:
        agree(f"tlp.requester == {requester:#x}", lambda p: p["requester"] == requester)
    agree("tlp.missing", lambda p: p["captured"] < p["whole"])
    return counts


def columns_agree(out, capture):
    file, packets = out / "tlps.pcapng", list(enumerate(capture.packets, 1))
    code, text, _ = tshark(file, "-T", "fields", "-e", "frame.time_epoch", "-e", "frame.interface_name", "-e", "tlp.length", "-e", "_ws.col.Info", "-e", "tlp.pasid", "-e",
                           "tlp.requester")
    rows = [line.split("\t") for line in text.splitlines()]
    check(len(rows) == len(packets), f"{out}: {len(rows)} rows")
    for (_, p), (at, interface, length, info, pasid, requester) in zip(packets, rows):
        second, nano = at.split(".")
        check(int(second) * 10**9 + int(nano[:9]) == p["ps"] // 1000 and interface == capture.interfaces[p["interface"]][0] and
              int(length) == p["length"] and info and not info.startswith("Malformed") and int(requester, 16) == p["requester"] and
              (int(pasid, 16) if pasid else None) == p["pasid"], f"{out}: {p} and {at} {interface} {length} {info} {pasid} {requester}")


has_tshark = shutil.which("tshark") is not None
total = collections.Counter()
for scenario, filtered in [("ats-teardown", True), ("pri-storm-exit", True), ("atomics-under-munmap", False), ("switch-teardown", False),
                           ("enqcmd-late-submit", False), ("mm-exit-under-load", False)]:
    out, capture = run(scenario, "observe.events=all")
    check(len(capture.packets) > 10, f"{scenario}: {len(capture.packets)} packets")
    check({p["interface"] for p in capture.packets} <= set(range(len(capture.interfaces))), f"{scenario}: interfaces")
    check(all(p["flags"] & 3 == (1 if capture.interfaces[p["interface"]][1].endswith("upstream") else 2) for p in capture.packets), f"{scenario}: ways")
    for n in range(len(capture.interfaces)):
        s, mine = capture.statistics[n], sum(p["interface"] == n for p in capture.packets)
        check(s == {"seen": mine, "kept": mine, "dropped": 0}, f"{scenario}: interface {n} says {s}, has {mine}")
    total["compared"] += (compared := events_agree(out, capture))
    total["answered"] += requests_and_completions_agree(out, capture)
    if has_tshark:
        columns_agree(out, capture)
        total += filters_agree(out, capture) if filtered else {}
    print(f"{scenario}: {len(capture.packets)} packets on {len(capture.interfaces)} interfaces, {compared} compared with events.sqlite")
print(dict(total))

# Page requests and their answers are those of events.sqlite.
out = pathlib.Path("out-pri-storm-exit")
capture, db = Capture(out / "tlps.pcapng"), sqlite3.connect(out / "events.sqlite")
asked = collections.Counter(json.loads(f)["group"] for f, in db.execute("SELECT fields FROM events WHERE kind = 'PageRequestSent'"))
captured = collections.Counter(p["prgi"] for p in capture.packets if p.get("code") == 4)
check(sum(captured.values()) > 0 and not captured - asked, f"page requests {captured}, sent were {asked}")

# Data are those of memory: what a read brings is what a write left, where both are known.
check(any(len(p["data"]) > 0 for p in capture.packets) , "some packets carry data")

# A window has what everything has there, and nothing besides; off, it costs nothing and takes away what a former run left.
everything = Capture(pathlib.Path("out-mm-exit-under-load/tlps.pcapng"))
check(any(p["type"] in (4, 5) for p in everything.packets), "configuration requests of the boot")
out, window = run("mm-exit-under-load", "observe.window.before=1us", "observe.window.after=1us", out="out-window")
told = [(p["ps"], p["captured"], p["whole"], p["note"].get("transaction")) for p in everything.packets]
kept = [(p["ps"], p["captured"], p["whole"], p["note"].get("transaction")) for p in window.packets]
check(kept and not collections.Counter(kept) - collections.Counter(told) and kept == sorted(kept, key=lambda p: p[0]), "a window is a part of the whole")
first_instants = [t["t0_ps"] for t in json.loads((out / "run.json").read_text())["teardowns"]]
behind = [p for p in told if any(i - 10**6 <= p[0] <= i + 10**6 for i in first_instants)]
check(len(behind) > 20 and not collections.Counter(behind) - collections.Counter(kept), "everything around T0 is in it")
check(sum(s["seen"] for s in window.statistics.values()) == len(told), "what was not kept was counted")
quiesce("run", "mm-exit-under-load", "--out", out, check=True)
check(not (out / "tlps.pcapng").exists(), "a run without --pcap takes away what a former one left")
with_it, without = json.loads(pathlib.Path("out-mm-exit-under-load/run.json").read_text()), json.loads((out / "run.json").read_text())
check(with_it["fingerprint"] == without["fingerprint"], "a capture changes nothing")
done = quiesce("run", "mm-exit-under-load", "--pcap")
check(done.returncode == 2 and "--out" in done.stderr, f"--pcap without --out: {done.returncode} {done.stderr}")

if has_tshark:
    # What is cut short says so, and what is no packet is called one that is malformed.
    whole = pathlib.Path("out-ats-teardown/tlps.pcapng").read_bytes()
    pathlib.Path("cut.pcapng").write_bytes(whole[:len(whole) // 2 // 4 * 4 + 2])
    code, _, errors = tshark("cut.pcapng")
    check(code != 0 and "cut short" in errors, f"a truncated file: exit {code}, {errors}")

    def one_packet(data):
        body = struct.pack("<IIIII", 0, 0, 0, len(data), len(data)) + data + bytes(-len(data) % 4)
        blocks = struct.pack("<IIIHHqI", 0x0A0D0D0A, 28, 0x1A2B3C4D, 1, 0, -1, 28) + struct.pack("<IIHHII", 1, 20, 147, 0, 0, 20)
        return blocks + struct.pack("<II", 6, 12 + len(body)) + body + struct.pack("<I", 12 + len(body))

    for what, data in {"an unknown type": "1f000000" "00000000" "00000000", "a header cut short": "00000001" "0100000f",
                       "data that are missing": "40000002" "010000ff" "80000000" "11111111", "data behind a read": "00000001" "0100000f" "80000000" "11111111",
                       "over a page": "00000002" "010000ff" "80000ffc", "a far header for a near address": "20000001" "0100000f" "00000000" "80000000",
                       "a write that asks for a translation": "40000402" "010000ff" "80000000" "1111111122222222", "reserved AT": "00000c01" "0100000f" "80000000",
                       "a completion with PASID": "91000001" "0a000000" "00002004" "01000000", "half a header": "0000"}.items():
        pathlib.Path("bad.pcapng").write_bytes(one_packet(bytes.fromhex(data)))
        check(numbers("bad.pcapng", "tlp.malformed") == [1], f"{what} is malformed")
    pathlib.Path("good.pcapng").write_bytes(one_packet(bytes.fromhex("00000001" "0100000f" "80000000")))
    check(numbers("good.pcapng", "tlp && !tlp.malformed && tlp.address == 0x80000000") == [1], "a read is not")
    for name, least in {"pasid": 50, "tag": 20, "at1": 1, "at2": 1, "prgi": 1, "itag": 2, "answers": 1}.items():
        check(total[name] >= least, f"the filter on {name} found {total[name]} packets")

raise SystemExit(verdict() or (0 if has_tshark else 77))
