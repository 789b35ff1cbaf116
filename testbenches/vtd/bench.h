// SPDX-License-Identifier: Apache-2.0
/// A VT-d unit with a small memory of fixed latency and a guest that programs it in bytes.
#pragma once
#include "iommu/unit_bench.h"
#include "iommu/vtd/page_table.h"
#include "iommu/vtd/unit.h"

namespace quiesce::iommu::vtd::test {

using namespace sim::literals;
using iommu::test::Dma, iommu::test::elsewhere, iommu::test::here, iommu::test::Log, iommu::test::there,
    iommu::test::UnitBench;

struct Bench : UnitBench<Unit> {
    explicit Bench(const VtdConfig& c = {}) : Bench(c, identity_of(c)) {}
    Bench(const VtdConfig& c, const Identity& id) : UnitBench("dmar", {}, c, id), config(c) {}

    static constexpr Spa root{0x1100'0000}, contexts{0x1101'0000}, directory{0x1102'0000}, pasid_table{0x1103'0000},
        iq{0x1200'0000}, prq{0x1300'0000}, doorbell{0x1090'0000};
    static constexpr u32 stream = Dma{}.stream;
    static constexpr DomainId domain{7};

    VtdConfig config;
    u32 tail = 0; ///< the guest's copy of IQT, in descriptors

    // ---- registers
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

} // namespace quiesce::iommu::vtd::test
