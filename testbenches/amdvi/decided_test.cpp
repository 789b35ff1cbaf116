// SPDX-License-Identifier: Apache-2.0
/// The field that decided how a request ended, and the one that kept it out of the log, as observers are told.
#include "amdvi/bench.h"
#include "iommu/amdvi/decided.h"

namespace quiesce::iommu::amdvi::test {
namespace {

struct DecidedBench : Bench {
    Log<FaultRaised> facts{bus};
    Spa table = new_table();
    explicit DecidedBench(const AmdviConfig& c = {}) : Bench(c) { start(); }
    Spa in_host(const HostEntry& leaf, const Dte& e) {
        store_entry(e);
        return map_host(table, here.value(), leaf);
    }
    void in_guest(const GuestEntry& leaf, const Dte& e = guest()) { store(simple(here, there, e), leaf); }
    void nested(const HostEntry& leaf) { // what the guest's page leads to, by the host
        for (u64 at = 0x1500'0000; at < 0x1600'0000; at += 0x20'0000) map_host(table, at, page(Spa{at}), 2);
        map_host(table, 0x7000'0000, leaf);
        in_guest(guest_page(Spa{0x7000'0000}), guest().set(Dte::Mode, 4).set(Dte::HostPTRoot, table));
    }
    void ask_for_page() {
        PageRequestMessage m;
        m.stream = StreamId{stream};
        m.has_pasid = m.read = m.last = true;
        m.pasid = Pasid{5};
        sim::spawn(unit.page_request(m));
        settle();
    }
};
constexpr Dma plain{}, by_pasid = Bench::pasid5;
Dma as(Dma d, AddressType type) {
    d.type = type;
    return d;
}
Dma writes(Dma d) {
    d.access = iommu::Access::Write;
    return d;
}
Dma fetches(Dma d) {
    d.instruction = true;
    return d;
}

struct DecidedCase {
    std::string_view decided;
    void (*make)(DecidedBench& b);
    Dma ask = by_pasid;
    bool asks_for_page = false;
};
Dte asking() { return Bench::guest().set(Dte::I, true).set(Dte::PPR, true); }
constexpr auto translated = AddressType::Translated, asks = AddressType::TranslationRequest;

// clang-format off
const DecidedCase decided_cases[] = {
    {"DevTabBar.Size: the device is beyond it", [](DecidedBench&) {}, {0x0200}},
    {"DevTabBar.DevTabBase: what it points to cannot be read", [](DecidedBench& b) { b.memory.broken = Bench::entry_at(); }},
    {"DTE: reserved bits", [](DecidedBench& b) { b.store_entry(Dte::from_words({7, 0, 0, 0})); }},
    {"DTE: HAD is reserved", [](DecidedBench& b) { b.store_entry(Bench::guest().set(Dte::HAD, HostMarks::Reserved)); }},
    {"DTE.V=0", [](DecidedBench& b) { b.store_entry(Dte{}); }, as(plain, asks)},
    {"DTE.V=0", [](DecidedBench& b) { b.store_entry(Dte{}); }, {}, true},
    {"DTE.TV=0", [](DecidedBench& b) { b.store_entry(asking().set(Dte::TV, false)); }},
    {"DTE.TV=0", [](DecidedBench& b) { b.store_entry(asking().set(Dte::TV, false)); }, as(by_pasid, asks)},
    {"DTE.TV=0", [](DecidedBench& b) { b.store_entry(asking().set(Dte::TV, false)); }, {}, true},
    {"DTE.Mode: levels that there are not", [](DecidedBench& b) { b.store_entry(Bench::host(b.table, 7)); }, plain},
    {"DTE.GV=0", [](DecidedBench& b) { b.store_entry(Bench::valid()); }},
    {"DTE.GV=0", [](DecidedBench& b) { b.store_entry(asking().set(Dte::GV, false)); }, {}, true},
    {"Control.GTEn=0", [](DecidedBench& b) { b.store_entry(Bench::guest()); b.control(Control::GTEn, false); }},
    {"Control.GTEn=0", [](DecidedBench& b) { b.store_entry(asking()); b.control(Control::GTEn, false); }, {}, true},
    {"DTE.GLX: the PASID is beyond its levels", [](DecidedBench& b) { b.store_entry(Bench::guest()); }, {Bench::stream, 0x200}},
    {"GCR3 entry.V=0", [](DecidedBench& b) { b.store_entry(Bench::guest()); }},
    {"GCR3 entry: reserved bits", [](DecidedBench& b) {
        b.store_entry(Bench::guest());
        b.store(Bench::gcr3_table + 40, Gcr3Entry::from_words({3}));
    }},
    {"DTE.GCR3TableRoot: what it leads to cannot be read", [](DecidedBench& b) { b.store_entry(Bench::guest(Spa{0x3000})); }},
    {"DTE.I=0", [](DecidedBench& b) { b.store_entry(Bench::guest()); }, as(by_pasid, asks)},
    {"DTE.I=0", [](DecidedBench& b) { b.store_entry(Bench::guest()); }, as(plain, translated)},
    {"DTE.PPR=0", [](DecidedBench& b) { b.store_entry(asking().set(Dte::PPR, false)); }, {}, true},
    {"DTE.IR=0", [](DecidedBench& b) { b.store_entry(Bench::valid().set(Dte::IR, false)); }, plain},
    {"DTE.IW=0", [](DecidedBench& b) { b.store_entry(Bench::valid().set(Dte::IW, false)); }, writes(plain)},
    {"DTE.IR=0", [](DecidedBench& b) { b.in_host(Bench::page(there), Bench::host(b.table).set(Dte::IR, false)); }, plain},
    {"DTE.IW=0", [](DecidedBench& b) { b.in_guest(Bench::guest_page(there), Bench::guest().set(Dte::IW, false)); }, writes(by_pasid)},
    {"host entry.PR=0", [](DecidedBench& b) { b.in_host(HostEntry{}, Bench::host(b.table)); }, plain},
    {"host entry.PR=0", [](DecidedBench& b) { b.nested(HostEntry{}); }},
    {"DTE.Mode: the address is beyond its levels", [](DecidedBench& b) { b.store_entry(Bench::host(b.table, 3)); }, plain},
    {"host entry.IR=0", [](DecidedBench& b) { b.in_host(Bench::page(there).set(HostEntry::IR, false), Bench::host(b.table)); }, plain},
    {"host entry.IW=0", [](DecidedBench& b) { b.nested(Bench::page(there).set(HostEntry::IW, false)); }, writes(by_pasid)},
    {"host entry: reserved bits", [](DecidedBench& b) { b.in_host(HostEntry::from_words({Bench::page(there).word(0) | u64{1} << 55}), Bench::host(b.table)); }, plain},
    {"host entry.NextLevel: a level, or a size, that cannot be there", [](DecidedBench& b) {
        b.store_entry(Bench::host(b.table));
        b.store(Bench::slot(b.table, here.value(), 4), Bench::page(b.new_table(), 5));
    }, plain},
    {"DTE.HostPTRoot: what it leads to cannot be read", [](DecidedBench& b) { b.store_entry(Bench::host(Spa{0x5000})); }, plain},
    {"guest entry.P=0", [](DecidedBench& b) { b.in_guest(GuestEntry{}); }},
    {"guest entry.R/W=0", [](DecidedBench& b) { b.in_guest(Bench::guest_page(there).set(GuestEntry::RW, false)); }, writes(by_pasid)},
    {"guest entry.U/S=0", [](DecidedBench& b) { b.in_guest(Bench::guest_page(there).set(GuestEntry::US, false)); }},
    {"guest entry.NX=1", [](DecidedBench& b) { b.in_guest(Bench::guest_page(there).set(GuestEntry::NX, true)); }, fetches(by_pasid)},
    {"guest entry: reserved bits", [](DecidedBench& b) { b.in_guest(Bench::guest_page(Spa{u64{1} << 50})); }},
    {"GCR3 entry.Base: what it leads to cannot be read", [](DecidedBench& b) { b.store_entry(Bench::guest()); b.store_gcr3(5, Spa{0x5000}); }},
};
// clang-format on

/// "DTE.GV=0", "DTE.GLX: the PASID is beyond its levels", "DTE: reserved bits".
std::string_view field_of(std::string_view text) { return text.substr(0, text.find_first_of("=:")); }

} // namespace

TEST_CASE("observers are told which field decided", "[amdvi][decided]") {
    const std::size_t count = std::size(decided_cases);
    const DecidedCase& c = decided_cases[GENERATE_COPY(range(std::size_t{0}, count))];
    INFO(c.decided);
    DecidedBench b;
    c.make(b);
    if (c.asks_for_page)
        b.ask_for_page();
    else
        CHECK(b.dma(here, c.ask).ending != Ending::Grant);
    REQUIRE(b.facts.size() == 1);
    CHECK(b.facts[0].decided.what.text() == c.decided);
    CHECK(b.facts[0].unrecorded_by.what.text().empty());
}

TEST_CASE("an address that no table can take is told as such", "[amdvi][decided]") {
    DecidedBench b;
    b.in_guest(Bench::guest_page(there));
    b.dma(Iova{u64{1} << 55}, by_pasid);
    CHECK(b.facts.last().decided.what.text() == "DTE.GuestPagingMode: the address is not canonical");
    b.store_entry(Bench::valid(), 0x110);
    b.dma(Iova{u64{1} << 60}, {0x110});
    CHECK(b.facts.last().decided.what.text() == "MiscInfo0.PAsize: the address is beyond it");
}

TEST_CASE("observers are told why a page fault has no entry in the log", "[amdvi][decided][DTE.SA][DTE.SE]") {
    DecidedBench b;
    b.store_entry(asking().set(Dte::SA, true));
    b.dma(here, by_pasid);
    CHECK(b.facts.last().fate == FaultFate::Suppressed);
    CHECK(b.facts.last().decided.what.text() == "GCR3 entry.V=0");
    CHECK(b.facts.last().unrecorded_by.what.text() == "DTE.SA=1");
    CHECK(b.dma(here, as(by_pasid, asks)).ending == Ending::Grant); // of no access
    CHECK(b.facts.last().unrecorded_by.what.text() == "the answer to the translation request tells of it");
    b.store_entry(asking().set(Dte::SE, true), 0x110);
    b.dma(here, {0x110, 5});
    CHECK(b.facts.last().unrecorded_by.what.text().empty()); // the first
    b.dma(here, {0x110, 6});
    CHECK(b.facts.last().unrecorded_by.what.text() == "DTE.SE=1");
}

TEST_CASE("what is said to decide is a field or a register that there is, and every such word is tried here",
          "[amdvi][decided]") {
    std::set<std::string> names, owners, tried;
    for (const Feature& f : features()) {
        names.insert(f.owner.empty() ? std::string{f.name} : std::string{f.owner} + "." + std::string{f.name});
        owners.insert(std::string{f.owner.empty() ? f.name : f.owner});
    }
    for (const DecidedCase& c : decided_cases) tried.insert(std::string{c.decided});
    for (const std::string_view also :
         {"DTE.GuestPagingMode: the address is not canonical", "DTE.SA=1", "DTE.SE=1",
          "MiscInfo0.PAsize: the address is beyond it", "the answer to the translation request tells of it"})
        tried.insert(std::string{also});
    for (const std::string_view text : deciding_fields()) {
        INFO(text);
        CHECK(tried.count(std::string{text}) == 1);
        const std::string field{field_of(text)};
        const bool whole = owners.count(field) == 1 || owners.count(field.substr(0, field.find('.'))) == 1;
        CHECK((names.count(field) == 1 || whole || text.starts_with("the answer")));
        const auto dot = field.find('.');
        const bool of_structure =
            dot != std::string::npos && !field.starts_with("DevTabBar") && !field.starts_with("MiscInfo0");
        if (of_structure) CHECK(names.count(field) == 1);
    }
    for (const EntryRule& rule : entry_rules()) CHECK_FALSE(rule.reason.empty());
}

} // namespace quiesce::iommu::amdvi::test
