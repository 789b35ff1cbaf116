// SPDX-License-Identifier: Apache-2.0
/// A unit with everything, with memory and structures where the golden rows have them, programmed with their words.
#pragma once
#include "amdvi/golden_table.h"
#include "iommu/fabric.h"

namespace quiesce::iommu::amdvi::test {

struct GoldenBench : Bench {
    static constexpr u32 device = 0x3a10, golden_pasid = 0x1'2345;
    static constexpr Spa device_entries{0x81'0050'0000}, buffer{0x81'0060'0000}, log{0x81'0061'0000},
        page_log{0x81'0062'0000}, gcr3{0x81'2345'6000}, cr3{0x83'4567'8000}, host_root{0x80'4567'8000},
        output{0x82'3456'7000};
    static constexpr Iova page{0x7f12'3456'7000};
    static constexpr u32 golden_entries = 512;
    iommu::test::ReadyDevices devices;
    iommu::test::Responses responses;

    explicit GoldenBench(const AmdviConfig& c = everything())
        : Bench(c, identity_of(c), {memory::RamRange{Spa{0x80'0000'0000}, 0x10'0000'0000}}) {
        unit.set_ats_port(&devices);
        unit.set_page_response_port(&responses);
        write_at(DevTabBar::offset, 8, 0x0000'0081'0050'01ff); // "device table of 65536"
        write_at(CmdBufBar::offset, 8, 0x0900'0081'0060'0000); // "512 commands"
        write_at(EvtLogBar::offset, 8, 0x0900'0081'0061'0000); // "512 events"
        write_at(PprLogBar::offset, 8, 0x0900'0081'0062'0000); // "512 page requests"
        write_at(Control::offset, 8, 0x0000'2000'0001'f40d);   // "everything for SVA", no time-out
    }

    template <std::size_t Words>
    void poke_words(Spa at, const std::uint64_t (&words)[Words]) {
        for (unsigned w = 0; w < Words; ++w) memory.poke64(at + w * u64{8}, words[w]);
    }
    static Spa device_entry(u32 who = device) { return device_entries + who * u64{32}; }
    void set_entry(const Dte& e, u32 who = device) { store(device_entry(who), e); }
    /// Two or three levels of the GCR3 table lead to `table`.
    void lead(Spa root, u32 pasid, unsigned levels, Spa table) {
        for (unsigned level = levels; level-- != 0;) {
            const Spa at = root + (pasid >> 9 * level & 511) * u64{8};
            Gcr3Entry e = load<Gcr3Entry>(at);
            if (level == 0 || !e.get(Gcr3Entry::V)) store(at, e = leads_to(level == 0 ? table : new_table()));
            root = e.get(Gcr3Entry::Base);
        }
    }
    /// An empty buffer whose next command is the `index`th.
    void wind_to(u32 index) {
        control(Control::CmdBufEn, false);
        write(CmdHead{}.set(CmdHead::Ptr, index));
        write(CmdTail{}.set(CmdTail::Ptr, index));
        control(Control::CmdBufEn, true);
    }
    /// The unit fetches the words as its next command.
    void execute(const std::uint64_t (&words)[2]) {
        const u32 at = get(CmdTail::Ptr);
        poke_words(buffer + at * u64{16}, words);
        write(CmdTail{}.set(CmdTail::Ptr, (at + 1) % golden_entries));
    }
    /// A write to one register field of each log says that everything has been taken.
    void take_all() {
        write(EvtHead{}.set(EvtHead::Ptr, get(EvtTail::Ptr)));
        write(PprHead{}.set(PprHead::Ptr, get(PprTail::Ptr)));
    }
    std::array<u64, 2> words_at(Spa at) const { return {memory.peek64(at), memory.peek64(at + 8)}; }
    /// The entry that the event log has got since take_all(); it is the only one.
    std::array<u64, 2> new_event() {
        const u32 at = get(EvtHead::Ptr);
        REQUIRE(get(EvtTail::Ptr) == (at + 1) % golden_entries);
        take_all();
        return words_at(log + at * u64{16});
    }
};

} // namespace quiesce::iommu::amdvi::test
