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
    void mark_records() override { mark_ = unit_.registers().get(amdvi::EvtTail::Ptr); }
    std::vector<Record> records_since_mark() const override;

private:
    memory::MemoryPort& memory_;
    amdvi::Unit unit_;
    u32 mark_ = 0; ///< EvtTail
};

/// As software finds them: up to the tail. A log that is off or full gets none.
std::vector<Record> Amdvi::records_since_mark() const {
    const auto& regs = unit_.registers();
    const auto log2size = static_cast<u32>(std::max(regs.get(amdvi::EvtLogBar::Len), amdvi::smallest_ring));
    const u32 count = base::HeadTail::distance(mark_, regs.get(amdvi::EvtTail::Ptr), log2size);
    std::vector<Record> found(count);
    for (u32 i = 0; i < count; ++i) {
        found[i].size = amdvi::ring_entry_bytes;
        const u32 slot = base::HeadTail::index(mark_ + i, log2size);
        const Spa at = regs.get(amdvi::EvtLogBar::Base) + u64{slot} * amdvi::ring_entry_bytes;
        memory_.peek(at, {found[i].storage.data(), found[i].size});
    }
    return found;
}

template <class E>
std::vector<base::FieldRow> amdvi_fields_of() {
    std::vector<base::FieldRow> rows;
    base::apply([&](const auto&... f) { (rows.push_back({f.name(), f.msb(), f.lsb()}), ...); }, E::fields);
    return rows;
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
    if (code == amdvi::EventCode::InvalidDeviceRequest) return {name, amdvi_fields_of<amdvi::InvalidDeviceRequest>()};
    if (code == amdvi::EventCode::InvalidPprRequest) return {name, amdvi_fields_of<amdvi::InvalidPprRequest>()};
    return {name, amdvi_fields_of<amdvi::Event>()};
}

RecordWords amdvi_register_words(u64 offset) {
    for (const base::RegisterRow& r : amdvi::Registers::rows())
        if (r.offset == offset) return {r.name, r.fields};
    return {};
}

} // namespace quiesce::bare
