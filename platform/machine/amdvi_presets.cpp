// SPDX-License-Identifier: Apache-2.0
#include "platform/machine/amdvi_presets.h"

#include <deque>
#include <fmt/format.h>

namespace quiesce::platform {
namespace {

namespace amdvi = iommu::amdvi;

/// A preset refers to its texts.
std::string_view kept(std::string text) {
    static std::deque<std::string> texts;
    return texts.emplace_back(std::move(text));
}

/// What is other than by default.
Preset preset_of(const amdvi::Machine& m) {
    const std::string_view source = kept(fmt::format("published: EFR {:#x} ({})", m.values.efr, m.source));
    Preset p{m.name,
             kept(fmt::format("the AMD-Vi unit of a {}, EFR {:#x} without what is not modelled: {}", m.what, m.values.efr,
                              base::join(amdvi::absent_features(m.values)))),
             {{"platform.iommu.kind", "amdvi", "derived: the machine has an AMD-Vi unit"}}};
    amdvi::AmdviConfig config = amdvi::config_of(m.values);
    base::visit_params(config, [&](const std::string& path, base::ParamBase& param) {
        if (param.text() != param.default_text())
            p.values.push_back({kept("platform.iommu.amdvi." + path), kept(param.text()),
                                path == "physical_bits" ? "guess: of such a machine; no register in memory says it" : source});
    });
    return p;
}

} // namespace

std::vector<Preset> amdvi_presets() {
    std::vector<Preset> list;
    for (const amdvi::Machine& m : amdvi::machines()) list.push_back(preset_of(m));
    return list;
}

} // namespace quiesce::platform
