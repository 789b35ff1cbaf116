// SPDX-License-Identifier: Apache-2.0
/// A unit, and the one requester of the golden rows with its PASID and page, for which each fault of the manual can be
/// made.
#pragma once
#include "golden/vtd_faults_golden.h"
#include "iommu/fabric.h"
#include "vtd/golden_table.h"

namespace quiesce::iommu::vtd::test {

/// A column of table 30: a kind of request.
struct Column {
    const char* what;
    AddressType type;
    bool has_pasid;
    gold::Gets gold::FaultReason::*gets;
    bool page_request = false, last = false;
};
inline constexpr Column columns[] = {
    {"untranslated", AddressType::Untranslated, false, &gold::FaultReason::untranslated_plain},
    {"untranslated, PASID", AddressType::Untranslated, true, &gold::FaultReason::untranslated_pasid},
    {"translation request", AddressType::TranslationRequest, false, &gold::FaultReason::translation_plain},
    {"translation request, PASID", AddressType::TranslationRequest, true, &gold::FaultReason::translation_pasid},
    {"translated", AddressType::Translated, false, &gold::FaultReason::translated_plain},
    {"translated, PASID", AddressType::Translated, true, &gold::FaultReason::translated_pasid},
    {"page request, last", AddressType::Untranslated, true, &gold::FaultReason::page_last, true, true},
    {"page request", AddressType::Untranslated, true, &gold::FaultReason::page_more, true, false},
};

struct GoldenBench;
/// How to bring about a fault of the manual, by its name there.
struct FaultMaker {
    const char* name;
    TableMode mode;
    void (*make)(GoldenBench& b);
    void (*identify)(Identity& id) = nullptr; ///< what the unit has to be
};
const FaultMaker& fault_maker(std::string_view name);

struct GoldenBench : Bench {
    static constexpr u32 source = 0x3a10, golden_pasid = 0x1'2345;
    static constexpr Iova page{0x7f12'3456'7000};
    static constexpr u64 middle = 0x7000'3000; ///< what the first of two stages leads to
    static constexpr Spa nested_root{0x1540'0000}, nested_tables{0x1560'0000};

    Spa first = new_table(), second = new_table();
    Dma ask{source};
    Iova at = page;
    bool loses_leaf = false; ///< its table goes away between the walk and the mark
    iommu::test::Responses responses;

    GoldenBench(const FaultMaker& maker, const Column& column, bool quiet) : Bench(VtdConfig{}, identity_for(maker)) {
        if (column.has_pasid) ask.pasid = golden_pasid;
        ask.type = column.type;
        unit.set_page_response_port(&responses);
        maker.mode == TableMode::Legacy ? prepare_legacy(quiet) : prepare_scalable(quiet);
        start(maker.mode);
        write(Pqa{}.set(Pqa::ADDR, prq));
        maker.make(*this);
    }
    static Identity identity_for(const FaultMaker& maker) {
        Identity id = identity_of(VtdConfig{});
        if (maker.identify != nullptr) maker.identify(id);
        return id;
    }
    void prepare_legacy(bool quiet) {
        store_legacy(legacy(first, TranslationType::WithDeviceTlb).set(ContextEntry::FPD, quiet), source);
        map_second(first, page.value(), ss(there));
    }
    void prepare_scalable(bool quiet) {
        using C = ScalableContextEntry;
        store_context(context().set(C::PDTS, 7).set(C::FPD, quiet), source);
        for (const u32 pasid : {0u, golden_pasid}) store_pasid(pasid, first_stage(first));
        map_first(first, page, fs(there));
    }
    // ---- what a maker changes: the entries of the requester, with its PASID and without
    template <class F>
    void context_entry(F change) {
        auto e = load<ScalableContextEntry>(context_at(source));
        change(e);
        store(context_at(source), e);
    }
    void legacy_entry(const ContextEntry& e) {
        const bool quiet = load<ContextEntry>(legacy_at(source)).get(ContextEntry::FPD);
        store(legacy_at(source), e.with(ContextEntry::FPD, quiet));
    }
    template <class F>
    void pasid_entries(F change) {
        for (const u32 pasid : {0u, golden_pasid}) {
            auto e = load<PasidEntry>(pasid_at(pasid));
            change(e);
            store(pasid_at(pasid), e);
        }
    }
    void all_pasids(const PasidEntry& e) {
        pasid_entries([&](PasidEntry& old) { old = e; });
    }
    void directory_entries(u64 word) {
        for (const u32 pasid : {0u, golden_pasid}) memory.poke64(directory + (pasid >> 6) * 8, word);
    }
    static Spa root_entry() { return root + (source >> 8) * 16; }
    void by_second_stage(const SsEntry& leaf) {
        all_pasids(second_stage(second));
        map_second(second, page.value(), leaf);
    }
    void nest() {
        for (const Spa at : {nested_root, nested_tables}) second_stage_of_tables(at, ss(at));
        map_second(second, middle, ss(there));
        free_table = nested_tables;
        map_first(nested_root, page, fs(Spa{middle}));
        all_pasids(nested(nested_root, second));
    }
    void second_stage_of_tables(Spa at, const SsEntry& e) {
        map_second(second, at.value(), e.with(SsEntry::PS, true), 3);
    }

    // ---- the request
    Translation request_it() {
        if (!loses_leaf) return dma(at, ask);
        const u64 read = unit.agent().walker().entries_read() + 4;
        std::optional<Translation> t;
        sim::Time ended;
        sim::spawn(keep(unit.translation().translate(request(at, ask)), t, ended));
        while (unit.agent().walker().entries_read() < read) run_for(1_ns);
        memory.broken = leaf_table;
        settle();
        REQUIRE(t.has_value());
        return std::move(*t);
    }
    void request_page(bool last, bool marker = false) {
        PageRequestMessage m;
        m.stream = StreamId{source};
        m.has_pasid = true;
        m.pasid = Pasid{golden_pasid};
        m.at = at;
        m.read = !marker;
        m.last = last;
        m.group = 0x1a5;
        sim::spawn(unit.page_request(m));
        settle();
    }
    Spa leaf_table{0};
};

} // namespace quiesce::iommu::vtd::test
