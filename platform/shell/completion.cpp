// SPDX-License-Identifier: Apache-2.0
/// What a word of the command line could become: shells ask `quiesce complete`, so that names are those of this binary, of the
/// scenario that was named and of the results that are there.
#include "observe/event_store.h"
#include "platform/cli_app.h"
#include "platform/files.h"
#include "platform/lists.h"
#include "platform/scenario/scenario.h"
#include "platform/verbs.h"

#include <fmt/format.h>
#include <fstream>

namespace quiesce::platform {
namespace {
struct Candidate {
    std::string word, help;
};
using Candidates = std::vector<Candidate>;
constexpr std::string_view any_file = ":files", any_directory = ":dirs";

std::vector<std::string> split(const std::string& text, char at) {
    std::vector<std::string> parts;
    std::istringstream in(text);
    for (std::string part; std::getline(in, part, at);) parts.push_back(part);
    return parts;
}

Candidates listed(std::string_view what) {
    Candidates all;
    for (const auto& row : list_of(what)) all.push_back({row["name"].get<std::string>(), row["help"].get<std::string>()});
    return all;
}

/// The parameters of the scenario that the command names, with its devices; without one, those of no device.
Config config_for(const std::string& scenario) {
    Diagnostics ignored;
    try {
        if (!scenario.empty()) return read_scenario(scenario, {}, ignored)->config;
    } catch (const std::exception&) { // no such scenario: whoever runs it is told
    }
    return {};
}

/// Paths up to their next dot, so that one is found part by part: "platform.", "os.policy=".
Candidates paths(const ParamTree& tree, const std::string& begun) {
    Candidates all;
    for (const ParamTree::Row& row : tree.rows()) {
        if (row.path.compare(0, begun.size(), begun) != 0) continue;
        const std::size_t dot = row.path.find('.', begun.size());
        const std::string word = dot == std::string::npos ? row.path + "=" : row.path.substr(0, dot + 1);
        if (all.empty() || all.back().word != word) all.push_back({word, dot == std::string::npos ? row.param->help() : ""});
    }
    return all;
}

/// What a parameter can be: its names, or its default where it is a figure.
Candidates values(const base::ParamBase& p, const std::string& before) {
    Candidates all;
    const bool list = p.kind() == base::ParamKind::List;
    std::vector<std::string> names = p.choices();
    if (p.kind() == base::ParamKind::Truth) names = {"true", "false"};
    for (const std::string& name : names) all.push_back({before + (list ? "[" + name + "]" : name), ""});
    if (all.empty()) all.push_back({before + p.default_text(), fmt::format("the default; {}", p.bounds_text().empty() ? p.expected() : p.bounds_text())});
    return all;
}

/// `more`: several values may follow one another, with commas.
Candidates settings(const std::string& begun, const std::string& scenario, bool more) {
    Config config = config_for(scenario);
    const ParamTree tree = parameters(config);
    const std::size_t equals = begun.find('=');
    if (equals == std::string::npos) return paths(tree, begun);
    const base::ParamBase* const p = tree.find(begun.substr(0, equals));
    if (p == nullptr) return {};
    const std::size_t comma = more ? begun.rfind(',') : std::string::npos;
    const std::size_t from = (comma == std::string::npos ? equals : comma) + 1;
    Candidates all = values(*p, begun.substr(0, from));
    const std::vector<std::string> there = split(begun.substr(equals + 1, from - equals - 1), ',');
    std::erase_if(all, [&](const auto& c) { return std::find(there.begin(), there.end(), c.word.substr(from)) != there.end(); });
    return all;
}

/// Faults and page requests have no name in run.json: they are numbered in the order of events.sqlite, which may have very many.
void add_events(Candidates& all, const std::filesystem::path& file) {
    constexpr u64 most = 1000;
    u64 faults = 0, requests = 0, markers = 0;
    for (const observe::StoredEvent& e : observe::read_events(file)) {
        if (e.kind == "FaultRaised" && faults < most) {
            const auto fields = nlohmann::json::parse(e.fields, nullptr, false);
            all.push_back({fmt::format("f{}", faults++), fields.value("type", std::string{})});
        } else if (e.kind == "PageRequestSent" && requests < most) {
            const auto fields = nlohmann::json::parse(e.fields, nullptr, false);
            if (fields.value("stop_marker", false)) all.push_back({fmt::format("s{}", markers++), "a Stop Marker"});
            else all.push_back({fmt::format("p{}", requests++), "a page request"});
        }
    }
}

/// What a directory of results has to explain.
Candidates ids(const std::string& directory) {
    Candidates all;
    std::ifstream in(std::filesystem::path(directory) / "run.json");
    const auto run = nlohmann::json::parse(in, nullptr, false);
    if (!run.is_object()) return all;
    const auto text = [](const nlohmann::json& j, const char* key) { return j.value(key, std::string{}); };
    for (const auto& t : run.value("teardowns", nlohmann::json::array()))
        all.push_back({text(t, "id"), fmt::format("{} of {} on {}", text(t, "trigger"), text(t, "process"), text(t, "device"))});
    for (const auto& v : run.value("violations", nlohmann::json::array())) all.push_back({text(v, "id"), text(v, "kind")});
    if (const auto events = std::filesystem::path(directory) / "events.sqlite"; std::filesystem::exists(events)) add_events(all, events);
    return all;
}

/// The candidates for a value whose type is written so in the help. `named` are the positional words before it.
Candidates of_type(const std::string& type, const std::string& begun, const std::vector<std::string>& named) {
    const std::string first = named.empty() ? "" : named.front();
    if (type == "PATH=VALUE" || type == "PATH=A,B,...") return settings(begun, first, type != "PATH=VALUE");
    if (type.starts_with("DIR")) return {{std::string{any_directory}, ""}};
    if (type == "ID") return ids(first);
    if (type.starts_with("VECTORS")) return {{std::string{any_file}, ""}};
    if (type.starts_with("SCENARIO") || type == "SWEEP.yaml") {
        Candidates all;
        if (type != "SWEEP.yaml") all = listed("scenarios");
        else
            for (const auto& s : library_sweeps()) all.push_back({s.name, ""});
        all.push_back({std::string{any_file}, ""});
        return all;
    }
    if (type == "PAGE") {
        Candidates all;
        for (const std::string& page : manual_pages()) all.push_back({page, ""});
        return all;
    }
    Candidates all;
    if (type.find('|') != std::string::npos)
        for (const std::string& word : split(type, '|')) all.push_back({word, ""});
    if (type.starts_with("scenarios|")) return listed("");
    return all;
}

bool takes_value(const CLI::Option& option) { return option.get_items_expected_max() > 0; }

Candidates options(const CLI::App& verb) {
    Candidates all;
    for (const CLI::Option* o : verb.get_options())
        for (const std::string& name : o->get_lnames()) all.push_back({"--" + name, o->get_description()});
    return all;
}

/// Behind a verb: an option, the value of one, or what stands in its place.
Candidates behind(const CLI::App& verb, const std::vector<std::string>& before, const std::string& begun) {
    std::vector<std::string> named;
    const CLI::Option* open = nullptr; // an option that has no value yet
    for (const std::string& word : before) {
        if (open != nullptr) {
            open = nullptr;
        } else if (word.starts_with("--")) {
            const CLI::Option* const option = verb.get_option_no_throw(word);
            if (option != nullptr && takes_value(*option)) open = option;
        } else {
            named.push_back(word);
        }
    }
    if (open != nullptr) return of_type(open->get_type_name(), begun, named);
    if (const std::size_t equals = begun.find('='); begun.starts_with("--") && equals != std::string::npos) {
        const CLI::Option* const option = verb.get_option_no_throw(begun.substr(0, equals));
        if (option == nullptr) return {};
        Candidates all = of_type(option->get_type_name(), begun.substr(equals + 1), named);
        for (Candidate& c : all) c.word = begun.substr(0, equals + 1) + c.word;
        return all;
    }
    if (begun.starts_with("-")) return options(verb);
    std::vector<const CLI::Option*> places;
    for (const CLI::Option* o : verb.get_options())
        if (o->get_positional()) places.push_back(o);
    if (places.empty()) return {};
    const CLI::Option& place = *places[std::min(named.size(), places.size() - 1)];
    const bool again = place.get_items_expected_max() > 1;
    return named.size() < places.size() || again ? of_type(place.get_type_name(), begun, named) : Candidates{};
}

Candidates candidates(std::vector<std::string> words) {
    CommandLine line;
    Figures figures;
    const auto app = describe_command_line(line, figures);
    const std::string begun = words.back();
    words.pop_back();
    if (!words.empty()) {
        for (const CLI::App* verb : app->get_subcommands([](CLI::App*) { return true; }))
            if (verb->get_name() == words.front()) return behind(*verb, {words.begin() + 1, words.end()}, begun);
        return {};
    }
    Candidates all;
    if (begun.starts_with("-")) return options(*app);
    for (const CLI::App* verb : app->get_subcommands([](CLI::App*) { return true; })) all.push_back({verb->get_name(), verb->get_description()});
    return all;
}

// ---- the scripts: they ask, and show what they are told -------------------------------------------------------------

constexpr const char* for_bash = R"(# bash completion for quiesce. Words are taken from the line, because bash would take them apart at '='.
_quiesce() {
    local words word rest begun open=1
    read -ra words <<<"${COMP_LINE:0:COMP_POINT}"
    while [[ ${#words[@]} -gt 1 && ${words[0]} != "${COMP_WORDS[0]}" ]]; do words=("${words[@]:1}"); done
    [[ ${COMP_LINE:0:COMP_POINT} == *[[:space:]] ]] && words+=("")
    begun=${words[-1]#[\'\"]}
    words[-1]=$begun
    COMPREPLY=()
    while IFS=$'\t' read -r word rest; do
        case $word in
            :files) compopt -o filenames; mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -f -- "$begun") ;;
            :dirs) compopt -o filenames; mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -d -- "$begun") ;;
            *) COMPREPLY+=("$word"); [[ $word == *[=.] ]] || open=0 ;;
        esac
    done < <("${words[0]}" complete "${words[@]:1}" 2>/dev/null)
    ((open)) && compopt -o nospace
    if [[ $begun == *=* && $COMP_WORDBREAKS == *=* ]]; then # bash replaces what is behind the last '=' only
        COMPREPLY=("${COMPREPLY[@]#"${begun%"${begun##*=}"}"}")
    fi
}
complete -F _quiesce quiesce
)";

constexpr const char* for_zsh = R"(#compdef quiesce
# zsh completion for quiesce.
_quiesce() {
    local word help
    local -a whole open
    while IFS=$'\t' read -r word help; do
        case $word in
            :files) _files ;;
            :dirs) _files -/ ;;
            *[=.]) open+=("${word//:/\\:}:$help") ;;
            *) whole+=("${word//:/\\:}:$help") ;;
        esac
    done < <("${words[1]}" complete "${(@Q)words[2,CURRENT-1]}" "${(Q)PREFIX}" 2>/dev/null)
    (( $#open )) && _describe -t parts 'part of a path' open -S ''
    (( $#whole )) && _describe -t words 'quiesce' whole
    return 0
}
if [[ $funcstack[1] == _quiesce ]]; then _quiesce "$@"; else compdef _quiesce quiesce; fi
)";

constexpr const char* for_fish = R"(# fish completion for quiesce.
function __quiesce_complete
    set -l words (commandline -opc)
    set -l begun (commandline -ct)
    for line in ($words[1] complete $words[2..-1] "$begun" 2>/dev/null)
        switch $line
            case ':files*'
                __fish_complete_path "$begun"
            case ':dirs*'
                __fish_complete_directories "$begun" ''
            case '*'
                echo $line
        end
    end
end
complete -c quiesce -f -a '(__quiesce_complete)'
)";

struct ShellRow {
    std::string_view name;
    const char* script;
};
constexpr ShellRow shell_table[] = {{"bash", for_bash}, {"zsh", for_zsh}, {"fish", for_fish}};
} // namespace

Exit complete(const std::vector<std::string>& words) {
    const std::string begun = words.empty() ? "" : words.back();
    for (const Candidate& c : candidates(words.empty() ? std::vector<std::string>{""} : words))
        if (c.word.starts_with(begun) || c.word == any_file || c.word == any_directory)
            fmt::print("{}\t{}\n", c.word, c.help.substr(0, c.help.find('\n')));
    return Exit::Ok;
}

Exit completion_verb(const CommandLine& line) {
    std::vector<std::string> known;
    for (const ShellRow& row : shell_table) {
        if (row.name == line.shell) {
            fmt::print("{}", row.script);
            return Exit::Ok;
        }
        known.emplace_back(row.name);
    }
    complain(fmt::format("unknown shell '{}': expected one of {}", printable(line.shell), base::join(known)), base::closest(line.shell, known));
    return Exit::Usage;
}

} // namespace quiesce::platform
