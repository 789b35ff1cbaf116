// SPDX-License-Identifier: Apache-2.0
/// Waveforms: levels, states and phases, pushed when they change and written as a VCD with a GTKWave view beside it.
/// States are VCD string variables, so that a viewer shows their names without a translation table.
#pragma once
#include "observe/teardowns.h"
#include "observe/window.h"

#include <array>
#include <iosfwd>
#include <optional>
#include <string>
#include <vector>

namespace quiesce::observe {

class Waves {
public:
    Waves(base::EventBus& bus, const WaveWindow& window, unsigned pasid_lanes = 8);

    /// The VCD: picosecond timestamps, one scope per dot of a name.
    void write_vcd(std::ostream& out, std::string_view comment) const;
    /// A view that opens `wave_file`: groups per unit, states by name, queue depths drawn as steps, and named markers: every T0 that
    /// there is a letter for, then milestones, those of the slowest teardown first. Of one instant there is one. With `events`, each
    /// says which event it is: t0:block=e123.
    void write_gtkw(std::ostream& out, std::string_view wave_file, const std::vector<Teardown>& teardowns, bool events) const;
    /// What is outside goes; what stood when it begins stands there.
    void cut(sim::Time from, sim::Time until);
    std::size_t changes() const { return kept_.size(); }

private:
    enum class Shape : u8 { Level, State };
    /// Who speaks of the object: the same name from two of them means two objects.
    enum class Source : u8 { Model, Span, Queue, Process, Lane };
    static constexpr std::size_t sources = 5;
    /// A level or state stands until the next one. A phase ends by itself, and the phase around it goes on.
    struct Change {
        sim::Time at;
        u32 variable;
        u32 value; ///< a level, or the index of an interned state text
        u64 order;
        sim::Time until = sim::Time::never();
        bool is_phase() const { return until != sim::Time::never(); }
    };
    struct Variable {
        std::string name;
        Shape shape;
        Change fallen{};             ///< its last change that fell out of the ring; order 0 if none since the last window
    };
    using Path = std::vector<std::string>;
    u32 variable(base::Name name, Source source, Shape shape);
    void change(sim::Time at, u32 variable, u32 value, sim::Time until = sim::Time::never());
    void open_window(sim::Time now);
    void set_state(sim::Time now, Source source, const std::string& name, base::Name state);
    void on(sim::Time now, const base::LevelChanged& e);
    void on(sim::Time now, const base::StateChanged& e);
    void on(sim::Time now, const base::Span& e);
    void on(sim::Time now, const devices::QueueState& e);
    void on(sim::Time now, const os::BondChanged& e);
    void on(sim::Time now, const os::ProcessChanged& e);
    std::vector<Change> sorted() const;
    /// The variable's scopes and its own name in the file: legal identifiers, no two the same.
    std::vector<Path> paths() const;

    WaveWindow window_;
    sim::Time open_until_{};
    std::vector<Variable> variables_;
    std::array<std::vector<u32>, sources * 2> by_name_; ///< for each source and shape: name index -> variable + 1
    std::vector<Change> recent_;             ///< a ring of what came before a window
    std::size_t recent_at_ = 0;
    std::vector<Change> kept_;
    u64 order_ = 0;
    std::vector<u32> lane_bond_;             ///< PASID lanes: which bond is in each
    std::optional<std::pair<sim::Time, sim::Time>> cut_to_; ///< nothing else is in it any more
    std::vector<base::Subscription> tokens_;
};

} // namespace quiesce::observe
