// SPDX-License-Identifier: Apache-2.0
/// The PASID allocator.
#pragma once
#include "base/events.h"
#include "base/param.h"
#include "os/events.h"
#include "sim/random.h"
#include "sim/task.h"

#include <functional>
#include <map>
#include <optional>

namespace quiesce::os {

using namespace sim::literals;

enum class PasidOrder : u8 { Lowest, Cyclic, Random };
constexpr auto enum_names(PasidOrder) {
    return base::name_table<PasidOrder>({{PasidOrder::Lowest, "lowest"}, {PasidOrder::Cyclic, "cyclic"}, {PasidOrder::Random, "random"}});
}

struct PasidConfig {
    using P = base::Provenance;
    base::Param<PasidOrder> allocator{PasidOrder::Lowest, "which free PASID is handed out next", P::Kernel,
                                      "linux: iommu.c, iommu_alloc_global_pasid: a lowest-free ida"};
    base::Param<base::Latency> grace{0_ns, "how long a freed PASID stays out of use", P::Kernel,
                                     "linux: ioasid_free, later ida_free: none"};
    base::Param<u32> min{1, "lowest PASID", base::between(1u, 0xfffffu), P::Kernel,
                         "linux: iommu.h, IOMMU_FIRST_GLOBAL_PASID: 0 is reserved"};
    base::Param<u32> max{0xfffff, "highest PASID", base::between(1u, 0xfffffu), P::Specification, "20 bits"};
    base::Param<u32> quota{0, "PASIDs that one set has at most: those of a process, or those without one (allocate-pasids); 0: all",
                           base::at_most(0xfffffu), P::Kernel,
                           "J. Pan, iommu/ioasid: Redefine IOASID set and allocation APIs (2020 to 2021): ioasid_set quotas"};
    base::Param<bool> each_device{false, "a process has a PASID of its own for each device, and each costs its own invalidations",
                                  P::Kernel, "linux 4.4 to 5.15: SVM_FLAG_PRIVATE_PASID"};
};
/// By hand: `private` is a word of the language.
[[maybe_unused]] constexpr auto quiesce_describe(std::type_identity<PasidConfig>) {
    using C = PasidConfig;
    using base::DescribedField;
    return base::list(DescribedField<C, decltype(C::allocator)>{"allocator", &C::allocator},
                      DescribedField<C, decltype(C::grace)>{"grace", &C::grace},
                      DescribedField<C, decltype(C::min)>{"min", &C::min}, DescribedField<C, decltype(C::max)>{"max", &C::max},
                      DescribedField<C, decltype(C::quota)>{"quota", &C::quota},
                      DescribedField<C, decltype(C::each_device)>{"private", &C::each_device});
}
static_assert(base::fully_described<PasidConfig>);

class SvaDomain;

class PasidAllocator {
public:
    PasidAllocator(base::EventBus& events, const PasidConfig& config, u64 seed) : events_(events), config_(config), random_(seed, "os.pasid") {}
    /// Nothing if all are in use, or the quota of its set is. `limit`: what the device takes, exclusive. `set`: of PASIDs
    /// without a process.
    std::optional<Pasid> take(MmId mm, u32 limit, base::Name set = {});
    /// One that a hypervisor handed out, be it what it may: its ranges are the hypervisor's, and so is the order. Nothing, if it had none.
    std::optional<Pasid> enter(std::optional<Pasid> pasid, MmId mm);
    /// The quota of the mm leaves room for one more.
    bool has_room(MmId mm) const { return has_quota(mm, {}); }
    /// Where a PASID goes before it is anybody's again, and how long that takes; empty: nowhere.
    std::function<sim::Task<void>(Pasid)> give_back;
    bool one_for_each_device() const { return config_.each_device; }
    /// Its owner is through with it: reusable after the grace time, if nobody else holds it.
    void free(Pasid pasid, MmId mm);
    /// One more user; false if it was given back already, or is nobody's.
    bool hold(Pasid pasid);
    /// The last user's is what makes a PASID that was given back reusable, after the grace time.
    void drop(Pasid pasid, MmId mm);
    /// What a driver knows of whoever has the PASID (ioasid_set_data), and finds by its number alone (ioasid_find), until the last user
    /// is gone. Null: nobody has it, or nothing was said of it.
    void set_data(Pasid pasid, SvaDomain* data) { used_.at(raw(pasid)).data = data; }
    SvaDomain* find(Pasid pasid) const;
    std::size_t in_use() const { return used_.size(); }
    /// Those that a process has and has not given back.
    std::size_t with_processes() const;
    /// Freed, but still in their grace time.
    std::size_t parked() const { return parked_; }

private:
    struct Use {
        MmId mm{};
        base::Name set{};
        unsigned users = 1;
        SvaDomain* data = nullptr;
        bool given_back = false; ///< by its owner
    };
    void retire(Pasid pasid, MmId mm);
    sim::Task<void> release_later(Pasid pasid, MmId mm);
    void release(Pasid pasid, MmId mm);
    std::optional<u32> first_free(u32 from, u32 to) const;
    std::optional<u32> choose(u32 low, u32 high);
    /// Of one process or one set.
    bool has_quota(MmId mm, base::Name set) const;
    base::EventBus& events_;
    PasidConfig config_;
    sim::Random random_;
    std::map<u32, Use> used_;
    u32 last_ = 0;
    u32 lowest_free_ = 0;    ///< none below it is free, as long as the lowest one goes first
    std::size_t parked_ = 0;
};

} // namespace quiesce::os
