// SPDX-License-Identifier: Apache-2.0
/// A requester of somebody else's SystemC platform in front of an IOMMU: a base-protocol target socket for its DMA, and
/// the extension that says what the base protocol may not.
#pragma once
#include "base/names.h"
#include "iommu/translation.h"
#include "memory/memory_port.h"
#include "sim/tlm_call.h"
#include "sim/tlm_payload.h"

namespace quiesce::pcie {

/// What a packet says beyond address, data and direction. A payload without it is untranslated and has no PASID.
struct TlpExtension : tlm::tlm_extension<TlpExtension> {
    iommu::AddressType at = iommu::AddressType::Untranslated;
    bool has_pasid = false;
    Pasid pasid{};
    bool privileged = false; ///< PMR of the PASID prefix
    bool execute = false;    ///< Exe of the PASID prefix
    BondId bond{};           ///< for a page ledger; no hardware acts on it

    tlm::tlm_extension_base* clone() const override {
        return new TlpExtension(*this);
    } // owned by the payload, as TLM rules
    void copy_from(const tlm::tlm_extension_base& other) override { *this = static_cast<const TlpExtension&>(other); }
};

/// One requester without a link: each 4 KiB page of a call is translated and goes to memory, one after the other; the
/// call blocks until the last byte is committed. The response:
///
///     TLM_OK_RESPONSE                  all bytes moved, or the IOMMU answers reads with zero and ignores writes
///     TLM_ADDRESS_ERROR_RESPONSE       the IOMMU aborted: Unsupported Request on a bus
///     TLM_GENERIC_ERROR_RESPONSE       nothing answers at the translated address: Completer Abort
///     TLM_BYTE_ENABLE_ERROR_RESPONSE, TLM_BURST_ERROR_RESPONSE   byte enables, or a streaming width below the length
///
/// After an error, the pages before it have moved. DMI is denied.
/// MODEL: transport_dbg is refused, because a look that leaves caches and event queues alone is not modelled.
class TlmDmaTarget : public sc_core::sc_module {
public:
    tlm_utils::simple_target_socket<TlmDmaTarget> from_device{"from_device"};

    /// `iommu` and `memory` must outlive the calendar's shutdown().
    TlmDmaTarget(sc_core::sc_module_name name, iommu::TranslationPort& iommu, memory::MemoryPort& memory,
                 DeviceId device, StreamId stream)
        : sc_module(name), iommu_(iommu), memory_(memory), device_(device), stream_(stream) {
        from_device.register_b_transport(this, &TlmDmaTarget::b_transport);
    }

private:
    void b_transport(tlm::tlm_generic_payload& p, sc_core::sc_time& delay);
    sim::Task<void> move(tlm::tlm_generic_payload& p);
    sim::Task<tlm::tlm_response_status> move_page(iommu::TranslationRequest question, std::byte* data);

    iommu::TranslationPort& iommu_;
    memory::MemoryPort& memory_;
    DeviceId device_;
    StreamId stream_;
    u64 transactions_ = 0;
};

} // namespace quiesce::pcie
