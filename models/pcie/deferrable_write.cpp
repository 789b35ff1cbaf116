// SPDX-License-Identifier: Apache-2.0
/// 64-byte writes of CPUs to a function's portals: posted ones, and deferrable memory writes (DMWr, PCIe
/// Base 6.0, 6.32). A deferrable write is not posted and carries data; its completion says that the function took it,
/// or Request Retry Status. MODEL: Device Capabilities 3, which says that a function completes them, is not in the
/// configuration space; the requester leaves a retry to its software, as ENQCMD does.
#include "pcie/function_port.h"

namespace quiesce::pcie {
namespace {

/// Without data. Who asked is known by its tag, and whose work it was is nobody's business any more.
Tlp answer_without_data(const Tlp& request, CompletionStatus status) {
    Tlp c = request;
    c.kind = TlpKind::Completion;
    c.status = status;
    c.length = 0;
    c.bond = no_bond;
    c.answers = request.kind;
    c.remaining = 4;
    c.data = nullptr;
    return c;
}

memory::Enqueued enqueued(CompletionStatus status) {
    if (status == CompletionStatus::Success) return memory::Enqueued::Accepted;
    return status == CompletionStatus::RequestRetry ? memory::Enqueued::Retry : memory::Enqueued::Failed;
}

} // namespace

sim::Task<void> FunctionPort::write_line(u64 offset, memory::Line line) {
    Tlp t = register_access(TlpKind::MemoryWrite, offset, memory::Line::byte_count);
    t.bond = line.bond;
    t.data = line.bytes.data();
    const u64 life = link_.down.life();
    auto sent = send_down(t);
    auto room = co_await std::move(sent);
    sim::start(deliver_line(t, life, line, std::move(room)));
}

sim::Task<void> FunctionPort::deliver_line(Tlp write, u64 life, memory::Line line, TransmitQueue::Credit room) {
    write.data = line.bytes.data();
    auto on_its_way = arrive_down(write, life, room);
    const bool whole = co_await std::move(on_its_way);
    if (whole && endpoint_.memory_space()) endpoint_.take_line(write.address, line, false);
}

sim::Task<memory::Enqueued> FunctionPort::enqueue(u64 offset, memory::Line line) {
    Tlp t = register_access(TlpKind::DeferrableWrite, offset, memory::Line::byte_count);
    t.bond = line.bond;
    t.data = line.bytes.data();
    const u64 life = link_.down.life();
    auto sent = send_down(t);
    auto room = co_await std::move(sent);
    auto on_its_way = arrive_down(t, life, room);
    const bool arrived = co_await std::move(on_its_way);
    if (!arrived) co_return memory::Enqueued::Failed;
    CompletionStatus status = CompletionStatus::UnsupportedRequest; // 2.3.1: no BAR of the function claims the address
    if (endpoint_.memory_space()) {
        co_await sim::delay(endpoint_.register_access);
        status = endpoint_.take_line(offset, line, true);
    }
    room.release();
    auto back = complete_up(answer_without_data(t, status));
    const bool came = co_await std::move(back);
    co_return came ? enqueued(status) : memory::Enqueued::Failed;
}

} // namespace quiesce::pcie
