// SPDX-License-Identifier: Apache-2.0
/// `report DIR ...`: report.html from results on disk, and what `run` and `compare` leave of it.
#include "platform/report/report.h"

#include "platform/files.h"
#include "platform/report/parts.h"
#include "platform/results.h"
#include "platform/verbs.h"

#include <algorithm>
#include <fmt/format.h>
#include <fstream>
#include <set>
#include <sstream>

namespace quiesce::platform {
namespace {
class NoSuchTeardown : public std::runtime_error {
    using std::runtime_error::runtime_error;
};
} // namespace
namespace report {
namespace {
namespace fs = std::filesystem;

std::string whole_file(const fs::path& file) {
    std::ifstream in(file, std::ios::binary);
    std::ostringstream all;
    if (in) all << in.rdbuf();
    return all.str();
}

Panel read_panel(const ReportSource& source, std::size_t number, const std::vector<std::string>& asked) {
    Panel p;
    p.number = number;
    p.asked = asked;
    p.run = read_run(source.dir);
    p.name = source.name.empty() ? text(p.run, "scenario") : source.name;
    p.events = read_events_of(source.dir, p.run, shown_kinds);
    p.settings = read_settings(whole_file(source.dir / "config.resolved.yaml"));
    return p;
}

struct SectionRow {
    const char *name, *title;
    std::string (*make)(const Panel& p);
};
/// What each variant has beside its card and its Gantt.
constexpr SectionRow section_rows[] = {
    {"breakdown", "Breakdown", breakdown},
    {"path", "Critical path of the worst case", critical_path},
    {"violations", "Violations", violations},
    {"sequence", "Sequence of a teardown", sequence},
    {"fates", "Faults, page requests, stalls", fates},
    {"exposure", "Exposure", exposures},
    {"queues", "Queues", queues},
    {"rates", "Caches, before and after", hit_rates},
};

std::string navigation(const Panels& all) {
    std::string out = "<nav>";
    if (all.size() > 1) out += "<a href=\"#comparison\">comparison</a>";
    for (const Panel& p : all)
        out += fmt::format("<a href=\"#p{}\">{}</a>", p.number, all.size() > 1 ? escaped(p.name) : "teardowns");
    out += "<a href=\"#distribution\">distribution</a><a href=\"#configuration\">configuration</a>";
    return out + "<label class=\"script\">filter <input id=\"filter\" type=\"search\" placeholder=\"/\"/></label><span id=\"nothing\" role=\"status\" hidden=\"\">nothing matches</span><span "
                 "class=\"script\" id=\"zoomed\"><button id=\"in\">+</button><button id=\"out\">-</button>"
                 "<button id=\"all\">whole</button></span></nav>\n";
}

/// Panels of one comparison have one scale, unless the shorter could not be read on it.
std::string scaled_gantt(const Panel& p, i64 most) {
    const i64 own = gantt_extent(p);
    if (teardowns(p).empty() || own * 20 >= most) return gantt(p, most);
    return gantt(p, own) +
           "<p class=\"note\">This panel has a scale of its own: on that of the longest it could not be read.</p>\n";
}

std::string page(const Panels& all) {
    std::string scenarios;
    std::set<std::string> named;
    for (const Panel& p : all)
        if (named.insert(text(p.run, "scenario")).second)
            scenarios += (scenarios.empty() ? "" : ", ") + text(p.run, "scenario");
    const std::string title = scenarios + (all.size() > 1 ? fmt::format(", {} variants", all.size()) : "");
    i64 most = 1;
    for (const Panel& p : all) most = std::max(most, gantt_extent(p));
    std::string out = page_head(title) +
                      fmt::format("<header><h1>{}</h1><p>quiesce {}</p></header>\n", escaped(title),
                                  escaped(text(all.front().run, "version"))) +
                      navigation(all) + "<main>\n";
    if (all.size() > 1) out += "<section id=\"comparison\"><h2>Comparison</h2>\n" + comparison(all) + "</section>\n";
    out += "<section id=\"legend\"><h2>Teardowns, from T0</h2>\n" + gantt_legend() +
           "<p class=\"note script\">Point at anything for its figures. Click or arrows select a teardown, Enter opens "
           "it, / filters (words of a row, or of a variant's name), drag across a figure or + and - zoom all of them, left and right move, Escape goes back.</p>\n";
    if (all.size() > 1)
        for (const Panel& p : all)
            out += fmt::format("<h3 class=\"v-{2}\"><a href=\"#p{0}\">{1}</a> <strong>{2}</strong></h3>\n", p.number,
                               escaped(p.name), escaped(text(p.run, "verdict"))) +
                   scaled_gantt(p, most);
    out += "</section>\n";
    for (const Panel& p : all) {
        out += fmt::format("<section class=\"panel\" id=\"p{0}\" data-panel=\"{0}\" data-name=\"{1}\"><h2>{1}</h2>\n",
                           p.number, escaped(p.name)) +
               verdict_card(p);
        if (all.size() == 1) out += scaled_gantt(p, most);
        for (const SectionRow& s : section_rows)
            if (text(p.run, "verdict") != "not-applicable")
                out += fmt::format("<div class=\"part-{}\"><h3>{}</h3>\n{}</div>\n", s.name, s.title, s.make(p));
        out += "</section>\n";
    }
    out += "<section id=\"distribution\"><h2>Distribution</h2>\n" + distribution(all) +
           "</section>\n<section id=\"configuration\"><h2>Configuration, and what to trust</h2>\n" +
           configuration(all) + "</section>\n</main>\n";
    return out + "<aside id=\"details\" hidden=\"\"></aside><div id=\"tip\" hidden=\"\"></div>\n<script>" + script +
           "</script>\n</body></html>\n";
}

const Record* find_teardown(const Panel& p, const std::string& id) {
    for (const Record& t : teardowns(p))
        if (text(t, "id") == id) return &t;
    return nullptr;
}
std::string no_teardown(const Panels& all, const std::string& id) {
    std::size_t most = 0;
    for (const Panel& p : all) most = std::max(most, teardowns(p).size());
    return fmt::format("--teardown: there is no '{}': there are {}", printable(id),
                       most == 0 ? "none" : most == 1 ? "t0" : fmt::format("t0 to t{}", most - 1));
}

/// What a directory of the command line stands for: one run, or the variants of a comparison.
std::vector<ReportSource> sources_in(const fs::path& dir, bool alone) {
    if (fs::exists(dir / "run.json"))
        return {{alone ? std::string{} : (fs::absolute(dir).lexically_normal() / "").parent_path().filename().string(),
                 dir}};
    std::vector<ReportSource> found;
    for (VariantResults& v : variants_in(dir)) found.push_back({std::move(v.name), std::move(v.dir)});
    if (found.empty()) std::ignore = read_run(dir); // says why it cannot
    return found;
}
} // namespace

std::string page_head(const std::string& title) {
    return "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"/>\n<meta "
           "http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; "
           "script-src 'unsafe-inline'; base-uri 'none'; form-action 'none'\"/>\n<meta name=\"viewport\" "
           "content=\"width=device-width\"/>\n<meta name=\"color-scheme\" content=\"light dark\"/>\n<title>quiesce: " +
           escaped(title) + "</title>\n<style>" + style + "</style></head>\n<body>\n";
}
} // namespace report

void write_report(const std::vector<ReportSource>& sources, const std::filesystem::path& file, const std::vector<std::string>& asked) {
    report::Panels all;
    for (const ReportSource& s : sources) all.push_back(report::read_panel(s, all.size(), asked));
    for (const std::string& id : asked)
        if (std::none_of(all.begin(), all.end(), [&](const report::Panel& p) { return report::find_teardown(p, id) != nullptr; }))
            throw NoSuchTeardown(report::no_teardown(all, id));
    prepare_directory(file.parent_path());
    write_file(file, report::page(all));
}

Exit leave_report(const std::vector<ReportSource>& sources, const std::filesystem::path& file, Exit so_far) {
    try {
        write_report(sources, file);
        return so_far;
    } catch (...) { return worse(so_far, report_current_exception()); }
}

void write_comparison(const std::vector<ReportSource>& sources, const std::filesystem::path& dir, const nlohmann::ordered_json& more) {
    nlohmann::ordered_json list = nlohmann::ordered_json::array();
    for (const ReportSource& s : sources) list.push_back({{"name", s.name}, {"dir", s.dir.filename().string()}});
    nlohmann::ordered_json whole{{"schema", 1}, {"variants", std::move(list)}};
    whole.update(more);
    write_file(dir / comparison_file, whole.dump(2) + "\n");
}

Exit report_verb(const CommandLine& line) {
    std::vector<ReportSource> sources;
    if (const std::filesystem::path only = line.directories.front();
        line.teardowns.empty() && line.directories.size() == 1 && !line.out && std::filesystem::exists(only / "sweep.json")) {
        write_sweep_report(only);
        fmt::print("{}\n", (only / "report.html").string());
        return Exit::Ok;
    }
    for (const std::string& dir : line.directories) {
        const auto found = report::sources_in(dir, line.directories.size() == 1);
        sources.insert(sources.end(), found.begin(), found.end());
    }
    const std::filesystem::path out = line.out                       ? *line.out
                                      : line.directories.size() == 1 ? line.directories.front()
                                                                     : ".";
    try {
        write_report(sources, out / "report.html", line.teardowns);
    } catch (const NoSuchTeardown& e) {
        complain(e.what());
        return Exit::Usage;
    }
    fmt::print("{}\n", (out / "report.html").string());
    return Exit::Ok;
}

} // namespace quiesce::platform
