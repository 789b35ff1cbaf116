// SPDX-License-Identifier: Apache-2.0
/// A log in memory: a ring of 16-byte entries that the unit writes and software takes. Full means overflow, and nothing is
/// logged until software has switched the log off and on again (facts/iommu-specs.md 3.4, 3.5).
#pragma once
#include "base/facts.h"
#include "base/ring_queue.h"
#include "iommu/amdvi/layout.h"
#include "iommu/amdvi/signals.h"
#include "sim/wire.h"

#include <array>
#include <string>

namespace quiesce::iommu::amdvi {

/// The registers of the two logs.
struct EventLogRegisters {
    using Base = EvtLogBar;
    using Head = EvtHead;
    using Tail = EvtTail;
    static constexpr auto enable = Control::EventLogEn;
    static constexpr auto run = Status::EventLogRun, overflow = Status::EventOverflow, written = Status::EventLogInt;
    static constexpr const char* suffix = ".evtlog";
};
struct PprLogRegisters {
    using Base = PprLogBar;
    using Head = PprHead;
    using Tail = PprTail;
    static constexpr auto enable = Control::PPRLogEn;
    static constexpr auto run = Status::PPRLogRun, overflow = Status::PPROverflow, written = Status::PPRInt;
    static constexpr const char* suffix = ".pprlog";
};

enum class LogFate : u8 { Written, Overflowed, Off };

template <class R>
class Log {
public:
    using Ring = base::RingIndices<base::HeadTail>;
    using Words = std::array<u64, 2>;

    Log(base::Name unit, base::EventBus& events, RegisterFile& regs, memory::MemoryPort& memory, Signals& signals,
        sim::Duration write)
        : level_(std::string(unit.text()) + R::suffix + ".depth"), name_(std::string(unit.text()) + R::suffix),
          events_(events), regs_(regs), memory_(memory), signals_(signals), write_(write) {}

    base::Name name() const { return name_; }
    bool running() const { return regs_.get(R::run); }
    bool overflowed() const { return regs_.get(R::overflow); }
    /// Entries that software has not taken, and those on their way into memory.
    Ring ring() const {
        const u32 log2 = log2_entries();
        return {log2, reserved_, regs_.get(R::Head::Ptr) & ((u32{1} << log2) - 1)};
    }
    u32 unread() const { return ring().used(); }
    u64 entries_written() const { return entries_written_; }

    /// Goes on once the entry is in memory and Tail says so, or when it is known that it will not be. Entries are written in
    /// the order of the calls.
    sim::Task<LogFate> append(Words words) {
        co_await write_.pass();
        if (!running()) co_return overflowed() ? LogFate::Overflowed : LogFate::Off;
        const Ring r = ring();
        if (r.full()) {
            stop("overflow");
            signals_.raise(R::overflow);
            co_return LogFate::Overflowed;
        }
        const Spa at = regs_.get(R::Base::Base) + r.prod_index() * ring_entry_bytes;
        reserved_ = r.next(r.prod);
        const u64 life = life_;
        memory::Request request{at, reinterpret_cast<std::byte*>(words.data()), ring_entry_bytes, true};
        request.origin.purpose = memory::Purpose::QueueWrite;
        // MODEL: nothing reports a log in no memory; the tail goes on.
        co_await memory_.transport(request);
        if (life != life_) co_return LogFate::Off;
        regs_.set(R::Tail::Ptr, r.next(regs_.get(R::Tail::Ptr)));
        ++entries_written_;
        level();
        signals_.raise(R::written);
        co_return LogFate::Written;
    }

    /// Control: the log runs from when it is switched on, overflow or not, until it is switched off or overflows. MODEL:
    /// switching it on clears the overflow: NOVA relies on that; Linux clears it by itself.
    void control_written(Control now, Control before) {
        const auto wanted = [](Control c) { return c.get(Control::IommuEn) && c.get(R::enable); };
        if (wanted(now) == wanted(before)) return;
        if (!wanted(now)) return stop("off");
        regs_.set(R::overflow, false);
        regs_.set(R::run, true);
        reserved_ = regs_.get(R::Tail::Ptr) & ((u32{1} << log2_entries()) - 1);
        ++life_;
        events_.emit(base::StateChanged{name_, base::Name{"running"}});
    }
    /// A new base means an empty log. MODEL: not while it runs, which the manual leaves undefined (VirtualBox: ignored).
    void base_written(typename R::Base before) {
        if (running()) return regs_.write(before);
        regs_.write(typename R::Head{});
        regs_.write(typename R::Tail{});
        reserved_ = 0;
        ++life_;
        level();
    }
    /// Software took entries.
    void head_written() { level(); }
    /// Software sets the tail, which it does while the log is off.
    void tail_written() {
        if (!running()) reserved_ = regs_.get(R::Tail::Ptr) & ((u32{1} << log2_entries()) - 1);
        level();
    }

private:
    u32 log2_entries() const {
        const u64 len = regs_.get(R::Base::Len);
        return static_cast<u32>(len < smallest_ring ? smallest_ring : len);
    }
    void stop(const char* why) {
        if (!running()) return;
        regs_.set(R::run, false);
        events_.emit(base::StateChanged{name_, base::Name{why}});
    }
    void level() { events_.emit(base::LevelChanged{level_, unread()}); }

    base::Name level_, name_;
    base::EventBus& events_;
    RegisterFile& regs_;
    memory::MemoryPort& memory_;
    Signals& signals_;
    sim::Stage write_;
    u32 reserved_ = 0; ///< where the next entry goes
    u64 life_ = 0;     ///< counts what makes entries on their way count for nothing
    u64 entries_written_ = 0;
};
using EventLogRing = Log<EventLogRegisters>;
using PprLogRing = Log<PprLogRegisters>;

} // namespace quiesce::iommu::amdvi
