// SPDX-License-Identifier: Apache-2.0
/// An AMD-Vi unit by itself for fuzzing: a small memory, software that writes registers and memory, devices that
/// access, translate and ask for pages without any order among them; and what must hold whatever they do.
#pragma once
#include "fuzz/smmuv3_machine.h"
#include "iommu/amdvi/unit.h"

namespace quiesce::fuzz {

class AmdviMachine final : private iommu::AtsPort, private iommu::PageResponsePort {
public:
    static constexpr Spa ram{0x4000'0000};
    static constexpr u64 ram_bytes = 0x10'0000;

    /// One at a time on a calendar.
    AmdviMachine(sim::Calendar& calendar, const iommu::amdvi::AmdviConfig& config);
    ~AmdviMachine() { calendar_.clear(); }
    AmdviMachine(const AmdviMachine&) = delete;
    AmdviMachine& operator=(const AmdviMachine&) = delete;

    // ---- what software does; nothing waits for its end
    void write_register(u64 offset, unsigned bytes, u64 value);
    void read_register(u64 offset, unsigned bytes);
    /// PCI configuration space, where the unit's messages are set up.
    void write_config(u32 offset, u32 value) { unit_.config_write(offset, value); }
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
    /// As software ends: switches everything off. Nothing may be left.
    void wind_down();

    const iommu::amdvi::RegisterFile& registers() const { return unit_.registers(); }
    const iommu::amdvi::Identity& identity() const { return unit_.identity(); }
    const Tally& tally() const { return tally_; }

private:
    /// Memory with a page that can go away, which knows what a log is.
    class Memory final : public memory::PlainMemory {
    public:
        explicit Memory(AmdviMachine& of) : PlainMemory({memory::RamRange{ram, ram_bytes}}), of_(of) {}
        Spa broken{0};
        void commit(memory::Request& r) override;
        bool peek(Spa at, std::span<std::byte> into) const override { return !gone(at) && PlainMemory::peek(at, into); }
        bool poke(Spa at, std::span<const std::byte> from) override { return !gone(at) && PlainMemory::poke(at, from); }

    private:
        bool gone(Spa at) const { return broken != Spa{0} && at.page_number() == broken.page_number(); }
        AmdviMachine& of_;
    };

    sim::Task<void> register_write(u64 offset, unsigned bytes, u64 value);
    sim::Task<void> register_read(u64 offset, unsigned bytes);
    sim::Task<void> perform(iommu::TranslationRequest request);
    sim::Task<void> ask_for_page(iommu::PageRequestMessage message);
    sim::Task<iommu::AtcAnswer> invalidate(iommu::AtcInvalidation what) override;
    sim::Task<void> respond(iommu::PageGroupResponse response) override;

    void check_record(const memory::Request& r);
    void check_rings();
    void check_work();
    void check_quiet();

    sim::Calendar& calendar_;
    base::EventBus events_;
    Memory memory_;
    iommu::amdvi::Unit unit_;
    base::Subscription consumed_;
    Tally tally_;
    iommu::AtcAnswer atc_answer_ = iommu::AtcAnswer::Completed;
    sim::Duration atc_delay_{};
    u64 items_at_start_, transactions_ = 0;
    u64 register_accesses_under_way_ = 0, accesses_under_way_ = 0, page_requests_under_way_ = 0,
        invalidations_under_way_ = 0, responses_under_way_ = 0;
};

} // namespace quiesce::fuzz
