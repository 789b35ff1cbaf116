// SPDX-License-Identifier: Apache-2.0
#include "base/names.h"

#include <deque>
#include <map>

namespace quiesce::base {
namespace {
struct Entry {
    std::string text;
    u64 hash;
};
struct Table {
    std::deque<Entry> entries{{"", 0}};
    std::map<std::string, u32, std::less<>> index{{"", 0}};
};
Table& table() {
    static Table t;
    return t;
}
u64 fnv1a(std::string_view s) {
    u64 h = 0xcbf29ce484222325u;
    for (char c : s) h = (h ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
    return h;
}
} // namespace

Name::Name(std::string_view text) {
    Table& t = table();
    if (auto found = t.index.find(text); found != t.index.end()) {
        index_ = found->second;
        return;
    }
    index_ = static_cast<u32>(t.entries.size());
    t.entries.push_back({std::string{text}, fnv1a(text)});
    t.index.emplace(std::string{text}, index_);
}

std::string_view Name::text() const { return table().entries[index_].text; }
u64 Name::stable_hash() const { return table().entries[index_].hash; }
u32 Name::count() { return static_cast<u32>(table().entries.size()); }

} // namespace quiesce::base
