// SPDX-License-Identifier: Apache-2.0
#include "platform/wave_files.h"

#include "platform/files.h"

#include <cstdlib>
#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sstream>
#include <sys/wait.h>
#include <unistd.h>

extern char** environ;

namespace quiesce::platform {
namespace {
namespace fs = std::filesystem;

constexpr const char* converter = "vcd2fst";

/// What `observe.window.around` says: a teardown or a violation by its id in run.json, and how much before and after it.
struct Around {
    bool violation = false;
    std::size_t number = 0;
    sim::Duration before, after;
};

base::Parsed<Around> parse_around(std::string_view text, const WindowConfig& c) {
    const std::string wrong = fmt::format("expected t0, v3 or t0:5us,50us, got {}", printable(text));
    Around a{false, 0, c.before.get(), c.after.get()};
    const std::size_t colon = text.find(':');
    const std::string_view id = text.substr(0, colon);
    if (id.size() < 2 || (id[0] != 't' && id[0] != 'v')) return {std::nullopt, wrong};
    a.violation = id[0] == 'v';
    const auto number = base::parse_integer<std::size_t>(id.substr(1), 0, 1'000'000'000);
    if (!number) return {std::nullopt, wrong};
    a.number = *number.value;
    if (colon == std::string_view::npos) return {a, {}};
    const std::string_view rest = text.substr(colon + 1);
    const std::size_t comma = rest.find(',');
    if (comma == std::string_view::npos) return {std::nullopt, wrong};
    const auto before = base::parse_duration(rest.substr(0, comma)), after = base::parse_duration(rest.substr(comma + 1));
    if (!before || !after) return {std::nullopt, wrong + ": " + (before ? after.error : before.error)};
    a.before = *before.value;
    a.after = *after.value;
    return {a, {}};
}

bool around_something(const WindowConfig& c) { return c.around.get() != around_teardowns; }

std::optional<sim::Time> instant_of(const Around& a, const observe::RunRecord& r) {
    if (a.violation) return a.number < r.violations.size() ? std::optional(r.violations[a.number].first) : std::nullopt;
    return a.number < r.teardowns.size() ? std::optional(r.teardowns[a.number].t0) : std::nullopt;
}

void cut_around(observe::Waves& waves, const observe::RunRecord& r, const WindowConfig& c, const Mark& at, Diagnostics& notes) {
    const Around a = *parse_around(c.around.get(), c).value;
    const auto centre = instant_of(a, r);
    if (!centre) {
        notes.warning(at, fmt::format("observe.window.around: the run has no {}: waveforms of everything were left", c.around.get()));
        return;
    }
    waves.cut(sim::Time::at(sim::Duration::ps(std::max<i64>(0, centre->ps() - a.before.ps()))), *centre + a.after);
}

fs::path in_path(const std::string& program) {
    const char* const path = std::getenv("PATH");
    std::istringstream list(path == nullptr ? "/usr/bin:/bin" : path);
    for (std::string dir; std::getline(list, dir, ':');)
        if (const fs::path there = fs::path(dir) / program; ::access(there.c_str(), X_OK) == 0) return there;
    return {};
}

/// As all files: whole or not at all.
void convert_to_fst(const fs::path& vcd, const fs::path& fst) {
    const fs::path tool = in_path(converter), beside = fst.string() + ".part" + std::to_string(::getpid());
    std::string words[] = {tool.string(), vcd.string(), beside.string()};
    char* const arguments[] = {words[0].data(), words[1].data(), words[2].data(), nullptr};
    posix_spawn_file_actions_t silent;
    posix_spawn_file_actions_init(&silent);
    for (const int stream : {STDOUT_FILENO, STDERR_FILENO}) posix_spawn_file_actions_addopen(&silent, stream, "/dev/null", O_WRONLY, 0);
    pid_t child = 0;
    int status = -1;
    const bool started = ::posix_spawn(&child, words[0].c_str(), &silent, nullptr, arguments, environ) == 0;
    posix_spawn_file_actions_destroy(&silent);
    while (started && ::waitpid(child, &status, 0) < 0 && errno == EINTR) {}
    std::error_code failed;
    if (started && WIFEXITED(status) && WEXITSTATUS(status) == 0) {
        fs::rename(beside, fst, failed);
        if (!failed) return;
    }
    fs::remove(beside, failed);
    throw IoError(fmt::format("{}: {} could not make it of {}", fst.string(), converter, vcd.string()));
}
} // namespace

observe::WaveWindow wave_window(const ObserveConfig& c) {
    observe::WaveWindow w{c.events.get() == "all", c.window.before, c.window.after, {}};
    const sim::Time from = sim::Time::at(c.window.from.get()), until = sim::Time::at(c.window.until.get());
    if (from != sim::Time{} || until != sim::Time{}) w.stretch.emplace(from, until == sim::Time{} ? sim::Time::never() : until);
    return w;
}

void check_window(const Config& c, const Node& root, Diagnostics& out) {
    const WindowConfig& w = c.observe.window;
    const sim::Duration none{};
    if (w.until.get() != none && w.until.get() <= w.from.get())
        out.error(place_of(root, {"observe", "window", "until"}), "observe.window: until is not later than from");
    if (!around_something(w)) return;
    const Mark at = place_of(root, {"observe", "window", "around"});
    if (const auto a = parse_around(w.around.get(), w); !a) out.error(at, "observe.window.around: " + a.error);
    if (w.from.get() != none || w.until.get() != none) out.error(at, "observe.window: either around, or from and until");
}

void check_waves_can_be_written(const ObserveConfig& c) {
    if (c.fst && c.waves && in_path(converter).empty())
        throw IoError(fmt::format("waves.fst (observe.fst) is made by {}, which is not there: install the package gtkwave", converter));
}

void write_waves(const observe::RunRecord& r, observe::Waves* waves, const ObserveConfig& c, const std::string& heading,
                 const fs::path& dir, const Mark& window, Diagnostics& notes) {
    if (waves == nullptr || !c.fst) remove_file(dir / "waves.fst");
    if (waves == nullptr) {
        for (const char* name : {"waves.vcd", "waves.gtkw"}) remove_file(dir / name);
        return;
    }
    if (around_something(c.window)) cut_around(*waves, r, c.window, window, notes);
    else if (const auto stretch = wave_window(c).stretch) waves->cut(stretch->first, stretch->second);
    std::ostringstream vcd, view;
    waves->write_vcd(vcd, heading);
    write_file(dir / "waves.vcd", vcd.str());
    if (c.fst) convert_to_fst(dir / "waves.vcd", dir / "waves.fst");
    waves->write_gtkw(view, (fs::absolute(dir) / (c.fst ? "waves.fst" : "waves.vcd")).string(), r.teardowns, r.events_kept);
    write_file(dir / "waves.gtkw", view.str());
}

} // namespace quiesce::platform
