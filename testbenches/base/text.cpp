// SPDX-License-Identifier: Apache-2.0
/// Text helpers: exact reading of figures with units, figures for people, suggestions.
#include "base/text.h"

#include "base/property.h"

#include <string>
#include <vector>

using namespace quiesce;
using namespace quiesce::sim::literals;

TEST_CASE("a duration is read exactly in every unit", "[base]") {
    CHECK(parse_duration("1.5us").value == 1500_ns);
    CHECK(parse_duration("40us").value == 40_us);
    CHECK(parse_duration(" 12.345 us ").value == 12'345_ns);
    CHECK(parse_duration("0.001ns").value == 1_ps);
    CHECK(parse_duration("250ms").value == 250_ms);
    CHECK(parse_duration("3s").value == 3_s);
    CHECK(parse_duration("2\u00b5s").value == 2_us);
    CHECK(parse_duration("0").value == 0_ns);
    CHECK(parse_duration("0.1ns").value == 100_ps); // no double holds 0.1
    CHECK(parse_duration("123456.789012us").value->ps() == 123'456'789'012);
}

TEST_CASE("text that is no duration says what was expected, and why", "[base]") {
    const auto error = [](std::string_view text) { return parse_duration(text).error; };
    CHECK(error("soon") == "expected a duration such as 40us, got \"soon\"");
    CHECK_THAT(error("40"), Catch::EndsWith("(a unit is missing)"));
    CHECK_THAT(error("40uS"), Catch::EndsWith("(unknown unit \"uS\")"));
    CHECK_THAT(error("0.5ps"), Catch::EndsWith("(finer than 1 ps)"));
    CHECK_THAT(error("4000000s"), Catch::EndsWith("(too large: at most 1000000s)"));
    CHECK_THAT(error("99999999999999999999ns"), Catch::EndsWith("(too large: at most 1000000s)"));
    CHECK_THAT(error("0.00000000000000000001s"), Catch::EndsWith("(too many digits)"));
    for (const char* bad : {"", " ", ".", ".5us", "5.us", "1.2.3us", "-5us", "us", "1e3ns", "1,5us"}) {
        CAPTURE(bad);
        CHECK_FALSE(parse_duration(bad));
        CHECK_FALSE(error(bad).empty());
    }
}

TEST_CASE("sizes are bytes, in binary and decimal units", "[base]") {
    CHECK(parse_size("4KiB").value == 4096u);
    CHECK(parse_size("4096").value == 4096u);
    CHECK(parse_size("1.5MiB").value == 1536u * 1024);
    CHECK(parse_size("4kB").value == 4000u);
    CHECK(parse_size("16777215TiB").value == 16777215ull << 40);
    CHECK_THAT(parse_size("16777216TiB").error, Catch::EndsWith("(too large: at most 18446744073709551615B)"));
    CHECK_FALSE(parse_size("4K"));
    CHECK_FALSE(parse_size("0.3KiB")); // not a whole number of bytes
}

TEST_CASE("bandwidths are bits per second, from bits or bytes", "[base]") {
    CHECK(parse_rate("63.02Gbps").value == 63'020'000'000u);
    CHECK(parse_rate("16GB/s").value == 128'000'000'000u);
    CHECK(parse_rate("1KiB/s").value == 8192u);
    CHECK_THAT(parse_rate("0").error, Catch::Contains("above zero"));
    CHECK_FALSE(parse_rate("0.1bps"));
    CHECK_FALSE(parse_rate("16GB"));
    CHECK_THAT(parse_rate("1001Tbps").error, Catch::EndsWith("(too large: at most 1000Tbps)"));
}

TEST_CASE("the exact form of a figure is short and in the largest unit that fits", "[base]") {
    CHECK(exact_duration(0_ns) == "0ns");
    CHECK(exact_duration(1500_ns) == "1.5us");
    CHECK(exact_duration(999_ps) == "999ps");
    CHECK(exact_duration(1'000'001_ps) == "1.000001us");
    CHECK(exact_duration(2_s) == "2s");
    CHECK(exact_duration(0_ns - 5_us) == "-5us");
    CHECK(exact_size(0) == "0B");
    CHECK(exact_size(4096) == "4KiB");
    CHECK(exact_size(1536) == "1536B");
    CHECK(exact_size(3ull << 40) == "3TiB");
    CHECK(exact_rate(63'020'000'000) == "63.02Gbps");
    CHECK(exact_rate(1) == "1bps");
}

TEST_CASE("the exact form reads back as the same figure", "[base][property]") {
    testbench::holds([](u64 any, const u32 shift) {
        const u64 figure = any >> (shift % 60);
        const auto duration = sim::Duration::ps(static_cast<i64>(figure % longest_duration_ps));
        RC_ASSERT(parse_duration(exact_duration(duration)).value == duration);
        RC_ASSERT(parse_size(exact_size(figure)).value == figure);
        const u64 rate = 1 + figure % highest_rate;
        RC_ASSERT(parse_rate(exact_rate(rate)).value == rate);
    }, 1000);
}

TEST_CASE("a duration for people has three decimals, rounded half up", "[base]") {
    CHECK(format_duration(12'345_ns) == "12.345 us");
    CHECK(format_duration(1'500_ps) == "1.500 ns");
    CHECK(format_duration(0_ns) == "0 ps");
    CHECK(format_duration(999_ps) == "999 ps");
    CHECK(format_duration(1'234'567_ps) == "1.235 us");
    CHECK(format_duration(1'234'499_ps) == "1.234 us");
    CHECK(format_duration(999'999'499_ps) == "999.999 us");
    CHECK(format_duration(999'999'500_ps) == "1.000 ms"); // rounding carries into the next unit
    CHECK(format_duration(0_ns - 12'345_ns) == "-12.345 us");
    CHECK(format_duration(7200_s) == "7200.000 s");
}

TEST_CASE("a size for people is in the largest binary unit", "[base]") {
    CHECK(format_size(0) == "0 B");
    CHECK(format_size(1023) == "1023 B");
    CHECK(format_size(4096) == "4 KiB");
    CHECK(format_size(1536 << 10) == "1.5 MiB");
    CHECK(format_size(~u64{0}) == "16777215.999 TiB");
}

TEST_CASE("edit distance counts insertions, deletions, substitutions and exchanges", "[base]") {
    CHECK(edit_distance("", "") == 0);
    CHECK(edit_distance("abc", "abc") == 0);
    CHECK(edit_distance("abc", "ABC") == 0);
    CHECK(edit_distance("abc", "") == 3);
    CHECK(edit_distance("smmu", "smmuv3") == 2);
    CHECK(edit_distance("kernel", "kernal") == 1);
    CHECK(edit_distance("polciy", "policy") == 1);
}

TEST_CASE("edit distance is symmetric, and zero only for equal texts", "[base][property]") {
    testbench::holds([] {
        const auto word = rc::gen::container<std::string>(rc::gen::element('a', 'b', 'c'));
        const std::string a = *word, b = *word;
        RC_ASSERT(edit_distance(a, b) == edit_distance(b, a));
        RC_ASSERT((edit_distance(a, b) == 0) == (a == b));
        RC_ASSERT(edit_distance(a, b) <= std::max(a.size(), b.size()));
    });
}

TEST_CASE("a suggestion is near, and the first of the nearest", "[base]") {
    const std::vector<std::string> names{"smmuv3", "vtd", "amdvi", "riscv"};
    CHECK(closest("smmu3", names) == "smmuv3");
    CHECK(closest("SMMUv3", names) == "smmuv3");
    CHECK(closest("vdt", names) == "vtd");
    CHECK_FALSE(closest("accelerator", names).has_value());
    CHECK(closest("ab", std::vector<std::string>{"abc", "abd"}) == "abc");
    CHECK(did_you_mean("vdt", names) == "; did you mean \"vtd\"?");
    CHECK(did_you_mean("accelerator", names).empty());
    CHECK_FALSE(closest("x", std::vector<std::string>{}).has_value());
}

TEST_CASE("lists join with a separator between, and blanks are trimmed outside only", "[base]") {
    CHECK(join(std::vector<std::string>{}) == "");
    CHECK(join(std::vector<std::string>{"a"}) == "a");
    CHECK(join(std::vector<std::string>{"a", "b"}, "|") == "a|b");
    CHECK(trim(" \ta b\t ") == "a b");
    CHECK(trim("  ").empty());
}
