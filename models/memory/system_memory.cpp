// SPDX-License-Identifier: Apache-2.0
#include "memory/system_memory.h"

#include "memory/atomics.h"

#include <algorithm>
#include <cstring>

namespace quiesce::memory {

SystemMemory::SystemMemory(base::EventBus& events, const MemoryConfig& config, ForeignBytes* foreign)
    : events_(events), bytes_({RamRange{Spa{config.ram_base.get()}, config.ram.get().bytes()}}), foreign_(foreign), ledger_(events), beat_(config.beat.get()),
      bandwidth_(config.bandwidth.get()), dma_(*this, config.dma_latency.get(), true), walk_(*this, config.walk_latency.get(), true),
      cpu_(*this, config.cpu_latency.get(), false) {}

void SystemMemory::map_messages(Spa base, u64 bytes, InterruptSink& sink) {
    windows_.push_back({base, bytes, &sink});
    hides_ram_ = hides_ram_ || bytes_.contains(base, bytes);
}

sim::Time SystemMemory::Port::reserve(u32 bytes) {
    if (!shares_) return sim::now() + latency_; // MODEL: CPU accesses hit caches and take none of the memory's bandwidth
    m_.busy_until_ = std::max(m_.busy_until_, sim::now()) + m_.bandwidth_.time_for(bytes);
    return m_.busy_until_ + latency_;
}

void SystemMemory::Port::start(const Request& r, std::coroutine_handle<> who) { lane_.push(who, reserve(r.bytes)); }

sim::Task<Status> SystemMemory::Port::fetch(Spa at, std::span<u64> words, Origin origin) {
    // All beats are asked for at once; the memory's bandwidth spaces the instants at which they are sampled.
    auto bytes = std::as_writable_bytes(words);
    sim::Time when[8];
    const std::size_t beats = (bytes.size() + m_.beat_ - 1) / m_.beat_;
    Status status = Status::Ok;
    Before before;
    for (std::size_t first = 0; first < beats; first += std::size(when)) {
        const std::size_t n = std::min(beats - first, std::size(when));
        for (std::size_t i = 0; i < n; ++i) when[i] = reserve(m_.beat_);
        for (std::size_t i = 0; i < n; ++i) {
            co_await sim::until(when[i]);
            if (first + i == 0 && beats > 1) before = m_.as_it_is(at, bytes.size());
            const std::size_t offset = (first + i) * m_.beat_, size = std::min<std::size_t>(m_.beat_, bytes.size() - offset);
            Request r{at + offset, bytes.data() + offset, static_cast<u32>(size), false, origin};
            m_.commit(r);
            if (r.status != Status::Ok) status = r.status;
        }
    }
    if (status == Status::Ok) m_.tell_if_torn(before, at, bytes, origin);
    co_return status;
}

/// What a fetch in beats could have had at this instant; nothing if nobody asks.
SystemMemory::Before SystemMemory::as_it_is(Spa at, std::size_t bytes) {
    Before b;
    if (foreign_ != nullptr || bytes > sizeof b.bytes || !events_.wants<StructureTorn>()) return b;
    b.known = read(at, {b.bytes, bytes}, Purpose::Structure);
    return b;
}

void SystemMemory::tell_if_torn(const Before& before, Spa at, std::span<const std::byte> fetched, const Origin& origin) {
    if (!before.known || std::equal(fetched.begin(), fetched.end(), before.bytes)) return;
    const Before after = as_it_is(at, fetched.size());
    if (std::equal(fetched.begin(), fetched.end(), after.bytes)) return;
    u64 word0 = 0, now = 0;
    std::memcpy(&word0, fetched.data(), sizeof word0);
    std::memcpy(&now, after.bytes, sizeof now);
    events_.emit(StructureTorn{origin.transaction, origin.bond, at, static_cast<u32>(fetched.size()), word0, now});
}

bool SystemMemory::deliver_message(const Request& r) {
    for (const MessageWindow& w : windows_) {
        if (r.at - w.base >= w.bytes) continue;
        u32 data = 0;
        std::memcpy(&data, r.data, std::min<std::size_t>(r.bytes, sizeof data));
        w.sink->message(r.at, data);
        return true;
    }
    return false;
}

bool SystemMemory::modify(const Request& r) {
    std::byte word[widest_operand];
    if (r.bytes > sizeof word || !read(r.at, {word, r.bytes}, r.origin.purpose)) return false;
    memory::modify(word, r);
    return write(r.at, {word, r.bytes}, r.origin.purpose);
}

void SystemMemory::commit(Request& r) {
    const bool may_be_message = r.write && r.bytes != 0 && r.atomic == AtomicOp::None && !windows_.empty();
    const auto is_ram = [&] { return foreign_ == nullptr && !hides_ram_ && bytes_.contains(r.at, r.bytes); };
    if (may_be_message && !is_ram() && deliver_message(r)) {
        r.status = Status::Ok;
        return;
    }
    const bool done = r.atomic != AtomicOp::None ? modify(r)
                      : r.write                  ? write(r.at, {r.data, r.bytes}, r.origin.purpose)
                                                 : read(r.at, {r.data, r.bytes}, r.origin.purpose);
    r.status = done ? Status::Ok : Status::ExternalAbort;
    if (!done) return;
    if (r.origin.purpose == Purpose::Dma) ledger_.dma_committed(r);
    else if (r.origin.purpose == Purpose::TableWalk) ledger_.walk_committed(r);
}

} // namespace quiesce::memory
