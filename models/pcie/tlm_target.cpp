// SPDX-License-Identifier: Apache-2.0
#include "pcie/tlm_target.h"

#include <algorithm>
#include <cstring>

namespace quiesce::pcie {

void TlmDmaTarget::b_transport(tlm::tlm_generic_payload& p, sc_core::sc_time& delay) {
    if (p.get_byte_enable_ptr() != nullptr) {
        p.set_response_status(tlm::TLM_BYTE_ENABLE_ERROR_RESPONSE);
    } else if (p.get_data_length() == 0 || p.get_streaming_width() < p.get_data_length()) {
        p.set_response_status(tlm::TLM_BURST_ERROR_RESPONSE);
    } else if (p.get_command() == tlm::TLM_IGNORE_COMMAND) {
        p.set_response_status(tlm::TLM_OK_RESPONSE);
    } else {
        sim::run_in_calendar(move(p), delay);
    }
}

sim::Task<void> TlmDmaTarget::move(tlm::tlm_generic_payload& p) {
    const TlpExtension plain;
    const TlpExtension* said = p.get_extension<TlpExtension>();
    if (said == nullptr) said = &plain;
    iommu::TranslationRequest question{.transaction = 0,
                                       .device = device_,
                                       .stream = stream_,
                                       .has_pasid = said->has_pasid,
                                       .pasid = said->pasid,
                                       .at = Iova{p.get_address()},
                                       .bytes = 0,
                                       .access = p.is_write() ? iommu::Access::Write : iommu::Access::Read,
                                       .privileged = said->privileged,
                                       .instruction = said->execute,
                                       .type = said->at,
                                       .bond = said->bond};
    auto* data = reinterpret_cast<std::byte*>(p.get_data_ptr());
    u32 left = p.get_data_length();
    tlm::tlm_response_status status = tlm::TLM_OK_RESPONSE;
    while (left != 0 && status == tlm::TLM_OK_RESPONSE) {
        question.bytes = static_cast<u32>(std::min<u64>(left, page_size - question.at.page_offset()));
        question.transaction = ++transactions_;
        auto page = move_page(question, data);
        status = co_await std::move(page);
        question.at += question.bytes;
        data += question.bytes;
        left -= question.bytes;
    }
    p.set_response_status(status);
}

sim::Task<tlm::tlm_response_status> TlmDmaTarget::move_page(iommu::TranslationRequest question, std::byte* data) {
    auto asked = iommu_.translate(question);
    iommu::Translation t = co_await std::move(asked);
    const bool write = question.access == iommu::Access::Write;
    if (t.ending == iommu::Ending::Abort) co_return tlm::TLM_ADDRESS_ERROR_RESPONSE;
    if (t.ending == iommu::Ending::ReadZero) {
        if (!write) std::memset(data, 0, question.bytes);
        co_return tlm::TLM_OK_RESPONSE;
    }
    memory::Request r{t.to, data, question.bytes, write, {}, memory::Status::Ok};
    r.origin.purpose = memory::Purpose::Dma;
    r.origin.device = device_;
    r.origin.bond = question.bond;
    r.origin.has_pasid = question.has_pasid;
    r.origin.pasid = question.pasid;
    r.origin.aimed_at = question.at;
    r.origin.transaction = question.transaction;
    r.origin.translated_at = t.looked_up;
    const memory::Status status = co_await memory_.transport(r);
    t.in_flight.end(); // a fence that waited for this access may pass: its bytes have landed
    co_return status == memory::Status::Ok ? tlm::TLM_OK_RESPONSE : tlm::TLM_GENERIC_ERROR_RESPONSE;
}

} // namespace quiesce::pcie
