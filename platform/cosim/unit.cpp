// SPDX-License-Identifier: Apache-2.0
#include "platform/cosim/unit.h"

#include "iommu/smmuv3/unit.h"
#include "platform/cosim/refusal.h"

#include <algorithm>
#include <fmt/format.h>
#include <iterator>

namespace quiesce::platform::cosim {
namespace {

namespace smmuv3 = iommu::smmuv3;

struct IdentityName {
    std::string_view name;
    u32 smmuv3::IdentityValues::*value;
};
constexpr IdentityName identity_name_table[] = {
    {"IDR0", &smmuv3::IdentityValues::idr0}, {"IDR1", &smmuv3::IdentityValues::idr1},
    {"IDR2", &smmuv3::IdentityValues::idr2}, {"IDR3", &smmuv3::IdentityValues::idr3},
    {"IDR4", &smmuv3::IdentityValues::idr4}, {"IDR5", &smmuv3::IdentityValues::idr5},
    {"AIDR", &smmuv3::IdentityValues::aidr},
};

/// Registers that say who made the unit, and on which nothing depends (6.3.7, 6.3.50; the peripheral and component
/// identification of every CoreSight component).
struct MakerRegister {
    std::string_view name;
    u64 offset;
};
constexpr MakerRegister maker_register_table[] = {
    {"IIDR", 0x018},  {"PIDR4", 0xfd0}, {"PIDR0", 0xfe0}, {"PIDR1", 0xfe4}, {"PIDR2", 0xfe8},
    {"PIDR3", 0xfec}, {"CIDR0", 0xff0}, {"CIDR1", 0xff4}, {"CIDR2", 0xff8}, {"CIDR3", 0xffc},
};

template <class Rows>
auto row_of_name(const Rows& rows, std::string_view name) -> decltype(&rows[0]) {
    const auto found = std::find_if(std::begin(rows), std::end(rows), [&](const auto& r) { return r.name == name; });
    return found == std::end(rows) ? nullptr : &*found;
}

void check(const IdValue& id) {
    if (row_of_name(identity_name_table, id.name) == nullptr && row_of_name(maker_register_table, id.name) == nullptr)
        throw Refusal(QSC_ERR_ARGUMENT, fmt::format("an SMMUv3 has no identification register '{}'", id.name));
    if (id.value > 0xffff'ffff)
        throw Refusal(QSC_ERR_ARGUMENT, fmt::format("{} has 32 bits, got {:#x}", id.name, id.value));
}

/// The registers with some of the maker's in front of them.
class MakersMark final : public memory::MmioTarget {
public:
    explicit MakersMark(memory::MmioTarget& behind) : behind_(behind) {}
    void set(u64 offset, u32 value) { values_.push_back({offset, value}); }
    sim::Task<void> mmio_write(u64 offset, unsigned size, u64 value) override {
        return behind_.mmio_write(offset, size, value);
    }
    sim::Task<u64> mmio_read(u64 offset, unsigned size) override {
        auto asked = behind_.mmio_read(offset, size);
        u64 value = co_await std::move(asked);
        if ((size != 4 && size != 8) || offset % size != 0) co_return value;
        for (const auto& [at, id] : values_) {
            if (at - offset >= size) continue;
            const u64 shift = (at - offset) * 8;
            value = (value & ~(u64{0xffff'ffff} << shift)) | u64{id} << shift;
        }
        co_return value;
    }

private:
    memory::MmioTarget& behind_;
    std::vector<std::pair<u64, u32>> values_;
};

smmuv3::IdentityValues values_of(const smmuv3::Identity& id) {
    return {id.idr0.value(), id.idr1.value(), id.idr2.value(), id.idr3.value(),
            id.idr4.value(), id.idr5.value(), id.aidr.value()};
}

smmuv3::Identity identity_with(const smmuv3::Smmuv3Config& config, const std::vector<IdValue>& ids) {
    const smmuv3::Identity as_configured = smmuv3::identity_of(config);
    if (ids.empty()) return as_configured;
    smmuv3::IdentityValues values = values_of(as_configured);
    for (const IdValue& id : ids)
        if (const IdentityName* row = row_of_name(identity_name_table, id.name))
            values.*row->value = static_cast<u32>(id.value);
    smmuv3::Identity identity = smmuv3::identity_of(values);
    identity.global_entries = as_configured.global_entries;
    return identity;
}

class Smmuv3 final : public Unit {
public:
    Smmuv3(const smmuv3::Smmuv3Config& config, const std::vector<IdValue>& ids, base::EventBus& events,
           memory::MemoryPort& memory, memory::InterruptSink& sink)
        : first_line_(config.wired_base.get()),
          unit_("smmu", events, memory, &sink, config, identity_with(config, ids)), front_(unit_) {
        for (const IdValue& id : ids)
            if (const MakerRegister* maker = row_of_name(maker_register_table, id.name))
                front_.set(maker->offset, static_cast<u32>(id.value));
    }
    memory::MmioTarget& registers() override { return front_; }
    iommu::TranslationPort& translation() override { return unit_.translation(); }
    iommu::PageRequestPort& page_requests() override { return unit_.page_requests(); }
    void connect(iommu::AtsPort& ats, iommu::PageResponsePort& responses) override {
        unit_.set_ats_port(&ats);
        unit_.set_page_response_port(&responses);
    }
    unsigned first_line() const override { return first_line_; }

private:
    unsigned first_line_;
    smmuv3::Unit unit_;
    MakersMark front_;
};

} // namespace

void check_unit(const IommuConfig& config, const std::vector<IdValue>& ids) {
    if (config.kind != IommuKind::Smmuv3)
        throw Refusal(QSC_ERR_UNSUPPORTED, "platform.iommu.kind: none: there is nothing to co-simulate");
    for (const IdValue& id : ids) check(id);
    if (const auto why = smmuv3::what_it_cannot_be(identity_with(config.smmuv3, ids)); !why.empty())
        throw Refusal(QSC_ERR_UNSUPPORTED, fmt::format("identification registers: {}", why));
}

u64 register_bytes_of(const IommuConfig&) { return smmuv3::register_block_bytes; }

std::unique_ptr<Unit> make_unit(const IommuConfig& config, const std::vector<IdValue>& ids, base::EventBus& events,
                                memory::MemoryPort& memory, memory::InterruptSink& sink) {
    return std::make_unique<Smmuv3>(config.smmuv3, ids, events, memory, sink);
}

} // namespace quiesce::platform::cosim
