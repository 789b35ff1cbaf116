// SPDX-License-Identifier: Apache-2.0
/// Parameters by dotted path: reading them from YAML, listing them, writing them back with the provenance of each.
#pragma once
#include "base/param.h"
#include "platform/yaml/strict_yaml.h"

#include <map>
#include <string>
#include <vector>

namespace quiesce::platform {

/// Every parameter of a configuration, by dotted path, in the order of description. Points into the configuration.
class ParamTree {
public:
    ParamTree() = default;
    /// All parameters of a part, below `prefix`.
    template <class Part> void add_all(const std::string& prefix, Part& part) {
        base::visit_params(part, [&](const std::string& path, base::ParamBase& p) { add(prefix.empty() ? path : prefix + "." + path, p); });
    }
    void add(const std::string& path, base::ParamBase& p);
    struct Row {
        std::string path;
        base::ParamBase* param;
    };
    const std::vector<Row>& rows() const { return rows_; }
    base::ParamBase* find(std::string_view path) const;
    /// The keys directly below a path ("" for the top).
    std::vector<std::string> children(std::string_view path) const;

    /// Sets what `node`, a map at `path`, says. Unknown keys and bad values become errors at their places; the rest is set.
    void read(const Node& node, Diagnostics& out, const std::string& path = {}) const;
    /// Sets one parameter to what `node` says. False, after an error at `node`, if it cannot be; `path` opens the message.
    static bool set(base::ParamBase& p, const Node& node, const std::string& path, Diagnostics& out);
    /// All parameters as a tree, each with "provenance: source" (and its default where it differs) as its comment.
    Node write() const;

private:
    std::vector<Row> rows_;
    std::map<std::string, base::ParamBase*, std::less<>> by_path_;
};

/// "measured: ...", "guess" and, for a value that was set, "set (default ...; ...)".
std::string provenance_text(const base::ParamBase& p);

} // namespace quiesce::platform
