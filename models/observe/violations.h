// SPDX-License-Identifier: Apache-2.0
/// The checkers: what must never happen, judged from the facts. Kinds and their meaning: contract.md, `list metrics`.
#pragma once
#include "observe/all_events.h"

#include <map>
#include <set>
#include <string>
#include <tuple>
#include <unordered_map>
#include <vector>

namespace quiesce::observe {

struct Violation {
    std::string kind;
    sim::Time first{};
    sim::Time last{};
    u64 count = 1;           ///< how often the same thing happened to the same bond and page
    BondId bond{};
    std::string device;
    std::string process;
    Pasid pasid{};
    u64 page = 0;            ///< input address of the page, 0 where none is meant
    std::string story;
};

/// What a violation kind means, in a line; `threshold` names the parameter that sets it, if one does.
struct ViolationKind {
    std::string_view kind, meaning, threshold;
};
extern const std::vector<ViolationKind> violation_kinds;

class Checkers {
public:
    /// `flood_threshold`: fault records of one bond after its T0 from which on `report-flood` is raised; 0: never.
    explicit Checkers(base::EventBus& bus, u64 flood_threshold = 0);

    const std::vector<Violation>& violations() const { return list_; }
    /// The runner's own findings (deadlock, livelock, what was left behind).
    void report(std::string_view kind, BondId bond, u64 page, std::string story);

private:
    struct BondInfo {
        MmId mm{};
        std::string process, device;
        Pasid pasid{};
        os::BondState state = os::BondState::Unbound;
        bool ever_bound = false, blocked = false;
        u64 outstanding = 0, records_after_t0 = 0;
        bool torn = false;
    };
    struct PageInfo {
        sim::Time unmapped{};
        u64 unmapped_order = 0;      ///< position in the order of all unmaps and invalidations issued
    };
    struct Fence {
        BondId bond;
        MmId mm;
        u64 first, bytes;
        u64 issued_order;
    };
    struct Unit {
        std::set<u64> begun;         ///< invalidations not done yet
    };
    BondInfo& info(BondId b);
    void add(std::string_view kind, BondId bond, u64 page, std::string story);
    void on(const memory::DmaCommitted& e);
    void on(const memory::WalkCommitted& e);
    void on(const memory::FrameFreed& e);
    void on(const memory::FrameUnmapped& e);
    void on(const memory::FrameTaken& e);
    void on(const iommu::FaultRaised& e);
    void on(const iommu::InvalidationBegun& e);
    void on(const iommu::InvalidationDone& e);
    void on(const iommu::FenceSignalled& e);
    void on(const devices::DmaIssued& e);
    void on(const devices::DmaEnded& e);
    void on(const os::BondChanged& e);
    void on(const os::TeardownTriggered& e);
    void on(const os::InvalidationIssued& e);
    void on(const os::FenceObserved& e);
    void on(const os::PasidChanged& e);
    void on(const os::OsViolation& e);
    bool covered(const BondInfo& b, BondId id, const PageInfo& p, u64 page) const;
    std::string who(BondId b);

    base::EventBus& bus_;
    u64 flood_threshold_;
    std::vector<Violation> list_;
    std::map<std::tuple<std::string, u32, u64>, std::size_t> index_;
    std::vector<BondInfo> bonds_;                    ///< by bond id
    std::map<std::pair<u32, u64>, PageInfo> unmapped_; ///< by (mm, frame) between unmap and free
    std::map<u64, std::pair<sim::Time, u32>> freed_; ///< by frame: when, from which mm
    std::map<u64, u64> issued_;                      ///< invalidation number -> order
    std::vector<Fence> fences_;                      ///< ranges seen fenced, newest last
    std::map<u32, Unit> units_;
    std::map<u32, u32> pasid_owner_;                 ///< PASID -> mm that holds it
    u64 order_ = 0;
    std::vector<base::Subscription> tokens_;
};

} // namespace quiesce::observe
