// SPDX-License-Identifier: Apache-2.0
/// A scenario: a platform, an operating system, devices, sentences by actors, and what is expected of it.
#pragma once
#include "platform/config.h"
#include "platform/scenario/expectations.h"
#include "sim/task.h"

#include <map>
#include <memory>
#include <string>
#include <vector>

namespace quiesce::platform {

class Plan;
struct Stage;
struct Step;
struct DeviceRow;

/// One argument of a verb. `least` and `most` bound a number, a size in bytes, a duration in picoseconds, a page's number.
struct ArgumentSpec {
    enum class Kind { Process, NewProcess, Name, Device, Integer, Duration, Size, Pages, Choice, Flag };
    std::string_view name;
    Kind kind;
    bool required;
    std::string_view help;
    std::vector<std::string> choices{};
    u64 least = 0, most = 0;
    /// Which kinds of devices take it; null: every one that says the verb.
    bool (*taken_by)(const DeviceRow& row) = nullptr;
    /// "between 1 and 1024", or empty for what has no bounds.
    std::string bounds() const;
};

/// One verb: who says it, how, and what it does. The verb's own value ("kill: app0") is its first argument.
struct VerbRow {
    std::string_view actor;                  ///< "os", or "device" for any device
    std::string_view verb;
    std::string_view help, example;
    std::vector<ArgumentSpec> arguments;
    bool waits;                              ///< the next sentence waits until this one is over
    void (Plan::*foresee)(const Step& step); ///< what can be known of it before the run
    sim::Task<void> (*run)(Stage& stage, const Step& step);
    /// Which kinds of devices say it; null: every one.
    bool (*said_by)(const DeviceRow& row) = nullptr;
    bool takes_crowd = true;
    bool of_the_dead = false;                ///< it can be said of a process that is dead
};
const std::vector<VerbRow>& verb_rows();

/// What a step can say of its own time, beside its sentence.
struct TimeWord {
    std::string_view name, help;
    bool truth; ///< true or false; else a text
};
inline constexpr TimeWord time_words[] = {
    {"at", "when a step begins, from the start of the run: at: 30us", false},
    {"after", "when it begins, from the end of the step before, or the start of one that goes on by itself", false},
    {"wait", "true: the next step waits until this one is over; false: it does not", true},
    {"each", "of a crowd (spawn with a count), when the sentence is said of each: at-once, in-turn (when the one before is "
             "over), or so long after the one before: each: 10us (at-once)", false},
};

/// How a sentence about a crowd comes to its members.
struct Crowd {
    u32 members = 0;                         ///< 0: it is about one process
    std::string argument;                    ///< which of the sentence's arguments names it
    bool in_turn = false;
    sim::Duration spacing{};                 ///< otherwise; 0: at once
};
inline constexpr u64 largest_crowd = 100'000;
/// The members of crowd `app` are app.0, app.1 ...; no process is given such a name.
std::string member_name(std::string_view crowd, u32 number);
/// `process` is `name`, or a member of the crowd `name`.
bool goes_by(std::string_view process, std::string_view name);

struct Step {
    struct Argument {
        std::string text;
        Mark at;
    };
    Mark place;
    std::string actor;                       ///< "os" or a device's name
    const VerbRow* row = nullptr;
    std::optional<sim::Time> at;             ///< absent: when the sentence before it is over
    std::optional<sim::Duration> after;      ///< so long after that
    bool wait = false;
    Crowd crowd;
    std::map<std::string, Argument, std::less<>> arguments; ///< as given, defaults not filled in

    bool has(std::string_view name) const { return arguments.find(name) != arguments.end(); }
    const std::string& text(std::string_view name) const;
    /// Where an argument stands, or the sentence if it was not given.
    const Mark& mark(std::string_view name) const;
    u64 integer(std::string_view name, u64 otherwise = 0) const;
    sim::Duration duration(std::string_view name, sim::Duration otherwise = {}) const;
    u64 size(std::string_view name, u64 otherwise = 0) const;
    /// "0-15" -> {0, 16}: first page and count; "3" -> {3, 1}.
    std::pair<u64, u64> pages(std::string_view name, std::pair<u64, u64> otherwise) const;
    std::string sentence() const;            ///< "os kill: app0"
    /// The same sentence about one member of the crowd.
    Step about(u32 member) const;
};

struct Scenario {
    std::string name, help;
    std::string file;
    Node root;                               ///< as read, --set applied
    Config config;
    std::vector<std::string> requires_;      ///< capabilities without which it is not applicable
    std::vector<Step> steps;
    std::vector<Expectation> expectations;
    std::optional<sim::Time> until;          ///< a fixed end; absent: when everything has come to rest
    u64 seed = 1;

    /// All parameters with their values and provenance, and the scenario's own sentences: running it gives the same run.
    Node resolved() const;
};

/// Reads a file or a library scenario and applies --set values in order. Everything wrong with it is in `out`; the result is
/// then not to be run. Throws IoError if the file cannot be read, UnknownScenario if there is none of that name.
std::unique_ptr<Scenario> read_scenario(const std::string& file_or_name, const std::vector<std::string>& sets, Diagnostics& out);
/// The same of a text that is there already; `source` is what diagnostics name.
std::unique_ptr<Scenario> parse_scenario(const SourcePtr& source, const std::vector<std::string>& sets, Diagnostics& out);

/// The same of a tree that is there already, with values whose places are not those of the command line.
std::unique_ptr<Scenario> build_scenario(const std::string& file, const Node& root, const std::vector<Setting>& settings, Diagnostics& out);
/// The file of a library scenario, or what is a file's name already. Throws UnknownScenario.
std::string scenario_file(const std::string& file_or_name);

class UnknownScenario : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

/// The sentences under `steps`, in order. What is wrong with one of them, or with their order, is in `out`. Returns the names of
/// all processes, those of wrong sentences included.
std::vector<std::string> read_steps(const Node& list, Scenario& scenario, Diagnostics& out);

/// Processes and devices are named so in scenarios, in waveforms and in files.
inline constexpr std::string_view name_pattern = "^[A-Za-z][A-Za-z0-9_-]{0,31}$";
/// Why `text` cannot be the name of a process or device beside those of `others`; empty if it can.
std::string wrong_name(std::string_view text, const std::vector<std::string>& others);

} // namespace quiesce::platform
