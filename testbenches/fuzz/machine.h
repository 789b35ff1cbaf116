// SPDX-License-Identifier: Apache-2.0
/// An IOMMU by itself for fuzzing: a small memory, software that writes registers and memory, devices that access,
/// translate and ask for pages without any order among them; and what must hold whatever they do. `bare::Iommu` does
/// one thing after the other: here many are under way.
#pragma once
#include "base/events.h"
#include "fuzz/must.h"
#include "iommu/agent.h"
#include "iommu/ats_port.h"
#include "iommu/page_request.h"
#include "memory/mmio.h"
#include "memory/plain_memory.h"
#include "sim/calendar.h"

namespace quiesce::fuzz {

/// What was done, for figures.
struct Tally {
    u64 programs = 0, register_accesses = 0, device_accesses = 0, page_requests = 0, commands = 0, memory_writes = 0;
    u64 granted = 0, refused = 0, records = 0;
    u64 most_work = 0; ///< steps of the calendar for each thing that was done, of the program where they were most
    u64 accesses() const { return register_accesses + device_accesses + page_requests; }
    Tally& operator+=(const Tally& o);
};
void print(const Tally& t, double seconds);

/// What all architectures have. An architecture's machine has the unit, and says what else must hold.
class Machine : private iommu::AtsPort, private iommu::PageResponsePort {
public:
    static constexpr Spa ram{0x4000'0000};
    static constexpr u64 ram_bytes = 0x10'0000;

    Machine(const Machine&) = delete;
    Machine& operator=(const Machine&) = delete;

    // ---- what software does; nothing waits for its end
    void write_register(u64 offset, unsigned bytes, u64 value);
    void read_register(u64 offset, unsigned bytes);
    void store(Spa at, u64 value);
    template <class S>
    void store(Spa at, const S& s, unsigned words = S::word_count) {
        for (unsigned w = 0; w < words; ++w) store(at + w * 8, s.word(w));
    }
    u64 load(Spa at) const { return memory_.peek64(at); }
    /// The page is not there from now on; page 0 of memory space: none.
    void break_page(Spa at) { memory_.broken = at; }

    // ---- what devices do
    void access(const iommu::TranslationRequest& request);
    void page_request(const iommu::PageRequestMessage& message);
    /// How the device answers the next invalidations.
    void answer_invalidations(iommu::AtcAnswer how, sim::Duration after) { atc_answer_ = how, atc_delay_ = after; }

    /// Lets time pass, and looks at what must hold at every instant.
    void pass(sim::Duration time);
    /// Lets everything end that can: bounded in time and in work. Then looks at what must hold when nothing moves.
    void settle();
    /// As software ends: acknowledges errors, switches everything off. Nothing may be left.
    virtual void wind_down() = 0;

    const Tally& tally() const { return tally_; }

protected:
    struct Limits {
        sim::Duration longest; ///< whatever is asked of the unit at once is over before
        u64 most_steps_of_one; ///< of the calendar, which one access or command may cost on average
    };
    /// One at a time on a calendar.
    Machine(sim::Calendar& calendar, const Limits& limits);
    template <class Unit>
    void connect(Unit& unit) {
        unit.set_ats_port(this);
        unit.set_page_response_port(this);
        registers_ = &unit;
        translation_ = &unit.translation();
        page_request_port_ = &unit.page_requests();
        agent_ = &unit.agent();
    }
    /// Before the unit goes away.
    void disconnect() { calendar_.clear(); }
    base::EventBus& events() { return events_; }
    memory::MemoryPort& memory() { return memory_; }

    /// Software is about to write a register.
    virtual void judge_write(u64 /*offset*/, u64 /*value*/) {}
    virtual void check_consumed() {}
    /// An access goes to memory there.
    virtual void check_granted(const iommu::TranslationRequest& request, const iommu::Translation& t) = 0;
    /// The unit writes to a queue.
    virtual void check_record(const memory::Request& r) = 0;
    virtual void check_always() {}
    /// Nothing moves: what did not end waits for software.
    virtual void check_quiet() = 0;
    /// Accesses that wait for software.
    virtual u64 held() const { return 0; }

private:
    /// Memory with a page that can go away, which knows what a queue is.
    class Memory final : public memory::PlainMemory {
    public:
        explicit Memory(Machine& of) : PlainMemory({memory::RamRange{ram, ram_bytes}}), of_(of) {}
        Spa broken{0};
        void commit(memory::Request& r) override;
        bool peek(Spa at, std::span<std::byte> into) const override { return !gone(at) && PlainMemory::peek(at, into); }
        bool poke(Spa at, std::span<const std::byte> from) override { return !gone(at) && PlainMemory::poke(at, from); }

    private:
        bool gone(Spa at) const { return broken != Spa{0} && at.page_number() == broken.page_number(); }
        Machine& of_;
    };

    static void begin(u64& under_way, sim::Task<void> what);
    static sim::Task<void> count(u64& under_way, sim::Task<void> what);
    sim::Task<void> register_read(u64 offset, unsigned bytes);
    sim::Task<void> perform(iommu::TranslationRequest request);
    sim::Task<iommu::AtcAnswer> invalidate(iommu::AtcInvalidation what) override;
    sim::Task<void> respond(iommu::PageGroupResponse response) override;

    void check_work();
    void check_nothing_left();

    sim::Calendar& calendar_;
    base::EventBus events_;
    Memory memory_;
    base::Subscription consumed_;
    Limits limits_;
    memory::MmioTarget* registers_ = nullptr;
    iommu::TranslationPort* translation_ = nullptr;
    iommu::PageRequestPort* page_request_port_ = nullptr;
    iommu::Agent* agent_ = nullptr;
    Tally tally_;
    iommu::AtcAnswer atc_answer_ = iommu::AtcAnswer::Completed;
    sim::Duration atc_delay_{};
    u64 items_at_start_, transactions_ = 0;
    u64 register_accesses_under_way_ = 0, accesses_under_way_ = 0, page_requests_under_way_ = 0,
        invalidations_under_way_ = 0, responses_under_way_ = 0;
};

} // namespace quiesce::fuzz
