// SPDX-License-Identifier: Apache-2.0
/// The field that decided how a request ended, as observers are told: every fault of the manual's table 30 is brought
/// about, and what is said of it is held against the tables of fields.
#include "support/fresh_kernel.h"
#include "vtd/golden_bench.h"

namespace quiesce::iommu::vtd::test {
namespace {

std::string field_before(std::string_view text) { return std::string{text.substr(0, text.find_first_of("=:"))}; }
const DecidingField* deciding(std::string_view fault) {
    for (const DecidingField& d : deciding_fields())
        if (fault_row(d.code).name == fault) return &d;
    return nullptr;
}
bool can_be_made(std::string_view name) { // others are unmet in golden_faults_test.cpp
    constexpr std::string_view cannot[] = {"RTA.1.4", "RTA.5", "SCT.4.3", "SCT.10", "SPT.9"};
    return std::find(std::begin(cannot), std::end(cannot), name) == std::end(cannot) && !name.starts_with("HPT.");
}

/// Makes each kind of request that meets the fault; keeps what is said.
void collect(const gold::FaultReason& row, std::map<std::string, std::set<std::string>>& said) {
    for (const Column& column : columns) {
        if (row.*column.gets == gold::Gets::None || !can_be_made(row.name)) continue;
        {
            GoldenBench b{fault_maker(row.name), column, false};
            Log<FaultRaised> facts{b.bus};
            if (column.page_request)
                b.request_page(column.last);
            else
                b.request_it();
            for (const auto& [when, fact] : facts.all)
                said[std::string{fact.type.text()}].insert(std::string{fact.decided.what.text()});
        }
        testbench::fresh_kernel();
    }
}

} // namespace

TEST_CASE("observers are told which field decided, of every fault that has one", "[vtd][decided]") {
    std::map<std::string, std::set<std::string>> said;
    for (const auto& row : gold::legacy_fault_reasons) collect(row, said);
    for (const auto& row : gold::scalable_fault_reasons) collect(row, said);
    for (const auto& [fault, words] : said) {
        INFO(fault);
        const DecidingField* const d = deciding(fault);
        for (const std::string& word : words) {
            INFO(word);
            const bool by_rule = word.find(": ") != std::string::npos && (d == nullptr || word != d->by);
            CHECK((by_rule || word == (d == nullptr ? "" : d->by)));
        }
    }
    for (const DecidingField& d : deciding_fields()) {
        INFO(fault_row(d.code).name);
        const auto there = said.find(std::string{fault_row(d.code).name});
        CHECK((there != said.end() && there->second.count(std::string{d.by}) == 1));
    }
}

TEST_CASE("what is said to decide is a field that there is, with its section", "[vtd][decided]") {
    std::set<std::string> names, owners;
    for (const Feature& f : features())
        if (!f.section.empty() && !f.owner.empty()) {
            names.insert(std::string{f.owner} + "." + std::string{f.name});
            owners.insert(std::string{f.owner});
        }
    for (const DecidingField& d : deciding_fields()) {
        INFO(d.by);
        const std::string field = field_before(d.by);
        CHECK((names.count(field) == 1 || owners.count(field) == 1));
    }
}

TEST_CASE("observers are told which FPD kept a fault out of the records",
          "[vtd][decided][scalable context entry.FPD]") {
    GoldenBench b{fault_maker("SPT.2"), columns[1], true};
    Log<FaultRaised> facts{b.bus};
    b.request_it();
    REQUIRE(facts.size() == 1);
    CHECK(facts[0].fate == FaultFate::Suppressed);
    CHECK(facts[0].decided.what.text() == "PASID table entry.P=0");
    CHECK(facts[0].unrecorded_by.what.text() == "scalable context entry.FPD=1");
}

} // namespace quiesce::iommu::vtd::test
