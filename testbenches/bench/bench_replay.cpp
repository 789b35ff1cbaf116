// SPDX-License-Identifier: Apache-2.0
/// `quiesce replay`, without reading files and printing: items are vectors. The first argument that is no option of the
/// benchmark library is a file of vectors; without one, the small ones of testbenches/replay.
///
///     replay/parse   a line becomes a vector       replay/model   a bare model is made and goes away
///     replay/run     as model, and the steps       replay/whole   parse, run and judge, as the verb does
#include "bare/smmuv3.h"
#include "platform/replay/replay.h"

#include <benchmark/benchmark.h>
#include <cstdio>
#include <fstream>
#include <string>
#include <vector>

using namespace quiesce;

namespace {

struct Vectors {
    std::vector<std::string> lines;
    std::vector<platform::Vector> parsed;
};

Vectors read(const std::string& file) {
    Vectors v;
    std::ifstream in(file);
    for (std::string line; std::getline(in, line);) {
        platform::Vector one = platform::parse_vector(line);
        if (!one.skip.empty()) continue;
        v.lines.push_back(line);
        v.parsed.push_back(std::move(one));
    }
    return v;
}

/// One round over all vectors in each iteration.
template <class Round>
void add(const char* name, const Vectors& v, Round round) {
    benchmark::RegisterBenchmark(name, [&v, round](benchmark::State& state) {
        for (auto _ : state)
            for (std::size_t i = 0; i < v.lines.size(); ++i) round(i);
        state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations() * v.lines.size()));
    })->Unit(benchmark::kMillisecond);
}

} // namespace

int sc_main(int argc, char** argv) {
    benchmark::Initialize(&argc, argv);
    const Vectors v = read(argc > 1 ? argv[1] : QUIESCE_SCENARIO_DIR "/../replay/smmuv3.jsonl");
    if (v.lines.empty()) {
        std::fprintf(stderr, "no vectors\n");
        return 3;
    }
    sim::Calendar calendar;
    add("replay/parse", v, [&](std::size_t i) { benchmark::DoNotOptimize(platform::parse_vector(v.lines[i])); });
    add("replay/model", v, [&](std::size_t i) {
        benchmark::DoNotOptimize(bare::make_smmuv3(calendar, identity_of(v.parsed[i].identity), v.parsed[i].ram));
    });
    add("replay/run", v, [&](std::size_t i) { benchmark::DoNotOptimize(platform::run_vector(calendar, v.parsed[i])); });
    add("replay/whole", v, [&](std::size_t i) {
        const platform::Vector one = platform::parse_vector(v.lines[i]);
        benchmark::DoNotOptimize(platform::judge(one, platform::run_vector(calendar, one)));
    });
    benchmark::RunSpecifiedBenchmarks();
    return 0;
}
