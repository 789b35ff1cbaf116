// SPDX-License-Identifier: Apache-2.0
/// Register and configuration accesses of CPUs through a port: requests down, completions up.
#include "pcie/function_port.h"

#include "pcie/root_complex.h"

namespace quiesce::pcie {
namespace {
/// Registers are little-endian, and so is who simulates them.
const std::byte* bytes_of(const u64& value) { return reinterpret_cast<const std::byte*>(&value); }
} // namespace

Tlp FunctionPort::register_access(TlpKind kind, u64 offset, unsigned size) const {
    Tlp t;
    t.kind = kind;
    t.device = device_;
    t.completer = requester_;
    t.tag = t.is_posted() ? u16{0} : rc_.next_tag();
    t.bar = t.is_config() ? 0 : endpoint_.bar_place().first;
    t.length = size;
    t.address = offset; // MODEL: the BAR is below 4 GiB, so that its packets have a short header
    return t;
}

/// A CPU's access, from its arrival at the root complex until its packet has left. -> the room that it takes at the
/// endpoint.
sim::Task<TransmitQueue::Credit> FunctionPort::send_down(Tlp request) {
    co_await mmio_.pass();
    auto room = co_await first_down_.enter(request, request.payload_bytes());
    co_await first_down_.leave(request, request.payload_bytes());
    first_down_.left(request, request.payload_bytes());
    co_return room;
}

/// -> the access got through to the endpoint, where it takes `room`.
sim::Task<bool> FunctionPort::arrive_down(const Tlp& request, u64 life, TransmitQueue::Credit& room) {
    const u64 first_life = first_down_.life();
    co_await first_down_.travel();
    Arrival how = Arrival::Whole;
    if (switch_ != nullptr) {
        how = first_down_.arrival(request, first_life);
        if (!gone(how)) {
            const Ingress in = switch_->path().front()->from_above();
            auto rest = switch_->go_on_down(in, &link_.down, request, request.payload_bytes(), room);
            const Arrival between = co_await std::move(rest);
            how = worse(how, between);
        }
    }
    if (!gone(how)) how = worse(how, link_.down.arrival(request, life));
    if (how == Arrival::Whole) co_return true;
    auto over = no_answer();
    co_await std::move(over);
    co_return false;
}

/// The answer to a CPU's access: it pushes the posted writes that the endpoint sent before it. -> it came.
sim::Task<bool> FunctionPort::complete_up(Tlp completion) {
    auto way = go_up(completion, completion.length); // behind the posted writes that wait for room
    const Ascent up = co_await std::move(way);
    if (up.how != Arrival::Whole) {
        auto over = no_answer();
        co_await std::move(over);
        co_return false;
    }
    const u64 behind = order_.behind();
    co_await ingress_.pass();
    co_await order_.committed_before(behind);
    co_return true;
}

sim::Task<void> FunctionPort::mmio_write(u64 offset, unsigned size, u64 value) {
    if (size != 4 && size != 8) co_return;
    Tlp t = register_access(TlpKind::MemoryWrite, offset, size);
    t.data = bytes_of(value);
    const u64 life = link_.down.life();
    auto sent = send_down(t);
    auto room = co_await std::move(sent);
    sim::start(deliver(t, life, value, std::move(room))); // posted: the CPU's side does not wait for the arrival
}

sim::Task<void> FunctionPort::deliver(Tlp write, u64 life, u64 value, TransmitQueue::Credit room) {
    write.data = bytes_of(value);
    auto on_its_way = arrive_down(write, life, room);
    const bool whole = co_await std::move(on_its_way);
    if (whole && endpoint_.memory_space()) endpoint_.bar_write(write.address, write.length, value);
}

/// 2.3.1: an access that no BAR of the function claims is refused.
sim::Task<u64> FunctionPort::mmio_read(u64 offset, unsigned size) {
    if (size != 4 && size != 8) co_return 0;
    auto asked = non_posted(register_access(TlpKind::MemoryRead, offset, size), 0);
    const u64 value = co_await std::move(asked);
    co_return value;
}

sim::Task<void> FunctionPort::config_write(u32 offset, unsigned size, u32 value) {
    auto asked = non_posted(register_access(TlpKind::ConfigWrite, offset, size), value);
    co_await std::move(asked);
}

sim::Task<u32> FunctionPort::config_read(u32 offset, unsigned size) {
    auto asked = non_posted(register_access(TlpKind::ConfigRead, offset, size), 0);
    const u64 value = co_await std::move(asked);
    co_return static_cast<u32>(value);
}

/// What the function does with a request that arrived, and what it reads.
u64 FunctionPort::at_registers(const Tlp& t, u64 written) {
    const auto offset = static_cast<u32>(t.address);
    switch (t.kind) {
    case TlpKind::ConfigRead: return endpoint_.config_read(offset, t.length);
    case TlpKind::ConfigWrite: endpoint_.config_write(offset, t.length, static_cast<u32>(written)); return 0;
    default: return endpoint_.bar_read(t.address, t.length);
    }
}

/// A CPU's access that is answered. -> what it read; all ones if it was refused or no answer came.
/// MODEL: reading or writing a configuration register takes the device as long as one in a BAR.
sim::Task<u64> FunctionPort::non_posted(Tlp t, u64 written) {
    const u64 life = link_.down.life();
    if (t.kind == TlpKind::ConfigWrite) t.data = bytes_of(written);
    auto sent = send_down(t);
    auto room = co_await std::move(sent);
    auto on_its_way = arrive_down(t, life, room);
    const bool arrived = co_await std::move(on_its_way);
    if (!arrived) co_return ~u64{0};
    const bool claimed = t.kind != TlpKind::MemoryRead || endpoint_.memory_space();
    u64 value = ~u64{0};
    if (claimed) {
        co_await sim::delay(endpoint_.register_access);
        value = at_registers(t, written);
    }
    room.release();
    Tlp completion = completion_of(t, claimed ? CompletionStatus::Success : CompletionStatus::UnsupportedRequest,
                                         t.address, claimed && t.kind != TlpKind::ConfigWrite ? t.length : 0);
    if (completion.length != 0) completion.data = bytes_of(value);
    auto back = complete_up(completion);
    const bool came = co_await std::move(back);
    co_return came ? value : ~u64{0};
}

} // namespace quiesce::pcie
