// SPDX-License-Identifier: Apache-2.0
/// An SMMUv3 by itself for fuzzing: a small memory, software that writes registers and memory, devices that access,
/// translate and ask for pages without any order among them; and what must hold whatever they do. `bare::Iommu` does
/// one thing after the other: here many are under way.
#pragma once
#include "base/events.h"
#include "fuzz/must.h"
#include "iommu/smmuv3/unit.h"
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

class Machine final : private iommu::AtsPort, private iommu::PageResponsePort {
public:
    static constexpr Spa ram{0x4000'0000};
    static constexpr u64 ram_bytes = 0x10'0000;

    /// One at a time on a calendar.
    Machine(sim::Calendar& calendar, const iommu::smmuv3::Smmuv3Config& config);
    ~Machine() { calendar_.clear(); }
    Machine(const Machine&) = delete;
    Machine& operator=(const Machine&) = delete;

    // ---- what software does; nothing waits for its end
    void write_register(u64 offset, unsigned bytes, u64 value);
    void read_register(u64 offset, unsigned bytes);
    void store(Spa at, u64 value);
    template <class S>
    void store(Spa at, const S& s) {
        for (unsigned w = 0; w < S::word_count; ++w) store(at + w * 8, s.word(w));
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
    void wind_down();

    const iommu::smmuv3::RegisterFile& registers() const { return unit_.registers(); }
    const Tally& tally() const { return tally_; }

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

    sim::Task<void> register_write(u64 offset, unsigned bytes, u64 value);
    sim::Task<void> register_read(u64 offset, unsigned bytes);
    sim::Task<void> perform(iommu::TranslationRequest request);
    sim::Task<void> ask_for_page(iommu::PageRequestMessage message);
    sim::Task<iommu::AtcAnswer> invalidate(iommu::AtcInvalidation what) override;
    sim::Task<void> respond(iommu::PageGroupResponse response) override;

    void judge_write(u64 offset, u64 value);
    void check_consumed();
    void check_record(const memory::Request& r);
    void check_error();
    void check_work();
    void check_quiet();

    sim::Calendar& calendar_;
    base::EventBus events_;
    Memory memory_;
    iommu::smmuv3::Unit unit_;
    base::Subscription consumed_, errors_;
    Tally tally_;
    iommu::AtcAnswer atc_answer_ = iommu::AtcAnswer::Completed;
    sim::Duration atc_delay_{};
    unsigned output_bits_;
    u64 items_at_start_, transactions_ = 0;
    u64 register_accesses_under_way_ = 0, accesses_under_way_ = 0, page_requests_under_way_ = 0,
        invalidations_under_way_ = 0, responses_under_way_ = 0;
    u32 gerror_ = 0;   ///< as seen last
    u32 doorbell_ = 0; ///< what software wrote to CMDQ_PROD last
    /// Software has used the queue as it must: its indices can be held against its room.
    bool set_up_ = false, commands_kept_ = true, events_kept_ = true, page_requests_kept_ = true;
};

} // namespace quiesce::fuzz
