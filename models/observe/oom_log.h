// SPDX-License-Identifier: Apache-2.0
/// Victims of the OOM killer: what each had, who took it, and how long whoever asked for memory waited.
#pragma once
#include "observe/all_events.h"

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace quiesce::observe {

struct OomVictim {
    std::string process, asked_by;
    MmId mm{};
    sim::Time mark{};
    i64 points = 0;                       ///< badness
    u64 pages = 0, tables = 0;            ///< when it was chosen
    bool was_dying = false;
    struct Try {
        std::string by, how;
        sim::Time at{};
    };
    std::vector<Try> tries;               ///< to reap it
    struct Skipped {
        std::string mapping, why;
        u64 pages = 0;
    };
    std::vector<Skipped> skipped;         ///< mappings that were left at the last try
    u64 reaped_pages = 0, freed_pages = 0; ///< taken by a reaper; given back by whomever, since the mark
    std::optional<sim::Time> first_free, last_free, hidden;
    bool given_up = false;                ///< the reaper had not taken what it could when it let the next one be chosen
    /// From the mark until an allocation that had waited was served, or the OOM killer could choose the next.
    std::optional<sim::Duration> held_up;
    /// An earlier victim still had enough for whoever asked.
    bool innocent = false;
};

/// Allocations that found no room.
struct MemoryCounts {
    u64 delayed = 0, failed = 0;
    u64 nobody = 0; ///< times that the OOM killer found nobody to kill while memory was on its way back
    sim::Duration longest{};
};

class OomLog {
public:
    explicit OomLog(base::EventBus& bus);
    const std::vector<OomVictim>& victims() const { return victims_; }
    const MemoryCounts& allocations() const { return allocations_; }

private:
    OomVictim* victim(MmId mm);
    static void end_wait(OomVictim& v, sim::Time now);
    void on(sim::Time now, const os::OomVictimMarked& e);
    void on(sim::Time now, const os::OomReapTried& e);
    void on(sim::Time now, const os::OomMappingReaped& e);
    void on(sim::Time now, const os::OomMappingSkipped& e);
    void on(sim::Time now, const os::OomVictimHidden& e);
    void on(sim::Time now, const os::AllocationDelayed& e);
    void on(sim::Time now, const os::OomFoundNobody& e);
    void on(sim::Time now, const memory::FrameFreed& e);
    std::vector<OomVictim> victims_;
    std::map<u32, std::size_t> by_mm_;
    MemoryCounts allocations_;
    std::vector<base::Subscription> tokens_;
};

} // namespace quiesce::observe
