// SPDX-License-Identifier: Apache-2.0
/// Parameters: text both ways, bounds, what is kept after an error, and the walk over a configuration.
#include "base/param.h"

#include "base/property.h"

#include <map>
#include <string>
#include <vector>

using namespace quiesce;
using namespace quiesce::base::literals;
using namespace quiesce::sim::literals;

namespace {

enum class Arbiter { Fifo, RoundRobin, Weighted };
constexpr auto enum_names(Arbiter) {
    return name_table<Arbiter>(
        {{Arbiter::Fifo, "fifo"}, {Arbiter::RoundRobin, "round-robin"}, {Arbiter::Weighted, "weighted"}});
}
using Texts = std::vector<std::string>;

struct LinkConfig {
    Param<Bandwidth> rate{63_Gbps, "payload rate", Provenance::Specification, "PCIe 4.0"};
    Param<Latency> flight{250_ns, "one way", between(1_ns, 1_ms)};
};
DESCRIBE(LinkConfig, rate, flight)
static_assert(fully_described<LinkConfig>);

struct Config {
    Param<unsigned> slots{16, "concurrent walks", between(1, 256), power_of_two, base::unit("walks")};
    Param<bool> enabled{true, "is there"};
    Param<Arbiter> arbiter{Arbiter::Fifo, "who is next"};
    LinkConfig link;
    std::map<std::string, LinkConfig> ports;
    std::vector<LinkConfig> lanes;
    std::string not_a_parameter;
};
DESCRIBE(Config, slots, enabled, arbiter, link, ports, lanes, not_a_parameter)
static_assert(fully_described<Config>);

/// Text of any value of T within a fresh parameter reads back as that value.
template <class T, class Make>
void round_trips(Make make) {
    testbench::holds([make] {
        const T value = make();
        Param<T> param{value, "written"};
        Param<T> other{T{}, "read"};
        const auto error = other.set_text(param.text());
        RC_ASSERT(!error);
        RC_ASSERT(other.get() == value);
    });
}
template <class T>
void numbers_round_trip() {
    round_trips<T>([] { return *rc::gen::arbitrary<T>(); });
}

} // namespace

TEST_CASE("the text of a parameter reads back as the same value", "[base][property]") {
    SECTION("u64") { numbers_round_trip<u64>(); }
    SECTION("u32") { numbers_round_trip<u32>(); }
    SECTION("int") { numbers_round_trip<int>(); }
    SECTION("u8") { numbers_round_trip<u8>(); }
    SECTION("bool") { numbers_round_trip<bool>(); }
    SECTION("double") { numbers_round_trip<double>(); }
    SECTION("text") { numbers_round_trip<std::string>(); }
    SECTION("duration") {
        round_trips<sim::Duration>([] { return sim::Duration::ps(*rc::gen::inRange<i64>(0, 1'000'000'000'000'000)); });
    }
    SECTION("size") { round_trips<Size>([] { return Size{*rc::gen::arbitrary<u64>() << *rc::gen::inRange(0, 64)}; }); }
    SECTION("choice") {
        round_trips<Arbiter>([] { return *rc::gen::element(Arbiter::Fifo, Arbiter::RoundRobin, Arbiter::Weighted); });
    }
    SECTION("list") {
        round_trips<Texts>([] {
            const auto letter = rc::gen::element('a', 'R', '6', '-', '.', '"');
            return *rc::gen::container<Texts>(rc::gen::nonEmpty(rc::gen::container<std::string>(letter)));
        });
    }
}

TEST_CASE("the text of a bandwidth reads back as the same value", "[base][property]") {
    testbench::holds([] {
        const auto rate = Bandwidth::bits_per_second(1 + *rc::gen::inRange<u64>(0, highest_rate));
        Param<Bandwidth> param{rate, "written"};
        Param<Bandwidth> other{1_Gbps, "read"};
        RC_ASSERT(!other.set_text(param.text()));
        RC_ASSERT(other.get() == rate);
    });
}

TEST_CASE("a parameter is read as its value", "[base]") {
    Config c;
    const unsigned slots = c.slots;
    CHECK(slots == 16);
    CHECK(c.slots == 16);
    CHECK(bool{c.enabled});
    CHECK(c.link.flight < 1_us);
    CHECK(c.link.flight + c.link.flight + 1_ns == 501_ns);
    CHECK(3 * c.link.flight == 750_ns);
    CHECK(c.link.flight * 3 - c.link.flight == 500_ns);
    CHECK(sim::Time{} + c.link.flight == sim::Time::at(250_ns));
    CHECK((c.arbiter == Arbiter::Fifo));
}

TEST_CASE("whole numbers are decimal or hexadecimal, and stay in their type", "[base]") {
    Param<u8> p{0, "small"};
    CHECK_FALSE(p.set_text("0xff"));
    CHECK(p == 255);
    CHECK_THAT(*p.set_text("256"), Catch::Equals("expected an integer from 0 to 255, got \"256\""));
    for (const char* bad : {"010", "00", "", "-1", "1.5", "12x", "0x", "x", "+1", "1 2", "0x-1"}) {
        CAPTURE(bad);
        CHECK(p.set_text(bad).has_value());
    }
    CHECK(p == 255);
    Param<int> q{0, "signed"};
    CHECK_FALSE(q.set_text("-2147483648"));
    CHECK(q == -2147483647 - 1);
    CHECK(q.set_text("0x-1").has_value());
}

TEST_CASE("only true and false are boolean", "[base]") {
    Param<bool> p{true, "flag"};
    for (const char* bad : {"yes", "on", "1", "True", ""}) {
        CHECK(p.set_text(bad) == "expected true or false, got " + in_quotes(bad));
    }
    CHECK(p.get());
    CHECK_FALSE(p.set_text("false"));
    CHECK_FALSE(p.get());
}

TEST_CASE("a number must be finite", "[base]") {
    Param<double> p{0.1, "ratio", between(0.0, 1.0)};
    CHECK(p.text() == "0.1");
    for (const char* bad : {"nan", "inf", "1e999", "1.0001", "-0.1", "0.5x"}) CHECK(p.set_text(bad).has_value());
    CHECK_FALSE(p.set_text("2.5e-1"));
    CHECK(p.text() == "0.25");
}

TEST_CASE("a value out of bounds is refused with the bounds, and the old one stays", "[base]") {
    Config c;
    CHECK(c.slots.bounds_text() == "between 1 and 256, a power of two");
    CHECK(c.slots.set_text("512") == "expected between 1 and 256, a power of two, got 512");
    CHECK(c.slots.set_text("0").has_value());
    CHECK(c.slots.set_text("48").has_value());
    CHECK(c.slots == 16);
    CHECK_FALSE(c.slots.set_text("256"));
    CHECK_FALSE(c.slots.set_text("1"));
    CHECK(c.link.flight.set_text("2ms") == "expected between 1ns and 1ms, got 2ms");
    CHECK(c.slots.set_text("4294967297") == "expected between 1 and 256, a power of two, got 4294967297");
    CHECK(c.slots.set_text("99999999999999999999") ==
          "expected between 1 and 256, a power of two, got 99999999999999999999");
    CHECK(c.slots.set_text("-1") == "expected between 1 and 256, a power of two, got -1");
    CHECK_THROWS_AS(c.slots = 3, std::invalid_argument);
    CHECK(c.slots == 1);
    c.slots = 8;
    CHECK(c.slots == 8);
    CHECK(c.slots.set(3).has_value());

    Param<Size> page{4_KiB, "page", at_least(4_KiB), power_of_two};
    CHECK(page.bounds_text() == "at least 4KiB, a power of two");
    CHECK(page.set_text("12KiB").has_value());
    CHECK_FALSE(page.set_text("16KiB"));
    Param<int> low{-1, "low", at_most(3)};
    CHECK(low.bounds_text() == "at most 3");
    CHECK_FALSE(low.set_text("3"));
    CHECK(low.set_text("4").has_value());
}

TEST_CASE("durations and bandwidths have bounds without declaring any", "[base]") {
    LinkConfig link;
    CHECK(link.rate.bounds_text() == "between 0bps and 1000Tbps");
    CHECK(link.rate.set_text("2000Tbps") == "expected between 0bps and 1000Tbps, got 2000Tbps");
    Param<Latency> p{1_us, "latency"};
    CHECK(p.bounds_text() == "between 0ns and 1000000s");
    CHECK_FALSE(p.set_text("1000000s"));
    CHECK(p.set_text("1000001s") == "expected between 0ns and 1000000s, got 1000001s");
    Param<Latency> q{1_us, "latency", at_least(1_ns)};
    CHECK(q.bounds_text() == "between 1ns and 1000000s");
}

TEST_CASE("a parameter knows what kind of value it has", "[base]") {
    const Config c;
    CHECK((c.slots.kind() == base::ParamKind::Number));
    CHECK((c.enabled.kind() == base::ParamKind::Truth));
    CHECK((c.arbiter.kind() == base::ParamKind::Text));
    CHECK((c.link.rate.kind() == base::ParamKind::Figure));
    CHECK((Param<Texts>{{}, "list"}.kind() == base::ParamKind::List));
}

TEST_CASE("a default out of its own bounds, or a bound out of the type, is refused", "[base]") {
    CHECK_THROWS_AS((Param<int>{0, "wrong", between(1, 2)}), std::invalid_argument);
    CHECK_THROWS_AS((Param<unsigned>{1, "wrong", at_least(-1)}), std::logic_error);
    CHECK_THROWS_AS((Param<std::string>{"c", "wrong", one_of("a", "b")}), std::invalid_argument);
}

TEST_CASE("an unknown choice lists the choices and suggests one", "[base]") {
    Config c;
    CHECK(c.arbiter.set_text("round-robbin") ==
          "expected one of fifo, round-robin, weighted, got \"round-robbin\"; did you mean \"round-robin\"?");
    CHECK(c.arbiter.choices() == Texts{"fifo", "round-robin", "weighted"});
    Param<std::string> kind{"smmuv3", "kind", one_of("smmuv3", "vtd")};
    CHECK(kind.set_text("vtdd") == "expected one of smmuv3, vtd, got \"vtdd\"; did you mean \"vtd\"?");
    CHECK(kind.choices() == Texts{"smmuv3", "vtd"});
    CHECK_FALSE(kind.set_text("vtd"));
    Param<Texts> bugs{{}, "bugs", one_of("R1", "R6")};
    CHECK_FALSE(bugs.set_text("[R6, R1]"));
    CHECK(bugs.get() == Texts{"R6", "R1"});
    CHECK(bugs.set_text("[R7]")->find("got \"R7\"") != std::string::npos);
}

TEST_CASE("a list is read with and without brackets, and its holes are errors", "[base]") {
    Param<Texts> p{{"a", "b"}, "list"};
    CHECK(p.text() == "[a, b]");
    CHECK_FALSE(p.set_text("[]"));
    CHECK(p.get().empty());
    CHECK_FALSE(p.set_text("x,  y z ,w"));
    CHECK(p.get() == Texts{"x", "y z", "w"});
    for (const char* bad : {"[a", "a]", "[a,]", "[,a]", "a,,b", "[[a]]", "["}) {
        CAPTURE(bad);
        CHECK(p.set_text(bad).has_value());
    }
    CHECK(p.get() == Texts{"x", "y z", "w"});
    CHECK_THROWS_AS((p = Texts{"a,b"}), std::invalid_argument);
}

TEST_CASE("what a parameter says of itself is what its declaration says", "[base]") {
    const Config c;
    CHECK(c.slots.help() == "concurrent walks");
    CHECK(c.slots.unit() == "walks");
    CHECK(c.slots.provenance() == Provenance::Guess);
    CHECK(c.slots.source().empty());
    CHECK(c.link.rate.provenance() == Provenance::Specification);
    CHECK(enum_text(c.link.rate.provenance()) == "specification");
    CHECK(c.link.rate.source() == "PCIe 4.0");
    CHECK(c.link.rate.unit() == "bits/s");
    CHECK(c.link.flight.expected() == "a duration such as 40us");
    CHECK(c.enabled.bounds_text().empty());
}

TEST_CASE("a changed parameter knows its default and goes back to it", "[base]") {
    Config c;
    CHECK(c.link.rate.is_default());
    CHECK_FALSE(c.link.rate.set_text("16GB/s"));
    CHECK_FALSE(c.link.rate.is_default());
    CHECK(c.link.rate.text() == "128Gbps");
    CHECK(c.link.rate.default_text() == "63Gbps");
    c.link.rate.reset();
    CHECK(c.link.rate.is_default());
    CHECK_FALSE(c.link.rate.set_text("63000Mbps"));
    CHECK(c.link.rate.is_default()); // the value counts, not that it was set
}

TEST_CASE("the walk reaches every parameter by its dotted path, in the order of description", "[base]") {
    Config c;
    c.ports["b"];
    c.ports["a"];
    c.lanes.resize(1);
    Texts paths;
    visit_params(c, [&](const std::string& path, ParamBase& p) {
        paths.push_back(path);
        if (path == "ports.a.flight") CHECK_FALSE(p.set_text("7us"));
    });
    CHECK(paths == Texts{"slots", "enabled", "arbiter", "link.rate", "link.flight", "ports.a.rate", "ports.a.flight",
                         "ports.b.rate", "ports.b.flight", "lanes.0.rate", "lanes.0.flight"});
    CHECK(c.ports["a"].flight == 7_us);
    CHECK(c.ports["b"].flight == 250_ns);

    const Config fixed = c;
    unsigned changed = 0;
    visit_params(fixed, [&](const std::string&, const ParamBase& p) { changed += !p.is_default(); });
    CHECK(changed == 1);
}

TEST_CASE("a bandwidth's time is that of the last bit, rounded up to the picosecond", "[base]") {
    STATIC_REQUIRE((16_GBps).time_for(16) == 1_ns);
    STATIC_REQUIRE((8_Gbps).time_for(1) == 1_ns);
    STATIC_REQUIRE((3_Gbps).time_for(1) == 2667_ps); // 8 bits / 3 per ns = 2666.7 ps
    STATIC_REQUIRE((16_GBps).time_for(0) == 0_ns);
    STATIC_REQUIRE((16_GBps).time_for(4_KiB) == 256_ns);
    STATIC_REQUIRE((1_Gbps).time_for(u64{1} << 40).ps() == 8'796'093'022'208'000); // the product exceeds 64 bits
    STATIC_REQUIRE(Bandwidth{}.time_for(1) == sim::Duration::max());
    STATIC_REQUIRE(Bandwidth::bits_per_second(1).time_for(u64{1} << 40) == sim::Duration::max());
}

TEST_CASE("a transfer is never faster than its rate, nor a picosecond slower than need be", "[base][property]") {
    testbench::holds([] {
        const u64 bits = *rc::gen::inRange<u64>(1'000'000, 1'000'000'000'000);
        const u64 bytes = *rc::gen::inRange<u64>(1, 100'000'000);
        const i64 ps = Bandwidth::bits_per_second(bits).time_for(bytes).ps();
        const u128 work = u128{bytes} * 8'000'000'000'000u;
        RC_ASSERT(u128(ps) * bits >= work);
        RC_ASSERT(u128(ps - 1) * bits < work);
    });
}
