# SPDX-License-Identifier: Apache-2.0
"""timeline.pftrace by its wire format alone: tracks, slices with their annotations, instants."""


def fields(data):
    """(field, value) one after the other."""
    at = 0

    def varint():
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while at < len(data):
        key = varint()
        if key & 7 == 0:
            yield key >> 3, varint()
        elif key & 7 == 1:
            yield key >> 3, int.from_bytes(data[at:at + 8], "little")
            at += 8
        else:
            length = varint()
            yield key >> 3, data[at:at + length]
            at += length


class Trace:
    """`wrong`: what no trace may be, in words."""

    def __init__(self, file):
        self.tracks, self.parents, self.events, self.wrong, open_slices = {}, {}, [], [], {}
        for _, packet in fields(file.read_bytes()):
            p = dict(fields(packet))
            if 60 in p:
                d = dict(fields(p[60]))
                self.tracks[d[1]], self.parents[d[1]] = d[2].decode(), d.get(5, 0)
            if 11 not in p:
                continue
            e = dict(fields(p[11]))
            notes = {}
            for field, value in fields(p[11]):
                if field == 4:
                    a = dict(fields(value))
                    notes[a[10].decode()] = a[3] if 3 in a else a[6].decode()
            event = {"ns": p[8], "type": e[9], "track": self.path(e[11]), "name": e.get(23, b"").decode(), "category": e.get(22, b"").decode(), **notes}
            if event["type"] == 1:
                open_slices.setdefault(e[11], []).append(event)
            if event["type"] == 2:
                open_slices[e[11]].pop()["end_ns"] = p[8]
            self.events.append(event)
        if any(open_slices.values()):
            self.wrong.append(f"{file}: slices that do not end")
        times = [e["ns"] for e in self.events]
        if times != sorted(times):
            self.wrong.append(f"{file}: not in the order of time")

    def path(self, track):
        above = self.parents.get(track, 0)
        return (self.path(above) + "/" if above else "") + self.tracks[track]

    def of(self, category):
        return [e for e in self.events if e["category"] == category]
