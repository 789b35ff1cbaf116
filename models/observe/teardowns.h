// SPDX-License-Identifier: Apache-2.0
/// Teardowns: what each bond's took, milestone by milestone (design.md, section 5), and what that time consists of.
#pragma once
#include "observe/all_events.h"
#include "observe/critical_path.h"
#include "observe/page_requests.h"
#include "observe/teardown_steps.h"

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

namespace quiesce::observe {

/// Pages of which a device's reach ended at one instant: by a fence, by their free, or not yet (Open).
struct Exposure {
    enum class By : u8 { Fence, Free, Open };
    sim::Time from{}, last{}, until{}; ///< the first and the last unmapping; the end
    u64 pages = 0;
    sim::Duration page_time{};         ///< the sum over them
    u64 first_page = 0, last_page = 0; ///< input addresses
    By by = By::Fence;
    /// One more page, of this end.
    void add(u64 page, sim::Time since) {
        from = pages == 0 ? since : std::min(from, since);
        last = std::max(last, since);
        first_page = pages == 0 ? page : std::min(first_page, page);
        last_page = std::max(last_page, page);
        page_time = page_time + (until - since);
        ++pages;
    }
};

/// One teardown of one bond instance. Instants that were not reached are absent.
struct Teardown {
    BondId bond{};
    std::string process, device, trigger;
    std::vector<std::string> also;       ///< later triggers of the same teardown
    MmId mm{};
    Pasid pasid{};
    sim::Time t0{};
    u64 t0_span = 0;
    /// In the contract's order: block_observed, block, stop, drain, last_seen, free_first, free_last, mmput, reuse; then marks
    /// of our own: stop_gave_up, tables_free, exit_mmap.
    std::vector<std::pair<std::string, sim::Time>> milestones;
    u64 t0_event = 0;                    ///< base::EventBus's numbers: of T0, and of milestones that are an event
    std::vector<std::pair<std::string, u64>> events;
    std::vector<std::string> open, not_applicable;
    std::optional<sim::Duration> quiesce;
    /// Page-time during which a device could still reach what was unmapped: from the unmap to the fence seen that
    /// covers the page, or to its free if that came first (freed-before-fenced judges what follows).
    sim::Duration exposure{};
    u64 exposed_pages_open = 0;      ///< neither fenced nor freed when the run ended: counted up to there
    /// What exposure is the sum of; of more than most_exposures those that came first.
    std::vector<Exposure> exposed;
    u64 exposed_left_out = 0;
    std::string last;                ///< the milestone that set quiesce; empty: T0 did
    /// Of so many teardowns that not all can be told in full, one of those whose breakdown, paths and steps are left out.
    bool brief = false;
    std::vector<PathPart> breakdown; ///< the path of the milestone that set quiesce
    /// What each milestone after T0 consists of, from T0 to it.
    std::vector<std::pair<std::string, std::vector<PathPart>>> paths;
    std::vector<StepTaken> steps; ///< of the list that the kernel went through
    bool mmput_ran_exit_mmap = false; ///< the exit path's last mmput was the address space's last, too
    bool pinned = false;              ///< pages of the address space were pinned for a device: they go when that is over

    std::optional<sim::Time> at(std::string_view name) const {
        for (const auto& [n, t] : milestones)
            if (n == name) return t;
        return std::nullopt;
    }
};

class Teardowns {
public:
    static constexpr std::size_t most_exposures = 64; ///< of one bond
    static constexpr std::size_t told_usually = 64;
    /// `told`: how many teardowns get breakdown, paths and steps.
    explicit Teardowns(base::EventBus& bus, std::size_t told = told_usually);

    /// Everything known at this instant; ids t0, t1 ... follow the order of T0. If there are more than can be told in full,
    /// those that are open and the slowest ones are.
    std::vector<Teardown> results() const;
    /// Bonds whose T0 has come, now.
    std::size_t begun() const;
    /// Every begun teardown has reached block and stop (or gave up), and its PASID or process is where it can go.
    bool all_quiet() const;
    SpanLog& spans() { return spans_; }
    const PageRequests& page_requests() const { return page_requests_; }

private:
    struct BondData {
        MmId mm{};
        std::string process, device;
        Pasid pasid{};
        bool torn = false;
        sim::Time t0{};
        u64 t0_span = 0;
        std::vector<std::string> triggers;
        sim::Time last_commit{}, last_seen{};
        std::optional<sim::Time> block, stop, gave_up, free_first, reuse;
        u64 block_span = 0, stop_span = 0, gave_up_span = 0;
        u64 t0_event = 0, commit_event = 0, seen_event = 0, block_event = 0, stop_event = 0, gave_up_event = 0, free_first_event = 0, reuse_event = 0;
        bool blocked = false, pinned = false;
        sim::Duration exposure{};
        std::vector<Exposure> exposed;
        u64 exposed_left_out = 0;
        /// Where a page goes whose time ends now.
        Exposure* window(sim::Time now, Exposure::By by);
    };
    struct MmData {
        std::vector<u32> bonds; ///< that there ever were, in the order of their ids
        std::optional<sim::Time> free_last, tables_free, mmput, exit_mmap;
        u64 mmput_span = 0, exit_mmap_span = 0;
        u64 free_last_event = 0, tables_event = 0, mmput_event = 0, exit_mmap_event = 0;
        bool mmput_ran_exit_mmap = false, pinned = false;
    };
    struct Exposed {
        sim::Time since;
        u64 order;
    };
    BondData& bond(BondId b);
    void seen(BondData& b, sim::Time now);
    void on(sim::Time now, const memory::DmaCommitted& e);
    void on(sim::Time now, const memory::FrameUnmapped& e);
    void on(sim::Time now, const memory::FrameFreed& e);
    void on(sim::Time now, const iommu::FaultRaised& e);
    void on(sim::Time now, const pcie::TlpSent& e);
    void on(sim::Time now, const devices::RequestArrived& e);
    void on(sim::Time now, const os::BondChanged& e);
    void on(sim::Time now, const os::TeardownTriggered& e);
    void on(sim::Time now, const os::InvalidationIssued& e);
    void on(sim::Time now, const os::FenceObserved& e);
    void on(sim::Time now, const os::StopSeen& e);
    void on(sim::Time now, const os::MmputReturned& e);
    void on(sim::Time now, const os::ExitMmapReturned& e);
    void on(sim::Time now, const os::PasidChanged& e);
    void on(sim::Time, const os::PagePinned& e) {
        mms_[raw(e.mm)].pinned = true;
        if (e.bond != no_bond) bond(e.bond).pinned = true;
    }
    Teardown result(BondId id, const BondData& b) const;
    std::vector<PathPart> device_path(const Teardown& t, sim::Time to) const;
    std::vector<PathPart> drain_path(const Teardown& t, sim::Time to) const;
    std::vector<PathPart> process_path(const Teardown& t, sim::Time to) const;
    std::vector<PathPart> path_of(const Teardown& t, const BondData& b, const std::string& milestone,
                                  sim::Time at) const;
    static void judge(Teardown& t, const BondData& b);
    void break_down(Teardown& t) const;
    void make_brief(std::vector<Teardown>& all) const;

    base::EventBus& bus_;
    const std::size_t told_;
    SpanLog spans_;
    PageRequests page_requests_;
    TeardownSteps steps_;
    std::vector<BondData> bonds_;
    std::map<u32, MmData> mms_;
    using ExposedPages = std::map<std::tuple<u32, u64, u64>, Exposed>;
    ExposedPages::iterator end_exposure(ExposedPages::iterator page, sim::Time now, Exposure::By by);
    ExposedPages exposed_;      ///< by (bond, page, frame): unmapped, neither fenced nor freed yet
    std::map<u64, u64> issued_; ///< invalidation number -> order, while anything is exposed
    u64 order_ = 0;
    std::vector<base::Subscription> tokens_;
};

} // namespace quiesce::observe
