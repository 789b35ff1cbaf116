// SPDX-License-Identifier: Apache-2.0
/// An AMD-Vi unit with a small memory of fixed latency and a guest that programs it in bytes.
#pragma once
#include "iommu/amdvi/page_table.h"
#include "iommu/amdvi/unit.h"
#include "smmuv3/bench.h"

#include <set>

namespace quiesce::iommu::amdvi::test {

using namespace sim::literals;
using smmuv3::test::Log;
using smmuv3::test::TestMemory;

struct Dma {
    u32 stream = 0x0108;
    std::optional<u32> pasid{};
    Access access = Access::Read;
    AddressType type = AddressType::Untranslated;
    bool privileged = false, instruction = false, no_write = false;
};

/// The stores of a guest and the accesses of a device. Everything takes the simulation's time.
struct Bench {
    explicit Bench(const AmdviConfig& c = {}) : Bench(c, identity_of(c)) {}
    /// With memory where there is else none.
    Bench(const AmdviConfig& c, const Identity& id, std::vector<memory::RamRange> more = {})
        : memory(std::move(more)), config(c), unit("amdvi", bus, memory, c, id) {}
    ~Bench() { calendar.shutdown(); }

    static constexpr Spa device_table{0x1100'0000}, gcr3_table{0x1110'0000}, commands{0x1200'0000}, events{0x1300'0000},
        requests{0x1310'0000}, tables{0x1500'0000}, pages{0x2000'0000}, flag{0x1080'0000}, doorbell{0x1090'0000};
    static constexpr u32 stream = 0x0108; ///< bus 1, device 1, function 0
    static constexpr DomainId domain{7};
    static constexpr u32 ring_entries = 256;

    sim::Calendar calendar{"calendar"};
    base::EventBus bus{calendar.clock()};
    TestMemory memory;
    AmdviConfig config;
    Unit unit;
    u32 tail = 0; ///< the guest's copy of CmdTail, in commands
    Spa free_table = tables;
    u64 transactions = 0;

    // ---- time
    void settle() { calendar.run_until_idle(); }
    void run_for(sim::Duration d) { calendar.run_until(sim::now() + d); }
    template <class T>
    T run(sim::Task<T> task, sim::Duration* took = nullptr) {
        std::optional<T> result;
        const sim::Time begun = sim::now();
        sim::Time ended = begun;
        sim::spawn(keep(std::move(task), result, ended));
        settle();
        if (took != nullptr) *took = ended - begun;
        REQUIRE(result.has_value());
        return std::move(*result);
    }
    template <class T>
    static sim::Task<void> keep(sim::Task<T> task, std::optional<T>& into, sim::Time& ended) {
        into.emplace(co_await std::move(task));
        ended = sim::now();
    }

    // ---- registers
    template <class R>
    void write(R value) {
        post(value);
        settle();
    }
    template <class R>
    void post(R value) {
        sim::spawn(unit.mmio_write(R::offset, sizeof(typename R::Value), value.value()));
    }
    void write_at(u64 offset, unsigned size, u64 value) {
        sim::spawn(unit.mmio_write(offset, size, value));
        settle();
    }
    u64 read_at(u64 offset, unsigned size) { return run(unit.mmio_read(offset, size)); }
    template <class R>
    R read() {
        return R::of(static_cast<typename R::Value>(read_at(R::offset, sizeof(typename R::Value))));
    }
    template <class R>
    R reg() const {
        return unit.registers().template read<R>();
    }
    template <class R, class T, unsigned Bits>
    T get(const base::Field<R, T, Bits>& f) const {
        return unit.registers().get(f);
    }
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
    template <class S>
    void store(Spa at, const S& s) {
        REQUIRE(memory.poke(at, s.to_bytes()));
    }
    template <class S>
    S load(Spa at) const {
        std::array<std::byte, S::byte_count> raw{};
        REQUIRE(memory.peek(at, raw));
        return S::from_bytes(raw);
    }
    Spa new_table() { return std::exchange(free_table, free_table + page_size); }
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

    // ---- traffic
    TranslationRequest request(Iova at, const Dma& d = {}) {
        return {++transactions,
                DeviceId{0},
                StreamId{d.stream},
                d.pasid.has_value(),
                Pasid{d.pasid.value_or(0)},
                at,
                8,
                d.access,
                d.privileged,
                d.instruction,
                d.type,
                d.no_write};
    }
    Translation dma(Iova at, const Dma& d = {}, sim::Duration* took = nullptr) {
        return run(unit.translation().translate(request(at, d)), took);
    }
    static constexpr Dma pasid5{stream, 5};
    static Dma with(Dma d, Access a) {
        d.access = a;
        return d;
    }
    static Dma with(Dma d, AddressType t) {
        d.type = t;
        return d;
    }

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

/// Where most tests map one page, and to what.
inline constexpr Iova here{0x0000'1234'5678'9000};
inline constexpr Spa there = Bench::pages;
inline constexpr Spa elsewhere = Bench::pages + 0x10'0000;

} // namespace quiesce::iommu::amdvi::test
