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
          max_log2_(identity.idr1.get(smmuv3::Idr1::EVENTQS)) {}

    memory::MmioTarget& registers() override { return unit_; }
    iommu::TranslationPort& translation() override { return unit_.translation(); }
    void mark_records() override { mark_ = unit_.registers().get(smmuv3::EventqProd::WR); }
    std::vector<Record> records_since_mark() const override;

private:
    memory::MemoryPort& memory_;
    smmuv3::Unit unit_;
    u64 max_log2_;
    u32 mark_ = 0; ///< EVENTQ_PROD.WR
};

/// As software finds them: up to EVENTQ_PROD. A queue that is off or full gets none.
std::vector<Record> Smmuv3::records_since_mark() const {
    using namespace smmuv3;
    const auto& regs = unit_.registers();
    const EventqBase ring = regs.read<EventqBase>();
    const auto log2size = static_cast<u32>(std::min(ring.get(EventqBase::LOG2SIZE), max_log2_));
    const Spa queue = ring.get(EventqBase::ADDR).align_down(event_bytes << log2size);
    const u32 count = base::WrapBit::distance(mark_, regs.get(EventqProd::WR), log2size);
    std::vector<Record> found(count);
    for (u32 i = 0; i < count; ++i) {
        found[i].size = event_bytes;
        const u32 slot = base::WrapBit::index(mark_ + i, log2size);
        memory_.peek(queue + u64{slot} * event_bytes, {found[i].storage.data(), found[i].size});
    }
    return found;
}

template <class E>
std::vector<base::FieldRow> fields_of() {
    std::vector<base::FieldRow> rows;
    base::apply([&](const auto&... f) { (rows.push_back({f.name(), f.msb(), f.lsb()}), ...); }, E::fields);
    return rows;
}

std::vector<base::FieldRow> fields_of(smmuv3::RecordForm form) {
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
    return {row->name, fields_of(row->form)};
}

RecordWords smmuv3_register_words(u64 offset) {
    for (const base::RegisterRow& r : smmuv3::Registers::rows())
        if (r.offset == offset) return {r.name, r.fields};
    return {};
}

} // namespace quiesce::bare
