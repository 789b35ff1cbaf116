// SPDX-License-Identifier: Apache-2.0
#include "platform/compare/earlier.h"

#include "platform/results.h"
#include "platform/verbs.h"

#include <algorithm>
#include <fmt/format.h>

namespace quiesce::platform::comparison {
namespace {
namespace fs = std::filesystem;

std::string name_of(const Variant& before, const CommandLine& line, const Variants& earlier) {
    return earlier.size() == 1 ? *line.against : fmt::format("{} of {}", before.name, *line.against);
}

std::unique_ptr<Scenario> resolved_scenario(const fs::path& dir) {
    Diagnostics found;
    auto s = read_scenario((dir / "config.resolved.yaml").string(), {}, found);
    found.print(stderr);
    return found.ok() ? std::move(s) : nullptr;
}

} // namespace

Variants read_earlier(const fs::path& dir) {
    Variants earlier;
    if (fs::exists(dir / "run.json")) {
        Variant v{fs::absolute(dir).lexically_normal().filename().string(), {}, dir, {}, Exit::Ok, read_run(dir), {}};
        if (v.name.empty()) v.name = dir.string();
        earlier.push_back(std::move(v));
        return earlier;
    }
    for (const VariantResults& there : variants_in(dir)) {
        Variant v{there.name, {}, there.dir, {}, Exit::Ok, read_run(there.dir), {}};
        if (fs::exists(v.dir / "seeds"))
            for (const auto& file : fs::directory_iterator(v.dir / "seeds")) {
                Json run = read_run_file(file.path());
                v.more[run["seed"].get<u64>()] = std::move(run);
            }
        earlier.push_back(std::move(v));
    }
    if (earlier.empty()) std::ignore = read_run(dir); // says why it cannot
    return earlier;
}

const Variant* variant_named(const Variants& variants, const std::string& name) {
    const auto found = std::find_if(variants.begin(), variants.end(), [&](const Variant& v) { return v.name == name; });
    return found == variants.end() ? nullptr : &*found;
}

const Variant* opposite_of(const Variant& v, const Variants& earlier) {
    return earlier.size() == 1 ? &earlier.front() : variant_named(earlier, v.name);
}

void warn_of_others(const CommandLine& line, const Variants& variants, const Variants& earlier) {
    for (const Variant& v : variants) {
        const Variant* const other = opposite_of(v, earlier);
        if (!ran(v) || other == nullptr) continue;
        for (const char* key : {"scenario", "seed"})
            if (v.run[key] != other->run[key])
                complain(fmt::format("{} is of {} {}, {} of {}", *line.against, key, other->run[key].dump(), v.name, v.run[key].dump()), {}, "warning");
    }
}

Variants with_earlier(const CommandLine& line, const Variants& variants, const Variants& earlier) {
    Variants all;
    for (const Variant& v : variants) {
        const Variant* const other = opposite_of(v, earlier);
        const bool shown = other != nullptr && std::any_of(all.begin(), all.end(), [&](const Variant& a) { return a.dir == other->dir; });
        if (other != nullptr && !shown) {
            all.push_back(*other);
            all.back().name = name_of(*other, line, earlier);
        }
        all.push_back(v);
    }
    return all;
}

std::optional<Followed> followed_results(const Variant& v, const fs::path& trail) {
    if (!ran(v) || !fs::exists(v.dir / "config.resolved.yaml")) return std::nullopt;
    return Followed{v.name, [dir = v.dir] { return resolved_scenario(dir); }, v.dir, trail, v.run["platform"]["iommu"].get<std::string>(),
                    v.run["fingerprint"].get<std::string>()};
}

std::vector<Divergence> divergences_from(const Variants& earlier, const CommandLine& line, const Variants& variants, const std::vector<Followed>& runs) {
    const TemporaryDirectory scratch;
    std::vector<Divergence> all;
    for (const Variant& v : variants) {
        const Variant* const other = opposite_of(v, earlier);
        const auto now = std::find_if(runs.begin(), runs.end(), [&](const Followed& f) { return f.name == v.name; });
        if (other == nullptr || now == runs.end()) continue;
        auto before = followed_results(*other, scratch.path() / fmt::format("{}.json", all.size()));
        if (!before) continue;
        before->name = name_of(*other, line, earlier);
        for (Divergence& d : find_divergences({*before, *now}, line.jobs)) all.push_back(std::move(d));
    }
    return all;
}

} // namespace quiesce::platform::comparison
