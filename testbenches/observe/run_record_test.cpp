// SPDX-License-Identifier: Apache-2.0
/// run.json and the text summary: what a teardown consists of, and what it did not reach.
#include "observe/metrics.h"
#include "observe/run_record.h"
#include "observe/stage.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

using namespace quiesce;
using namespace quiesce::observe;
using Json = nlohmann::ordered_json;
using Catch::Contains;

namespace {
/// Bond 1 is quiet 400 ps after its T0; bond 2 never stops.
struct Run : testbench::Stage {
    Teardowns teardowns{events};
    Checkers checkers{events};
    Counters counters{events};
    RunRecord record;

    void span(u64 id, const char* actor, const char* phase, const char* waits_for, i64 from, i64 to, u64 ended_by = 0) {
        say(to, base::Span{id, actor, phase, waits_for, sim::Time::ps(from), 0, ended_by, BondId{}});
    }
    Run() {
        bond(100, 1), bond(100, 2, 2, 2);
        trigger(1000, 1, "kill"), trigger(1000, 2, "kill");
        trigger(1010, 1, "exit");
        unmap(1020, 5);
        span(1, "app1/main", "release", "", 1000, 1100);
        issue(1100, 1, 1);
        span(2, "smmu.cmdq", "sync", "", 1150, 1280);
        span(3, "app1/main", "sync-wait", "smmu", 1100, 1300, 2);
        block(1300, 1, 1, 1, 3);
        span(4, "app1/main", "device-drain", "acc1", 1300, 1400);
        stop(1400, 1, false, 4);
        commit(1410, 2, memory::Verdict::Stale);
        commit(1420, 2, memory::Verdict::Stale);
        stop(1500, 2, true);
        record.scenario = "two-bonds";
        record.seed = 42;
        record.fingerprint = "0123456789abcdef";
        record.platform = {"smmuv3", "6.12", "quiet-unbind", "lowest", "hardware", {"R8"}};
        record.simulated = clock;
        record.expectations = {{"never: stale-dma", "a.yaml:7", false, "one at 1.410 ns"},
                               {"reached: quiesce", "a.yaml:8", true, ""},
                               {"within: 1us", "a.yaml:9", std::nullopt, ""}};
        record.verdict = "fail";
        record.teardowns = teardowns.results();
        record.violations = checkers.violations();
        record.counts = counters.counts();
        record.teardowns.at(1).not_applicable = {"drain"};
    }
    Json json() const { return to_json(record); }
};
} // namespace

TEST_CASE("the breakdown is contiguous from T0 to T0 plus quiesce", "[observe]") {
    const Run r;
    const Json t = r.json()["teardowns"][0];
    CHECK(t["t0_ps"] == 1000);
    CHECK(t["quiesce_ps"] == 400);
    i64 at = 1000;
    std::vector<std::string> phases;
    for (const Json& part : t["breakdown"]) {
        CHECK(part["start_ps"] == at);
        CHECK(part["end_ps"] > at);
        at = part["end_ps"].get<i64>();
        phases.push_back(part["phase"]);
    }
    CHECK(at == 1400);
    CHECK(phases == std::vector<std::string>{"release", "hand-over", "sync", "sync-wait", "device-drain"});
    CHECK(t["breakdown"][4]["waits_for"] == "acc1");
    CHECK(t["breakdown"][4]["actor"] == "app1/main");
}

TEST_CASE("every milestone after T0 has a path from T0 to it", "[observe]") {
    const Run r;
    const Json json = r.json(); // a range over part of a temporary would outlive it
    for (const Json& t : json["teardowns"]) {
        for (const auto& [name, end] : t["milestones_ps"].items()) {
            INFO(t["id"] << " " << name);
            if (end == t["t0_ps"]) {
                CHECK_FALSE(t["paths"].contains(name));
                continue;
            }
            REQUIRE(t["paths"].contains(name));
            i64 at = t["t0_ps"].get<i64>();
            for (const Json& part : t["paths"][name]) {
                CHECK(part["start_ps"] == at);
                at = part["end_ps"].get<i64>();
            }
            CHECK(at == end);
        }
    }
}

TEST_CASE("percentages of a breakdown add up to 100 however many parts are small", "[observe]") {
    RunRecord r;
    Teardown t;
    const i64 lengths[] = {1, 1, 1, 996, 1, 500, 499, 1, 1, 1, 998};
    sim::Time at;
    for (const i64 n : lengths) {
        t.breakdown.push_back(
            {"part" + std::to_string(t.breakdown.size()), "cpu", "", at, at + sim::Duration::ps(n), 0});
        at += sim::Duration::ps(n);
    }
    t.quiesce = at - sim::Time{};
    r.teardowns.push_back(t);
    std::istringstream lines(to_text(r));
    int sum = 0, rows = 0;
    for (std::string line; std::getline(lines, line);)
        if (const auto sign = line.find("% |"); sign != std::string::npos) {
            sum += std::stoi(line.substr(sign - 3, 3));
            ++rows;
        }
    CHECK(rows == 11);
    CHECK(sum == 100);
}

TEST_CASE("the text says until when a page that was never fenced counts as exposed", "[observe]") {
    RunRecord r;
    Teardown t;
    t.exposure = sim::Duration::ps(700);
    r.teardowns.push_back(t);
    CHECK_THAT(to_text(r),
               Contains("  exposure        700 ps of page-time: ") && !Contains("up to the end of the run"));
    r.teardowns.front().exposed_pages_open = 3;
    CHECK_THAT(to_text(r), Contains("3 pages were neither fenced nor freed: they count up to the end of the run\n"));
}

TEST_CASE("the text keeps kinds of fences and of waits apart", "[observe]") {
    RunRecord r;
    r.counts.invalidations.fences = 7;
    r.counts.invalidations.fences_by = {{"smmu", {{"CFGI_CD", 4}, {"TLBI_NH_ASID", 3}}}};
    r.counts.invalidations.sync_wait_by = {{"smmu.cmdq", {{"cfgi-sync", {100, 300}}, {"tlbi-sync", {5000}}}}};
    r.counts.invalidations.fence_wait_by = {{"range", {7000}}, {"space", {900}}};
    const std::string text = to_text(r);
    CHECK_THAT(text,
               Contains("fences  7 signalled by the hardware; smmu after CFGI_CD 4; smmu after TLBI_NH_ASID 3\n"));
    CHECK_THAT(text, Contains("cfgi-sync         2, waited p50 100 ps max 300 ps for smmu.cmdq\n"));
    CHECK_THAT(text, Contains("tlbi-sync         1, waited p50 5.000 ns max 5.000 ns for smmu.cmdq\n"));
    CHECK_THAT(text, Contains("range of pages    1, waited p50 7.000 ns max 7.000 ns"));
    CHECK_THAT(text, Contains("address space     1, waited p50 900 ps max 900 ps"));
}

TEST_CASE("every milestone that a teardown can have is explained", "[observe]") {
    for (const char* name : {"block_observed", "block", "stop", "drain", "last_seen", "free_first", "free_last",
                             "mmput", "reuse", "stop_gave_up", "tables_free", "exit_mmap"}) {
        CAPTURE(name);
        CHECK(find_metric("milestone", name) != nullptr);
    }
    CHECK(find_metric("milestone", "no such thing") == nullptr);
    CHECK(find_metric("phase", "block") == nullptr); // a name means what its group says
    std::set<std::pair<std::string_view, std::string_view>> once;
    for (const Metric& m : metrics) {
        CHECK(once.emplace(m.group, m.name).second);
        CHECK_FALSE(m.help.empty());
    }
}

TEST_CASE("a teardown in run.json names its bond, its triggers and what it reached", "[observe]") {
    const Run r;
    const Json t = r.json()["teardowns"][0];
    CHECK(t["id"] == "t0");
    CHECK(t["bond"] == 1);
    CHECK(t["process"] == "app1");
    CHECK(t["device"] == "acc1");
    CHECK(t["pasid"] == 1);
    CHECK(t["trigger"] == "kill");
    CHECK(t["also"] == Json::array({"exit"}));
    CHECK(t["milestones_ps"] ==
          Json({{"block_observed", 1000}, {"block", 1300}, {"stop", 1400}, {"drain", 1000}, {"last_seen", 1000}}));
    CHECK(t["exposure_ps"] == 280);
    CHECK(t["exposed_pages_open"] == 0);
    CHECK(t["not_applicable"] == Json::array());
    CHECK(t["open"] == Json::array({"free_first", "free_last", "mmput", "reuse"}));
}

TEST_CASE("an open teardown has no quiesce and no breakdown, and says what is missing", "[observe]") {
    const Run r;
    const Json t = r.json()["teardowns"][1];
    CHECK(t["id"] == "t1");
    CHECK_FALSE(t.contains("quiesce_ps"));
    CHECK(t["breakdown"] == Json::array());
    CHECK(t["open"] == Json::array({"block", "stop", "free_first", "free_last", "mmput", "reuse"}));
    CHECK(t["not_applicable"] == Json::array({"drain"}));
    CHECK(t["milestones_ps"]["stop_gave_up"] == 1500);
    CHECK_FALSE(t["milestones_ps"].contains("stop"));
    CHECK(t["also"] == Json::array());
}

TEST_CASE("each milestone of a teardown is reached, open or not applicable, and only one of these", "[observe]") {
    const Run r;
    for (const Teardown& t : r.record.teardowns)
        for (const char* name :
             {"block_observed", "block", "stop", "last_seen", "free_first", "free_last", "mmput", "reuse"}) {
            CAPTURE(raw(t.bond), name);
            const bool open = std::find(t.open.begin(), t.open.end(), name) != t.open.end();
            CHECK(t.at(name).has_value() != open);
        }
}

TEST_CASE("the summary counts open teardowns beside the percentiles of the others", "[observe]") {
    const Run r;
    CHECK(r.json()["summary"]["quiesce"] == Json({{"n", 1}, {"open", 1}, {"p50", 400}, {"p99", 400}, {"max", 400}}));
    CHECK(to_json(RunRecord{})["summary"]["quiesce"]["n"] == 0);
    RunRecord many;
    for (i64 n = 1; n <= 200; ++n) {
        many.teardowns.emplace_back();
        many.teardowns.back().quiesce = sim::Duration::ps(n);
    }
    const auto s = many.quiesce();
    CHECK(s.n == 200);
    CHECK(s.open == 0);
    CHECK(s.p50 == 100);
    CHECK(s.p99 == 198);
    CHECK(s.max == 200);
}

TEST_CASE("an expectation that did not apply is null, not false", "[observe]") {
    const Run r;
    const Json e = r.json()["expectations"];
    CHECK(e[0]["held"] == false);
    CHECK(e[0]["detail"] == "one at 1.410 ns");
    CHECK(e[1]["held"] == true);
    CHECK_FALSE(e[1].contains("detail"));
    CHECK(e[2]["held"].is_null());
    CHECK(e[2]["at"] == "a.yaml:9");
}

TEST_CASE("a violation in run.json has its count and its page in hexadecimal", "[observe]") {
    const Run r;
    const Json v = r.json()["violations"];
    REQUIRE(v.size() == 1);
    CHECK(v[0]["id"] == "v0");
    CHECK(v[0]["kind"] == "stale-dma");
    CHECK(v[0]["time_ps"] == 1410);
    CHECK(v[0]["last_ps"] == 1420);
    CHECK(v[0]["count"] == 2);
    CHECK(v[0]["bond"] == 2);
    CHECK(v[0]["pasid"] == 2);
    CHECK(v[0]["page"] == "0x5000");
}

TEST_CASE("run.json has every field of the contract, also of an empty run", "[observe]") {
    const Json j = to_json(RunRecord{});
    for (const char* field : {"schema", "scenario", "seed", "fingerprint", "verdict", "expectations", "platform",
                              "simulated_ps", "teardowns", "summary", "dma", "faults", "page_requests", "stalls",
                              "invalidations", "oom", "cpu_ps", "violations", "host"}) {
        CAPTURE(field);
        CHECK(j.contains(field));
    }
    CHECK(j["schema"] == 1);
    for (const char* list : {"expectations", "teardowns", "violations", "oom"}) CHECK(j[list] == Json::array());
    CHECK(j["faults"]["by_type"] == Json::object());
    CHECK(j["cpu_ps"]["by"] == Json::object());
    CHECK(j["platform"]["bugs"] == Json::array());
    CHECK(j["host"]["dma_per_s"] == 0.0);
}

TEST_CASE("counts reach run.json under their names", "[observe]") {
    RunRecord r;
    r.counts.dma = {1, 2, 3, 4, 5};
    r.counts.faults = {6, 7, 5, 8, 9, 10, 43, 45, {{"F_TRANSLATION", 11}}};
    r.counts.invalidations = {12, 13, 14, 15, {40, 20, 30}};
    r.counts.cpu_ps = {{"app0/main", 16}};
    r.counts.cpu_on_ps = {{"printk", 44}};
    r.counts.cpu_taken_ps = {{"irq/evtq", 45}};
    r.counts.bystanders = {46, 47, {48}, {49, 50}};
    r.counts.completion_timeouts = 17;
    r.counts.links_down = 18;
    r.counts.peer_to_peer = 19;
    r.counts.atomics = 42;
    r.counts.first_dma = sim::Time::ps(43);
    r.counts.last_dma = sim::Time::ps(44);
    const Json j = to_json(r);
    CHECK(j["dma"] == Json({{"reads", 1},
                            {"writes", 2},
                            {"bytes", 3},
                            {"aborted", 4},
                            {"legal_after_unmap", 5},
                            {"completion_timeouts", 17},
                            {"links_down", 18},
                            {"peer_to_peer", 19},
                            {"atomics", 42},
                            {"first_ps", 43},
                            {"last_ps", 44}}));
    CHECK(j["faults"] == Json({{"raised", 75},
                               {"recorded", 6},
                               {"suppressed", 7},
                               {"ats_refused", 5},
                               {"filtered", 8},
                               {"lost", 19},
                               {"lost_overflow", 9},
                               {"discarded", 10},
                               {"merged", 43},
                               {"overflows", 45},
                               {"by_type", {{"F_TRANSLATION", 11}}}}));
    CHECK_THAT(to_text(r), Contains("7 suppressed (ended without a record: 5 translation or translated requests, of which "
                                    "there never is one; 2 in quiet contexts), 19 lost (9 found the queue full, 10 found it off: an overflow "
                                    "costs both, until the driver has started the queue again), 43 merged"));
    CHECK_THAT(to_text(r), Contains("faults  75 raised: 6 recorded"));
    CHECK(j["invalidations"]["tlb"] == 12);
    CHECK(j["invalidations"]["atc"] == 13);
    CHECK(j["invalidations"]["configuration"] == 14);
    CHECK(j["invalidations"]["fences"] == 15);
    CHECK(j["invalidations"]["fence_wait_ps"] == Json({{"p50", 30}, {"p99", 40}, {"max", 40}}));
    CHECK(j["cpu_ps"] == Json({{"by", {{"app0/main", 16}}}, {"on", {{"printk", 44}}}, {"taken_by", {{"irq/evtq", 45}}}, {"iommu_interrupts", 0}, {"busy", 0}}));
    CHECK(j["bystanders"]["records_lost"] == 46);
    CHECK(j["bystanders"]["page_requests_lost"] == 47);
    CHECK(j["bystanders"]["page_request_ps"] == Json({{"n", 1}, {"p50", 48}, {"p99", 48}, {"max", 48}}));
    CHECK(j["bystanders"]["stall_ps"] == Json({{"n", 2}, {"p50", 49}, {"p99", 50}, {"max", 50}}));
}

TEST_CASE("the text shows the milestones in the order of time", "[observe]") {
    const Run r;
    const std::string text = to_text(r.record);
    CHECK_THAT(text, Contains("two-bonds  seed 42  smmuv3, quiet-unbind on kernel 6.12\nbugs switched on: R8\n"));
    CHECK_THAT(
        text,
        Contains("teardown 1 of 2 (id t0): app1 on acc1, PASID 1\n  T0              kill at 1.000 ns, then exit\n"));
    CHECK_THAT(text, Contains("quiesce latency 400 ps "));
    CHECK(text.find("    block  ") < text.find("    stop  "));
    CHECK(text.find("    block_observed") < text.find("    block  "));
}

TEST_CASE("the text shows what is open and what can never come", "[observe]") {
    const Run r;
    const std::string text = to_text(r.record), second = text.substr(text.find("(id t1)"));
    CHECK_THAT(second, Contains("quiesce latency: open\n"));
    CHECK_THAT(second, Contains("block, stop, free_first, free_last, mmput, reuse\n"));
    CHECK_THAT(second, Contains("    not applicable") && Contains("  drain\n"));
    CHECK_THAT(second, !Contains("breakdown"));
}

TEST_CASE("the text's breakdown has a bar per phase whose percentages add up", "[observe]") {
    const Run r;
    const std::string text = to_text(r.record);
    for (const char* row : {"release                    100 ps  25% |", "hand-over                   50 ps  13% |",
                            "sync                       130 ps  32% |", "sync-wait                   20 ps   5% |",
                            "device-drain               100 ps  25% |"})
        CHECK_THAT(text, Contains(row));
    CHECK_THAT(text, Contains("| app1/main waits for acc1\n"));
}

TEST_CASE("the text tells violations, expectations and the verdict", "[observe]") {
    const Run r;
    const std::string text = to_text(r.record);
    CHECK_THAT(text, Contains("1 violation: 1 stale-dma; 2 occurrences") &&
                         Contains(")\n  v0 stale-dma at 1.410 ns (2 times): "));
    CHECK_THAT(text, Contains("FAIL  never: stale-dma  (a.yaml:7)  one at 1.410 ns\n"));
    CHECK_THAT(text, Contains("held  reached: quiesce  (a.yaml:8)\n"));
    CHECK_THAT(text, Contains("n/a   within: 1us  (a.yaml:9)\n"));
    CHECK_THAT(text, Contains("verdict fail   simulated 1.500 ns   fingerprint 0123456789abcdef\n"));
}

TEST_CASE("a violation's line says which occurrence its story tells of where that is not the first", "[observe]") {
    Run r;
    r.record.violations.at(0).told = sim::Time::ps(1420);
    CHECK_THAT(to_text(r.record), Contains("v0 stale-dma at 1.410 ns (2 times, of which the one at 1.420 ns tells most): "));
    CHECK(r.json()["violations"][0]["story_ps"] == 1420);
}

TEST_CASE("the text lists ten violations and counts the rest", "[observe]") {
    RunRecord r;
    for (u64 n = 0; n < 13; ++n) {
        r.violations.emplace_back();
        r.violations.back().kind = "stale-dma";
    }
    const std::string text = to_text(r);
    CHECK_THAT(text, Contains("13 violations: 13 stale-dma; 13 occurrences ") && Contains("  v9 stale-dma") &&
                         Contains("  ... 3 more in run.json\n"));
    CHECK_THAT(text, !Contains("  v10 "));
}
