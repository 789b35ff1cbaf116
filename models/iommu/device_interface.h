// SPDX-License-Identifier: Apache-2.0
/// A device interface: the part of an IOMMU that stands near some of its devices (a TBU beside a TCU), with small caches
/// of its own. What they do not have it asks the unit for, a way to and a way back. An invalidation reaches it a way
/// after the unit, and is over when the interface has said so.
#pragma once
#include "base/events.h"
#include "base/param.h"
#include "iommu/walker.h"
#include "sim/slots.h"
#include "sim/wire.h"

#include <map>
#include <optional>

namespace quiesce::iommu {

/// Whether translations of one stream leave an interface in the order in which they came.
enum class StreamOrder : u8 { None, Stream };
constexpr auto enum_names(StreamOrder) {
    return base::name_table<StreamOrder>({{StreamOrder::None, "none"}, {StreamOrder::Stream, "stream"}});
}

struct DeviceInterfaceConfig {
    using P = base::Provenance;
    base::Param<unsigned> count{0, "device interfaces (TBUs) between the devices, which are dealt to them in turn, and the unit; 0: none",
                                base::at_most(64u), P::Guess, "how many there are is up to the chip"};
    base::Param<unsigned> slots{16, "transactions in one at once", base::between(1u, 4096u), P::Derived,
                                "gem5 v24.0 src/dev/arm/SMMUv3.py: xlate_slots of a device interface"};
    base::Param<unsigned> entries{32, "translations kept in one (micro-TLB)", base::between(1u, 65536u), base::power_of_two,
                                  P::Derived, "gem5 v24.0 src/dev/arm/SMMUv3.py: utlb_entries"};
    base::Param<unsigned> ways{32, "ways of the micro-TLB", base::between(1u, 65536u), base::power_of_two, P::Derived,
                               "gem5 v24.0 src/dev/arm/SMMUv3.py: utlb_assoc, fully associative"};
    base::Param<Replacement> replacement{Replacement::RoundRobin, "replacement in the micro-TLB", P::Derived,
                                         "gem5 v24.0 src/dev/arm/SMMUv3.py: round robin"};
    base::Param<unsigned> config_entries{8, "contexts kept in one", base::between(1u, 4096u), base::power_of_two, P::Guess,
                                         "a few streams are busy at once"};
    base::Param<base::Latency> lookup{base::Latency{sim::Duration::ps(1'000)}, "look-up in the micro-TLB", P::Derived,
                                      "gem5 v24.0 src/dev/arm/SMMUv3.py: utlb_lat, 1 cycle, taken at 1 GHz"};
    base::Param<base::Latency> way{base::Latency{sim::Duration::ps(8'000)}, "one way between an interface and the unit",
                                   P::Derived, "gem5 v24.0 src/dev/arm/SMMUv3.py: ifc_smmu_lat, smmu_ifc_lat, 8 cycles at 1 GHz"};
    base::Param<StreamOrder> order{StreamOrder::None,
                                   "none: a hit leaves before a miss that came earlier; stream: not before one of its own stream",
                                   P::Guess, "gem5 v24.0 lets hits go on under misses"};
    base::Param<bool> hit_under_miss{true, "others are looked up while one waits for the unit; false: they wait, too", P::Derived,
                                     "gem5 v24.0 smmu_v3_deviceifc.cc: look-ups go on while others are at the SMMU"};
};
DESCRIBE(DeviceInterfaceConfig, count, slots, entries, ways, replacement, config_entries, lookup, way, order, hit_under_miss)
static_assert(base::fully_described<DeviceInterfaceConfig>);

/// What the unit has of a request when it answers: an interface may keep it.
struct Holdings {
    std::optional<Context> context;
    std::optional<Leaf> leaf; ///< with `context`
};

/// What an interface asks the unit.
class CentralUnit {
public:
    virtual ~CentralUnit() = default;
    virtual Tag context_tag(const TranslationRequest& r) const = 0;
    /// The answer that two caches have by themselves. False: they have none.
    virtual bool from_caches(const TranslationRequest& r, Cache<Context>& contexts, Cache<Leaf>& translations, LookUp how,
                             Translation& answer) = 0;
    /// The unit's look-ups and what follows; `token` of `tracker` is held but while software is asked.
    virtual sim::Task<Translation> translate_here(TranslationRequest r, InFlight token, InFlightTracker& tracker) = 0;
    virtual Holdings holdings(const TranslationRequest& r) const = 0;
};

class DeviceInterface final : public TranslationPort, public RemoteCaches {
public:
    DeviceInterface(base::Name name, base::EventBus& events, CentralUnit& unit, InvalidationEngine& invalidations,
                    const DeviceInterfaceConfig& config);

    /// Hit: `lookup`. A miss adds the way, what the unit takes, and the way back.
    sim::Task<Translation> translate(TranslationRequest r) override;

    const Cache<Leaf>& translations() const { return tlb_; }
    const Cache<Context>& contexts() const { return contexts_; }
    const sim::Slots& slots() const { return slots_; }

private:
    /// The places of one stream's transactions in the order in which they came.
    struct Line {
        u64 last = 0, passed = 0;
        sim::Signal moved;
    };
    sim::Task<Translation> ask(const TranslationRequest& r, InFlight token);
    void keep(const TranslationRequest& r, const Holdings& found);

    CentralUnit& unit_;
    sim::Slots slots_;
    SlotLevels levels_;
    sim::Stage lookup_, to_unit_;
    Cache<Context> contexts_;
    Cache<Leaf> tlb_;
    bool in_order_, hit_under_miss_;
    unsigned misses_ = 0; ///< at the unit now
    sim::Signal answered_;
    std::map<StreamId, Line> lines_;
};

} // namespace quiesce::iommu
