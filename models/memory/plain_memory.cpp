// SPDX-License-Identifier: Apache-2.0
#include "memory/plain_memory.h"

#include "memory/atomics.h"

#include <algorithm>

namespace quiesce::memory {

bool PlainMemory::modify(const Request& r) {
    std::byte word[widest_operand];
    if (r.bytes > sizeof word || !peek(r.at, {word, r.bytes})) return false;
    memory::modify(word, r);
    return poke(r.at, {word, r.bytes});
}

void PlainMemory::commit(Request& r) {
    const std::span<std::byte> data{r.data, r.bytes};
    const bool done = r.atomic != AtomicOp::None ? modify(r) : r.write ? poke(r.at, data) : peek(r.at, data);
    r.status = done ? Status::Ok : Status::ExternalAbort;
}

sim::Task<Status> PlainMemory::fetch(Spa at, std::span<u64> words, Origin origin) {
    auto data = std::as_writable_bytes(words);
    Status status = Status::Ok;
    co_await sim::delay(latency);
    for (std::size_t done = 0; done < data.size(); done += beat_bytes()) {
        if (done != 0) co_await sim::delay(beat_gap);
        const auto n = std::min<std::size_t>(beat_bytes(), data.size() - done);
        Request r{at + done, data.data() + done, static_cast<u32>(n), false, origin};
        commit(r);
        if (r.status != Status::Ok) status = r.status;
    }
    co_return status;
}

} // namespace quiesce::memory
