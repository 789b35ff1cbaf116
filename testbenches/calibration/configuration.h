// SPDX-License-Identifier: Apache-2.0
/// What every comparison with measured hardware begins with: a preset, and over it what was set.
#pragma once
#include "platform/config.h"

#include <iostream>
#include <optional>
#include <string>
#include <vector>

namespace quiesce::calibration {

/// The device is `devices.nfp`. Nothing, and a word on stderr, if the preset or a setting is wrong.
inline std::optional<platform::Config> configuration(const std::string& preset, const std::vector<std::string>& sets) {
    platform::Diagnostics out;
    platform::Node root = platform::Node::map({});
    std::vector<std::string> all{"platform.preset=" + preset};
    all.insert(all.end(), sets.begin(), sets.end());
    for (const std::string& text : all)
        if (const auto setting = platform::parse_setting(text, out))
            if (auto changed = platform::apply_setting(root, *setting, out)) root = *changed;
    std::optional<platform::Config> config{std::in_place};
    config->devices.try_emplace("nfp");
    if (out.ok()) platform::apply_preset(*config, root, out);
    if (out.ok()) platform::parameters(*config).read(root, out);
    if (out.ok()) return config;
    std::cerr << out.render();
    return std::nullopt;
}

inline devices::DmaDeviceConfig device_config(const platform::Config& c) {
    const devices::AcceleratorConfig& a = c.devices.at("nfp").accelerator;
    return {a.function.endpoint, a.work.engine};
}

} // namespace quiesce::calibration
