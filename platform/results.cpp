// SPDX-License-Identifier: Apache-2.0
#include "platform/results.h"

#include "base/text.h"
#include "observe/run_record.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fmt/format.h>
#include <fstream>

namespace quiesce::platform {
namespace {
using Json = nlohmann::ordered_json;
namespace fs = std::filesystem;

/// Something of everything that every run.json has.
Json example() {
    observe::RunRecord r;
    r.teardowns.emplace_back();
    r.violations.emplace_back();
    return observe::to_json(r);
}

/// What `have` lacks of `wanted`'s keys and kinds; empty: nothing. Of a list of examples the first stands for each item.
std::string lacking(const Json& have, const Json& wanted, const std::string& path) {
    const bool numbers = have.is_number() && wanted.is_number();
    if (!wanted.is_null() && !numbers && have.type() != wanted.type())
        return fmt::format("{} is {}, not {}", path, have.type_name(), wanted.type_name());
    if (wanted.is_object()) {
        for (const auto& [key, value] : wanted.items()) {
            const std::string below = path.empty() ? key : path + "." + key;
            if (!have.contains(key)) return below + " is missing";
            if (auto why = lacking(have[key], value, below); !why.empty()) return why;
        }
    } else if (wanted.is_array() && !wanted.empty()) {
        for (std::size_t i = 0; i < have.size(); ++i)
            if (auto why = lacking(have[i], wanted.front(), fmt::format("{}[{}]", path, i)); !why.empty()) return why;
    }
    return {};
}

std::string results_below(const fs::path& dir) {
    std::vector<std::string> found;
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(dir, error))
        if (fs::exists(entry.path() / "run.json", error)) found.push_back(entry.path().string());
    std::sort(found.begin(), found.end());
    if (found.size() > 8) found.insert(found.begin() + 8, "..."), found.resize(9);
    return base::join(found);
}
} // namespace

Json read_run_file(const fs::path& file) {
    std::ifstream in(file);
    if (!in) throw IoError(fmt::format("cannot read {}: {}", file.string(), std::strerror(errno)));
    Json run = Json::parse(in, nullptr, false);
    if (!run.is_object()) throw IoError(file.string() + " is no run.json: it is no JSON object, or not whole");
    static const Json wanted = example();
    if (run.value("schema", Json{}) != wanted["schema"])
        throw IoError(fmt::format("{} has schema {}: this quiesce reads schema {}", file.string(), run.value("schema", Json{}).dump(), wanted["schema"].dump()));
    if (const std::string why = lacking(run, wanted, ""); !why.empty())
        throw IoError(fmt::format("{} is no run.json of this version: {}", file.string(), why));
    return run;
}

Json read_run(const fs::path& dir) {
    const fs::path file = dir / "run.json";
    if (fs::exists(file)) return read_run_file(file);
    const std::string below = results_below(dir);
    throw IoError(fmt::format("cannot read {}: {}", file.string(),
                              below.empty() ? "is this what `quiesce run --out` left?" : "there are results of several runs below it: " + below));
}

std::vector<VariantResults> variants_in(const fs::path& dir) {
    const fs::path file = dir / comparison_file;
    if (!fs::exists(file)) return {};
    std::ifstream in(file);
    const Json listed = in ? Json::parse(in, nullptr, false) : Json{};
    const auto foreign = [&] { return IoError(file.string() + " is not what `quiesce compare --out` left, or not whole"); };
    if (!listed.is_object() || !listed.value("variants", Json{}).is_array()) throw foreign();
    std::vector<VariantResults> found;
    for (const Json& v : listed["variants"]) {
        if (!v.is_object() || !v.value("name", Json{}).is_string() || !v.value("dir", Json{}).is_string()) throw foreign();
        const fs::path below = v["dir"].get<std::string>();
        if (below.has_parent_path() || below.empty() || below == "..") throw IoError(file.string() + ": a variant is not below it");
        if (fs::exists(dir / below / "run.json")) found.push_back({v["name"].get<std::string>(), dir / below});
    }
    return found;
}

void keep_apart(const fs::path& dir, ResultsOf what) {
    static constexpr struct {
        ResultsOf what;
        const char *file, *name;
    } kinds[] = {{ResultsOf::Run, "run.json", "a run"}, {ResultsOf::Comparison, "compare.json", "a comparison"}, {ResultsOf::Sweep, "sweep.json", "a sweep"},
                 {ResultsOf::Sweep, "points", "a sweep"}};
    for (const auto& k : kinds)
        if (k.what != what && fs::exists(dir / k.file)) throw IoError(fmt::format("there are results of {} in {}: name another --out", k.name, dir.string()));
}

namespace {
/// What `use` makes of the events of a run.
template <class Use> auto with_events_of(const fs::path& dir, const nlohmann::json& run, Use use) -> decltype(use(dir)) {
    const fs::path file = dir / "events.sqlite";
    if (!fs::exists(file)) return {};
    const auto refused = [&](const std::string& why) {
        return IoError(fmt::format("{}: {}; without the file only what run.json has is told", file.string(), why));
    };
    try {
        const std::string theirs = observe::fingerprint_of_events(file), ours = run["fingerprint"].get<std::string>();
        if (theirs != ours) throw refused(fmt::format("it is another run's, with fingerprint {}: run.json has {}", theirs, ours));
        return use(file);
    } catch (const IoError&) {
        throw;
    } catch (const std::runtime_error& e) {
        throw refused(e.what());
    }
}
} // namespace

std::vector<observe::StoredEvent> read_events_of(const fs::path& dir, const nlohmann::json& run, std::span<const std::string_view> kinds) {
    return with_events_of(dir, run, [&](const fs::path& file) { return observe::read_events(file, kinds); });
}

void check_events_of(const fs::path& dir, const nlohmann::json& run) {
    with_events_of(dir, run, [](const fs::path&) { return true; });
}

} // namespace quiesce::platform
