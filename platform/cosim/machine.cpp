// SPDX-License-Identifier: Apache-2.0
#include "platform/cosim/machine.h"

#include <algorithm>
#include <cstring>
#include <fmt/format.h>

namespace quiesce::platform::cosim {
namespace {

/// No simulation goes on for longer: four times the longest span that a call may ask for.
constexpr u64 end_of_time_ps = 4 * QSC_TIME_MOST_PS;
constexpr u32 first_pasid_beyond = 1u << 20, first_group_beyond = 1u << 9;

void check_flags(u32 flags, u32 known, u32 pasid) {
    require((flags & ~known) == 0, fmt::format("flags {:#x} mean nothing here", flags & ~known));
    require((flags & QSC_PASID) != 0 || pasid == 0, "a pasid without QSC_PASID");
    require(pasid < first_pasid_beyond, fmt::format("pasid {:#x} has more than 20 bits", pasid));
}

/// In messages of a bus they are part of the PASID's prefix.
void check_prefix(u32 flags) {
    require((flags & QSC_PASID) != 0 || (flags & (QSC_PRIVILEGED | QSC_EXECUTE)) == 0,
            "QSC_PRIVILEGED and QSC_EXECUTE need QSC_PASID here");
}

qsc_interrupt interrupt_now(qsc_interrupt_kind kind) {
    qsc_interrupt i{};
    i.kind = kind;
    i.arrived_ps = static_cast<u64>(sim::now().ps());
    return i;
}

std::optional<HostMemory> host_of(const Setup& s) {
    if (!s.host) return std::nullopt;
    return HostMemory{*s.host};
}

} // namespace

void Machine::Interrupts::message(Spa at, u32 data) {
    qsc_interrupt i = interrupt_now(QSC_INTERRUPT_MESSAGE);
    i.address = at.value();
    i.data = data;
    arrived.push_back(i);
    kernel.ring();
}

void Machine::Interrupts::wire(unsigned line) {
    qsc_interrupt i = interrupt_now(QSC_INTERRUPT_LINE);
    i.line = line - first_line;
    arrived.push_back(i);
    kernel.ring();
}

Machine::Machine(const Setup& s, std::unique_ptr<Kernel> kernel)
    : kernel_(std::move(kernel)), events_(kernel_->calendar().clock()), host_(host_of(s)),
      memory_(events_, s.platform.memory, host_ ? &*host_ : nullptr), mmio_(s.platform.mmio), interrupts_(*kernel_),
      unit_(s.iommu->make(s.platform.iommu, s.ids, events_, memory_.walk_port(), interrupts_)),
      registers_(s.iommu_base), register_bytes_(s.iommu->register_bytes(s.platform.iommu, s.ids)),
      requesters_({*kernel_, *unit_, memory_.dma_port(), host_ ? &*host_ : nullptr, s.platform.root_complex.stream_base,
                   s.iommu->stream_bits, s.platform.root_complex.invalidate_timeout.get()}) {
    if (s.message_bytes != 0) memory_.map_messages(s.message_base, s.message_bytes, interrupts_);
    interrupts_.first_line = unit_->first_line();
    unit_->connect(requesters_, requesters_);
    mmio_.map(registers_, register_bytes_, unit_->registers(), "iommu");
}

// ---- time
// ------------------------------------------------------------------------------------------------------------

sim::Time Machine::after(u64 ps) const {
    require(ps <= QSC_TIME_MOST_PS, fmt::format("{} ps are more than QSC_TIME_MOST_PS", ps));
    if (now_ps() > end_of_time_ps - ps) throw Refusal(QSC_ERR_STATE, "the simulation's time ends before");
    return kernel_->now() + sim::Duration::ps(static_cast<std::int64_t>(ps));
}

void Machine::require_wait(u64 limit_ps) const {
    after(limit_ps);
    kernel_->require_waiting();
}

void Machine::advance(u64 ps) {
    const sim::Duration by = after(ps) - kernel_->now();
    if (ps == 0) return;
    kernel_->require_waiting();
    kernel_->advance(by);
}

bool Machine::relax(u64 most_ps) {
    require(most_ps != 0, "most_ps: expected at least 1");
    const sim::Time most = after(most_ps), next = kernel_->calendar().next_item_time();
    kernel_->require_waiting();
    const bool something = next < sim::Time::never();
    const sim::Time just_past = something ? next + sim::Duration::ps(1) : most;
    kernel_->advance(std::min(most, just_past) - kernel_->now());
    return something;
}

bool Machine::wait(u64 operation, u64 limit_ps) {
    const sim::Time deadline = after(limit_ps);
    while (!operations_.get(operation).over) {
        if (kernel_->now() >= deadline) return false;
        kernel_->require_waiting();
        kernel_->wait_until(deadline);
    }
    return true;
}

u32 Machine::news(u32 wanted) {
    u32 there = 0;
    if (!interrupts_.arrived.empty()) there |= QSC_NEWS_INTERRUPT;
    if (!requesters_.invalidations.empty()) there |= QSC_NEWS_INVALIDATION;
    if (!requesters_.responses.empty()) there |= QSC_NEWS_PAGE_RESPONSE;
    return there & wanted;
}

u32 Machine::wait_news(u32 wanted, u64 limit_ps) {
    constexpr u32 known = QSC_NEWS_INTERRUPT | QSC_NEWS_INVALIDATION | QSC_NEWS_PAGE_RESPONSE;
    require(wanted != 0 && (wanted & ~known) == 0, fmt::format("wanted: {:#x} is no sum of qsc_news", wanted));
    const sim::Time deadline = after(limit_ps);
    for (;;) {
        if (const u32 there = news(wanted); there != 0) return there;
        if (kernel_->now() >= deadline) return 0;
        kernel_->require_waiting();
        kernel_->wait_until(deadline);
    }
}

// ---- operations
// ------------------------------------------------------------------------------------------------------

void Machine::begin(Operation& op, sim::Task<void> work) { sim::spawn(carry_out(op, std::move(work))); }

sim::Task<void> Machine::carry_out(Operation& op, sim::Task<void> work) {
    co_await std::move(work);
    operations_.end(op, sim::now());
    kernel_->ring();
}

void Machine::move_memory(u64 address, std::byte* data, u64 bytes, bool write) {
    require(data != nullptr || bytes == 0, "the bytes are null");
    if (bytes > first_address_beyond || address > first_address_beyond - bytes)
        throw Refusal(QSC_ERR_ADDRESS,
                      fmt::format("{} bytes at {:#x} end beyond {} bits of address", bytes, address, QSC_ADDRESS_BITS));
    for (Spa at{address}; bytes != 0;) {
        const u64 n = std::min(bytes, page_size - at.page_offset());
        memory::MemoryPort& port = memory_.cpu_port();
        if (!(write ? port.poke(at, {data, n}) : port.peek(at, {data, n})))
            throw Refusal(QSC_ERR_ADDRESS, fmt::format("no memory answers at {:#x}", at.value()));
        at += n;
        data += n;
        bytes -= n;
    }
}

Operation& Machine::access_register(u64 address, u32 bytes, bool write, u64 value) {
    require(bytes >= 1 && bytes <= 8, fmt::format("a register access has 1 to 8 bytes, got {}", bytes));
    const u64 offset = address - registers_.value(), last = offset + bytes - 1;
    if (offset >= register_bytes_ || last >= register_bytes_)
        throw Refusal(QSC_ERR_ADDRESS, fmt::format("no registers of a model at {:#x}", address));
    Operation& op = operations_.begin(OperationKind::Register);
    op.at = Spa{address};
    op.bytes = bytes;
    op.write = write;
    op.value = write ? value : 0;
    begin(op, register_access(op));
    return op;
}

sim::Task<void> Machine::register_access(Operation& op) {
    if (op.write) {
        auto writing = mmio_.write(op.at, op.bytes, op.value);
        co_await std::move(writing);
        op.value = 0;
    } else {
        auto reading = mmio_.read(op.at, op.bytes);
        op.value = co_await std::move(reading);
    }
}

void Machine::require_stream(u32 requester) const {
    require(requesters_.has_stream(requester),
            fmt::format("requester {:#x} has no stream: the IOMMU knows {} bits, platform.root_complex.stream_base "
                        "included",
                        requester, requesters_.stream_bits()));
}

void Machine::complete_stray(u32 requester) {
    require_stream(requester);
    requesters_.complete_stray(requester);
}

void Machine::set_features(u32 requester, u32 features) {
    constexpr u32 known = QSC_DEVICE_ATS | QSC_DEVICE_PRI;
    require((features & ~known) == 0, fmt::format("features: {:#x} is no sum of qsc_device_feature", features));
    require_stream(requester);
    requesters_.set_features(requester, features);
}

Operation& Machine::start(const qsc_dma_request& r) {
    constexpr u32 known =
        QSC_WRITE | QSC_EXECUTE | QSC_PRIVILEGED | QSC_PASID | QSC_NO_SNOOP | QSC_TRANSLATED | QSC_MAY_WAIT;
    check_flags(r.flags, known, r.pasid);
    require_stream(r.requester);
    const bool write = (r.flags & QSC_WRITE) != 0;
    require(r.bytes >= 1 && r.bytes <= QSC_DMA_MOST_BYTES,
            fmt::format("a DMA has 1 to {} bytes, got {}", QSC_DMA_MOST_BYTES, r.bytes));
    require(r.address <= ~u64{0} - (r.bytes - 1), "the DMA goes beyond the end of the address space");
    require(!write || r.data != nullptr, "a write needs its data");
    require(!write || (r.flags & QSC_EXECUTE) == 0, "a write executes nothing");
    // 4.1 of facts/iommu-specs.md: that needs an enable of its own, which is not there.
    if ((r.flags & QSC_TRANSLATED) != 0 && (r.flags & QSC_PASID) != 0)
        throw Refusal(QSC_ERR_UNSUPPORTED, "translated requests have no PASID");
    Operation& op = operations_.begin(OperationKind::Dma);
    op.dma = r;
    op.dma.data = nullptr; // the host's bytes are copied
    op.dma_result = {};
    op.data.assign(r.bytes, std::byte{});
    if (write) std::memcpy(op.data.data(), r.data, r.bytes);
    begin(op, requesters_.dma(op));
    return op;
}

Operation& Machine::start(const qsc_translation_request& r) {
    check_flags(r.flags, QSC_PASID | QSC_NO_WRITE | QSC_PRIVILEGED | QSC_EXECUTE, r.pasid);
    check_prefix(r.flags);
    require_stream(r.requester);
    require(r.entries >= 1 && r.entries <= QSC_TRANSLATIONS_MOST,
            fmt::format("a translation request is for 1 to {} translations, got {}", QSC_TRANSLATIONS_MOST, r.entries));
    Operation& op = operations_.begin(OperationKind::Translation);
    op.translation = r;
    begin(op, requesters_.translate(op));
    return op;
}

Operation& Machine::start(const qsc_page_request_message& m) {
    check_flags(m.flags, QSC_READ | QSC_WRITE | QSC_LAST | QSC_PASID | QSC_PRIVILEGED | QSC_EXECUTE, m.pasid);
    check_prefix(m.flags);
    require_stream(m.requester);
    require(m.group < first_group_beyond, fmt::format("group {} has more than 9 bits", m.group));
    Operation& op = operations_.begin(OperationKind::PageRequest);
    op.message = m;
    begin(op, requesters_.request_page(op));
    return op;
}

} // namespace quiesce::platform::cosim
