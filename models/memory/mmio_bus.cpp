// SPDX-License-Identifier: Apache-2.0
#include "memory/mmio_bus.h"


#include <stdexcept>

namespace quiesce::memory {

void MmioBus::map(Spa base, u64 bytes, MmioTarget& target, std::string name) {
    for (const auto& w : windows_)
        if (base.value() < w->base.value() + w->bytes && w->base.value() < base.value() + bytes)
            throw std::invalid_argument("register window " + name + " overlaps " + w->name);
    windows_.push_back(std::make_unique<Window>(base, bytes, target, std::move(name), travel_));
    sim::spawn(serve(*windows_.back()));
}

MmioBus::Window* MmioBus::find(Spa at, unsigned size) {
    for (auto& w : windows_)
        if (at - w->base < w->bytes && at - w->base + size <= w->bytes) return w.get();
    ++nowhere_;
    return nullptr;
}

/// Accesses reach a target one after the other, so a read sees every write before it.
sim::Task<void> MmioBus::serve(Window& w) {
    for (;;) {
        const Arrival a = co_await w.arrivals.pop();
        if (a.write) {
            co_await w.target.mmio_write(a.offset, a.size, a.value);
        } else {
            *a.result = co_await w.target.mmio_read(a.offset, a.size);
            a.done->set();
        }
    }
}

sim::Task<void> MmioBus::write(Spa at, unsigned size, u64 value) {
    co_await sim::delay(issue_);
    if (Window* w = find(at, size)) w->arrivals.push({at - w->base, size, true, value, nullptr, nullptr});
}

sim::Task<u64> MmioBus::read(Spa at, unsigned size) {
    u64 result = ~u64{0};
    Window* w = find(at, size);
    co_await sim::delay(issue_);
    if (w == nullptr) co_return result;
    sim::Latch done;
    w->arrivals.push({at - w->base, size, false, 0, &result, &done});
    co_await done.wait();
    co_await sim::delay(travel_); // the value's way back
    co_return result;
}

} // namespace quiesce::memory
