// SPDX-License-Identifier: Apache-2.0
/// ScenarioReading scenarios: what is refused and where, what races are left alone, and that a resolved configuration says it all.
#include "platform/scenario/scenario.h"

#include "base/property.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <sstream>

using namespace quiesce;
using namespace quiesce::platform;

namespace {

const std::string head = "scenario: test\ndevices: {acc0: {kind: accelerator}}\n";
const std::string two_lines = "  - os: {spawn: app0, pages: 16}\n  - os: {bind: app0, to: acc0}\n";

struct ScenarioReading {
    Diagnostics out;
    std::unique_ptr<Scenario> scenario;
    explicit ScenarioReading(std::string_view text, const std::vector<std::string>& sets = {}) {
        scenario = parse_scenario(std::make_shared<const Source>("f.yaml", text), sets, out);
    }
    /// "line:col message", one a line.
    std::string said() const {
        std::string text;
        for (const Diagnostic& d : out.sorted())
            text += std::to_string(d.at.line) + ":" + std::to_string(d.at.col) + " " + d.message +
                    (d.suggestion.empty() ? "" : " -> " + d.suggestion) + "\n";
        return text;
    }
};

std::string said(std::string_view text, const std::vector<std::string>& sets = {}) { return ScenarioReading(text, sets).said(); }
/// What is said of sentences that follow a spawn (line 4) and a bind (line 5); they begin at line 6.
std::string said_of(const std::string& sentences, const std::vector<std::string>& sets = {}) {
    return said(head + "steps:\n" + two_lines + sentences, sets);
}
std::string said_of_claim(const std::string& claim) { return said(head + "steps:\n" + two_lines + "expect:\n" + claim); }

const Scenario& good(const ScenarioReading& r) {
    INFO(r.out.render());
    REQUIRE(r.out.ok());
    return *r.scenario;
}

} // namespace

TEST_CASE("every number, size, duration and bandwidth of the configuration has bounds", "[platform]") {
    Config config;
    config.devices.try_emplace("acc0");
    const ParamTree tree = parameters(config);
    for (const auto& row : tree.rows()) {
        INFO(row.path);
        const auto kind = row.param->kind();
        if (kind == base::ParamKind::Number || kind == base::ParamKind::Figure) CHECK_FALSE(row.param->bounds_text().empty());
    }
    for (const VerbRow& verb : verb_rows())
        for (const ArgumentSpec& a : verb.arguments) {
            INFO(verb.verb << " " << a.name);
            const bool named = a.kind == ArgumentSpec::Kind::Process || a.kind == ArgumentSpec::Kind::NewProcess ||
                               a.kind == ArgumentSpec::Kind::Name ||
                               a.kind == ArgumentSpec::Kind::Device || a.kind == ArgumentSpec::Kind::Choice ||
                               a.kind == ArgumentSpec::Kind::Flag;
            CHECK(a.bounds().empty() == named);
        }
}

TEST_CASE("a stop time that is drawn stands beside no interval, and a misspelt one is refused at its place", "[platform]") {
    const std::string steps = "steps:\n" + two_lines;
    const auto device = [&](const std::string& what) { return said("scenario: x\ndevices: {acc0: {" + what + "}}\n" + steps); };
    CHECK(device("kind: accelerator, stop_time: lognormal 5us p99 2ms") == "");
    CHECK(device("kind: accelerator, stop_time: 5us, stop_time_max: 9us") == "");
    CHECK_THAT(device("kind: accelerator, stop_time: exponential 5us, stop_time_max: 9us"),
               Catch::Contains("stop_time_max 9us has no effect: stop_time is drawn already, exponential 5us"));
    CHECK_THAT(device("kind: accelerator, stop_time: 50us, stop_time_max: 9us"), Catch::Contains("stop_time_max 9us is below stop_time 50us"));
    CHECK_THAT(device("kind: gpu, preempt_point: exponential 5us, preempt_point_max: 9us"),
               Catch::Contains("preempt_point_max 9us has no effect: preempt_point is drawn already"));
    CHECK(device("kind: gpu, preempt_point: exponential 50us") == "");
    CHECK_THAT(device("kind: nic, disable_time: exponental 5us"), Catch::Contains("2:43 devices.acc0.disable_time: expected a duration"));
    CHECK_THAT(device("kind: nic, disable_time: exponental 5us"), Catch::Contains("did you mean \"exponential\"?"));
    CHECK_THAT(device("kind: dsa, drain_time: uniform 5us 9us"), Catch::Contains("expected such as \"uniform 1us to 5us\""));
}

TEST_CASE("the kernel's own address space is bound only where a kernel can, and nothing kills it", "[platform]") {
    const std::string own = "  - os: {spawn: kdrv, supervisor: true}\n";
    const auto with = [&](const std::string& platform, const std::string& steps) {
        return said("scenario: x\n" + platform + "devices: {acc0: {}}\nsteps:\n" + own + steps);
    };
    const std::string vtd = "platform: {iommu: {kind: vtd}}\nos: {kernel: \"6.1\"}\n";
    CHECK(with(vtd, "  - os: {bind: kdrv, to: acc0}\n  - acc0: {stream: kdrv}\n  - os: {unmap: kdrv, pages: 0-3}\n") == "");
    CHECK_THAT(with("", ""), Catch::Contains("no driver but VT-d's binds the kernel's own address space"));
    CHECK(with("requires: [vtd]\n", "") == "");
    CHECK_THAT(with("platform: {iommu: {kind: vtd}}\n", ""), Catch::Contains("kernel 6.12 has no supervisor PASIDs"));
    for (const char* verb : {"kill", "exit"}) CHECK_THAT(with(vtd, std::string{"  - os: {"} + verb + ": kdrv}\n"), Catch::Contains("nothing ends it"));
    CHECK_THAT(with(vtd, "  - os: {fork: kdrv, child: heir}\n"), Catch::Contains("`fork` is not for it"));
}

TEST_CASE("a figure of a sentence out of its bounds is refused with value, bounds and place", "[platform]") {
    CHECK(said_of("  - os: {spawn: b, threads: 0}\n") == "6:29 threads: expected between 1 and 1024, got 0\n");
    CHECK(said_of("  - os: {spawn: b, threads: 4294967297}\n") == "6:29 threads: expected between 1 and 1024, got 4294967297\n");
    CHECK(said_of("  - os: {spawn: b, threads: -1}\n") == "6:29 threads: expected between 1 and 1024, got -1\n");
    CHECK(said_of("  - os: {spawn: b, threads: 010}\n") == "6:29 threads: expected an integer without leading zeros, got \"010\"\n");
    CHECK(said_of("  - os: {spawn: b, pages: 99999999999999999999}\n") ==
          "6:27 pages: expected between 1 and 262144, got 99999999999999999999\n");
    const auto stream = [](const std::string& arguments) { return said_of("  - acc0: {stream: app0, " + arguments + "}\n"); };
    CHECK(stream("size: 64KiB") == "6:32 size: expected between 1B and 65535B, got 64KiB\n");
    CHECK(stream("size: 0") == "6:32 size: expected between 1B and 65535B, got 0\n");
    CHECK(stream("every: 5s") == "6:33 every: expected between 1ns and 4.294967295s, got 5s\n");
    CHECK(stream("every: 1500ps") == "6:33 every: expected whole nanoseconds, got 1500ps\n");
    CHECK(stream("outstanding: 65536") == "6:39 outstanding: expected between 1 and 65535, got 65536\n");
    CHECK(stream("count: 0") == "6:33 count: expected between 1 and 1000000000000, got 0\n");
    CHECK(stream("pages: 5-3") ==
          "6:33 pages: expected pages such as 0-15 or 3, between 0 and 262143, got \"5-3\" (the last page comes before the first)\n");
    CHECK(stream("size: 64B, every: 1ns, outstanding: 65535, count: 1") == "");
}

TEST_CASE("sentences about links, resets and bus mastering name a device of the machine and one of their words", "[platform]") {
    CHECK(said_of("  - os: {reset: acc0}\n  - os: {bus-master: clear, of: acc0}\n  - os: {bus-master: set, of: acc0}\n"
                  "  - acc0: {link: down}\n  - acc0: {link: up}\n") == "");
    CHECK_THAT(said_of("  - os: {reset: acc1}\n"), Catch::StartsWith("6:17 ") && Catch::Contains("acc1") && Catch::Contains("-> acc0"));
    CHECK_THAT(said_of("  - os: {bus-master: off, of: acc0}\n"), Catch::StartsWith("6:22 "));
    CHECK(said_of("  - os: {bus-master: cleared, of: acc0}\n") ==
          "6:22 bus-master: expected one of set, clear, got 'cleared' -> clear\n");
    CHECK_THAT(said_of("  - os: {bus-master: clear}\n"), Catch::StartsWith("6:") && Catch::Contains("'of'"));
    CHECK(said_of("  - acc0: {link: don}\n") == "6:18 link: expected one of down, up, got 'don' -> down\n");
    CHECK_THAT(said_of("  - os: {link: down}\n"), Catch::StartsWith("6:"));
}

TEST_CASE("a seed is any number of 64 bits and comes back as it was", "[platform]") {
    const ScenarioReading r("scenario: x\nseed: 18446744073709551615\ndevices: {acc0: {}}\nsteps:\n" + two_lines);
    CHECK(good(r).seed == 18446744073709551615u);
    CHECK(good(r).resolved().find("seed")->text() == "18446744073709551615");
    for (const char* bad : {"-1", "18446744073709551616", "010", "1.5", "\"1\""}) {
        CAPTURE(bad);
        const std::string text = said("scenario: x\nseed: " + std::string(bad) + "\ndevices: {acc0: {}}\nsteps:\n" + two_lines);
        CHECK(text.substr(0, 4) == "2:7 ");
    }
    CHECK(said("scenario: x\nseed: -1\ndevices: {acc0: {}}\nsteps:\n" + two_lines) ==
          "2:7 seed: expected an integer from 0 to 18446744073709551615, got \"-1\"\n");
}

TEST_CASE("what the order of sentences makes impossible is said before the run, at the sentence", "[platform]") {
    struct Row {
        std::string sentences, said;
    };
    const Row rows[] = {
        {"  - os: {unbind: app0, from: acc0}\n    wait: true\n  - os: {unbind: app0, from: acc0}\n", "8:18 app0 is not bound to acc0 by then"},
        {"  - os: {spawn: b}\n  - os: {unbind: b, from: acc0}\n", "7:18 b is not bound to acc0 by then"},
        {"  - os: {spawn: b}\n  - acc0: {stop: b}\n", "7:18 b is not bound to acc0 by then"},
        {"  - os: {spawn: b}\n  - acc0: {stream: b}\n", "7:20 b is not bound to acc0 by then"},
        {"  - os: {spawn: b}\n  - os: {close: acc0, as: b}\n", "7:17 b has not opened acc0 by then"},
        {"  - os: {close: acc0, as: app0}\n    wait: true\n  - os: {close: acc0, as: app0}\n", "8:17 app0 has not opened acc0 by then"},
        {"  - os: {close: acc0, as: app0}\n    wait: true\n  - acc0: {stream: app0}\n", "8:20 app0 is not bound to acc0 by then"},
        {"  - os: {kill: app0}\n  - os: {kill: app0}\n", "7:16 app0 dies once: `os kill kill=app0` (line 6) came before"},
        {"  - os: {exit: app0}\n  - os: {kill: app0}\n", "7:16 app0 dies once"},
        {"  - os: {kill: app0}\n    wait: true\n  - os: {bind: app0, to: acc0}\n", "8:16 app0 is dead by then: line 6 waits"},
        {"  - os: {kill: app0}\n    wait: true\n  - acc0: {stream: app0}\n", "8:20 app0 is dead by then"},
        {"  - os: {kill: app0}\n    wait: true\n  - os: {unmap: app0, pages: 0}\n", "8:17 app0 is dead by then"},
        {"  - os: {exit: app0}\n    wait: true\n  - os: {fork: app0, child: c}\n", "8:16 app0 is dead by then"},
        {"  - acc0: {stream: app0}\n  - acc0: {stream: app0}\n", "7:20 acc0 works for app0 already (line 6)"},
        {"  - os: {unmap: app0, pages: 0-16}\n", "6:30 the heap has 16 pages, 0 to 15; got 0-16"},
        {"  - acc0: {stream: app0, pages: 16}\n", "6:33 the heap has 16 pages, 0 to 15; got 16"},
        {"  - acc0: {stream: app0, size: 4KiB, size-max: 64B}\n", "6:48 size-max 64B is below size 4KiB"},
        {"  - acc0: {stream: app0, size-max: 128B}\n", "6:36 size-max 128B is below the device's request_size 256B"},
        {"  - acc0: {stream: app0, pages: 3, size: 8KiB}\n", "6:42 requests of 8KiB do not fit in the 4KiB that the work is on"},
    };
    for (const Row& row : rows) {
        INFO(row.sentences);
        CHECK_THAT(said_of(row.sentences), Catch::StartsWith(row.said));
    }
}

TEST_CASE("a device, the PASIDs or the memory that run out for certain are said before the run", "[platform]") {
    const std::string another = "  - os: {spawn: b, pages: 16}\n  - os: {bind: b, to: acc0}\n";
    CHECK_THAT(said_of(another, {"os.pasid.max=1"}), Catch::StartsWith("7:16 no PASID is left by then: 1 to 1"));
    CHECK(said_of("  - os: {kill: app0}\n" + another, {"os.pasid.max=1"}) == ""); // that is for the run to find out
    const std::string work = "  - acc0: {stream: app0}\n  - acc0: {stream: b}\n";
    CHECK_THAT(said_of(another + work, {"devices.acc0.queues=1"}), Catch::StartsWith("9:20 acc0 has 1 queues (devices.acc0.queues)"));
    CHECK(said_of(another + work) == "");
    CHECK_THAT(said_of("  - os: {spawn: b, pages: 8192}\n", {"platform.memory.ram=16MiB"}), Catch::StartsWith("6:27 the heaps of"));
}

TEST_CASE("what is said of a crowd is said of each; who is none, and sentences about one alone, are refused", "[platform]") {
    const std::string crowd = head + "steps:\n  - os: {spawn: app, count: 3, pages: 16}\n  - os: {bind: app, to: acc0}\n";
    const ScenarioReading r(crowd + "  - os: {kill: app}\n    each: 10us\n    wait: true\n");
    const Step& kill = good(r).steps.back();
    CHECK(kill.crowd.members == 3);
    CHECK(kill.crowd.spacing == sim::Duration::ps(10'000'000));
    CHECK(kill.about(2).text("kill") == "app.2");
    CHECK(good(ScenarioReading(crowd + "  - os: {kill: app}\n    each: in-turn\n")).steps.back().crowd.in_turn);
    CHECK(said(crowd + "  - os: {kill: app}\n    each: sometimes\n") ==
          "7:11 each: expected at-once, in-turn or a duration, got \"sometimes\"\n");
    CHECK(said_of("  - os: {kill: app0}\n    each: in-turn\n") ==
          "7:11 each: the sentence is about no crowd: spawn one with a count\n");
    CHECK(said(crowd + "  - os: {fork: app, child: kid}\n") == "6:16 os fork is about one process, and app is a crowd of 3\n");
    CHECK(said(crowd + "  - os: {kill: app.1}\n") == "6:16 kill: 'app.1' is no process that exists by then\n");
    CHECK_THAT(said(head + "steps:\n  - os: {spawn: app, count: 1000, pages: 16384}\n"),
               Catch::Contains("the heaps of the running processes are 16384000 pages by then"));
    CHECK_THAT(said(head + "os: {pasid: {max: 2}}\nsteps:\n  - os: {spawn: app, count: 3, pages: 1}\n  - os: {bind: app, to: acc0}\n"),
               Catch::Contains("no PASID is left by then"));
}

TEST_CASE("a race is not refused: it is what a scenario is for", "[platform]") {
    for (const char* race : {"  - os: {kill: app0}\n  - os: {bind: app0, to: acc0}\n", "  - os: {kill: app0}\n  - acc0: {stream: app0}\n",
                             "  - os: {kill: app0}\n  - os: {unbind: app0, from: acc0}\n",
                             "  - os: {unbind: app0, from: acc0}\n  - os: {kill: app0}\n",
                             "  - os: {unbind: app0, from: acc0}\n  - os: {unbind: app0, from: acc0}\n",
                             "  - os: {close: acc0, as: app0}\n  - acc0: {stream: app0}\n",
                             "  - os: {exit: app0}\n  - os: {unmap: app0, pages: 0-3}\n",
                             "  - os: {bind: app0, to: acc0}\n  - os: {unbind: app0, from: acc0}\n    wait: true\n"
                             "  - os: {unbind: app0, from: acc0}\n",
                             "  - acc0: {stream: app0, count: 5}\n  - acc0: {stream: app0}\n",
                             "  - acc0: {stream: app0}\n  - acc0: {stop: app0}\n    wait: true\n  - acc0: {stream: app0}\n"}) {
        INFO(race);
        CHECK(said_of(race) == "");
    }
}

TEST_CASE("an empty sentence, an actor without words and a wait that is none are errors", "[platform]") {
    CHECK(said_of("  - {}\n") == "6:5 steps: nobody speaks: expected `os:` or a device\n");
    CHECK(said_of("  - os: {}\n") == "6:9 os: expected a sentence such as {kill: app0}, got nothing\n");
    CHECK(said_of("  - after: 5us\n") == "6:5 steps: nobody speaks: expected `os:` or a device\n");
    CHECK(said_of("  - os: {spawn: b}\n    wait: false\n") == "7:11 wait: os spawn is always waited for\n");
    CHECK(said(head + "steps: []\n").substr(0, 36) == "3:8 steps: expected at least one sen");
    CHECK(said_of("  - at: 2s\n    os: {kill: app0}\n", {"observe.limit=1s"}) ==
          "6:9 at: 2s is after the end of the run, 1s (observe.limit)\n");
    CHECK(said(head + "until: 10us\nsteps:\n" + two_lines + "  - after: 20us\n    os: {kill: app0}\n") ==
          "7:12 after: 20us is after the end of the run, 10us (until)\n");
    CHECK(said(head + "until: 0\nsteps:\n" + two_lines) == "3:8 until: expected a duration above zero, got 0\n");
}

TEST_CASE("what `requires` names must be a capability", "[platform]") {
    CHECK(said(head + "requires: [sva, stal]\nsteps:\n" + two_lines) ==
          "3:17 requires: expected one of sva, pasid, per-pasid-quiet, ats, pri, stall, smmuv3, no-iommu, vtd, amdvi, got \"stal\" -> stall\n");
    CHECK(said(head + "requires: [sva, stall]\nsteps:\n" + two_lines) == "");
}

TEST_CASE("`when` names parameters of the scenario and values that they can have", "[platform]") {
    const auto when = [](const std::string& w) { return said_of_claim("  - never: stale-dma\n    when: " + w + "\n"); };
    CHECK(when("{os.policy: quiet-unbind}") == "");
    CHECK(when("{os.policy: [quiet-unbind, mm-exit], devices.acc0.stop_time: 50000us, os.bugs: [R8]}") == "");
    CHECK_THAT(when("{os.policy: mm-exitt}"),
               Catch::StartsWith("8:23 os.policy: expected one of pin-mm, mm-exit, notify-unbind, quiet-unbind, park-refcount, "
                                 "lazy-mmdrop, amd-iommu-v2, got \"mm-exitt\""));
    CHECK_THAT(when("{os.polcy: mm-exit}"), Catch::Contains("8:12 when: unknown parameter 'os.polcy'") && Catch::Contains("-> os.policy"));
    CHECK_THAT(when("{devices.acc1.stop_time: 5us}"), Catch::Contains("-> devices.acc0.stop_time"));
    CHECK_THAT(when("{os.cpu.cpus: 0}"), Catch::StartsWith("8:25 os.cpu.cpus: expected between 1 and 1024, got 0"));
    CHECK_THAT(when("{os.policy: []}"), Catch::Contains("an empty list"));
    CHECK_THAT(when("{}"), Catch::Contains("8:11 when: expected a map"));

    const ScenarioReading r(head + "steps:\n" + two_lines + "expect:\n  - never: stale-dma\n    when: {devices.acc0.stop_time: 50000us}\n");
    CHECK(good(r).expectations.at(0).when.at(0).values == std::vector<std::string>{"50ms"});
}

TEST_CASE("a claim that says nothing is an error", "[platform]") {
    CHECK_THAT(said_of_claim("  - {}\n"), Catch::StartsWith("7:5 expect: nothing is claimed here"));
    CHECK_THAT(said_of_claim("  - when: {os.policy: mm-exit}\n"), Catch::StartsWith("7:5 expect: nothing is claimed here"));
    CHECK(said_of_claim("  - order: [block]\n") == "7:12 order: expected two or more, such as [block, free_first], got 1\n");
    CHECK_THAT(said_of_claim("  - reached: []\n"), Catch::StartsWith("7:14 reached: expected milestones"));
    CHECK_THAT(said_of_claim("  - equal: {dma.reads: -1}\n"), Catch::Contains("from 0 to 9223372036854775807"));
    CHECK_THAT(said_of_claim("  - reached: [block]\n    process: ap0\n"), Catch::StartsWith("8:14 process: expected one of app0"));
    CHECK_THAT(said_of_claim("  - reached: [block]\n    device: app0\n"), Catch::StartsWith("8:13 device: expected one of acc0"));
    CHECK_THAT(said_of_claim("  - never: stale-dma\n    device: acc0\n"), Catch::StartsWith("8:5 'device' means nothing to 'never'"));
}

TEST_CASE("names of processes and devices are plain words that no other thing has", "[platform]") {
    for (const char* legal : {"a", "app-1", "App_x", "x2345678901234567890123456789012"}) {
        CAPTURE(legal);
        CHECK(said_of("  - os: {spawn: " + std::string(legal) + "}\n") == "");
    }
    for (const char* odd : {"\"\"", "\"a b\"", "1a", "a.b", "\"a/0\"", "\"\\u00e9\"", "\"$end\"", "acc0", "os", "smmu", "irq_x", "pasid_lane0",
                            "app0_0", "x23456789012345678901234567890123"}) {
        CAPTURE(odd);
        CHECK_THAT(said_of("  - os: {spawn: " + std::string(odd) + "}\n"), Catch::StartsWith("6:17 spawn: "));
        CHECK_THAT(said("scenario: x\ndevices: {acc0: {}, " + std::string(odd) + ": {}}\nsteps:\n" + two_lines), !Catch::Equals(""));
    }
}

TEST_CASE("topologies that cannot be are refused with the reason and the limit", "[platform]") {
    const auto set = [](const std::string& s) { return said_of("", {s}); };
    CHECK_THAT(set("platform.iommu.smmuv3.agent.tlb_entries=116"), Catch::Contains("116 is not 4 ways times a power of two"));
    CHECK_THAT(set("platform.root_complex.stream_base=70000"), Catch::Contains("StreamIDs up to 0x11270") && Catch::Contains("end at 0xffff"));
    CHECK(set("platform.iommu.smmuv3.sid_bits=32") == "");
    CHECK_THAT(set("platform.iommu.smmuv3.sid_bits=4"), Catch::Contains("end at 0xf"));
    CHECK_THAT(set("platform.iommu.smmuv3.cmdq_log2=0"), Catch::Contains("room for a command and its CMD_SYNC: expected 1 or more, got 0"));
    CHECK_THAT(set("os.smmuv3_driver.cmdq_log2=0"), Catch::Contains("expected between 2 and 19, got 0"));
    CHECK_THAT(set("platform.iommu.smmuv3.output_bits=33"), Catch::Contains("expected one of 32, 36, 40, 42, 44, 48, got 33"));
    CHECK_THAT(set("platform.iommu.smmuv3.output_bits=32"), Catch::Contains("RAM ends at"));
    CHECK_THAT(set("platform.iommu.smmuv3.stage1=false"), Catch::Contains("the driver needs it"));
    CHECK_THAT(set("platform.iommu.smmuv3.vmid16=true"), Catch::Contains("only with stage2"));
    CHECK(set("platform.iommu.smmuv3.stage2=true") == "");
    CHECK_THAT(set("platform.memory.bandwidth=0bps"), Catch::Contains("between 1Mbps and 1000Tbps, got 0bps"));
    CHECK_THAT(set("observe.limit=0"), Catch::Contains("expected between 1us and 1000000s, got 0ns"));
}

TEST_CASE("a file without anything, or without devices, is wrong at a place", "[platform]") {
    CHECK_THAT(said(""), Catch::StartsWith("1:1 missing key 'scenario'"));
    CHECK_THAT(said("# nothing\n"), Catch::StartsWith("1:1 missing key 'scenario'"));
    CHECK_THAT(said("scenario: x\ndevices: {}\nsteps:\n  - os: {spawn: a}\n"), Catch::StartsWith("2:10 devices: a scenario needs"));
    CHECK_THAT(said("scenario: x\ndevices:\nsteps:\n  - os: {spawn: a}\n"), Catch::StartsWith("2:1 devices: a scenario needs"));
}

TEST_CASE("every complaint about a scenario has a place, whatever is left out of it or put into it", "[platform]") {
    const std::string text = head + "platform: {preset: small, iommu: {kind: smmuv3}}\nos: {policy: mm-exit, pasid: {max: 9}, bugs: [R8]}\n"
                                    "seed: 7\nuntil: 1ms\nrequires: [sva]\nsteps:\n" + two_lines +
                             "  - acc0: {stream: app0, size: 64B, pages: 0-3, every: 1us, access: read}\n  - after: 5us\n    os: {kill: app0}\n"
                             "    wait: true\nexpect:\n  - never: stale-dma\n    when: {os.policy: mm-exit}\n  - order: [block, stop]\n"
                             "  - within: {block: 1ms}\n  - equal: {dma.aborted: 0}\n";
    CHECK(said(text) == "");
    std::vector<std::string> words; // each is left out, and put in the place of each other
    std::istringstream in(text);
    for (std::string word; in >> word;) words.push_back(word);
    std::sort(words.begin(), words.end());
    words.erase(std::unique(words.begin(), words.end()), words.end());
    for (const char* odd : {"{}", "[]", "~", "\"\"", "-1", "1e9", "99999999999999999999"}) words.push_back(odd);
    std::size_t complaints = 0;
    for (const std::string& old : words)
        for (const std::string& fresh : words)
            for (std::size_t at = text.find(old); at != text.npos; at = text.find(old, at + old.size())) {
                const ScenarioReading r(std::string(text).replace(at, old.size(), fresh));
                for (const Diagnostic& d : r.out.sorted()) {
                    ++complaints;
                    if (d.at.source && d.at.line >= 1 && d.at.col >= 1 && d.at.line <= d.at.source->lines()) continue;
                    INFO("'" << old << "' became '" << fresh << "': " << d.message);
                    FAIL_CHECK("no place");
                }
            }
    CHECK(complaints > 1000);
}

// ---- resolved configurations

namespace {
const std::vector<std::string> odd_texts{
    "6.12", "1e3", "0x10", "-7", "+1", ".5", ".inf", "-.INF", ".nan", "true", "False", "yes", "off", "null", "~", "2024-01-01", "12:30:00",
    "1_000", "it's \"quoted\": #not a comment", "\xC3\xA9\xE2\x80\x94\xE6\xBC\xA2", "- a", "", " ", "a\nb\n", "!x", "&a", "*b", "%c", "@d",
    "`e`", "<<", "=", "a: b", "[x]", "{x}", "| x", "\\", "'", "\t"};

std::string resolved_text(const Scenario& s) { return emit_yaml(s.resolved()); }

/// ScenarioReading what is resolved resolves to the same.
void check_resolves_to_itself(const Scenario& s) {
    const std::string text = resolved_text(s);
    INFO(text);
    const ScenarioReading again(text);
    CHECK(resolved_text(good(again)) == text);
    CHECK(again.scenario->seed == s.seed);
    CHECK(again.scenario->name == s.name);
    CHECK(again.scenario->help == s.help);
}
} // namespace

TEST_CASE("a resolved configuration resolves to itself: every preset, any name, any value", "[platform][property]") {
    for (const Preset& p : presets()) {
        INFO(p.name);
        const ScenarioReading r(head + "steps:\n" + two_lines, {"platform.preset=" + std::string(p.name), "os.bugs=[R8, forget-tlbi]"});
        check_resolves_to_itself(good(r));
    }
    for (const std::string& odd : odd_texts) {
        INFO(odd);
        const Node root = good(ScenarioReading(head + "steps:\n" + two_lines)).root;
        const ScenarioReading r(emit_yaml(root.with("scenario", Node::quoted(odd)).with("name", Node::quoted(odd))));
        CHECK(good(r).name == odd);
        check_resolves_to_itself(good(r));
    }
    testbench::holds(
        [] {
            const u64 seed = *rc::gen::arbitrary<u64>();
            const auto grace = sim::Duration::ps(*rc::gen::inRange<i64>(0, 1'000'000'000'000'000'000));
            const auto rate = *rc::gen::inRange<u64>(1'000'000, base::highest_rate);
            const ScenarioReading r("seed: " + std::to_string(seed) + "\n" + head + "steps:\n" + two_lines,
                            {"os.pasid.grace=" + base::exact_duration(grace), "platform.memory.bandwidth=" + base::exact_rate(rate)});
            RC_ASSERT(r.out.ok());
            const std::string text = resolved_text(*r.scenario);
            const ScenarioReading again(text);
            RC_ASSERT(again.out.ok());
            RC_ASSERT(resolved_text(*again.scenario) == text);
            RC_ASSERT(again.scenario->seed == seed);
            RC_ASSERT(again.scenario->config.os.pasid.grace.get() == grace);
            RC_ASSERT(again.scenario->config.platform.memory.bandwidth.get().bits_per_second() == rate);
        },
        100);
}

TEST_CASE("what is text in a resolved configuration is text for every reader of YAML", "[platform]") {
    const ScenarioReading r("name: \"2018\"\n" + head + "os: {kernel: \"2018\", policy: mm-exit}\nsteps:\n" + two_lines);
    const Node resolved = good(r).resolved();
    CHECK(resolved.find("name")->is_quoted());
    CHECK(resolved.find("os")->find("kernel")->is_quoted());
    CHECK_FALSE(resolved.find("os")->find("policy")->is_quoted());
    CHECK_FALSE(resolved.find("os")->find("cpu")->find("cpus")->is_quoted());
    CHECK_FALSE(resolved.find("observe")->find("waves")->is_quoted());
    CHECK_FALSE(resolved.find("os")->find("pasid")->find("grace")->is_quoted());
    for (const std::string text : {"6.12", "1e3", "0x10", "-7", "+1", ".5", ".inf", "true", "yes", "null", "2024-01-01", "12:30:00", "1_000"}) {
        INFO(text);
        CHECK(Node::verbatim(text).is_quoted());
    }
    for (const std::string text : {"mm-exit", "a", "v6.12", "-x", ".x", "x-1"}) {
        INFO(text);
        CHECK_FALSE(Node::verbatim(text).is_quoted());
    }
}
