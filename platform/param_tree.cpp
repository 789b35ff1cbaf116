// SPDX-License-Identifier: Apache-2.0
#include "platform/param_tree.h"

#include <algorithm>

namespace quiesce::platform {
namespace {
std::string below(const std::string& path, std::string_view key) { return path.empty() ? std::string{key} : path + "." + std::string{key}; }

/// Node trees are immutable: builds one by rewriting the maps on the way.
Node with_path(const Node& root, std::string_view path, Node value) {
    const std::size_t dot = path.find('.');
    if (dot == std::string_view::npos) return root.with(path, std::move(value));
    const std::string_view key = path.substr(0, dot);
    const Node* inner = root.find(key);
    return root.with(key, with_path(inner ? *inner : Node::map({}), path.substr(dot + 1), std::move(value)));
}
} // namespace

void ParamTree::add(const std::string& path, base::ParamBase& p) {
    rows_.push_back({path, &p});
    by_path_.emplace(path, &p);
}

base::ParamBase* ParamTree::find(std::string_view path) const {
    const auto found = by_path_.find(path);
    return found == by_path_.end() ? nullptr : found->second;
}

std::vector<std::string> ParamTree::children(std::string_view path) const {
    std::vector<std::string> keys;
    const std::string prefix = path.empty() ? "" : std::string{path} + ".";
    for (const Row& r : rows_) {
        if (r.path.compare(0, prefix.size(), prefix) != 0) continue;
        const std::string key = r.path.substr(prefix.size(), r.path.find('.', prefix.size()) - prefix.size());
        if (std::find(keys.begin(), keys.end(), key) == keys.end()) keys.push_back(key);
    }
    return keys;
}

bool ParamTree::set(base::ParamBase& p, const Node& node, const std::string& path, Diagnostics& out) {
    std::string text;
    if (node.is_seq()) {
        const auto items = node.as_strings(out, path);
        if (!items || items->size() != node.items().size()) return false;
        text = "[" + base::join(*items) + "]";
    } else if (node.is_scalar()) {
        if (node.is_poisoned()) return false;
        text = node.text();
    } else {
        out.error(node.at(), path + ": expected " + p.expected() + ", got " + node.described());
        return false;
    }
    const auto error = p.set_text(text);
    if (error) out.error(node.at(), path + ": " + *error);
    return !error;
}

void ParamTree::read(const Node& node, Diagnostics& out, const std::string& path) const {
    if (node.is_null()) return;
    if (!node.is_map()) {
        out.error(node.at(), path + ": expected a map, got " + node.described());
        return;
    }
    const auto known = children(path);
    for (const Node::Entry& e : node.entries()) {
        const std::string here = below(path, e.key);
        if (base::ParamBase* p = find(here)) set(*p, e.value, here, out);
        else if (std::find(known.begin(), known.end(), e.key) != known.end()) read(e.value, out, here);
        else out.error_about(e.at, "unknown key '" + e.key + "'" + (path.empty() ? "" : " in " + path), e.key, known);
    }
}

std::string provenance_text(const base::ParamBase& p) {
    std::string from{base::enum_text(p.provenance())};
    if (!p.source().empty()) from += ": " + p.source();
    return p.is_default() ? from : "set; default " + p.default_text() + " (" + from + ")";
}

namespace {
Node value_of(const base::ParamBase& p) {
    const std::string text = p.text();
    if (p.kind() == base::ParamKind::Text) return Node::verbatim(text);
    if (p.kind() != base::ParamKind::List) return Node::plain(text);
    std::vector<Node> items;
    const auto list = base::ParamTraits<std::vector<std::string>>::parse(text);
    for (const std::string& item : *list.value) items.push_back(Node::verbatim(item));
    return Node::seq(std::move(items));
}
} // namespace

Node ParamTree::write() const {
    Node root = Node::map({});
    for (const Row& r : rows_) root = with_path(root, r.path, value_of(*r.param).with_comment(provenance_text(*r.param)));
    return root;
}

} // namespace quiesce::platform
