// SPDX-License-Identifier: Apache-2.0
#include "pcie/root_complex.h"

namespace quiesce::pcie {
namespace {

base::Name link_name(base::Name port) { return base::Name{std::string(port.text()) + ".link"}; }

/// The completion of `request` that carries `bytes` from `at` on; completions have no PASID prefix.
Tlp completion_of(const Tlp& request, CompletionStatus status, u64 at, u32 bytes) {
    Tlp c = request;
    c.kind = TlpKind::Completion;
    c.status = status;
    c.has_pasid = false;
    c.address = at;
    c.length = bytes;
    return c;
}

iommu::Translation untranslated(const Tlp& t) { return {iommu::Ending::Grant, Spa{t.address}, sim::now(), {}}; }

} // namespace

RootPort& RootComplex::attach(base::Name name, DeviceId device, RequesterId requester, EndpointSide& endpoint,
                              const LinkConfig& link) {
    ports_.push_back(std::make_unique<RootPort>(*this, name, device, requester, endpoint, link, config_));
    return *ports_.back();
}

RootPort::RootPort(RootComplex& rc, base::Name name, DeviceId device, RequesterId requester, EndpointSide& endpoint,
                   const LinkConfig& link, const RootComplexConfig& config)
    : rc_(rc), device_(device), stream_(rc.stream_of(requester)), endpoint_(endpoint),
      link_(rc.events(), link_name(name), link, rc.stages(), config.posted_buffer), ingress_(rc.stages().of(config.ingress)),
      egress_(rc.stages().of(config.egress)), mmio_(rc.stages().of(config.mmio)) {}

iommu::TranslationRequest RootPort::question(const Tlp& t) const {
    return {.transaction = t.transaction, .device = device_, .stream = stream_, .has_pasid = t.has_pasid, .pasid = t.pasid,
            .at = Iova{t.address},
            .bytes = t.length != 0 ? t.length : 1, // a zero-length read is one double word without byte enables
            .access = t.is_write() ? iommu::Access::Write : iommu::Access::Read, .privileged = t.privileged,
            .instruction = t.execute, .type = t.at, .bond = t.bond};
}

memory::Request RootPort::access(const Tlp& t, std::byte* data, const iommu::Translation& tr, memory::Purpose purpose) const {
    memory::Request r{tr.to, data, t.length, t.is_write(), {}, memory::Status::Ok};
    r.origin.purpose = purpose;
    r.origin.device = device_;
    r.origin.bond = t.bond;
    r.origin.has_pasid = t.has_pasid;
    r.origin.pasid = t.pasid;
    r.origin.aimed_at = Iova{t.address};
    r.origin.transaction = t.transaction;
    r.origin.translated_at = tr.looked_up;
    return r;
}

void RootPort::aborted(const Tlp& t, AbortReason why) {
    ++(t.is_write() ? counts_.dropped_writes : counts_.aborted_reads);
    if (why == AbortReason::Malformed) ++counts_.malformed;
    if (rc_.events().wants<RequestAborted>())
        rc_.events().emit(RequestAborted{t.transaction, device_, t.bond, t.has_pasid, t.pasid, Iova{t.address}, t.length,
                                         t.is_write(), why});
}

/// A granted read with bytes goes to memory; this is the answer to every other one.
Completion RootPort::without_memory(const Tlp& t, iommu::Ending ending, std::byte* into) {
    if (ending == iommu::Ending::Abort) {
        aborted(t, AbortReason::Translation);
        return {CompletionStatus::UnsupportedRequest};
    }
    if (ending != iommu::Ending::ReadZero) return {};
    if (t.length != 0) std::memset(into, 0, t.length);
    return {CompletionStatus::Success, true};
}

/// All parts of an answer are ready at once and leave one after the other; only the last one's arrival ends the read.
sim::Task<void> RootPort::complete_part(Tlp completion) {
    co_await link_.down.leave(completion, completion.length);
    link_.down.left(completion, completion.length);
}

sim::Task<void> RootPort::read(Tlp tlp, std::byte* into, Tag tag, Requester& who) {
    co_await endpoint_.issue.pass(false);
    co_await link_.up.queue().enter();
    co_await link_.up.leave(tlp, 0);
    link_.up.left(tlp, 0);
    co_await link_.up.travel();

    const u64 behind = order_.behind();
    ++counts_.reads;
    co_await ingress_.pass();
    Completion answer;
    if (tlp.crosses_page()) {
        aborted(tlp, AbortReason::Malformed);
        answer.status = CompletionStatus::UnsupportedRequest;
    } else {
        iommu::Translation t = untranslated(tlp);
        if (rc_.iommu() != nullptr) {
            auto asked = rc_.iommu()->translate(question(tlp));
            t = co_await std::move(asked);
        }
        co_await order_.handed_over_before(behind);
        if (t.ending == iommu::Ending::Grant && tlp.length != 0) {
            memory::Request r = access(tlp, into, t, memory::Purpose::Dma);
            if (co_await rc_.memory().transport(r) != memory::Status::Ok) {
                aborted(tlp, AbortReason::Memory);
                answer.status = CompletionStatus::CompleterAbort;
            }
        } else {
            answer = without_memory(tlp, t.ending, into);
        }
        // A zero-length read asks for nothing but the order, so it gets its answer when the writes before it have landed, also
        // when it was not granted itself.
        if (tlp.length == 0) co_await order_.committed_before(behind);
    }

    co_await egress_.pass();
    u64 at = tlp.address;
    u32 last = answer.ok() ? tlp.length : 0;
    while (last != 0) {
        const u32 part = link_.completion_bytes(at, last);
        if (part == last) break;
        sim::start(complete_part(completion_of(tlp, answer.status, at, part)));
        at += part;
        last -= part;
    }
    co_await link_.down.leave(completion_of(tlp, answer.status, at, last), last);
    link_.down.left(completion_of(tlp, answer.status, at, last), last);
    co_await link_.down.travel();
    if (endpoint_.copies() && answer.ok()) co_await endpoint_.copy(tlp.length);
    tag.release();
    who.completed(tlp, answer);
}

sim::Task<void> RootPort::write(Tlp tlp, Payload data, Requester* who) {
    co_await endpoint_.issue.pass(true);
    const auto credit = co_await link_.up.queue().enter_posted();
    co_await link_.up.leave(tlp, tlp.length);
    link_.up.left(tlp, tlp.length);
    if (who != nullptr) who->left(tlp);
    co_await link_.up.travel();

    const u64 ticket = order_.arrive();
    const bool message = rc_.is_message(tlp.address);
    ++(message ? counts_.messages : counts_.writes);
    co_await ingress_.pass();
    iommu::Translation t = untranslated(tlp);
    const bool malformed = tlp.crosses_page();
    if (malformed) {
        t.ending = iommu::Ending::Abort;
    } else if (rc_.iommu() != nullptr && !message) {
        auto asked = rc_.iommu()->translate(question(tlp));
        t = co_await std::move(asked);
    }
    if (!tlp.attributes.relaxed) co_await order_.handed_over_before(ticket);
    order_.hand_over(ticket);
    if (t.ending == iommu::Ending::Grant) {
        memory::Request r = access(tlp, data.data(), t, message ? memory::Purpose::Msi : memory::Purpose::Dma);
        if (co_await rc_.memory().transport(r) != memory::Status::Ok) aborted(tlp, AbortReason::Memory);
    } else if (t.ending == iommu::Ending::Abort) {
        aborted(tlp, malformed ? AbortReason::Malformed : AbortReason::Translation);
    }
    t.in_flight.end();
    order_.commit(ticket);
}

Tlp RootPort::register_access(TlpKind kind, u64 offset, unsigned size) const {
    Tlp t;
    t.kind = kind;
    t.device = device_;
    t.length = size;
    t.address = offset; // MODEL: the BAR is below 4 GiB, so that its packets have a short header
    return t;
}

sim::Task<void> RootPort::mmio_write(u64 offset, unsigned size, u64 value) {
    if (size != 4 && size != 8) co_return;
    co_await mmio_.pass();
    const Tlp t = register_access(TlpKind::MemoryWrite, offset, size);
    co_await link_.down.leave(t, size);
    link_.down.left(t, size);
    sim::start(deliver(offset, size, value)); // posted: the CPU's side does not wait for the arrival
}

sim::Task<void> RootPort::deliver(u64 offset, unsigned size, u64 value) {
    co_await link_.down.travel();
    endpoint_.bar_write(offset, size, value);
}

sim::Task<u64> RootPort::mmio_read(u64 offset, unsigned size) {
    if (size != 4 && size != 8) co_return 0;
    co_await mmio_.pass();
    const Tlp t = register_access(TlpKind::MemoryRead, offset, size);
    co_await link_.down.leave(t, 0);
    link_.down.left(t, 0);
    co_await link_.down.travel();
    co_await sim::delay(endpoint_.register_access);
    const u64 value = endpoint_.bar_read(offset, size);

    const Tlp completion = completion_of(t, CompletionStatus::Success, offset, size);
    co_await link_.up.queue().enter(); // behind the posted writes that wait for room
    co_await link_.up.leave(completion, size);
    link_.up.left(completion, size);
    co_await link_.up.travel();
    const u64 behind = order_.behind();
    co_await ingress_.pass();
    co_await order_.committed_before(behind);
    co_return value;
}

} // namespace quiesce::pcie
