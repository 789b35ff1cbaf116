// SPDX-License-Identifier: Apache-2.0
/// Page requests through a root port: messages up to the IOMMU, responses down to the function (page_request.h).
#include "pcie/root_complex.h"

namespace quiesce::pcie {

sim::Task<void> RootComplex::respond(iommu::PageGroupResponse response) {
    for (const auto& port : ports_) {
        if (port->stream() != response.stream) continue;
        co_await port->respond(response);
        co_return;
    }
}

/// A posted message: it stays behind the posted writes before it, and the next one behind it.
sim::Task<void> RootPort::request_page(Tlp message, PageRequestHeader header) {
    message.kind = TlpKind::Message;
    message.length = 0;
    message.address = header.word(0);
    co_await endpoint_.issue.pass(true);
    const auto room = co_await link_.up.enter(message, 0);
    const u64 life = link_.up.life();
    co_await link_.up.leave(message, 0);
    link_.up.left(message, 0);
    co_await link_.up.travel();
    if (link_.up.arrival(message, life) != Arrival::Whole) co_return;
    const u64 ticket = order_.arrive();
    ++counts_.page_requests;
    co_await ingress_.pass();
    co_await order_.handed_over_before(ticket);
    order_.hand_over(ticket);
    co_await order_.committed_before(ticket);
    // MODEL: a root port without a page request interface behind it drops the message; PCIe Base 10.4.1 has it report
    // an Unsupported Request besides.
    if (rc_.page_requests() != nullptr) {
        auto taken = rc_.page_requests()->page_request(message_of(message, header));
        co_await std::move(taken);
    }
    order_.commit(ticket);
}

iommu::PageRequestMessage RootPort::message_of(const Tlp& t, PageRequestHeader header) const {
    iommu::PageRequestMessage m;
    m.stream = stream_;
    m.has_pasid = t.has_pasid;
    m.pasid = t.pasid;
    m.at = Iova{header.get(PageRequestHeader::Address) << page_shift};
    m.read = header.get(PageRequestHeader::R);
    m.write = header.get(PageRequestHeader::W);
    m.execute = t.has_pasid && t.execute;
    m.privileged = t.has_pasid && t.privileged;
    m.last = header.get(PageRequestHeader::L);
    m.group = static_cast<u16>(header.get(PageRequestHeader::Group));
    m.bond = t.bond;
    return m;
}

sim::Task<void> RootPort::respond(iommu::PageGroupResponse response) {
    PageGroupResponseHeader header;
    header.set(PageGroupResponseHeader::Group, response.group).set(PageGroupResponseHeader::DeviceID, raw(requester_));
    header.set(PageGroupResponseHeader::Code, static_cast<u64>(response.code));
    Tlp message;
    message.kind = TlpKind::Message;
    message.device = device_;
    message.has_pasid = response.has_pasid;
    message.pasid = response.pasid;
    message.address = header.word(0);
    co_await egress_.pass();
    const auto room = co_await link_.down.enter(message, 0);
    const u64 life = link_.down.life();
    co_await link_.down.leave(message, 0);
    link_.down.left(message, 0);
    co_await link_.down.travel();
    if (link_.down.arrival(message, life) != Arrival::Whole) co_return;
    endpoint_.page_response({message.has_pasid, message.pasid, header});
}

} // namespace quiesce::pcie
