// SPDX-License-Identifier: Apache-2.0
/// Manual pages, from the tables that the program itself works with: options and their help, exit codes, examples,
/// parameters, sentences, names of results.
#include "platform/cli_app.h"
#include "platform/files.h"
#include "platform/lists.h"
#include "platform/verbs.h"

#include <algorithm>
#include <fmt/format.h>

namespace quiesce::platform {
namespace {
using Json = nlohmann::ordered_json;

/// The day from which the pages have been of this form: not that of the build, which would differ each time.
constexpr const char* page_date = "2026-11-22";

/// Text as roff takes it: no escape, no request at a line's start, hyphens that can be copied.
std::string roff(std::string_view text) {
    std::string out;
    bool line_start = true;
    for (const char c : text) {
        if (line_start && (c == '.' || c == '\'')) out += "\\&";
        if (c == '\\') out += "\\e";
        else if (c == '-') out += "\\-";
        else out += c;
        line_start = c == '\n';
    }
    return out;
}
std::string bold(std::string_view text) { return "\\fB" + roff(text) + "\\fR"; }

/// A page under construction: macros of man(7).
class ManPage {
public:
    ManPage(const std::string& name, int section, const std::string& help) {
        std::string upper = name;
        std::transform(upper.begin(), upper.end(), upper.begin(), [](unsigned char c) { return std::toupper(c); });
        text_ = fmt::format(".\\\" made by `quiesce man`\n.TH {} {} {} \"quiesce {}\" \"quiesce manual\"\n", roff(upper), section, page_date,
                            QUIESCE_VERSION);
        heading("NAME");
        text_ += fmt::format("{} \\- {}\n", roff(name), roff(help));
    }
    void heading(std::string_view title) {
        text_ += fmt::format(".SH {}\n", title);
        begun_ = text_.size();
    }
    void paragraph(std::string_view text) { text_ += fmt::format("{}{}\n", apart(), roff(text)); }
    void raw(std::string_view text) { text_ += fmt::format("{}\n", text); }
    /// `tag` is roff already.
    void item(std::string_view tag, std::string_view text) { text_ += fmt::format(".TP\n{}\n{}\n", tag, text.empty() ? "\\&" : roff(text)); }
    void display(std::string_view lines) { text_ += fmt::format("{}.nf\n{}\n.fi\n", apart(), roff(lines)); }
    const std::string& text() const { return text_; }

private:
    const char* apart() const { return text_.size() == begun_ ? "" : ".PP\n"; } ///< a heading is apart by itself
    std::string text_;
    std::size_t begun_ = 0;
};

void see_also(ManPage& page, std::initializer_list<std::pair<const char*, int>> others) {
    page.heading("SEE ALSO");
    std::string line;
    for (const auto& [name, section] : others) line += fmt::format("{}{}({})", line.empty() ? "" : ",\n", bold(name), section);
    page.raw(line);
}

constexpr std::pair<int, const char*> exit_table[] = {
    {0, "every expectation held, and no violation was found but those that were asked for"},
    {1, "an expectation failed, or a violation was found"},
    {2, "usage: an unknown verb or option, a bad value on the command line"},
    {3, "bad input: a file that is wrong, a name that is not there"},
    {4, "the simulator cannot go on"},
    {5, "a file cannot be read or written"},
    {6, "some runs of a sweep failed"},
    {70, "an internal error"},
    {130, "interrupted; partial results are there"}};

void exit_codes(ManPage& page) {
    page.heading("EXIT STATUS");
    for (const auto& [code, help] : exit_table) page.item(bold(std::to_string(code)), help);
}

// ---- quiesce(1) and one page for each verb --------------------------------------------------------------------------

/// A footer is sentences, then lines that begin with "examples:", and perhaps exit codes of its own between.
struct Footer {
    std::string text, examples;
    explicit Footer(const std::string& all) {
        const std::size_t at = std::min(all.find("examples:\n"), all.find("example:\n"));
        text = all.substr(0, at);
        if (at != std::string::npos) examples = all.substr(all.find('\n', at) + 1);
        for (std::string* part : {&text, &examples})
            while (!part->empty() && part->back() == '\n') part->pop_back();
    }
};

std::string argument_of(const CLI::Option& option) {
    return option.get_items_expected_max() == 0 ? "" : fmt::format(" \\fI{}\\fR", roff(option.get_type_name()));
}

void verb_options(ManPage& page, const CLI::App& verb) {
    page.heading("OPTIONS");
    for (const CLI::Option* o : verb.get_options())
        if (o->get_positional()) page.item(fmt::format("\\fI{}\\fR", roff(o->get_type_name())), o->get_description());
    for (const CLI::Option* o : verb.get_options()) {
        if (o->get_positional()) continue;
        std::string names;
        for (const std::string& n : o->get_snames()) names += bold("-" + n) + ", ";
        for (const std::string& n : o->get_lnames()) names += bold("--" + n) + ", ";
        page.item(names.substr(0, names.size() - 2) + argument_of(*o), o->get_description());
    }
}

std::string synopsis(const CLI::App& verb) {
    std::string line = bold("quiesce " + verb.get_name());
    for (const CLI::Option* o : verb.get_options())
        if (o->get_positional()) line += o->get_required() ? argument_of(*o) : fmt::format(" [{}]", argument_of(*o).substr(1));
    return line + " [\\fIOPTION\\fR ...]";
}

std::string verb_page(const CLI::App& verb) {
    ManPage page("quiesce-" + verb.get_name(), 1, verb.get_description());
    page.heading("SYNOPSIS");
    page.raw(synopsis(verb));
    const Footer footer(verb.get_footer());
    if (!footer.text.empty()) {
        page.heading("DESCRIPTION");
        page.raw(roff(footer.text));
    }
    verb_options(page, verb);
    if (!footer.examples.empty()) {
        page.heading("EXAMPLES");
        page.display(footer.examples);
    }
    exit_codes(page);
    see_also(page, {{"quiesce", 1}, {"quiesce-scenario", 5}, {"quiesce-run.json", 5}});
    return page.text();
}

std::string main_page(const CLI::App& app) {
    ManPage page("quiesce", 1, "how an address space is taken away from devices, and how long that takes");
    page.heading("SYNOPSIS");
    page.raw(bold("quiesce") + " \\fIVERB\\fR [\\fIARGUMENT\\fR ...]");
    page.heading("DESCRIPTION");
    page.raw(roff("A process was killed, or unbinds: how long until no device can touch its memory, what is that time made of, and was a page or a\n"
                  "PASID used again too early? A scenario describes a platform, processes, devices and what they do; quiesce simulates it in\n"
                  "discrete events and judges what happened. Its data go to stdout, its words for people to stderr."));
    page.heading("VERBS");
    for (const CLI::App* verb : app.get_subcommands([](const CLI::App*) { return true; }))
        page.item(fmt::format("{}(1)", bold("quiesce-" + verb->get_name())), verb->get_description());
    exit_codes(page);
    page.heading("ENVIRONMENT");
    page.item(bold("QUIESCE_SCENARIOS"), "a directory of scenarios to take instead of the library");
    page.item(bold("NO_COLOR"), "if it is set and not empty, nothing is coloured");
    see_also(page, {{"quiesce-scenario", 5}, {"quiesce-run.json", 5}});
    return page.text();
}

// ---- quiesce-scenario(5) --------------------------------------------------------------------------------------------

void sentences(ManPage& page, std::string_view group) {
    for (const Json& row : list_of("sentences")) {
        if (row["group"] != group) continue;
        page.item(bold(row["name"].get<std::string>()), row["help"].get<std::string>());
        if (row.contains("example")) page.raw(fmt::format(".br\ne.g. \\fI{}\\fR", roff(row["example"].get<std::string>())));
        if (!row.contains("arguments")) continue;
        for (const Json& a : row["arguments"]) {
            const std::string bounds = a["bounds"].get<std::string>();
            page.raw(fmt::format(".br\n\\fI{}\\fR: {}{}{}", roff(a["name"].get<std::string>()), roff(a["help"].get<std::string>()),
                                 bounds.empty() ? "" : roff("; " + bounds), a["required"].get<bool>() ? "" : "; optional"));
        }
    }
}

std::string scenario_page() {
    ManPage page("quiesce-scenario", 5, "a scenario of quiesce");
    page.heading("DESCRIPTION");
    page.raw(roff("A scenario is a file in a strict form of YAML: a platform, an operating system, devices, what they do and when, and what is\n"
                  "claimed of it. Times need a unit (30us), sizes may have one (4KiB). quiesce check says everything that is wrong with one."));
    page.heading("KEYS");
    for (const auto& [key, help] : scenario_keys()) page.item(bold(key), help);
    page.heading("STEPS");
    page.paragraph("Each is a map from an actor, which is os or a device's name, to a sentence, with words about its time beside it.");
    sentences(page, "step");
    page.heading("EXPECTATIONS");
    page.paragraph("Each is a claim, with when (parameters and the values under which it is claimed), process or device beside it.");
    sentences(page, "expect");
    page.heading("DEVICES");
    for (const Json& row : list_of("devices")) page.item(bold(row["name"].get<std::string>()), row["help"].get<std::string>());
    page.heading("PARAMETERS");
    page.paragraph("By path; <kind> stands for the name of a device of that kind. The default and where it comes from are in brackets.");
    for (const Json& row : list_of("params")) {
        const std::string bounds = row["bounds"].get<std::string>();
        page.item(bold(row["name"].get<std::string>()),
                  fmt::format("{}{} [{}; {}]", row["help"].get<std::string>(), bounds.empty() ? "" : "; " + bounds,
                              row["default"].get<std::string>(), row["provenance"].get<std::string>()));
    }
    page.heading("EXAMPLES");
    page.display("scenario: a process is killed while a device writes\n"
                 "devices: {acc0: {kind: accelerator}}\n"
                 "steps:\n"
                 "  - os: {spawn: app0, pages: 64}\n"
                 "  - os: {bind: app0, to: acc0}\n"
                 "  - acc0: {stream: app0, every: 2us}\n"
                 "  - after: 30us\n"
                 "    os: {kill: app0}\n"
                 "expect:\n"
                 "  - never: stale-dma\n"
                 "  - reached: [quiesce, reuse]");
    see_also(page, {{"quiesce", 1}, {"quiesce-check", 1}, {"quiesce-run", 1}, {"quiesce-run.json", 5}});
    return page.text();
}

// ---- quiesce-run.json(5) --------------------------------------------------------------------------------------------

std::string results_page() {
    ManPage page("quiesce-run.json", 5, "results of a run of quiesce");
    page.heading("DESCRIPTION");
    page.raw(roff("quiesce run --out DIR leaves DIR/run.json: a JSON object. Times are integer picoseconds (names end in _ps), sizes are bytes.\n"
                  "Milestones that a teardown has not come to are not there; open and not_applicable name them. Readers ignore keys that they\n"
                  "do not know. Below is every name that a result may use."));
    std::string group;
    for (const Json& row : list_of("metrics")) {
        if (row["group"] != group) page.heading(fmt::format("\"{}\"", group = row["group"].get<std::string>()));
        const std::string source = row.value("source", row.value("threshold", std::string{}));
        page.item(bold(row["name"].get<std::string>()), row["help"].get<std::string>() + (source.empty() ? "" : " [" + source + "]"));
    }
    see_also(page, {{"quiesce", 1}, {"quiesce-run", 1}, {"quiesce-scenario", 5}});
    return page.text();
}

struct NamedPage {
    std::string name, text;
};
/// Their texts are made only if `texts` are wanted.
std::vector<NamedPage> pages(bool texts) {
    CommandLine line;
    Figures figures;
    const auto app = describe_command_line(line, figures);
    std::vector<NamedPage> all{{"quiesce.1", texts ? main_page(*app) : ""},
                               {"quiesce-scenario.5", texts ? scenario_page() : ""},
                               {"quiesce-run.json.5", texts ? results_page() : ""}};
    for (const CLI::App* verb : app->get_subcommands([](CLI::App*) { return true; }))
        all.push_back({"quiesce-" + verb->get_name() + ".1", texts ? verb_page(*verb) : ""});
    return all;
}
} // namespace

std::vector<std::string> manual_pages() {
    std::vector<std::string> names;
    for (const NamedPage& p : pages(false)) names.push_back(p.name);
    return names;
}

Exit man_verb(const CommandLine& line) {
    const std::vector<NamedPage> all = pages(true);
    if (line.out) {
        prepare_directory(*line.out);
        for (const NamedPage& p : all) write_file(std::filesystem::path(*line.out) / p.name, p.text);
        return Exit::Ok;
    }
    const std::string wanted = line.page.empty() ? "quiesce.1" : line.page;
    const auto found = std::find_if(all.begin(), all.end(), [&](const NamedPage& p) { return p.name == wanted; });
    if (found == all.end()) {
        complain(fmt::format("there is no page '{}'", printable(wanted)), base::closest(wanted, manual_pages()));
        return Exit::Usage;
    }
    fmt::print("{}", found->text);
    return Exit::Ok;
}

} // namespace quiesce::platform
