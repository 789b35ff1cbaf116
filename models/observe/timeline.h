// SPDX-License-Identifier: Apache-2.0
/// The run as a timeline (timeline.pftrace): what every agent did, when, for whom and because of whom, for Perfetto's viewer
/// (ui.perfetto.dev) or its trace processor. Timestamps there are whole nanoseconds: each slice has its exact `start_ps`.
#pragma once
#include "observe/all_events.h"
#include "observe/teardowns.h"
#include "observe/waves.h"

#include <array>
#include <deque>
#include <iosfwd>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

namespace quiesce::observe {

/// Tracks, from the top: teardowns (one each: its steps, its milestones), bonds by state, threads and workers of the kernel, and
/// for every unit and device what it worked on, its states, its levels, invalidations under way, and a lane for each transaction that
/// was outstanding at once, and was being translated at once. Arrows lead from a span to those that it caused, and along the way of a transaction.
class Timeline {
public:
    Timeline(base::EventBus& bus, const WaveWindow& window);

    /// `teardowns` are those of the run. What was still going on at `end` ends there.
    void write(std::ostream& out, const std::vector<Teardown>& teardowns, sim::Time end) const;
    std::size_t entries() const { return kept_.size(); }
    /// Of a run with more: they are not in the file, and the first track says so.
    static constexpr std::size_t most_entries = 250'000;

private:
    enum class Kind : u8 { Span, State, Level, Transaction, Packet, Mark, Translation, Invalidation };
    struct Entry {
        Kind kind;
        sim::Time from, to;      ///< the same: an instant
        base::Name track;        ///< dotted names: the first part is the group
        base::Name what;         ///< a phase, a state, a kind of packet
        base::Name waits_for{};
        u64 id = 0;              ///< of a span; of a transaction
        u64 begun_by = 0;        ///< the span that caused it
        u64 value = 0;           ///< a level; an address
        BondId bond{};
        std::optional<u16> tag{}; ///< of a read: which TLP's
        u64 event = 0;           ///< base::EventBus's number: of a state that of its beginning, of all else that of the end
    };
    struct Outstanding {
        sim::Time since;
        base::Name device;
        u64 at;
        BondId bond;
        bool write;
        bool named;                ///< `device` is its name, not its number
        std::optional<u16> tag{};
        sim::Time arrived{};       ///< at the upper end of the last link
        base::Name upper{};
    };
    /// A link's ends, as tracks: made once.
    struct LinkTracks {
        base::Name up, down, lower;
    };
    const LinkTracks& tracks_of(base::Name link);
    base::Name track_below(base::Name owner, std::string_view what);
    void keep(Entry e);
    void open_window(sim::Time now);
    void set_state(sim::Time now, base::Name track, base::Name state, BondId bond);
    void end_transaction(sim::Time now, u64 transaction, base::Name how);
    base::Name device_of(BondId bond, DeviceId device) const;
    void on(sim::Time now, const base::Span& e);
    void on(sim::Time now, const base::LevelChanged& e);
    void on(sim::Time now, const base::StateChanged& e) { set_state(now, e.what, e.state, no_bond); }
    void on(sim::Time now, const devices::QueueState& e) { set_state(now, e.queue, e.state, e.bond); }
    void on(sim::Time now, const os::ProcessChanged& e) { set_state(now, e.process, e.state, no_bond); }
    void on(sim::Time now, const os::BondChanged& e);
    void on(sim::Time now, const os::TeardownTriggered& e);
    void on(sim::Time now, const os::FenceObserved& e);
    void on(sim::Time now, const devices::DmaIssued& e);
    void on(sim::Time now, const devices::DmaEnded& e);
    void on(sim::Time now, const memory::DmaCommitted& e);
    void on(sim::Time now, const iommu::FaultRaised& e);
    void on(sim::Time now, const pcie::TlpSent& e);
    void on(sim::Time now, const iommu::Translated& e);
    void on(sim::Time now, const iommu::InvalidationBegun& e);
    void on(sim::Time now, const iommu::InvalidationDone& e);

    struct Arrows;
    base::EventBus& bus_;
    WaveWindow window_;
    sim::Time open_until_{};
    std::deque<Entry> recent_; ///< what ended before a window and would be in it
    std::vector<Entry> kept_;
    u64 left_out_ = 0;
    struct Standing {
        sim::Time since;
        base::Name state;
        BondId bond;
        u64 event;
    };
    std::map<u32, Standing> states_; ///< by name index of the track: what stands now
    std::unordered_map<u64, Outstanding> outstanding_; ///< looked up only
    std::map<u32, base::Name> devices_; ///< by bond
    std::unordered_map<u32, LinkTracks> links_;               ///< by name index
    std::map<std::pair<u32, std::string_view>, base::Name> tracks_below_; ///< by its owner's name index
    std::map<std::pair<u32, u64>, std::pair<sim::Time, iommu::InvalidationKind>> invalidations_; ///< under way, by unit and sequence
    std::vector<base::Subscription> tokens_;
};

} // namespace quiesce::observe
