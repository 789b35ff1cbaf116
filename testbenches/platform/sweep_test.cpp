// SPDX-License-Identifier: Apache-2.0
/// A sweep's axes, constraints, statistics, and what is said of a file that is wrong.
#include "platform/report/markup.h"
#include "platform/report/svg_charts.h"
#include "platform/sweep/analysis.h"

#include "base/property.h"

#include <catch2/catch.hpp>

#include <cmath>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <unistd.h>

using namespace quiesce;
using namespace quiesce::platform;
using testbench::holds;

namespace {

std::vector<std::string> range_texts(std::string_view yaml, std::string* said = nullptr) {
    Diagnostics out;
    const auto node = parse_yaml("r.yaml", yaml, out);
    bool logarithmic = false;
    std::vector<std::string> texts;
    for (const Quantity& q : range_values(*node, "r", out, logarithmic)) texts.push_back(q.text());
    if (said != nullptr)
        *said = out.render();
    else
        CHECK(out.ok());
    return texts;
}

bool constraint_holds(std::string_view text, std::map<std::string, std::string> values = {}) {
    Diagnostics out;
    const auto c = Constraint::parse(Node::quoted(text), out);
    INFO(out.render());
    REQUIRE(c);
    return c->holds([&](const std::string& name) -> std::optional<SweepOperand> {
        const auto found = values.find(name);
        if (found == values.end()) return std::nullopt;
        return SweepOperand{found->second, parse_quantity(found->second)};
    });
}

/// A sweep file in a directory of its own.
struct SweepOnDisk {
    std::filesystem::path dir;
    Diagnostics out;
    std::unique_ptr<Sweep> sweep;
    explicit SweepOnDisk(std::string_view text) {
        std::string pattern = (std::filesystem::temp_directory_path() / "sweep.XXXXXX").string();
        REQUIRE(mkdtemp(pattern.data()) != nullptr);
        dir = pattern;
        std::ofstream(dir / "s.yaml") << text;
        sweep = read_sweep((dir / "s.yaml").string(), {}, out);
    }
    ~SweepOnDisk() { std::filesystem::remove_all(dir); }
    /// Places and messages, without the excerpts.
    std::vector<std::string> said() const {
        std::vector<std::string> lines;
        for (const Diagnostic& d : out.sorted())
            lines.push_back(std::to_string(d.at.line) + ":" + std::to_string(d.at.col) + " " + d.message +
                            (d.suggestion.empty() ? "" : " -> " + d.suggestion));
        return lines;
    }
};

std::string sweep_text(std::string_view axes, std::string_view more = "") {
    return "sweep: a test\nscenario: " QUIESCE_SOURCE_DIR
           "/testbenches/scenarios/ats-teardown.yaml\nmetrics: [quiesce]\naxes:\n" +
           std::string(axes) + std::string(more);
}

using Texts = std::vector<std::string>;

} // namespace

TEST_CASE("a range goes by steps, by factors or by decades, in the unit of its figures", "[sweep]") {
    CHECK(range_texts("{from: 16, to: 70, step: 16}") == Texts{"16", "32", "48", "64"});
    CHECK(range_texts("{from: 500ns, to: 2us, step: 500ns}") == Texts{"500ns", "1us", "1.5us", "2us"});
    CHECK(range_texts("{from: 4KiB, to: 64KiB, times: 4}") == Texts{"4KiB", "16KiB", "64KiB"});
    CHECK(range_texts("{from: 0.25, to: 1, times: 2}") == Texts{"0.25", "0.5", "1"});
    CHECK(range_texts("{from: 1us, to: 100us, per-decade: 3}") ==
          Texts{"1us", "2.15us", "4.64us", "10us", "21.5us", "46.4us", "100us"});
    CHECK(range_texts("{from: 1, to: 100, per-decade: 3}") == Texts{"1", "2", "5", "10", "22", "46", "100"});
    CHECK(range_texts("{from: 1Gbps, to: 100Gbps, per-decade: 1}") == Texts{"1Gbps", "10Gbps", "100Gbps"});
}

TEST_CASE("a range that cannot be is said with the figure that is wrong", "[sweep]") {
    std::string said;
    CHECK(range_texts("{from: 1us, to: 64, step: 1us}", &said).empty());
    CHECK(said.find("r.yaml:1:17: error: r.to: expected a time, got a number") != said.npos);
    CHECK(range_texts("{from: 9, to: 1, step: 1}", &said).empty());
    CHECK(said.find("r.to: 1 is less than 9") != said.npos);
    CHECK(range_texts("{from: 0, to: 8, times: 2}", &said).empty());
    CHECK(said.find("begins above 0") != said.npos);
    CHECK(range_texts("{from: 1, to: 8, stepp: 2}", &said).empty());
    CHECK(said.find("unknown key 'stepp' in r; did you mean 'step'?") != said.npos);
    CHECK(range_texts("{from: 1, to: 8, step: 2, times: 2}", &said).size() == 4);
    CHECK(said.find("'step' is here already") != said.npos);
    CHECK(range_texts("{from: 1, to: 9000000, step: 1}", &said).empty());
    CHECK(said.find("more than 100000 values") != said.npos);
}

TEST_CASE("every range ascends from its first figure and ends at or before its last", "[sweep]") {
    holds([] {
        const u64 from = *rc::gen::inRange<u64>(1, 1'000'000), width = *rc::gen::inRange<u64>(0, 1'000'000'000);
        const int by = *rc::gen::inRange(1, 20);
        const std::string how = *rc::gen::element(std::string{"per-decade"}, std::string{"times"});
        const std::string unit =
            *rc::gen::element(std::string{""}, std::string{"ns"}, std::string{"B"}, std::string{"Mbps"});
        const auto texts =
            range_texts("{from: " + std::to_string(from) + unit + ", to: " + std::to_string(from + width) + unit +
                        ", " + how + ": " + std::to_string(how == "times" ? by + 1 : by) + "}");
        RC_ASSERT(!texts.empty());
        RC_ASSERT(parse_quantity(texts.front())->units == parse_quantity(std::to_string(from) + unit)->units);
        for (std::size_t i = 1; i < texts.size(); ++i)
            RC_ASSERT(parse_quantity(texts[i])->units > parse_quantity(texts[i - 1])->units);
        RC_ASSERT(parse_quantity(texts.back())->units <= parse_quantity(std::to_string(from + width) + unit)->units);
    });
}

TEST_CASE("a figure that was read is written as the same figure", "[sweep]") {
    holds([] {
        const u64 size = *rc::gen::inRange<u64>(1, 1'000'000'000'000);
        for (const char* unit : {"", "ps", "B", "bps"}) {
            const auto q = parse_quantity(std::to_string(size) + unit);
            RC_ASSERT(q.has_value());
            RC_ASSERT(parse_quantity(q->text())->units == q->units);
            RC_ASSERT(parse_quantity(q->text())->kind == q->kind);
        }
    });
}

TEST_CASE("constraints compare figures with their units and texts by themselves", "[sweep]") {
    CHECK(constraint_holds("slots * 4 <= entries", {{"slots", "16"}, {"entries", "64"}}));
    CHECK_FALSE(constraint_holds("slots * 4 < entries", {{"slots", "16"}, {"entries", "64"}}));
    CHECK(constraint_holds("a + 500ns == 1.5us", {{"a", "1us"}}));
    CHECK(constraint_holds("a / b >= 2", {{"a", "8KiB"}, {"b", "4KiB"}}));
    CHECK(constraint_holds("a - b - 1us == 0", {{"a", "4us"}, {"b", "3us"}}));
    CHECK(constraint_holds("os.policy != mm-exit or delay <= 1ms", {{"os.policy", "mm-exit"}, {"delay", "10us"}}));
    CHECK_FALSE(constraint_holds("not (os.kernel == \"6.12\" and on)", {{"os.kernel", "6.12"}, {"on", "true"}}));
    CHECK(constraint_holds("rate > 16GB/s", {{"rate", "200Gbps"}}));
    CHECK(
        constraint_holds("a == 1 or b == 1 and c == 1", {{"a", "1"}, {"b", "2"}, {"c", "2"}})); // `and` is the stronger
}

TEST_CASE("what cannot be compared is said, and so is what is no expression", "[sweep]") {
    CHECK_THROWS_WITH(constraint_holds("a < 5us", {{"a", "4KiB"}}), "4KiB and 5us cannot be compared");
    CHECK_THROWS_WITH(constraint_holds("a < mm-exit", {{"a", "quiet-unbind"}}),
                      "quiet-unbind and mm-exit are no figures: only == and != compare them");
    CHECK_THROWS_WITH(constraint_holds("a + b > 0", {{"a", "1us"}, {"b", "1B"}}),
                      "1us and 1B cannot be added or subtracted");
    CHECK_THROWS_WITH(constraint_holds("a / 0 > 1", {{"a", "1"}}), "a division by 0");
    CHECK_THROWS_WITH(constraint_holds("a", {{"a", "7"}}), "7 is neither true nor false");
    Diagnostics out;
    for (const char* wrong : {"a <", "a < b c", "(a < b", "a < 'b", "< b", "a % b", ""})
        CHECK_FALSE(Constraint::parse(Node::quoted(wrong), out));
}

TEST_CASE("statistics of a few values are those of the textbook", "[sweep]") {
    const auto s = statistics_of({4, 1, 3, 2});
    CHECK(s.n == 4);
    CHECK(s.mean == 2.5);
    CHECK(s.median == 2.5);
    CHECK(s.least == 1);
    CHECK(s.most == 4);
    CHECK(*s.half == Approx(3.182 * std::sqrt(5.0 / 3.0) / 2)); // t(0.975, 3) * s / sqrt(4)
    CHECK_FALSE(statistics_of({7}).half);
    CHECK(statistics_of({7}).median == 7);
    CHECK(*statistics_of({5, 5, 5}).half == 0);
    CHECK(student_975(1) == 12.706);
    CHECK(student_975(30) == 2.042);
    CHECK(student_975(35) == 2.042);
    CHECK(student_975(5000) == 1.962);
}

TEST_CASE("mean and median lie between the least and the greatest value, and an interval is not negative", "[sweep]") {
    holds([](const std::vector<std::int16_t>& raw) {
        RC_PRE(!raw.empty());
        const auto s = statistics_of({raw.begin(), raw.end()});
        RC_ASSERT(s.least <= s.mean && s.mean <= s.most);
        RC_ASSERT(s.least <= s.median && s.median <= s.most);
        RC_ASSERT(s.half.has_value() == (raw.size() > 1));
        RC_ASSERT(s.half.value_or(0) >= 0);
    });
}

TEST_CASE("an interval is Student's t, and of skewed values what resampling gives", "[sweep]") {
    const SweepInterval none = interval_of({3});
    CHECK_FALSE(none.known);
    CHECK(none.mean == 3);
    // Textbook: mean 5.6, s = 1.14018, t(4) = 2.776
    const SweepInterval t = interval_of({4, 5, 6, 6, 7});
    CHECK_FALSE(t.bootstrap);
    CHECK(t.low == Approx(5.6 - 2.776 * 1.140175 / std::sqrt(5.0)).epsilon(1e-4));
    CHECK(t.high == Approx(5.6 + 2.776 * 1.140175 / std::sqrt(5.0)).epsilon(1e-4));
    const std::vector<double> skewed{1, 1, 1, 1, 1, 1, 1, 2, 2, 100};
    CHECK(skewness_of(skewed) > 2.5);
    CHECK(skewness_of({1, 2, 3, 4, 5}) == Approx(0).margin(1e-9));
    const SweepInterval b = interval_of(skewed);
    CHECK(b.bootstrap);
    CHECK(b.low >= 1); // t would say -11, and no value is below 1
    CHECK(b.high > 20);
    CHECK(b.high < 60);
    const SweepInterval again = interval_of(skewed);
    CHECK((b.low == again.low && b.high == again.high));
}

TEST_CASE("a knee is where a curve bends most, and a straight line has none", "[sweep]") {
    CHECK(knee_of({{0, 10}, {1, 2}, {2, 1}, {3, 0.5}, {4, 0}}) == std::optional<std::size_t>(1));
    CHECK(knee_of({{0, 0}, {1, 0}, {2, 0}, {3, 10}}) == std::optional<std::size_t>(2));
    CHECK_FALSE(knee_of({{0, 0}, {1, 1}, {2, 2}}));
    CHECK_FALSE(knee_of({{0, 1}, {1, 1}, {2, 1}}));
    CHECK_FALSE(knee_of({{0, 1}, {1, 5}}));
}

TEST_CASE("nothing on a Pareto front is beaten, and everything beside it is", "[sweep]") {
    CHECK(pareto_front({{3, 1}, {1, 3}, {2, 2}, {3, 3}, {1, 4}}) == std::vector<std::size_t>{1, 2, 0});
    holds([](const std::vector<std::pair<u8, u8>>& raw) {
        const std::vector<std::pair<double, double>> points(raw.begin(), raw.end());
        const auto front = pareto_front(points);
        const auto beats = [&](std::size_t a, std::size_t b) {
            return points[a].first <= points[b].first && points[a].second <= points[b].second && points[a] != points[b];
        };
        for (std::size_t p = 0; p < points.size(); ++p) {
            bool beaten = false;
            for (std::size_t q = 0; q < points.size(); ++q) beaten = beaten || beats(q, p);
            RC_ASSERT(beaten == (std::find(front.begin(), front.end(), p) == front.end()));
        }
    });
}

TEST_CASE("points are every combination that the constraints leave, the last axis fastest", "[sweep]") {
    const SweepOnDisk s(
        sweep_text("  devices.acc0.atc.entries: [64, 128]\n  devices.acc0.stop_time: [1us, 2us]\n"
                   "  zip: {platform.memory.dma_latency: [85ns, 200ns], platform.memory.walk_latency: [60ns, 150ns]}\n",
                   "where: [\"not (entries == 64 and walk_latency == 150ns)\"]\nrepeat: 2\nseed: 5\n"));
    INFO(s.out.render());
    REQUIRE(s.out.ok());
    CHECK(s.sweep->combinations == 8);
    CHECK(s.sweep->points ==
          std::vector<Sweep::Point>{{0, 0, 0}, {0, 1, 0}, {1, 0, 0}, {1, 0, 1}, {1, 1, 0}, {1, 1, 1}});
    CHECK(s.sweep->seeds == std::vector<u64>{5, 6});
    CHECK(s.sweep->label(s.sweep->points[3]) == "entries 128, stop_time 1us, dma_latency 200ns / 150ns");
    Diagnostics out;
    const auto scenario = s.sweep->scenario_at(s.sweep->points[3], out);
    CHECK(out.ok());
    CHECK(parameters(scenario->config).find("platform.memory.walk_latency")->text() == "150ns");
    CHECK(parameters(scenario->config).find("devices.acc0.atc.entries")->text() == "128");
    CHECK(point_at(*s.sweep, {1, 1, 0}) == std::optional<std::size_t>(4));
    CHECK_FALSE(point_at(*s.sweep, {0, 1, 1}));
    CHECK(middle_point(*s.sweep) == std::optional<std::size_t>(0));
}

TEST_CASE("everything that is wrong with a sweep's axes is said in one pass, each with its place", "[sweep]") {
    const SweepOnDisk s(sweep_text("  os.polcy: [mm-exit]\n"                  // line 5
                                   "  devices.acc1.stop_time: [1us]\n"        // line 6
                                   "  devices.acc0.atc.entries: [64, lots]\n" // line 7
                                   "  platform.memory.ram_base: 7\n"          // line 8
                                   "  os.kernel: [\"6.12\", \"7.0\"]\n",      // line 9
                                   "metric: [x]\nset: {os.policy: mm-exti}\n"));
    const auto said = s.said();
    const auto has = [&](const std::string& text) {
        const auto begins = [&](const std::string& line) { return line.rfind(text, 0) == 0; };
        return std::any_of(said.begin(), said.end(), begins);
    };
    INFO(s.out.render());
    CHECK(has("5:3 unknown parameter 'os.polcy' (see `quiesce list params`)"));
    CHECK(has("6:3 the scenario has no device 'acc1' -> acc0"));
    CHECK(has("7:34 devices.acc0.atc.entries: "));
    CHECK(has("8:29 platform.memory.ram_base: expected a list of values, or a range"));
    CHECK(has("9:23 os.kernel: expected one of"));
    CHECK(has("10:1 unknown key 'metric'"));
    CHECK(has("11:18 os.policy: expected one of"));
}

TEST_CASE("metrics, constraints and diagrams that name nothing are said with what is near", "[sweep]") {
    const SweepOnDisk wrong_metric(
        "sweep: x\nscenario: " QUIESCE_SOURCE_DIR "/testbenches/scenarios/ats-teardown.yaml\n"
        "metrics: [summary.quiesce.p98, quisce, quiesce]\naxes: {os.policy: [mm-exit]}\n"
        "where: os.polcy == mm-exit\nplots:\n  - line: {x: polcy, y: quiesce}\n  - tornado: stop\n  - bar: {}\n");
    CHECK(wrong_metric.said() ==
          Texts{"3:11 'summary.quiesce.p98' is no number of run.json -> summary.quiesce.p99",
                "3:32 'quisce' is no milestone and no number of run.json (see `quiesce list metrics`) -> quiesce",
                "5:8 where: unknown parameter 'os.polcy' -> os.policy",
                "7:15 plots.line.x: 'polcy' is none of the sweep's axes (policy) -> policy",
                "8:14 plots.tornado.of: 'stop' is none of the sweep's metrics (summary.quiesce.p98, quisce, quiesce)",
                "9:5 plots: unknown kind 'bar'"});
}

TEST_CASE("a metric of the summary may be said without it, as in --fail-if", "[sweep]") {
    CHECK(metric_path("quiesce.p99") == "summary.quiesce.p99");
    for (const char* whole : {"summary.quiesce.p99", "quiesce", "dma.bytes", "violations", "nothing.of.it"}) CHECK(metric_path(whole) == whole);
    const SweepOnDisk s("sweep: x\nscenario: " QUIESCE_SOURCE_DIR "/testbenches/scenarios/ats-teardown.yaml\n"
                        "metrics: [quiesce.p99, worst: quiesce.max]\naxes: {os.policy: [mm-exit, quiet-unbind]}\n"
                        "plots:\n  - line: {x: policy, y: quiesce.p99}\n  - line: {x: policy, y: summary.quiesce.max}\n");
    CHECK(s.said().empty());
    const SweepOnDisk wrong("sweep: x\nscenario: " QUIESCE_SOURCE_DIR "/testbenches/scenarios/ats-teardown.yaml\n"
                            "metrics: [quiesce.p98]\naxes: {os.policy: [mm-exit]}\n");
    CHECK(wrong.said() == Texts{"3:11 'quiesce.p98' is no number of run.json -> quiesce.p99"});
}

TEST_CASE("more runs than max-points are refused before anything runs", "[sweep]") {
    const SweepOnDisk s(
        sweep_text("  devices.acc0.stop_time: {from: 4us, to: 400us, step: 4us}\n", "repeat: 3\nmax-points: 200\n"));
    CHECK(
        s.said() ==
        Texts{
            "7:1 100 points with 3 seeds are 300 runs, more than max-points: 200; say a higher one if that is meant"});
}

TEST_CASE("a range whose values a parameter does not take is said once", "[sweep]") {
    const SweepOnDisk s(sweep_text("  devices.acc0.atc.entries: {from: 4, to: 400, step: 4}\n"));
    REQUIRE(s.said().size() == 1);
    CHECK(s.said().front().find(
              "5:29 devices.acc0.atc.entries: expected between 1 and 1048576, a power of two, got 12") == 0);
}

TEST_CASE("ticks are round, within the range, and powers of ten where it is logarithmic", "[sweep]") {
    CHECK(chart_ticks(0, 10, false) == std::vector<double>{0, 2, 4, 6, 8, 10});
    CHECK(chart_ticks(1, 1000, true) == std::vector<double>{1, 10, 100, 1000});
    holds([] {
        const double low = *rc::gen::inRange(0, 1000), width = *rc::gen::inRange(1, 1'000'000);
        const auto ticks = chart_ticks(low, low + width, false);
        RC_ASSERT(ticks.size() >= 2 && ticks.size() <= 12);
        for (const double t : ticks) RC_ASSERT(t >= low - 1e-6 * width && t <= (low + width) * (1 + 1e-9));
    });
}

TEST_CASE("texts in a diagram cannot become markup", "[sweep]") {
    CHECK(report::escaped("<b> & \"c\"") == "&lt;b&gt; &amp; &quot;c&quot;");
    XyChart chart;
    chart.title = "</svg><script>";
    chart.x.text = chart.y.text = [](double v) { return std::to_string(v); };
    CHECK(svg_xy(chart).find("<script") == std::string::npos);
}
