// SPDX-License-Identifier: Apache-2.0
#include "platform/replay/replay.h"

#include "platform/replay/line_reader.h"

#include <catch2/catch.hpp>
#include <fmt/format.h>

using namespace quiesce;
using namespace quiesce::platform;

namespace {

const std::string replay_cfg =
    R"("cfg":{"IDR0":"0xd44101a","IDR1":"0x2730010","IDR2":"0x0","IDR3":"0x1404","IDR4":"0x0",)"
    R"("IDR5":"0x74","AIDR":"0x1","ram":[["0x40000000","0x100000"]]})";
const std::string one_of_each =
    R"([{"op":"mem","w":[["0x40000008","0x2"]]},{"op":"wr","reg":"GBPA","off":"0x44","size":4,"val":"0x1"},)"
    R"({"op":"rd","reg":"IDR1","off":"0x4","size":4,"mask":"0x3f"},)"
    R"({"op":"dma","sid":3,"iova":"0x40000010","rw":"w","len":4,"data":"0a0b0c0d"}])";

std::string replay_line(const std::string& steps, const std::string& more = {}) {
    return fmt::format(R"({{"v":1,"id":"x","arch":"smmuv3",{},"steps":{}{}{}}})", replay_cfg, steps,
                       more.empty() ? "" : ",", more);
}
std::string replay_error(const std::string& line) {
    try {
        parse_vector(line);
    } catch (const VectorError& e) { return e.what(); }
    return "no error";
}
std::string replay_step_error(const std::string& step) { return replay_error(replay_line("[" + step + "]")); }

/// An F_PERMISSION of stream 5 for a read of address 0x1000: S2 and CLASS, InputAddr as given.
RecordBits permission(u8 word1_byte5, const std::string& name = "F_PERMISSION") {
    RecordBits r{Bytes(32), Bytes(32, std::byte{0xff}), name};
    r.raw[0] = std::byte{0x13};
    r.raw[4] = std::byte{5};
    r.raw[12] = std::byte{0x08};
    r.raw[13] = std::byte{word1_byte5};
    r.raw[17] = std::byte{0x10};
    return r;
}
StepOutcome refused_at_3(std::vector<RecordBits> events) {
    StepOutcome o{3};
    o.status = "abort";
    o.events = std::move(events);
    return o;
}
std::string differences_of(const Judgement& j) {
    std::string text;
    for (const Difference& d : j.differences)
        text += fmt::format("{} {}: {} {} ({})\n", d.where, d.field, d.expected, d.came, base::enum_text(d.level));
    return text;
}

} // namespace

TEST_CASE("a vector has its steps, its expectations and its levels", "[replay]") {
    const Vector v = parse_vector(
        replay_line(one_of_each, R"("expect":[{"step":2,"val":"0x10"},{"step":3,"status":"ok","pa":"0x40000010",)"
                                 R"("events":[]}],"final":[["0x40000010","0xd0c0b0a"]],"level":"soft","why":"w")"));
    CHECK(v.skip.empty());
    CHECK(v.identity.idr0 == 0xd44'101au);
    REQUIRE(v.ram.size() == 1);
    CHECK(v.ram[0].base == Spa{0x4000'0000});
    REQUIRE(v.steps.size() == 4);
    CHECK(std::get<StoreStep>(v.steps[0]).words == Words{{Spa{0x4000'0008}, 2}});
    CHECK(std::get<RegisterWrite>(v.steps[1]).offset == 0x44);
    CHECK(std::get<RegisterRead>(v.steps[2]).mask == 0x3f);
    const auto& dma = std::get<bare::Dma>(v.steps[3]);
    CHECK(dma.stream == StreamId{3});
    CHECK(dma.bytes == 4);
    CHECK(dma.data[3] == std::byte{0x0d});
    REQUIRE(v.expect);
    CHECK(v.expect->at(0).value == 0x10u);
    CHECK(v.expect->at(1).status == "ok");
    REQUIRE(v.final);
    CHECK(v.level == Level::Soft);
    CHECK(v.final_level == Level::Soft);
    CHECK(v.why == "w");
}

TEST_CASE("what is wrong with a vector is said with its place and what was expected", "[replay]") {
    CHECK(replay_error("{\"v\":1,").substr(0, 9) == "no JSON: ");
    CHECK(replay_error("[]") == "expected an object, got []");
    CHECK(replay_error(R"({"id":"x"})") == "'v' is missing");
    CHECK(replay_error(R"({"id":"x","v":2})") == "v: expected 1, the version of the format that is read here, got 2");
    CHECK(replay_error(R"({"id":"x","v":1,"arch":"smmuv2"})") == "arch: expected smmuv3, vtd or amdvi, got \"smmuv2\"");
    CHECK(replay_error(R"({"id":"x","v":1,"arch":"smmuv3","cfg":{}})") == "cfg: 'IDR0' is missing");
    CHECK(replay_step_error(R"({"op":"dmaa"})") == "steps[0].op: expected mem, wr, rd, dma, translate or page, got \"dmaa\"");
    CHECK(replay_step_error(R"({"op":"mem","w":[["0x4","0x0"]]})") ==
          "steps[0].w[0][0]: expected an address that is a multiple of 8, got \"0x4\"");
    const std::string hex = "a hexadecimal number in quotes (\"0x1f\")";
    for (const char* bad :
         {"4", "\"4\"", "\"0x\"", "\"0x1g\"", "\"0x10000000000000000\"", "\"-0x1\"", "\"0X1\"", "null"})
        CHECK(replay_step_error(fmt::format(R"({{"op":"wr","off":"0x20","size":4,"val":{}}})", bad)) ==
              fmt::format("steps[0].val: expected {}, got {}", hex, bad));
    CHECK(replay_step_error(R"({"op":"wr","off":"0x20","size":4,"val":"0x100000000"})").find("at most 0xffffffff") !=
          std::string::npos);
    CHECK(replay_step_error(R"({"op":"wr","off":"0x24","size":8,"val":"0x1"})").find("a multiple of the size") !=
          std::string::npos);
    CHECK(replay_step_error(R"({"op":"wr","off":"0x24","size":6,"val":"0x1"})").find("4 or 8") != std::string::npos);
    const auto dma = [](const char* iova, const char* len, const char* data) {
        return replay_step_error(
            fmt::format(R"({{"op":"dma","sid":0,"iova":"{}","rw":"w","len":{},"data":"{}"}})", iova, len, data));
    };
    CHECK(dma("0xffe", "4", "00000000").find("inside a 4 KiB page") != std::string::npos);
    CHECK(dma("0x0", "65", "00").find("from 4 to 64") != std::string::npos);
    CHECK(dma("0x0", "-4", "00").find("from 4 to 64") != std::string::npos);
    CHECK(dma("0x0", "4", "000000").find("4 bytes, as len says") != std::string::npos);
    CHECK(dma("0x0", "4", "0000000").find("two hexadecimal digits each") != std::string::npos);
    CHECK(dma("0x0", "4", "0000000g").find("two hexadecimal digits each") != std::string::npos);
    CHECK(replay_error(R"({"v":1,"id":"x","arch":"vtd","cfg":{"VER":"0x10","CAP":"0x1d2008c222f0606",)"
                       R"("ECAP":"0x880000000f42","haw":48,"ram":[["0x40000000","0x1000"]]},"steps":[)"
                       R"({"op":"dma","sid":65536,"iova":"0x0","rw":"r","len":4}]})") ==
          "steps[0].sid: expected a stream of 16 bits, got 65536");
    const std::string of_a_write = R"("expect":[{"step":1,"val":"0x0"}])", of_memory = R"("expect":[{"step":0,"events":[]}])",
                      of_none = R"("expect":[{"step":4,"val":"0x0"}])";
    CHECK(replay_error(replay_line(one_of_each, of_a_write)) ==
          "expect[0]: nothing here is called 'val'; there is step, events, requests, responses, invalidations");
    CHECK(replay_error(replay_line(one_of_each, of_memory)) ==
          "expect[0].step: expected the number of a step other than mem, got 0");
    CHECK(replay_error(replay_line(one_of_each, of_none)) == "expect[0].step: expected an integer from 0 to 3, got 4");
}

TEST_CASE("who asks, and what else devices do, is read; what nobody reads is named with what is close", "[replay]") {
    const Vector v = parse_vector(replay_line(
        R"([{"op":"dma","sid":3,"pasid":1048575,"privileged":true,"execute":true,"iova":"0x40000010","rw":"r","len":4},)"
        R"({"op":"dma","sid":3,"translated":true,"iova":"0x40000010","rw":"r","len":4},)"
        R"({"op":"translate","sid":3,"pasid":5,"iova":"0x7000","rw":"w"},)"
        R"({"op":"page","sid":3,"pasid":5,"iova":"0x7000","rw":"rw","group":511,"last":false},)"
        R"({"op":"page","sid":3,"pasid":5,"iova":"0x0","rw":"","group":0}])",
        R"("expect":[{"step":2,"status":"ok","may":"rw","bytes":"0x1000"},{"step":3,"requests":[],"responses":)"
        R"([{"sid":3,"pasid":5,"group":7,"code":1}],"invalidations":[{"sid":3,"everything":true}]}])"));
    const auto& by_pasid = std::get<bare::Dma>(v.steps[0]);
    CHECK((by_pasid.who.pasid == Pasid{0xf'ffff} && by_pasid.who.privileged && by_pasid.who.execute));
    CHECK_FALSE(by_pasid.translated);
    CHECK((!std::get<bare::Dma>(v.steps[1]).who.pasid && std::get<bare::Dma>(v.steps[1]).translated));
    CHECK((std::get<bare::Question>(v.steps[2]).write && std::get<bare::Question>(v.steps[2]).who.pasid == Pasid{5}));
    const auto& asks = std::get<iommu::PageRequestMessage>(v.steps[3]);
    CHECK((asks.read && asks.write && !asks.last && asks.group == 511 && asks.has_pasid && asks.pasid == Pasid{5}));
    CHECK(iommu::is_stop_marker(std::get<iommu::PageRequestMessage>(v.steps[4])));
    CHECK((v.expect->at(0).may == "rw" && v.expect->at(0).bytes == u64{0x1000}));
    CHECK(v.expect->at(1).responses == std::vector<std::string>{R"({"sid":3,"pasid":5,"group":7,"code":1})"});
    CHECK(v.expect->at(1).invalidations == std::vector<std::string>{R"({"sid":3,"everything":true})"});

    CHECK(replay_step_error(R"({"op":"dma","sid":0,"pasd":5,"iova":"0x0","rw":"r","len":4})") ==
          "steps[0]: nothing here is called 'pasd'; did you mean \"pasid\"?");
    CHECK(replay_step_error(R"({"op":"rd","off":"0x20","size":4,"substream":5})") ==
          "steps[0]: nothing here is called 'substream'; there is op, reg, off, size, mask");
    CHECK(replay_step_error(R"({"op":"dma","sid":0,"pasid":1048576,"iova":"0x0","rw":"r","len":4})") ==
          "steps[0].pasid: expected an integer from 0 to 1048575, got 1048576");
    CHECK(replay_step_error(R"({"op":"page","sid":0,"iova":"0x0","rw":"r","group":1,"last":1})") ==
          "steps[0].last: expected true or false, got 1");
    CHECK(replay_error(R"({"v":1,"id":"x","arhc":"vtd"})") == "nothing here is called 'arhc'; did you mean \"arch\"?");
    CHECK(replay_error(R"({"v":1,"id":"x","arch":"amdvi","cfg":{"EFR":"0x0","ERF2":"0x0","pa":48}})") ==
          "cfg: nothing here is called 'ERF2'; did you mean \"EFR2\"?");
}

TEST_CASE("what devices are sent is held against what was expected, and that nothing was", "[replay]") {
    Vector v = parse_vector(replay_line(one_of_each, R"("expect":[{"step":1,"responses":[{"sid":3,"group":7,"code":1}]}])"));
    Outcome came;
    CHECK(differences_of(judge(v, came)) == "step 1 (wr) responses: {\"sid\":3,\"group\":7,\"code\":1} none (strict)\n");
    came.out.push_back({1});
    came.out[0].responses = {R"({"sid":3,"pasid":5,"group":7,"code":1})"};
    v.expect->at(0).responses.clear();
    CHECK(differences_of(judge(v, came)) == "step 1 (wr) responses: none {\"sid\":3,\"pasid\":5,\"group\":7,\"code\":1} (strict)\n");
    CHECK(outcome_json(v, came) ==
          R"({"id":"x","out":[{"step":1,"responses":[{"sid":3,"pasid":5,"group":7,"code":1}]}],"final":[]})");
}

TEST_CASE("what no model can be is skipped, its steps unread", "[replay]") {
    CHECK(parse_vector(R"({"v":1,"id":"x","arch":"amdvi","cfg":{"EFR":"0x0","EFR2":"0x0","pa":53}})").skip ==
          "the physical address width is 32 to 52 bits");
    std::string wide = replay_line("7");
    wide.replace(wide.find("0x74"), 4, "0x76");
    CHECK(parse_vector(wide).skip == "IDR5.OAS above 48 bits");
    std::string huge = replay_line("7");
    huge.replace(huge.find("\"0x100000\""), 10, "\"0x1000000000000\"");
    CHECK(parse_vector(huge).skip == "more than 1 TiB of RAM");
}

TEST_CASE("a record's difference is named by its field, within the mask", "[replay]") {
    Vector v = parse_vector(replay_line(one_of_each));
    v.expect.emplace().push_back(refused_at_3({permission(0x02)}));
    Outcome came;
    came.out.push_back(refused_at_3({permission(0x02)}));
    CHECK(differences_of(judge(v, came)).empty());

    came.out[0].events[0] = permission(0x01); // CLASS 1: a table, not the input
    CHECK(differences_of(judge(v, came)) == "step 3 (dma) F_PERMISSION.CLASS: 0x2 0x1 (strict)\n");
    v.expect->at(0).events[0].mask[13] = std::byte{0x80}; // reserved there
    CHECK(differences_of(judge(v, came)).empty());

    came.out[0].events[0] = permission(0x02);
    came.out[0].events[0].raw[18] = std::byte{1};
    came.out[0].events[0].raw[15] = std::byte{1}; // in no field
    CHECK(differences_of(judge(v, came)) ==
          "step 3 (dma) F_PERMISSION.InputAddr: 0x1000 0x11000 (strict)\n"
          "step 3 (dma) F_PERMISSION bits 127:64 without a field: 0x0 0x100000000000000 (strict)\n");
    came.out[0].events[0].raw[0] = std::byte{0x10};
    CHECK(differences_of(judge(v, came)) == "step 3 (dma) event: F_PERMISSION F_TRANSLATION (strict)\n");
    came.out[0].events.clear();
    CHECK(differences_of(judge(v, came)) == "step 3 (dma) events: F_PERMISSION none (strict)\n");
}

TEST_CASE("registers are compared under their mask, words at the end whichever side lacks them, each at its level",
          "[replay]") {
    Vector v = parse_vector(
        replay_line(one_of_each, R"("level":"soft","final_level":"strict","expect":[{"step":2,"val":"0xff000011"}],)"
                                 R"("final":[["0x40000010","0x1"],["0x40000020","0x2"]])"));
    Outcome came;
    came.out.push_back({2, 0x10});
    came.final = {{Spa{0x4000'0010}, 3}, {Spa{0x4000'0030}, 4}};
    const Judgement j = judge(v, came);
    CHECK(differences_of(j) == "step 2 (rd) IDR1.SIDSIZE: 0x11 0x10 (soft)\n"
                               "final word 0x40000010: 0x1 0x3 (strict)\n"
                               "final word 0x40000020: 0x2 unchanged (strict)\n"
                               "final word 0x40000030: unchanged 0x4 (strict)\n");
    CHECK(j.differs(Level::Strict));
    CHECK(j.differs(Level::Soft));
}

TEST_CASE("a deviant item that agrees is told, one that differs is not; a model that never rests is always wrong",
          "[replay]") {
    Vector v = parse_vector(replay_line(one_of_each, R"("level":"deviant","expect":[{"step":2,"val":"0x10"}])"));
    Outcome came;
    came.out.push_back({2, 0x10});
    CHECK(judge(v, came).follows_deviation);
    came.out[0].value = 0x11;
    CHECK_FALSE(judge(v, came).follows_deviation);
    CHECK(judge(v, came).differs(Level::Deviant));
    came.stuck = "step 1";
    CHECK(judge(v, came).differs(Level::Strict));
}

TEST_CASE("a model is fresh for every vector, and its outcome is one line of JSON", "[replay]") {
    sim::Calendar calendar{"calendar"};
    const Vector v = parse_vector(replay_line(one_of_each));
    for (int n = 0; n < 3; ++n) {
        const Outcome o = run_vector(calendar, v);
        CHECK(outcome_json(v, o) ==
              R"({"id":"x","out":[{"step":2,"val":"0x2730010"},{"step":3,"status":"ok","pa":"0x40000010",)"
              R"("events":[]}],"final":[["0x40000010","0xd0c0b0a"]]})");
    }
}

TEST_CASE("words that a step put there are no result, even over what a device wrote", "[replay]") {
    sim::Calendar calendar{"calendar"};
    const std::string dma = R"({"op":"dma","sid":3,"iova":"0x40000010","rw":"w","len":8,"data":"0100000000000000"})";
    const std::string same = R"({"op":"mem","w":[["0x40000010","0x1"]]})",
                      other = R"({"op":"mem","w":[["0x40000010","0x7"]]})";
    const auto final_of = [&](const std::string& steps) {
        return run_vector(calendar, parse_vector(replay_line("[" + steps + "]"))).final;
    };
    CHECK(final_of(dma + "," + same).empty());
    CHECK(final_of(dma + "," + other).empty());
    CHECK(final_of(same + "," + dma).empty());
    CHECK(final_of(other + "," + dma) == Words{{Spa{0x4000'0010}, 1}});
}

TEST_CASE("lines are read one at a time, whatever their length and end", "[replay]") {
    std::string text =
        "first\r\n\n" + std::string(200'000, 'x') + "\n" + std::string(LineReader::longest + 1, 'y') + "\nlast";
    std::FILE* const f = ::fmemopen(text.data(), text.size(), "rb");
    LineReader lines(f);
    const auto next = [&] { return lines.next() ? std::string{lines.text()} : "(end)"; };
    CHECK(next() == "first\r");
    CHECK(next() == "");
    CHECK(next() == std::string(200'000, 'x'));
    CHECK_FALSE(lines.too_long());
    REQUIRE(lines.next());
    CHECK(lines.too_long());
    CHECK(lines.number() == 4);
    CHECK(next() == "last");
    CHECK(next() == "(end)");
    std::fclose(f);
}
