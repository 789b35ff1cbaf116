// SPDX-License-Identifier: Apache-2.0
/// `features`: what there is of the manuals, which tests show it, and what is otherwise than they say.
#include "platform/coverage.h"

#include "platform/machine/iommus.h"
#include "platform/verbs.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace quiesce::platform {
namespace {
using Json = nlohmann::ordered_json;

Json tests_of(std::string_view tag) {
    Json tests = Json::array();
    for (const ShownBy& s : shown_by())
        if (s.what == tag) tests.push_back(s.test);
    return tests;
}

Json feature_row(std::string_view architecture, const iommu::Feature& f) {
    const std::string name = f.owner.empty() ? std::string{f.name} : fmt::format("{}.{}", f.owner, f.name);
    Json j{{"architecture", architecture}, {"kind", base::enum_text(f.kind)}, {"name", name}, {"section", f.section},
           {"status", base::enum_text(f.status)}, {"tests", tests_of(tag_of(f.owner, f.name))}};
    if (!f.why.empty()) j["why"] = f.why;
    return j;
}

/// What the specification asks for there is not there.
Json deviation_row(const Deviation& d) {
    std::string_view architecture = "any";
    for (const IommuRow* iommu : iommu_rows())
        if (d.file.starts_with(fmt::format("models/iommu/{}/", base::enum_text(iommu->kind))))
            architecture = base::enum_text(iommu->kind);
    return {{"architecture", architecture},
            {"kind", "deviation"},
            {"name", fmt::format("{}:{}", d.file, d.line)},
            {"section", ""},
            {"status", "deviates"},
            {"tests", Json::array()},
            {"why", d.text}};
}

/// Behind the columns: the first test and how many more there are, or the reason.
std::string note_of(const Json& row) {
    if (row.contains("why")) return row["why"].get<std::string>();
    const Json& tests = row["tests"];
    if (tests.empty()) return {};
    const std::string more = tests.size() > 1 ? fmt::format(" (and {} more)", tests.size() - 1) : "";
    return tests.front().get<std::string>() + more;
}

void print_row(const Json& row) {
    const auto text = [&](const char* key) { return row[key].get<std::string>(); };
    std::string line = fmt::format("{:<6}  {:<9} {:<32} {:<9} {:<13} {}", text("architecture"), text("kind"),
                                   text("name"), text("status"), text("section"), note_of(row));
    line.erase(line.find_last_not_of(' ') + 1);
    fmt::print("{}\n", line);
}
} // namespace

std::string tag_of(std::string_view owner, std::string_view name) {
    std::string tag = owner.empty() ? std::string{name} : fmt::format("{}.{}", owner, name);
    std::erase_if(tag, [](char c) { return c == '[' || c == ']'; });
    return tag;
}

Exit features_verb(const CommandLine& line) {
    Json list = Json::array();
    for (const IommuRow* iommu : iommu_rows())
        for (const iommu::Feature& f : iommu->features())
            list.push_back(feature_row(base::enum_text(iommu->kind), f));
    for (const Deviation& d : deviations()) list.push_back(deviation_row(d));
    if (line.json) fmt::print("{}\n", list.dump(2));
    else
        for (const Json& row : list) print_row(row);
    return Exit::Ok;
}

} // namespace quiesce::platform
