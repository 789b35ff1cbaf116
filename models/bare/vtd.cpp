// SPDX-License-Identifier: Apache-2.0
#include "bare/vtd.h"

#include "iommu/vtd/unit.h"

#include <algorithm>

namespace quiesce::bare {
namespace {

namespace vtd = iommu::vtd;

/// Records are registers: one is new if F became 1.
class Vtd final : public Unit {
public:
    Vtd(base::EventBus& events, memory::MemoryPort& memory, const vtd::Identity& identity)
        : memory_(memory), unit_("dmar", events, memory, vtd::VtdConfig{}, identity) {}

    memory::MmioTarget& registers() override { return unit_; }
    iommu::TranslationPort& translation() override { return unit_.translation(); }
    iommu::PageRequestPort* page_requests() override { return &unit_.page_requests(); }
    void connect(iommu::AtsPort& ats, iommu::PageResponsePort& responses) override {
        unit_.set_ats_port(&ats);
        unit_.set_page_response_port(&responses);
    }
    void mark_records() override;
    std::vector<Record> records_since_mark() const override;
    std::vector<Record> page_requests_since_mark() const override;

private:
    bool pending(std::size_t n) const { return unit_.fault_bank().at(n).get(vtd::FaultRecord::F_); }
    memory::MemoryPort& memory_;
    vtd::Unit unit_;
    std::vector<bool> mark_;
    u32 requests_ = 0; ///< PQT
};

void Vtd::mark_records() {
    mark_.resize(unit_.fault_bank().size());
    for (std::size_t n = 0; n < mark_.size(); ++n) mark_[n] = pending(n);
    requests_ = unit_.registers().get(vtd::Pqt::PQT);
}

std::vector<Record> Vtd::records_since_mark() const {
    std::vector<Record> found;
    for (std::size_t n = 0; n < mark_.size(); ++n) {
        if (mark_[n] || !pending(n)) continue;
        Record& r = found.emplace_back();
        r.size = vtd::FaultRecord::byte_count;
        unit_.fault_bank().at(n).to_bytes(r.storage);
    }
    return found;
}

std::vector<Record> Vtd::page_requests_since_mark() const {
    const auto& regs = unit_.registers();
    const u32 log2size = regs.get(vtd::Pqa::PQS) + 7;
    const Spa queue = regs.get(vtd::Pqa::ADDR).align_down(vtd::page_request_bytes << log2size);
    return records_of<base::HeadTail>(memory_, queue, log2size, requests_, regs.get(vtd::Pqt::PQT), vtd::page_request_bytes);
}

} // namespace

std::unique_ptr<Iommu> make_vtd(sim::Calendar& calendar, const vtd::Identity& identity,
                                std::vector<memory::RamRange> ram) {
    return std::make_unique<Iommu>(calendar, std::move(ram), [&](base::EventBus& events, memory::MemoryPort& memory) {
        return std::make_unique<Vtd>(events, memory, identity);
    });
}

RecordWords vtd_record_words(std::span<const std::byte>) { return {"FRCD", fields_of<vtd::FaultRecord>()}; }

RecordWords vtd_page_request_words() { return {"PAGE_REQUEST", fields_of<vtd::PageReqDsc>()}; }

RecordWords vtd_register_words(const vtd::Identity& identity, u64 offset) {
    if (offset == vtd::iva_offset(identity.ecap)) offset = vtd::Iva::offset;
    if (offset == vtd::iotlb_offset(identity.ecap)) offset = vtd::Iotlb::offset;
    for (const base::RegisterRow& r : vtd::Registers::rows())
        if (r.offset == offset) return {r.name, r.fields};
    return {};
}

} // namespace quiesce::bare
