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
        switch (a.what) {
        case What::Write: co_await w.target.mmio_write(a.offset, a.size, a.value); break;
        case What::WriteLine: co_await w.target.write_line(a.offset, a.line); break;
        case What::Enqueue: sim::start(put_in(w.target, a)); break;
        case What::Read:
            *a.result = co_await w.target.mmio_read(a.offset, a.size);
            a.done->set();
            break;
        }
    }
}

sim::Task<void> MmioBus::put_in(MmioTarget& target, Arrival a) {
    const Enqueued answer = co_await target.enqueue(a.offset, a.line);
    *a.answer = answer;
    a.done->set();
}

sim::Task<void> MmioBus::write(Spa at, unsigned size, u64 value) {
    co_await sim::delay(issue_);
    if (Window* w = find(at, size)) w->arrivals.push({at - w->base, size, What::Write, value, nullptr, nullptr});
}

sim::Task<u64> MmioBus::read(Spa at, unsigned size) {
    u64 result = ~u64{0};
    Window* w = find(at, size);
    co_await sim::delay(issue_);
    if (w == nullptr) co_return result;
    sim::Latch done;
    w->arrivals.push({at - w->base, size, What::Read, 0, &result, &done});
    co_await done.wait();
    co_await sim::delay(travel_); // the value's way back
    co_return result;
}

MmioBus::Window* MmioBus::find_line(Spa at) {
    if (at.value() % Line::byte_count == 0) return find(at, Line::byte_count);
    ++nowhere_;
    return nullptr;
}

sim::Task<void> MmioBus::write_line(Spa at, Line line) {
    co_await sim::delay(issue_);
    if (Window* w = find_line(at))
        w->arrivals.push({at - w->base, Line::byte_count, What::WriteLine, 0, nullptr, nullptr, line});
}

sim::Task<Enqueued> MmioBus::enqueue(Spa at, Line line) {
    Enqueued answer = Enqueued::Failed;
    Window* w = find_line(at);
    co_await sim::delay(issue_);
    if (w == nullptr) co_return answer;
    sim::Latch done;
    w->arrivals.push({at - w->base, Line::byte_count, What::Enqueue, 0, nullptr, &done, line, &answer});
    co_await done.wait();
    co_await sim::delay(travel_); // the answer's way back
    co_return answer;
}

} // namespace quiesce::memory
