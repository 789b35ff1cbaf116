// SPDX-License-Identifier: Apache-2.0
/// Latencies that are drawn: how they are written, and that what is drawn has the shape that was asked for.
#include "base/spread.h"

#include "base/param.h"
#include "base/property.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

using namespace quiesce;
using namespace quiesce::base::literals;
using namespace quiesce::sim::literals;
using base::Spread;

namespace {

/// Draws of a spread, in order of size.
struct Drawn {
    explicit Drawn(const std::string& text, u64 seed = 1, unsigned count = 50'000) {
        const auto spread = Spread::parse(text);
        REQUIRE(spread);
        sim::Random random(seed, "draws");
        for (unsigned n = 0; n < count; ++n) all.push_back(spread.value->draw(random));
        std::sort(all.begin(), all.end());
    }
    double quantile(double q) const { return static_cast<double>(all[static_cast<std::size_t>(q * static_cast<double>(all.size()))].ps()); }
    double mean() const {
        double sum = 0;
        for (const auto d : all) sum += static_cast<double>(d.ps());
        return sum / static_cast<double>(all.size());
    }
    std::vector<sim::Duration> all;
};
constexpr double us = 1e6;

std::string error_of(std::string_view text) {
    base::Param<Spread> p{3_us, "a time"};
    const auto error = p.set_text(text);
    CHECK(p.get() == Spread{3_us});
    return error.value_or("no error");
}

} // namespace

TEST_CASE("a bare duration is drawn as itself and takes nothing from the stream", "[base]") {
    sim::Random random(7, "x"), untouched(7, "x");
    CHECK(Spread{40_us}.draw(random) == 40_us);
    CHECK(random.next() == untouched.next());
    CHECK(Spread::parse("40us").value == Spread{40_us});
    CHECK(Spread::parse(" 1.5 ms ").value == Spread{1500_us});
}

TEST_CASE("a uniform spread reaches both ends, and all between alike", "[base]") {
    const Drawn d("uniform 10us to 20us");
    CHECK(d.all.front() >= 10_us);
    CHECK(d.all.back() <= 20_us);
    CHECK(d.quantile(0.25) == Approx(12.5 * us).epsilon(0.01));
    CHECK(d.quantile(0.75) == Approx(17.5 * us).epsilon(0.01));
    const Drawn two("uniform 1ps to 2ps", 1, 100);
    CHECK((two.all.front() == 1_ps && two.all.back() == 2_ps));
}

TEST_CASE("an exponential spread has its mean, and the quantiles of the exponential distribution", "[base]") {
    const Drawn d("exponential 3us");
    CHECK(d.mean() == Approx(3 * us).epsilon(0.02));
    CHECK(d.quantile(0.5) == Approx(3 * us * std::log(2.0)).epsilon(0.02));
    CHECK(d.quantile(0.99) == Approx(3 * us * std::log(100.0)).epsilon(0.04));
}

TEST_CASE("a lognormal spread has its median and its 99th percentile, and is as wide below as above", "[base]") {
    const Drawn d("lognormal 3us p99 40us");
    CHECK(d.quantile(0.5) == Approx(3 * us).epsilon(0.03));
    CHECK(d.quantile(0.99) == Approx(40 * us).epsilon(0.08));
    CHECK(d.quantile(0.01) == Approx(3 * us * 3 / 40).epsilon(0.08));
    const double sigma = std::log(40.0 / 3.0) / 2.3263;
    CHECK(d.quantile(0.8413) == Approx(3 * us * std::exp(sigma)).epsilon(0.04)); // one standard deviation
    const Drawn none("lognormal 3us p99 3us", 1, 100);
    CHECK(none.all.front() == none.all.back());
}

TEST_CASE("a bimodal spread is the rare one once in so many draws, or has a tail there", "[base]") {
    const Drawn d("bimodal 3us or 1ms once in 50");
    const auto rare = std::count(d.all.begin(), d.all.end(), 1_ms);
    CHECK(std::count(d.all.begin(), d.all.end(), 3_us) + rare == 50'000);
    CHECK(static_cast<double>(rare) == Approx(1000).epsilon(0.1));
    const Drawn tail("bimodal 3us tail 1ms once in 10");
    CHECK(tail.quantile(0.89) == 3 * us);
    CHECK(tail.mean() == Approx(3 * us + 100 * us).epsilon(0.06));
    CHECK(tail.all.back() > 4_ms);
}

TEST_CASE("nothing that is drawn is below zero or above the longest duration", "[base]") {
    for (const auto* text : {"lognormal 1ps p99 1000000s", "lognormal 1000000s p99 1000000s", "exponential 1000000s",
                             "bimodal 1000000s tail 1000000s once in 2", "lognormal 500000s p99 1000000s"}) {
        INFO(text);
        const Drawn d(text, 3, 2000);
        CHECK(d.all.front() >= sim::Duration{});
        CHECK(d.all.back() <= 2 * sim::Duration::ps(static_cast<i64>(base::longest_duration_ps)));
    }
}

TEST_CASE("the same seed draws the same times, on every machine", "[base]") {
    const auto first_of = [](const char* text) {
        sim::Random random(1701, "acc0.stop_time");
        return Spread::parse(text).value->draw(random);
    };
    CHECK(first_of("exponential 3us") == Spread::parse("exponential 3us").value->draw(*std::make_unique<sim::Random>(1701, "acc0.stop_time")));
    CHECK(first_of("exponential 3us") != first_of("exponential 4us"));
    CHECK(Drawn("lognormal 3us p99 40us", 5, 50).all == Drawn("lognormal 3us p99 40us", 5, 50).all);
    CHECK(Drawn("lognormal 3us p99 40us", 5, 50).all != Drawn("lognormal 3us p99 40us", 6, 50).all);
}

TEST_CASE("what a spread is written as reads back as the same spread", "[base][property]") {
    testbench::holds([] {
        const auto time = [] { return sim::Duration::ps(*rc::gen::inRange<i64>(1, 1'000'000'000'000)); };
        const sim::Duration a = time(), b = time();
        const u64 n = *rc::gen::inRange<u64>(2, 1'000'000);
        const auto shape = *rc::gen::elementOf(std::vector{Spread::Shape::Constant, Spread::Shape::Uniform, Spread::Shape::Exponential,
                                                           Spread::Shape::Lognormal, Spread::Shape::Bimodal, Spread::Shape::Tailed});
        const bool second = shape != Spread::Shape::Constant && shape != Spread::Shape::Exponential;
        const bool rare = shape == Spread::Shape::Bimodal || shape == Spread::Shape::Tailed;
        const Spread spread{shape, std::min(a, b), second ? std::max(a, b) : sim::Duration{}, rare ? n : 0};
        const auto back = Spread::parse(spread.text());
        RC_ASSERT(back.value == spread);
    });
    for (const std::string& example : Spread::examples()) CHECK(Spread::parse(example).value->text() == example);
}

TEST_CASE("text that is no spread is refused with what is near, and the parameter keeps its value", "[base]") {
    CHECK_THAT(error_of("unifrom 1us to 5us"), Catch::Contains("did you mean \"uniform\"?"));
    CHECK_THAT(error_of("unifrom 1us to 5us"), Catch::Contains("a duration such as 40us"));
    CHECK_THAT(error_of("uniform 1us 5us"), Catch::Contains("expected such as \"uniform 1us to 5us\""));
    CHECK_THAT(error_of("bimodal 3us"), Catch::Contains("\"bimodal 3us or 1ms once in 100\" or \"bimodal 3us tail 1ms once in 100\""));
    CHECK_THAT(error_of("uniform 5us to 1us"), Catch::Contains("the second is below the first"));
    CHECK_THAT(error_of("lognormal 5us p99 1us"), Catch::Contains("the 99th percentile is below the median"));
    CHECK_THAT(error_of("lognormal 0us p99 1us"), Catch::Contains("a median of zero"));
    CHECK_THAT(error_of("bimodal 3us or 1ms once in 1"), Catch::Contains("once in 2 at most"));
    CHECK_THAT(error_of("exponential 3"), Catch::Contains("a unit is missing"));
    CHECK_THAT(error_of("uniform 1us to 5parsec"), Catch::Contains("unknown unit"));
    CHECK_THAT(error_of("bimodal 3us or 1ms once in many"), Catch::Contains("an integer"));
    CHECK_THAT(error_of("-3us"), Catch::Contains("expected a duration"));
    CHECK_THAT(error_of(""), Catch::Contains("expected a duration"));
}
