// SPDX-License-Identifier: Apache-2.0
#include "bare/smmuv3.h"

#include "iommu/smmuv3/unit.h"

#include <algorithm>

namespace quiesce::bare {
namespace {

namespace smmuv3 = iommu::smmuv3;

class Smmuv3 final : public Unit {
public:
    Smmuv3(base::EventBus& events, memory::MemoryPort& memory, const smmuv3::Identity& identity)
        : memory_(memory), unit_("smmu", events, memory, nullptr, smmuv3::Smmuv3Config{}, identity),
          events_log2_(identity.idr1.get(smmuv3::Idr1::EVENTQS)), requests_log2_(identity.idr1.get(smmuv3::Idr1::PRIQS)) {}

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
    smmuv3::Unit unit_;
    u64 events_log2_, requests_log2_;
    u32 events_ = 0, requests_ = 0; ///< EVENTQ_PROD.WR, PRIQ_PROD.WR
};

void Smmuv3::mark_records() {
    events_ = unit_.registers().get(smmuv3::EventqProd::WR);
    requests_ = unit_.registers().get(smmuv3::PriqProd::WR);
}

/// As software finds them: up to EVENTQ_PROD, PRIQ_PROD. A queue that is off or full gets none.
std::vector<Record> Smmuv3::records_since_mark() const {
    using namespace smmuv3;
    const EventqBase ring = unit_.registers().read<EventqBase>();
    const auto log2size = static_cast<u32>(std::min(ring.get(EventqBase::LOG2SIZE), events_log2_));
    const Spa queue = ring.get(EventqBase::ADDR).align_down(event_bytes << log2size);
    return records_of<base::WrapBit>(memory_, queue, log2size, events_, unit_.registers().get(EventqProd::WR), event_bytes);
}
std::vector<Record> Smmuv3::page_requests_since_mark() const {
    using namespace smmuv3;
    const PriqBase ring = unit_.registers().read<PriqBase>();
    const auto log2size = static_cast<u32>(std::min(ring.get(PriqBase::LOG2SIZE), requests_log2_));
    const Spa queue = ring.get(PriqBase::ADDR).align_down(std::max<u64>(32, page_request_bytes << log2size));
    return records_of<base::WrapBit>(memory_, queue, log2size, requests_, unit_.registers().get(PriqProd::WR),
                                     page_request_bytes);
}

std::vector<base::FieldRow> fields_of_form(smmuv3::RecordForm form) {
    using enum smmuv3::RecordForm;
    switch (form) {
    case Fetch: return fields_of<smmuv3::FetchFault>();
    case Forbidden: return fields_of<smmuv3::TranslatedForbidden>();
    case AtsRequest: return fields_of<smmuv3::BadAtsRequest>();
    case Conflict: return fields_of<smmuv3::TlbConflict>();
    case WalkAbort: return fields_of<smmuv3::WalkAbort>();
    case Translation: return fields_of<smmuv3::TranslationFault>();
    case Plain:
    case StreamOnly:
    case Substream:
    case Other: break;
    }
    return fields_of<smmuv3::EventRecord>();
}

} // namespace

std::unique_ptr<Iommu> make_smmuv3(sim::Calendar& calendar, const smmuv3::Identity& identity,
                                   std::vector<memory::RamRange> ram) {
    return std::make_unique<Iommu>(calendar, std::move(ram), [&](base::EventBus& events, memory::MemoryPort& memory) {
        return std::make_unique<Smmuv3>(events, memory, identity);
    });
}

RecordWords smmuv3_record_words(std::span<const std::byte> record) {
    const auto id = smmuv3::EventRecord::from_bytes(record).get(smmuv3::EventRecord::ID);
    const auto rows = smmuv3::event_rows();
    const auto row = std::find_if(rows.begin(), rows.end(), [&](const auto& r) { return r.id == id; });
    if (row == rows.end()) return {{}, fields_of<smmuv3::EventRecord>()};
    return {row->name, fields_of_form(row->form)};
}

RecordWords smmuv3_page_request_words() { return {"PAGE_REQUEST", fields_of<smmuv3::PageRequest>()}; }

RecordWords smmuv3_register_words(u64 offset) {
    for (const base::RegisterRow& r : smmuv3::Registers::rows())
        if (r.offset == offset) return {r.name, r.fields};
    return {};
}

} // namespace quiesce::bare
