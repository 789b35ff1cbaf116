// SPDX-License-Identifier: Apache-2.0
/// The written forms of Waves.
#include "observe/waves.h"

#include <algorithm>
#include <fmt/format.h>
#include <map>
#include <numeric>
#include <ostream>
#include <set>

namespace quiesce::observe {
namespace {

std::string identifier(std::size_t n) {
    std::string id;
    do id += static_cast<char>('!' + n % 94);
    while ((n /= 94) != 0);
    return id;
}

bool alphanumeric(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); }

/// A simple identifier (IEEE 1364, 3.7): letters, digits, _ and $, the first a letter or _.
std::string legal(std::string_view part) {
    std::string s{part};
    for (char& c : s)
        if (!alphanumeric(c) && c != '$') c = '_';
    if (s.empty() || s[0] == '$' || (s[0] >= '0' && s[0] <= '9')) s.insert(0, 1, '_');
    return s;
}

std::vector<std::string> split(std::string_view name) {
    std::vector<std::string> parts;
    for (std::size_t from = 0;;) {
        const std::size_t dot = name.find('.', from);
        parts.push_back(legal(name.substr(from, dot - from)));
        if (dot == std::string_view::npos) return parts;
        from = dot + 1;
    }
}

/// A string value is one word of visible characters.
std::string word(std::string s) {
    for (char& c : s)
        if (c <= ' ' || c > '~' || c == '[' || c == ']' || c == '/' || c == ':') c = '_';
    return s;
}

/// A comment ends at the keyword that ends it.
std::string comment_text(std::string_view text) {
    std::string s{text};
    for (std::size_t at; (at = s.find("$end")) != std::string::npos;) s[at] = '_';
    return s;
}

std::string binary(u32 v) {
    std::string s;
    for (int bit = 31; bit >= 0; --bit)
        if (!s.empty() || (v >> bit & 1) != 0) s += static_cast<char>('0' + (v >> bit & 1));
    return s.empty() ? "0" : s;
}

constexpr std::size_t letters = 26; ///< markers that a view can name
constexpr std::size_t most_first_instants = 12; ///< of more teardowns the others have no T0 among the markers, to leave room

struct Marker {
    sim::Time at;
    std::string name;
};

/// One for each instant; what is said of it later stands behind what is said of it now.
class Markers {
public:
    void add(sim::Time at, const std::string& teardown, const std::string& what) {
        const auto same = std::find_if(list_.begin(), list_.end(), [&](const Marker& m) { return m.at == at; });
        const std::string name = teardown + ":" + what;
        if (same == list_.end()) {
            if (list_.size() < letters) list_.push_back({at, name});
        } else {
            const std::size_t own = same->name.rfind(' ') == std::string::npos ? 0 : same->name.rfind(' ') + 1;
            same->name += same->name.compare(own, teardown.size() + 1, teardown + ":") == 0 ? "," + what : " " + name;
        }
    }
    std::vector<Marker> in_order() const {
        std::vector<Marker> sorted = list_;
        std::stable_sort(sorted.begin(), sorted.end(), [](const Marker& a, const Marker& b) { return a.at < b.at; });
        return sorted;
    }

private:
    std::vector<Marker> list_;
};

/// The slowest first; of those that never came to quiesce, nobody knows better.
std::vector<std::size_t> slowest_first(const std::vector<Teardown>& teardowns) {
    std::vector<std::size_t> order(teardowns.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    const auto took = [&](std::size_t n) { return teardowns[n].quiesce.value_or(sim::Duration::ps(INT64_MAX)); };
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return took(a) > took(b); });
    return order;
}

std::vector<Marker> markers_of(const std::vector<Teardown>& teardowns, const std::optional<std::pair<sim::Time, sim::Time>>& only, bool events) {
    Markers all;
    const auto add = [&](std::size_t n, sim::Time at, const std::string& what) {
        if (only && (at < only->first || at > only->second)) return;
        const auto& known = teardowns[n].events;
        const auto named = std::find_if(known.begin(), known.end(), [&](const auto& e) { return e.first == what; });
        const u64 event = what == "T0" ? teardowns[n].t0_event : named == known.end() ? 0 : named->second;
        all.add(at, fmt::format("t{}", n), events && event != 0 ? fmt::format("{}=e{}", what, event) : what);
    };
    const std::vector<std::size_t> order = slowest_first(teardowns);
    for (std::size_t n = 0; n < std::min(order.size(), most_first_instants); ++n) add(order[n], teardowns[order[n]].t0, "T0");
    for (const std::size_t n : order)
        for (const auto& [name, at] : teardowns[n].milestones) add(n, at, name);
    return all.in_order();
}

/// VCD strings end at a blank; an idle state is a dash, because an empty string is not legal everywhere.
std::string state_text(u32 name_index, const std::vector<std::string>& texts) {
    const std::string& t = name_index < texts.size() ? texts[name_index] : texts[0];
    return t.empty() ? "-" : word(t);
}
} // namespace

std::vector<Waves::Path> Waves::paths() const {
    std::vector<Path> list;
    std::set<Path> taken;
    for (const Variable& v : variables_) {
        Path path = split(v.name);
        const std::string leaf = path.back();
        for (unsigned n = 2; !taken.insert(path).second; ++n) path.back() = fmt::format("{}_{}", leaf, n);
        list.push_back(std::move(path));
    }
    return list;
}

void Waves::write_vcd(std::ostream& out, std::string_view comment) const {
    const std::vector<Path> names = paths();
    std::vector<std::size_t> order(variables_.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::sort(order.begin(), order.end(), [&](auto a, auto b) { return names[a] < names[b]; });
    out << "$comment " << comment_text(comment) << " $end\n$timescale 1ps $end\n";
    std::vector<std::string> scopes;
    for (std::size_t v : order) {
        Path parts = names[v];
        const std::string leaf = parts.back();
        parts.pop_back();
        parts.insert(parts.begin(), "quiesce");
        std::size_t same = 0;
        while (same < scopes.size() && same < parts.size() && scopes[same] == parts[same]) ++same;
        for (std::size_t i = scopes.size(); i > same; --i) out << "$upscope $end\n";
        for (std::size_t i = same; i < parts.size(); ++i) out << "$scope module " << parts[i] << " $end\n";
        scopes = parts;
        if (variables_[v].shape == Shape::State) out << "$var string 1 " << identifier(v) << ' ' << leaf << " $end\n";
        else out << "$var wire 32 " << identifier(v) << ' ' << leaf << " [31:0] $end\n";
    }
    for (std::size_t i = 0; i < scopes.size(); ++i) out << "$upscope $end\n";
    out << "$enddefinitions $end\n#0\n$dumpvars\n";

    std::vector<std::string> texts(base::Name::count());
    for (u32 i = 0; i < texts.size(); ++i) texts[i] = std::string{base::Name::at(i).text()};
    auto emit = [&](u32 v, u32 value) {
        if (variables_[v].shape == Shape::State) out << 's' << state_text(value, texts) << ' ' << identifier(v) << '\n';
        else out << 'b' << binary(value) << ' ' << identifier(v) << '\n';
    };
    std::vector<u32> now(variables_.size());
    for (std::size_t v : order) emit(static_cast<u32>(v), 0);
    out << "$end\n";
    const auto all = sorted();
    for (std::size_t i = 0; i < all.size();) {
        // One instant: only the value that stands at its end is a change.
        std::size_t end = i;
        std::vector<std::pair<u32, u32>> last;
        for (; end < all.size() && all[end].at == all[i].at; ++end) {
            auto known = std::find_if(last.begin(), last.end(), [&](auto& p) { return p.first == all[end].variable; });
            if (known == last.end()) last.emplace_back(all[end].variable, all[end].value);
            else known->second = all[end].value;
        }
        bool stamped = all[i].at == sim::Time{};
        for (auto [v, value] : last) {
            if (now[v] == value) continue;
            if (!stamped) out << '#' << all[i].at.ps() << '\n';
            stamped = true;
            emit(v, now[v] = value);
        }
        i = end;
    }
    if (!all.empty()) out << '#' << all.back().at.ps() + 1000 << '\n';
}

void Waves::write_gtkw(std::ostream& out, std::string_view wave_file, const std::vector<Teardown>& teardowns, bool events) const {
    const std::vector<Marker> markers = markers_of(teardowns, cut_to_, events);
    const i64 first = markers.empty() ? 0 : markers.front().at.ps();
    out << "[*] quiesce: levels as analog steps, states by name\n[dumpfile] \"" << wave_file << "\"\n[savefile] \"\"\n[timestart] "
        << std::max<i64>(0, first - 5'000'000) << "\n[size] 1600 900\n[pos] -1 -1\n*-24.0 " << first;
    for (std::size_t i = 0; i < letters; ++i) out << ' ' << (i < markers.size() ? markers[i].at.ps() : -1);
    out << '\n';
    for (std::size_t i = 0; i < markers.size(); ++i) out << "[markername] " << static_cast<char>('A' + i) << markers[i].name << '\n';
    out << "[sst_width] 260\n[signals_width] 330\n";
    const std::vector<Path> names = paths();
    std::vector<bool> moves(variables_.size()); // what never changes is in the file and not in the view
    for (const Change& c : kept_) moves[c.variable] = true;
    std::map<Path, Shape> shown;
    for (std::size_t v = 0; v < variables_.size(); ++v)
        if (moves[v]) shown.emplace(names[v], variables_[v].shape);
    std::string group;
    for (const auto& [path, shape] : shown) {
        if (path.front() != group) {
            if (!group.empty()) out << "@1000200\n-" << group << '\n';
            group = path.front();
            out << "@800200\n-" << group << '\n';
        }
        const std::string full = fmt::format("quiesce.{}", fmt::join(path, "."));
        if (shape == Shape::State)
            out << "@28\n" << full << '\n';
        else
            out << "@88024\n" << full << "[31:0]\n@20000\n-\n";
    }
    if (!group.empty()) out << "@1000200\n-" << group << '\n';
}

} // namespace quiesce::observe
