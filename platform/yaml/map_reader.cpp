// SPDX-License-Identifier: Apache-2.0
#include "platform/yaml/strict_yaml.h"

namespace quiesce::platform {

MapReader::MapReader(Node node, Diagnostics& out, std::string where)
    : node_(std::move(node)), out_(out), where_(std::move(where)) {
    if (!node_.is_null() && !node_.is_map()) node_.complain(out_, where_.empty() ? "the top level" : where_, "a map");
}

std::string MapReader::path(std::string_view key) const {
    return where_.empty() ? std::string(key) : where_ + "." + std::string(key);
}

const Node* MapReader::take(std::string_view key) {
    if (std::find(asked_.begin(), asked_.end(), key) == asked_.end()) asked_.emplace_back(key);
    return node_.find(key);
}

const Node* MapReader::require(std::string_view key) {
    const Node* value = take(key);
    const bool readable = (node_.is_map() || node_.is_null()) && !node_.is_poisoned();
    if (!value && readable) {
        out_.error(node_.at(), "missing key '" + std::string(key) + "'" + (where_.empty() ? "" : " in " + where_));
    }
    return value;
}

MapReader MapReader::map(std::string_view key) {
    const Node* value = take(key);
    return MapReader(value ? *value : Node::null(node_.at()), out_, path(key));
}

void MapReader::finish() {
    if (std::exchange(finished_, true)) return;
    std::vector<std::string> absent; // a key that is there already was not what an unknown one meant
    for (const std::string& key : asked_) {
        if (!has(key)) absent.push_back(key);
    }
    for (const Node::Entry& entry : node_.entries()) {
        if (std::find(asked_.begin(), asked_.end(), entry.key) != asked_.end()) continue;
        const std::string message = "unknown key '" + entry.key + "'" + (where_.empty() ? "" : " in " + where_);
        out_.error_about(entry.at, message, entry.key, absent);
    }
}

} // namespace quiesce::platform
