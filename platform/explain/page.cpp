// SPDX-License-Identifier: Apache-2.0
#include "platform/explain/page.h"

#include "platform/explain/explain.h"

#include <nlohmann/json.hpp>
#include <sstream>

namespace quiesce::platform::explain {
namespace {
using OrderedJson = nlohmann::ordered_json;
constexpr std::size_t most_links = 60;

std::string told_link(const Link& l, i64 from) {
    std::string line = fmt::format("  {:>12}  {:<9} {}", "+" + for_people(l.at_ps - from), fmt::format("e{}", l.event), l.text);
    if (!l.manual.empty()) line += fmt::format("  [{}]", l.manual);
    line += "\n";
    if (!l.because.empty()) line += fmt::format("{:>27}because of {}, {} before\n", "", l.because, for_people(l.waited_ps));
    for (const Link::Other& o : l.also)
        line += fmt::format("{:>27}and of {} (e{}), {} before\n", "", o.because, o.event, for_people(o.before_ps));
    return line;
}

OrderedJson json_of(const Link& l) {
    OrderedJson j{{"event", fmt::format("e{}", l.event)}, {"time_ps", l.at_ps}, {"kind", l.kind}, {"text", l.text}};
    if (!l.because.empty()) j["because"] = l.because, j["waited_ps"] = l.waited_ps;
    for (const Link::Other& o : l.also) j["also"].push_back({{"event", fmt::format("e{}", o.event)}, {"because", o.because}, {"before_ps", o.before_ps}});
    if (!l.manual.empty()) j["manual"] = l.manual;
    return j;
}
} // namespace

void Page::chain(std::string heading, std::vector<Link> links) {
    if (!links.empty()) chains_.push_back({std::move(heading), std::move(links)});
}

void Page::decided(std::vector<Decision> decisions) {
    decisions_.insert(decisions_.end(), std::make_move_iterator(decisions.begin()), std::make_move_iterator(decisions.end()));
}

void Page::show(bool json) const {
    if (!json) {
        std::string all = text_;
        if (!decisions_.empty()) all += "\nwhat decided\n";
        for (const Decision& d : decisions_)
            all += fmt::format("  {}{}: {}{}\n", d.field, d.section.empty() ? "" : fmt::format("  [{}]", d.section), d.what,
                               d.times == 1 ? "" : fmt::format(", {} times", d.times));
        for (const Chain& c : chains_) {
            all += fmt::format("\n{}\n", c.heading);
            const std::size_t n = c.links.size(), half = most_links / 2;
            for (std::size_t i = 0; i < n; ++i) {
                if (n > most_links && i == half) all += fmt::format("  {:>12}  {} more\n", "...", n - most_links);
                if (n <= most_links || i < half || i >= n - half) all += told_link(c.links[i], c.links.front().at_ps);
            }
        }
        fmt::print("{}", all);
        return;
    }
    OrderedJson j{{"id", id_}, {"kind", kind_}, {"told", OrderedJson::array()}, {"decided", OrderedJson::array()}, {"chains", OrderedJson::array()}};
    std::istringstream lines(text_);
    for (std::string line; std::getline(lines, line);) j["told"].push_back(line);
    for (const Decision& d : decisions_) j["decided"].push_back({{"field", d.field}, {"what", d.what}, {"section", d.section}, {"times", d.times}});
    for (const Chain& c : chains_) {
        OrderedJson links = OrderedJson::array();
        for (const Link& l : c.links) links.push_back(json_of(l));
        j["chains"].push_back({{"heading", c.heading}, {"links", std::move(links)}});
    }
    fmt::print("{}\n", j.dump(2));
}

} // namespace quiesce::platform::explain
