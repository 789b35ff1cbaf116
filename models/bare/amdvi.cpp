// SPDX-License-Identifier: Apache-2.0
#include "bare/amdvi.h"

#include "iommu/amdvi/unit.h"

#include <algorithm>

namespace quiesce::bare {
namespace {

namespace amdvi = iommu::amdvi;

class Amdvi final : public Unit {
public:
    Amdvi(base::EventBus& events, memory::MemoryPort& memory, const amdvi::Identity& identity)
        : memory_(memory), unit_("amdvi", events, memory, amdvi::AmdviConfig{}, identity) {}

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
    memory::MemoryPort& memory_;
    amdvi::Unit unit_;
    u32 events_ = 0, requests_ = 0; ///< EvtTail, PPRTail
};

void Amdvi::mark_records() {
    events_ = unit_.registers().get(amdvi::EvtTail::Ptr);
    requests_ = unit_.registers().get(amdvi::PprTail::Ptr);
}

/// As software finds them: up to the tail. A log that is off or full gets none.
std::vector<Record> Amdvi::records_since_mark() const {
    const auto& regs = unit_.registers();
    const auto log2size = static_cast<u32>(std::max(regs.get(amdvi::EvtLogBar::Len), amdvi::smallest_ring));
    return records_of<base::HeadTail>(memory_, regs.get(amdvi::EvtLogBar::Base), log2size, events_, regs.get(amdvi::EvtTail::Ptr),
                                      amdvi::ring_entry_bytes);
}
std::vector<Record> Amdvi::page_requests_since_mark() const {
    const auto& regs = unit_.registers();
    const auto log2size = static_cast<u32>(std::max(regs.get(amdvi::PprLogBar::Len), amdvi::smallest_ring));
    return records_of<base::HeadTail>(memory_, regs.get(amdvi::PprLogBar::Base), log2size, requests_,
                                      regs.get(amdvi::PprTail::Ptr), amdvi::ring_entry_bytes);
}

} // namespace

std::unique_ptr<Iommu> make_amdvi(sim::Calendar& calendar, const amdvi::Identity& identity,
                                  std::vector<memory::RamRange> ram) {
    return std::make_unique<Iommu>(calendar, std::move(ram), [&](base::EventBus& events, memory::MemoryPort& memory) {
        return std::make_unique<Amdvi>(events, memory, identity);
    });
}

RecordWords amdvi_record_words(std::span<const std::byte> record) {
    const auto code = amdvi::Event::from_bytes(record).get(amdvi::Event::Code);
    const std::string_view name = raw(code) == 0 ? std::string_view{} : base::enum_text(code);
    if (code == amdvi::EventCode::InvalidDeviceRequest) return {name, fields_of<amdvi::InvalidDeviceRequest>()};
    if (code == amdvi::EventCode::InvalidPprRequest) return {name, fields_of<amdvi::InvalidPprRequest>()};
    return {name, fields_of<amdvi::Event>()};
}

RecordWords amdvi_page_request_words() { return {"PAGE_SERVICE_REQUEST", fields_of<amdvi::PprEntry>()}; }

RecordWords amdvi_register_words(u64 offset) {
    for (const base::RegisterRow& r : amdvi::Registers::rows())
        if (r.offset == offset) return {r.name, r.fields};
    return {};
}

} // namespace quiesce::bare
