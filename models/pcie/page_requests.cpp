// SPDX-License-Identifier: Apache-2.0
/// Page requests through a port: messages up to the IOMMU, responses down to the function (page_request.h).
#include "pcie/function_port.h"

#include "pcie/root_complex.h"

namespace quiesce::pcie {

sim::Task<void> FunctionPort::request_page(Tlp message, PageRequestHeader header) {
    message.kind = TlpKind::Message;
    message.message = MessageCode::PageRequest;
    message.length = 0;
    message.address = header.word(0);
    auto sent = message_up(message);
    const Message m = co_await std::move(sent);
    if (!m.there) co_return;
    ++counts_.page_requests;
    // MODEL: a root port without a page request interface behind it drops the message; PCIe Base 10.4.1 has it report
    // an Unsupported Request besides.
    if (rc_.page_requests() != nullptr) {
        auto taken = rc_.page_requests()->page_request(message_of(message, header));
        co_await std::move(taken);
    }
    order_.commit(m.ticket); // until now it kept the next posted packet behind it
}

iommu::PageRequestMessage FunctionPort::message_of(const Tlp& t, PageRequestHeader header) const {
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

sim::Task<void> FunctionPort::respond(iommu::PageGroupResponse response) {
    PageGroupResponseHeader header;
    header.set(PageGroupResponseHeader::Group, response.group).set(PageGroupResponseHeader::DeviceID, raw(requester_));
    header.set(PageGroupResponseHeader::Code, static_cast<u64>(response.code));
    Tlp message;
    message.kind = TlpKind::Message;
    message.message = MessageCode::PageGroupResponse;
    message.device = device_;
    message.completer = requester_;
    message.has_pasid = response.has_pasid;
    message.pasid = response.pasid;
    message.address = header.word(0);
    auto sent = message_down(message);
    const bool arrived = co_await std::move(sent);
    if (arrived) endpoint_.page_response({message.has_pasid, message.pasid, header});
}

} // namespace quiesce::pcie
