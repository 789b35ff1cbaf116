// SPDX-License-Identifier: Apache-2.0
/// What stand-ins for units with an invalidation queue in memory have in common: what was written to them and what they
/// have fetched, of so many words each.
#pragma once
#include "os/machine.h"
#include "os/timed_log.h"

#include <array>
#include <map>

namespace quiesce::os::test {

/// A range of pages as the invalidations of a device's cache say it: more than one, and the lowest clear address bit.
inline std::string sized(u64 word, bool many) {
    if (!many) return " at " + hex(word & ~u64{0xfff});
    if (word >> 12 == 0x7'ffff'ffff'ffff) return " all";
    unsigned order = 1;
    while ((word >> (11 + order) & 1) != 0) ++order;
    return " order " + std::to_string(order) + " at " + hex(word >> (12 + order) << (12 + order));
}

template <std::size_t Count>
struct QueueStub : memory::MmioTarget {
    using Entry = std::array<u64, Count>;
    QueueStub(memory::SystemMemory& m, std::string (*name)(const Entry&)) : memory(m), name_of(name) {}
    memory::SystemMemory& memory;
    std::string (*name_of)(const Entry&);
    sim::Duration period = 100_ns;
    bool stuck = false, running = false;
    std::map<u64, u64> values; ///< registers, as they were written
    std::vector<std::pair<u64, u64>> writes;
    std::vector<Entry> fetched;
    std::function<void(const Entry&)> on_fetch;
    u32 head = 0;

    Words names() const {
        Words all;
        for (const Entry& e : fetched) all.push_back(name_of(e));
        return all;
    }
    Words take() {
        const Words all = names();
        fetched.clear();
        return all;
    }
    Entry entry_at(Spa at) const {
        Entry e{};
        for (unsigned w = 0; w < Count; ++w) e[w] = memory.cpu_port().peek64(at + 8 * w);
        return e;
    }
    void note(const Entry& e) {
        if (on_fetch) on_fetch(e);
        fetched.push_back(e);
    }
};

} // namespace quiesce::os::test
