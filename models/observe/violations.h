// SPDX-License-Identifier: Apache-2.0
/// The checkers: what must never happen, judged from the facts. Kinds and their meaning: contract.md, `list metrics`.
#pragma once
#include "observe/all_events.h"
#include "observe/page_requests.h"
#include "observe/unfenced_pages.h"

#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <unordered_map>
#include <vector>

namespace quiesce::observe {

struct Teardown;

struct Violation {
    std::string kind;
    sim::Time first{};
    sim::Time last{};
    u64 count = 1; ///< how often the same thing happened to the same bond, page and object
    BondId bond{};
    std::string device;
    std::string process;
    Pasid pasid{};
    u64 page = 0;            ///< input address of the page, 0 where none is meant
    std::string object; ///< what else it is about: a unit, a frame, an object of the operating system; empty if nothing
    std::string story;
    sim::Time told{};   ///< when the occurrence was that the story tells of
    u64 event = 0;      ///< base::EventBus's number of what showed that; 0: the end of the run
};

/// What a violation kind means, in a line; `threshold` names the parameter that sets it, if one does.
struct ViolationKind {
    std::string_view kind, meaning, threshold;
};
extern const std::vector<ViolationKind> violation_kinds;

class Checkers {
public:
    /// `flood_threshold`: fault records of one bond after its T0 from which on `report-flood` is raised; 0: never.
    /// `refault_threshold`: page requests of one bond for one page from which on `refault-storm` is raised; 0: never.
    /// `flood_share`: per cent of what filled a queue that dying bonds must have for `innocent-victim`; 0: never.
    explicit Checkers(base::EventBus& bus, u64 flood_threshold = 0, u64 refault_threshold = 0, u64 flood_share = 0);

    const std::vector<Violation>& violations() const { return list_; }
    /// The runner's own findings (deadlock, livelock, what was left behind).
    void report(std::string_view kind, BondId bond, u64 page, std::string story, std::string_view object = "") {
        add(kind, bond, page, object, std::move(story));
    }
    /// At the end of a run: the rules that a teardown's milestones break (milestone_rules.h).
    void check(const Teardown& t);
    /// At the end of a run: requests that were not answered and, as nothing can move any more (`idle`) or as they have
    /// waited for `limit`, never will be.
    void check_page_requests(const PageRequests& requests, bool idle, sim::Duration limit);

private:
    struct BondInfo {
        MmId mm{};
        std::string process, device;
        DeviceId device_id{};
        Pasid pasid{};
        os::BondState state = os::BondState::Unbound;
        bool ever_bound = false, blocked = false;
        sim::Time blocked_at{};
        u64 outstanding = 0, records_after_t0 = 0;
        u64 last_issued = 0; ///< its newest transaction that the device was seen to issue: they are judged there
        bool torn = false;
        std::set<u64> pinned{}; ///< frames; not empty: it reaches no others
        u64 bound = 0;          ///< when it was, in the order of unmaps
        std::optional<sim::Time> left_open; ///< its ATC was emptied and could be filled again, because of refilled_by
        BondId refilled_by{};
    };
    struct Unit {
        std::set<u64> begun;         ///< invalidations not done yet
    };
    /// What came to a queue since it was empty last.
    struct Backlog {
        u64 unread = 0, all = 0, dying = 0; ///< dying: of bonds whose teardown has begun
    };
    BondInfo& info(BondId b);
    // ---- flood_checks.cpp
    void came(Backlog& q, BondId bond, bool queued);
    bool crowded_out(const Backlog& q, BondId victim);
    void record_came(const iommu::FaultRaised& e);
    void request_came(BondId bond);
    void request_ended();
    void count_record(BondId bond);
    bool after_unbind(BondId b, u64 transaction);
    /// What happened before gets another count, and a story that tells more, where this is one (`tells`).
    void add(std::string_view kind, BondId bond, u64 page, std::string_view object, std::string story, unsigned tells = 0) {
        add_at(bus_.now(), kind, bond, page, object, std::move(story), tells);
    }
    void add_at(sim::Time when, std::string_view kind, BondId bond, u64 page, std::string_view object, std::string story,
                unsigned tells = 0);
    BondId bond_of_group(StreamId stream, u16 group) const;
    std::optional<u8> take_decision(StreamId stream, u16 group);
    void lost_request(const PageRequests::Waiting& w, const char* what);
    void on(const devices::PageRequestSent& e);
    void on(const devices::PageResponseHeard& e);
    void on(const devices::PageGroupForgotten& e);
    void on(const iommu::PageRequestRecorded& e);
    void on(const iommu::PageRequestDropped& e);
    void on(const iommu::StallRecorded& e);
    void on(const iommu::StallAnswerIgnored& e);
    void on(const iommu::StallResolved& e);
    void on(const iommu::PageResponseSent& e);
    void on(const os::PageRequestEnded& e);
    void on(const os::PageGroupAnswered& e);
    void on(const memory::DmaCommitted& e);
    void on(const memory::WalkCommitted& e);
    void on(const memory::StructureTorn& e);
    void on(const memory::FrameFreed& e);
    void on(const memory::FrameUnmapped& e);
    void on(const memory::FrameLeft& e);
    void given_up(MmId by, Va page, Spa frame, bool table, bool freed);
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
    void on(const os::WorkLost& e);
    void on(const devices::WorkDropped& e);
    void on(const os::AtcLeftOpen& e);
    void on(const os::OsViolation& e);
    void on(const os::FaultHandled& e);
    void on(const os::PagePinned& e) {
        if (e.bond != no_bond) info(e.bond).pinned.insert(e.frame.page_number());
    }
    void on(const os::OomVictimMarked& e);
    void on(const os::ProcessChanged& e);
    void on(const pcie::InvalidationAnswered& e);
    void on(const pcie::LinkChanged& e);
    std::string who(BondId b);
    std::string freed_under(BondId b);
    std::string landed_in(const memory::DmaCommitted& e, unsigned& tells);
    std::string acknowledged(const memory::DmaCommitted& e) const;
    std::string owner(u32 mm) const;

    base::EventBus& bus_;
    u64 flood_threshold_, refault_threshold_, flood_share_;
    Backlog fault_backlog_, request_backlog_;
    std::map<std::pair<u32, u64>, u64> asked_;       ///< page requests by bond and page, where they are counted
    std::vector<Violation> list_;
    std::vector<unsigned> tells_; ///< how much the story of each tells
    std::map<std::tuple<std::string, u32, u64, std::string>, std::size_t> index_; ///< by kind, bond, page, object
    /// In the order of their ids.
    std::unordered_map<u32, std::vector<u32>> of_mm_, with_pasid_;
    std::vector<BondInfo> bonds_;                    ///< by bond id
    UnfencedPages unfenced_;
    struct Freed {
        sim::Time at{};
        u32 mm = 0;
        sim::Time inherited{};       ///< when it was taken anew
        u32 heir = 0;                ///< by which mm; 0: the kernel or nobody
        u64 page = 0;                ///< as which of its pages
        bool table = false;          ///< as a page of its tables instead
    };
    std::map<u64, Freed> freed_;     ///< by frame: its last freeing
    using GroupKey = std::pair<u32, u16>; ///< stream and group index
    std::map<GroupKey, BondId> group_bond_;
    std::set<GroupKey> forgotten_; ///< by their device, before their answer came
    std::map<GroupKey, std::deque<u8>> decided_;                      ///< answers on their way, as the message's codes
    std::set<std::pair<u32, u16>> whole_; ///< groups, by bond and index, whose last request is recorded and which nobody has answered
    std::map<std::tuple<u32, u16, u64>, std::deque<BondId>> records_; ///< that the OS has: by stream, group and page
    std::map<u32, Unit> units_;
    /// What each device acknowledged for a PASID, the latest last; as many as a story may need.
    std::map<std::pair<u32, u32>, std::deque<std::pair<sim::Time, pcie::InvalidationAnswered>>> acknowledged_;
    static constexpr std::size_t most_acknowledged = 64;
    struct Dropped {
        sim::Time at{};
        bool torn = false; ///< its process was dying
    };
    std::map<std::pair<u32, u32>, Dropped> dropped_; ///< by device and bond: work that its driver may tell of
    std::map<u32, sim::Time> link_down_; ///< by device: since when
    std::unordered_map<u32, std::string> processes_; ///< by mm
    std::unordered_map<u32, u32> pasid_owner_; ///< PASID -> mm that holds it; asked for each DMA
    std::set<u32> dying_;                  ///< or dead, by mm
    std::vector<base::Subscription> tokens_;
};

} // namespace quiesce::observe
