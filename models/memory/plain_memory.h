// SPDX-License-Identifier: Apache-2.0
/// RAM behind one port that takes the same time for every access: no bandwidth to share, no ledger. What lies outside
/// of its ranges answers with an external abort.
#pragma once
#include "memory/memory_port.h"
#include "memory/sparse_memory.h"

namespace quiesce::memory {

class PlainMemory : public MemoryPort {
public:
    explicit PlainMemory(std::vector<RamRange> ranges) : bytes_(std::move(ranges)) {}

    /// Of every access, and of each further beat of a structure fetch: where it is used, only the order of things counts.
    sim::Duration latency = sim::Duration::ps(50'000), beat_gap = sim::Duration::ps(2'000);

    void start(const Request&, std::coroutine_handle<> who) override { lane_.push(who, sim::now() + latency); }
    void commit(Request& r) override;
    sim::Task<Status> fetch(Spa at, std::span<u64> words, Origin origin) override;
    unsigned beat_bytes() const override { return 16; }
    bool peek(Spa at, std::span<std::byte> into) const override { return bytes_.read(at, into); }
    bool poke(Spa at, std::span<const std::byte> from) override { return bytes_.write(at, from); }

private:
    bool modify(const Request& r);
    SparseMemory bytes_;
    sim::Lane lane_;
};

} // namespace quiesce::memory
