// SPDX-License-Identifier: Apache-2.0
/// A VT-d unit with a small memory of fixed latency and a guest that programs it in bytes.
#pragma once
#include "iommu/vtd/page_table.h"
#include "iommu/vtd/unit.h"
#include "smmuv3/bench.h"

#include <set>

namespace quiesce::iommu::vtd::test {

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
    explicit Bench(const VtdConfig& c = {}) : Bench(c, identity_of(c)) {}
    Bench(const VtdConfig& c, const Identity& id) : config(c), unit("dmar", bus, memory, c, id) {}
    ~Bench() { calendar.shutdown(); }

    static constexpr Spa root{0x1100'0000}, contexts{0x1101'0000}, directory{0x1102'0000}, pasid_table{0x1103'0000},
        iq{0x1200'0000}, prq{0x1300'0000}, tables{0x1500'0000}, pages{0x2000'0000}, flag{0x1080'0000},
        doorbell{0x1090'0000};
    static constexpr u32 stream = 0x0108; ///< bus 1, device 1, function 0
    static constexpr DomainId domain{7};

    sim::Calendar calendar{"calendar"};
    base::EventBus bus{calendar.clock()};
    TestMemory memory;
    VtdConfig config;
    Unit unit;
    u32 tail = 0; ///< the guest's copy of IQT, in descriptors
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
    Gcmd status() const { return Gcmd::of(reg<Gsts>().value() & ~static_cast<u32>(Gcmd::SRTP.mask(0))); }
    void command(const Gcmd::F<bool>& bit, bool on = true) { write(status().with(bit, on)); }
    void set_root(TableMode mode, Spa at = root) {
        write(Rtaddr{}.set(Rtaddr::RTA, at).set(Rtaddr::TTM, mode));
        command(Gcmd::SRTP);
    }
    void enable_queue(bool wide) {
        write(Iqa{}.set(Iqa::ADDR, iq).set(Iqa::DW, wide));
        command(Gcmd::QIE);
    }
    /// The queue, the root table and translation are on.
    void start(TableMode mode) {
        enable_queue(mode != TableMode::Legacy);
        set_root(mode);
        command(Gcmd::TE);
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
    static ContextEntry legacy(Spa table, TranslationType tt = TranslationType::Untranslated) {
        return ContextEntry{}
            .set(ContextEntry::P, true)
            .set(ContextEntry::TT, tt)
            .set(ContextEntry::SSPTPTR, table)
            .set(ContextEntry::AW, AddressWidth::Bits48)
            .set(ContextEntry::DID, domain);
    }
    static Spa legacy_at(u32 who = stream) { return contexts + (who & 0xff) * ContextEntry::byte_count; }
    void store_legacy(const ContextEntry& e, u32 who = stream) {
        store(root + (who >> 8) * RootEntry::byte_count,
              RootEntry{}.set(RootEntry::P, true).set(RootEntry::CTP, contexts));
        store(legacy_at(who), e);
    }
    static ScalableContextEntry context() {
        return ScalableContextEntry{}
            .set(ScalableContextEntry::P, true)
            .set(ScalableContextEntry::DTE, true)
            .set(ScalableContextEntry::PASIDE, true)
            .set(ScalableContextEntry::PRE, true)
            .set(ScalableContextEntry::PASIDDIRPTR, directory);
    }
    /// The lower half of the devices of a bus; the upper one's table is a page further on.
    static Spa context_at(u32 who = stream) {
        return contexts + (who >> 7 & 1) * page_size + (who & 127) * ScalableContextEntry::byte_count;
    }
    void store_context(const ScalableContextEntry& e, u32 who = stream) {
        store(root + (who >> 8) * ScalableRootEntry::byte_count,
              ScalableRootEntry{}
                  .set(ScalableRootEntry::LP, true)
                  .set(ScalableRootEntry::LCTP, contexts)
                  .set(ScalableRootEntry::UP, true)
                  .set(ScalableRootEntry::UCTP, contexts + page_size));
        store(context_at(who), e);
    }
    static Spa pasid_at(u32 pasid) { return pasid_table + pasid % 64 * PasidEntry::byte_count; }
    /// Of all directory entries the same table.
    void store_pasid(u32 pasid, const PasidEntry& e) {
        store(directory + (pasid >> 6) * 8,
              PasidDirectoryEntry{}.set(PasidDirectoryEntry::P, true).set(PasidDirectoryEntry::SMPTBLPTR, pasid_table));
        store(pasid_at(pasid), e);
    }
    static PasidEntry entry(PagingTranslation how) {
        return PasidEntry{}.set(PasidEntry::P, true).set(PasidEntry::PGTT, how).set(PasidEntry::DID, domain);
    }
    static PasidEntry first_stage(Spa table) {
        return entry(PagingTranslation::FirstStage)
            .set(PasidEntry::FSPTPTR, table)
            .set(PasidEntry::PWSNP, true)
            .set(PasidEntry::SRE, true)
            .set(PasidEntry::WPE, true);
    }
    static PasidEntry second_stage(Spa table) {
        return entry(PagingTranslation::SecondStage)
            .set(PasidEntry::SSPTPTR, table)
            .set(PasidEntry::PWSNP, true)
            .set(PasidEntry::AW, AddressWidth::Bits48);
    }
    static PasidEntry nested(Spa first, Spa second) {
        return first_stage(first)
            .set(PasidEntry::PGTT, PagingTranslation::Nested)
            .set(PasidEntry::SSPTPTR, second)
            .set(PasidEntry::AW, AddressWidth::Bits48);
    }
    static FsEntry fs(Spa to) {
        return FsEntry{}.set(FsEntry::P, true).set(FsEntry::RW, true).set(FsEntry::US, true).set(FsEntry::ADDR, to);
    }
    static SsEntry ss(Spa to) { return SsEntry{}.set(SsEntry::R, true).set(SsEntry::W, true).set(SsEntry::ADDR, to); }
    static Spa slot(Spa table, u64 at, unsigned level) { return table + (at >> (48 - 9 * level) & 511) * 8; }
    /// Puts `leaf` at `level` of the first-stage tables for `at`. Returns where.
    Spa map_first(Spa table, Iova at, const FsEntry& leaf, unsigned level = 4, unsigned start = 1) {
        for (unsigned l = start; l < level; ++l) {
            FsEntry e = load<FsEntry>(slot(table, at.value(), l));
            if (!e.get(FsEntry::P)) store(slot(table, at.value(), l), e = fs(new_table()));
            table = e.get(FsEntry::ADDR);
        }
        store(slot(table, at.value(), level), leaf);
        return slot(table, at.value(), level);
    }
    Spa map_second(Spa table, u64 at, const SsEntry& leaf, unsigned level = 4, unsigned start = 1) {
        for (unsigned l = start; l < level; ++l) {
            SsEntry e = load<SsEntry>(slot(table, at, l));
            if (!e.get(SsEntry::R)) store(slot(table, at, l), e = ss(new_table()));
            table = e.get(SsEntry::ADDR);
        }
        store(slot(table, at, level), leaf);
        return slot(table, at, level);
    }
    /// PASID 5 of the device has a first stage with one page. Returns where its entry is.
    Spa simple(Iova at, Spa to) {
        store_context(context());
        const Spa table = new_table();
        store_pasid(5, first_stage(table));
        return map_first(table, at, fs(to));
    }

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

    // ---- descriptors
    bool wide() const { return get(Iqa::DW); }
    u32 entries() const { return 256u >> (wide() ? 1 : 0) << get(Iqa::QS); }
    template <class D>
    static D make() {
        return D{}.set(D::Type, D::type);
    }
    template <class D>
    void push(const D& d) {
        if (wide()) {
            store(iq + tail * wide_descriptor_bytes, d);
        } else {
            const auto bytes = d.to_bytes();
            REQUIRE(memory.poke(iq + tail * narrow_descriptor_bytes, {bytes.data(), narrow_descriptor_bytes}));
        }
        tail = (tail + 1) % entries();
    }
    Iqt tail_register() const { return Iqt{}.set(Iqt::QT, tail << (wide() ? 1 : 0)); }
    template <class... D>
    void submit(const D&... d) {
        (push(d), ...);
        write(tail_register());
    }
    template <class... D>
    void submit_quietly(const D&... d) {
        (push(d), ...);
        post(tail_register());
    }
    static InvWaitDsc wait(u32 value) {
        return make<InvWaitDsc>().set(InvWaitDsc::SW, true).set(InvWaitDsc::DATA, value).set(InvWaitDsc::ADDR, flag);
    }
    u32 flagged() const { return static_cast<u32>(memory.peek64(flag)); }
    u32 head() const { return get(Iqh::QH) >> (wide() ? 1 : 0); }
    static PIotlbInvDsc forget_pasid(u32 pasid) {
        return make<PIotlbInvDsc>()
            .set(PIotlbInvDsc::G, PasidIotlbGranularity::Pasid)
            .set(PIotlbInvDsc::DID, domain)
            .set(PIotlbInvDsc::PASID, Pasid{pasid});
    }
    static PIotlbInvDsc forget_page(u32 pasid, Iova at, u64 mask = 0) {
        return forget_pasid(pasid)
            .set(PIotlbInvDsc::G, PasidIotlbGranularity::Page)
            .set(PIotlbInvDsc::ADDR, at.align_down(page_size))
            .set(PIotlbInvDsc::AM, mask);
    }
    static IotlbInvDsc forget_domain(DomainId d = domain) {
        return make<IotlbInvDsc>().set(IotlbInvDsc::G, IotlbGranularity::Domain).set(IotlbInvDsc::DID, d);
    }
    static PcInvDsc forget_entry(u32 pasid) {
        return make<PcInvDsc>()
            .set(PcInvDsc::G, PasidCacheGranularity::Pasid)
            .set(PcInvDsc::DID, domain)
            .set(PcInvDsc::PASID, Pasid{pasid});
    }
    static CcInvDsc forget_context(u32 who = stream, FunctionMask mask = FunctionMask::None) {
        return make<CcInvDsc>()
            .set(CcInvDsc::G, ContextGranularity::Device)
            .set(CcInvDsc::DID, domain)
            .set(CcInvDsc::SID, RequesterId{static_cast<u16>(who)})
            .set(CcInvDsc::FM, mask);
    }

    // ---- faults
    u64 frcd(u64 n = 0) const { return frcd_offset(unit.identity().cap, n); }
    FaultRecord record(u64 n = 0) { return FaultRecord::from_words({read_at(frcd(n), 8), read_at(frcd(n) + 8, 8)}); }
    void clear_record(u64 n = 0) { write_at(frcd(n) + 12, 4, 0x8000'0000); }
    void clear_status() { write(Fsts::of(reg<Fsts>().value())); }
    bool faulted() const { return get(Fsts::PPF); }
    /// The only fault that is reported; it is cleared.
    FaultRecord only_record() {
        REQUIRE(faulted());
        const u64 n = get(Fsts::FRI);
        const FaultRecord r = record(n);
        CHECK(r.get(FaultRecord::F_));
        clear_record(n);
        CHECK_FALSE(faulted());
        return r;
    }
};

/// Where most tests map one page, and to what.
inline constexpr Iova here{0x0000'1234'5678'9000};
inline constexpr Spa there = Bench::pages;
inline constexpr Spa elsewhere = Bench::pages + 0x10'0000;

} // namespace quiesce::iommu::vtd::test
