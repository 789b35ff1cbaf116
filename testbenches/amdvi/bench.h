// SPDX-License-Identifier: Apache-2.0
/// An AMD-Vi unit with a small memory of fixed latency and a guest that programs it in bytes.
#pragma once
#include "iommu/amdvi/page_table.h"
#include "iommu/amdvi/unit.h"
#include "iommu/unit_bench.h"

namespace quiesce::iommu::amdvi::test {

using namespace sim::literals;
using iommu::test::Dma, iommu::test::elsewhere, iommu::test::here, iommu::test::Log, iommu::test::there,
    iommu::test::UnitBench;

struct Bench : UnitBench<Unit> {
    explicit Bench(const AmdviConfig& c = {}) : Bench(c, identity_of(c)) {}
    /// With memory where there is else none.
    Bench(const AmdviConfig& c, const Identity& id, std::vector<memory::RamRange> more = {})
        : UnitBench("amdvi", std::move(more), c, id), config(c) {}

    static constexpr Spa device_table{0x1100'0000}, gcr3_table{0x1110'0000}, commands{0x1200'0000}, events{0x1300'0000},
        requests{0x1310'0000}, doorbell{0x1090'0000};
    static constexpr u32 stream = Dma{}.stream;
    static constexpr DomainId domain{7};
    static constexpr u32 ring_entries = 256;

    AmdviConfig config;
    u32 tail = 0; ///< the guest's copy of CmdTail, in commands

    // ---- registers
    template <class T, unsigned Bits>
    void control(const base::Field<Control, T, Bits>& f, std::type_identity_t<T> value) {
        write(reg<Control>().set(f, value));
    }
    void clear(const Status::F<bool>& bit) { write(Status{}.set(bit, true)); }
    void enable_messages() {
        unit.config_write(MsiAddrLow::offset, static_cast<u32>(doorbell.value()));
        unit.config_write(MsiData::offset, 0x40);
        unit.config_write(MsiHeader::offset, MsiHeader{}.set(MsiHeader::En, true).set(MsiHeader::MultMessEn, 1).value());
    }
    /// The device table of two buses, the rings, everything on, interrupts too.
    void start() {
        write(DevTabBar{}.set(DevTabBar::DevTabBase, device_table).set(DevTabBar::Size, 3));
        write(CmdBufBar{}.set(CmdBufBar::Base, commands).set(CmdBufBar::Len, 8));
        write(EvtLogBar{}.set(EvtLogBar::Base, events).set(EvtLogBar::Len, 8));
        write(PprLogBar{}.set(PprLogBar::Base, requests).set(PprLogBar::Len, 8));
        enable_messages();
        write(Control{}
                  .set(Control::IommuEn, true)
                  .set(Control::EventLogEn, true)
                  .set(Control::EventIntEn, true)
                  .set(Control::ComWaitIntEn, true)
                  .set(Control::CmdBufEn, true)
                  .set(Control::PPRLogEn, true)
                  .set(Control::PPRIntEn, true)
                  .set(Control::PPREn, true)
                  .set(Control::GTEn, true));
    }

    // ---- structures
    static Spa entry_at(u32 who = stream) { return device_table + who * Dte::byte_count; }
    void store_entry(const Dte& e, u32 who = stream) { store(entry_at(who), e); }
    Dte entry(u32 who = stream) const { return load<Dte>(entry_at(who)); }
    static Dte valid() {
        return Dte{}.set(Dte::V, true).set(Dte::TV, true).set(Dte::IR, true).set(Dte::IW, true).set(Dte::DomainID, domain);
    }
    static Dte host(Spa table, u8 mode = 4) { return valid().set(Dte::Mode, mode).set(Dte::HostPTRoot, table); }
    static Dte guest(Spa gcr3 = gcr3_table, u8 glx = 0) {
        return valid().set(Dte::GV, true).set(Dte::GLX, glx).set(Dte::GCR3TableRoot, gcr3);
    }
    static Gcr3Entry leads_to(Spa table) { return Gcr3Entry{}.set(Gcr3Entry::V, true).set(Gcr3Entry::Base, table); }
    void store_gcr3(u32 pasid, Spa table) { store(gcr3_table + pasid * u64{8}, leads_to(table)); }
    static HostEntry page(Spa to, u8 next = own_size) {
        return HostEntry{}
            .set(HostEntry::PR, true)
            .set(HostEntry::IR, true)
            .set(HostEntry::IW, true)
            .set(HostEntry::NextLevel, next)
            .set(HostEntry::Address, to);
    }
    static GuestEntry guest_page(Spa to) {
        return GuestEntry{}
            .set(GuestEntry::P, true)
            .set(GuestEntry::RW, true)
            .set(GuestEntry::US, true)
            .set(GuestEntry::Address, to);
    }
    /// `level`: the manual's, 1 for 4 KiB.
    static Spa slot(Spa table, u64 at, unsigned level) { return table + (at >> (12 + 9 * (level - 1)) & 511) * 8; }
    /// Puts `leaf` at `level` of a host's tables of `mode` levels for `at`. Returns where.
    Spa map_host(Spa table, u64 at, const HostEntry& leaf, unsigned level = 1, unsigned mode = 4) {
        for (unsigned l = mode; l > level; --l) {
            HostEntry e = load<HostEntry>(slot(table, at, l));
            if (!e.get(HostEntry::PR)) store(slot(table, at, l), e = page(new_table(), static_cast<u8>(l - 1)));
            table = e.get(HostEntry::Address);
        }
        store(slot(table, at, level), leaf);
        return slot(table, at, level);
    }
    Spa map_guest(Spa table, Iova at, const GuestEntry& leaf, unsigned level = 1, unsigned levels = 4) {
        for (unsigned l = levels; l > level; --l) {
            GuestEntry e = load<GuestEntry>(slot(table, at.value(), l));
            if (!e.get(GuestEntry::P)) store(slot(table, at.value(), l), e = guest_page(new_table()));
            table = e.get(GuestEntry::Address);
        }
        store(slot(table, at.value(), level), leaf);
        return slot(table, at.value(), level);
    }
    /// PASID 5 of the device has a guest's table with one page. Returns where its entry is.
    Spa simple(Iova at, Spa to, const Dte& e) {
        store_entry(e);
        const Spa table = new_table();
        store_gcr3(5, table);
        return map_guest(table, at, guest_page(to));
    }
    Spa simple(Iova at, Spa to) { return simple(at, to, guest()); }

    // ---- commands
    template <class C>
    void push(const C& c) {
        store(commands + tail * ring_entry_bytes, c);
        tail = (tail + 1) % ring_entries;
    }
    template <class... C>
    void submit(const C&... c) {
        (push(c), ...);
        write(CmdTail{}.set(CmdTail::Ptr, tail));
    }
    template <class... C>
    void submit_quietly(const C&... c) {
        (push(c), ...);
        post(CmdTail{}.set(CmdTail::Ptr, tail));
    }
    static CompletionWait wait(u64 value) {
        return make<CompletionWait>()
            .set(CompletionWait::S, true)
            .set(CompletionWait::StoreData, value)
            .set(CompletionWait::StoreAddress, flag);
    }
    u64 flagged() const { return memory.peek64(flag); }
    static InvalidateDevtabEntry forget_entry(u32 who = stream) {
        return make<InvalidateDevtabEntry>().set(InvalidateDevtabEntry::DeviceID, RequesterId{static_cast<u16>(who)});
    }
    static InvalidateIommuPages forget_page(Iova at, DomainId d = domain) {
        return make<InvalidateIommuPages>().set(InvalidateIommuPages::DomainID, d).set(
            InvalidateIommuPages::Address, at.align_down(page_size));
    }
    static constexpr Iova all_addresses{0x7fff'ffff'ffff'f000};
    static InvalidateIommuPages forget_domain(DomainId d = domain) {
        return forget_page(all_addresses, d).set(InvalidateIommuPages::S, true).set(InvalidateIommuPages::PDE, true);
    }
    static InvalidateIommuPages forget_pasid(u32 pasid, DomainId d = domain) {
        return forget_domain(d).set(InvalidateIommuPages::GN, true).set(InvalidateIommuPages::PASID, Pasid{pasid});
    }

    // ---- events
    u32 logged() const { return (get(EvtTail::Ptr) - get(EvtHead::Ptr)) % ring_entries; }
    bool faulted() const { return logged() != 0; }
    Event event(u32 n) const { return load<Event>(events + n * ring_entry_bytes); }
    /// The only entry of the log; it is taken.
    Event only_event() {
        REQUIRE(logged() == 1);
        const Event e = event(get(EvtHead::Ptr));
        take_events();
        return e;
    }
    void take_events() {
        write(EvtHead{}.set(EvtHead::Ptr, get(EvtTail::Ptr)));
        clear(Status::EventLogInt);
    }
    unsigned messages_of(u32 data) const {
        unsigned count = 0;
        for (const auto& m : memory.messages) count += m.at == doorbell && m.data == data;
        return count;
    }
};
inline constexpr u32 event_message = 0x40, request_message = 0x41;

} // namespace quiesce::iommu::amdvi::test
