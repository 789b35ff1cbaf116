// SPDX-License-Identifier: Apache-2.0
/// `replay`: reads vectors line by line, runs and judges each, and keeps nothing of it but counts.
#include "platform/files.h"
#include "platform/replay/line_reader.h"
#include "platform/replay/replay.h"
#include "platform/verbs.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

namespace quiesce::platform {
namespace {

volatile std::sig_atomic_t replay_interrupted = 0;

struct Tally {
    u64 vectors = 0, agree = 0, strict = 0, soft = 0, deviant = 0, followed = 0, skipped = 0, unjudged = 0;
    u64 bad_lines = 0, failures = 0;

    std::string text() const {
        std::string t = fmt::format("{} vectors: {} agree, {} strict differ", vectors, agree, strict);
        const std::pair<u64, const char*> more[] = {{soft, "soft differ"},        {deviant, "differ as known"},
                                                    {followed, "deviant agree"},  {skipped, "skipped"},
                                                    {unjudged, "expect nothing"}, {failures, "failed in the model"}};
        for (const auto& [n, what] : more)
            if (n != 0) t += fmt::format(", {} {}", n, what);
        return bad_lines == 0 ? t : fmt::format("{}; {} bad lines", t, bad_lines);
    }
    Exit exit() const {
        if (replay_interrupted != 0) return Exit::Interrupted;
        if (failures != 0) return Exit::Internal;
        if (bad_lines != 0) return Exit::BadInput;
        return strict != 0 ? Exit::Failed : Exit::Ok;
    }
};

class Replay {
public:
    Replay(std::string file, bool json) : file_(std::move(file)), json_(json) {}

    void line(std::size_t number, std::string_view text) {
        try {
            const Vector v = parse_vector(text);
            ++tally.vectors;
            vector(v, number);
        } catch (const VectorError& e) { bad_line(number, e.column(), e.what()); }
    }
    void bad_line(std::size_t number, std::size_t column, std::string_view what) {
        ++tally.bad_lines;
        tell("error", number, column, printable(what));
    }
    Tally tally;

private:
    /// A column of 0: of the line as a whole.
    void tell(std::string_view severity, std::size_t number, std::size_t column, const std::string& what) const {
        if (manner().json) {
            nlohmann::ordered_json said{{"severity", severity}, {"file", file_}, {"line", number}};
            if (column != 0) said["col"] = column;
            said["message"] = what;
            fmt::print(stderr, "{}\n", said.dump());
            return;
        }
        fmt::print(stderr, "{}:{}:{} {}: {}\n", file_, number, column == 0 ? "" : fmt::format("{}:", column), severity, what);
    }
    void vector(const Vector& v, std::size_t number) {
        if (!v.skip.empty()) {
            ++tally.skipped;
            if (json_)
                fmt::print("{}\n", skip_json(v));
            else
                fmt::print("{}: skipped: {}\n", printable(v.id), v.skip);
            return;
        }
        try {
            const Outcome o = run_vector(calendar_, v);
            if (json_)
                fmt::print("{}\n", outcome_json(v, o));
            else if (v.expect || v.final) {
                warn_unjudged(v, number);
                say(v, judge(v, o));
            } else
                ++tally.unjudged;
        } catch (const std::system_error&) { // of a write to stdout
            throw;
        } catch (const std::exception& e) { // no vector may do this to a model
            ++tally.failures;
            tell("internal error", number, 0, fmt::format("{}: the model failed: {}", printable(v.id), e.what()));
        }
    }
    /// A step of which nothing is expected although other things are: most likely a mistake of the vector's.
    void warn_unjudged(const Vector& v, std::size_t number) const {
        for (std::size_t n = 0; n < v.steps.size(); ++n) {
            const auto its = [n](const StepOutcome& e) { return e.step == n; };
            const bool expected = v.expect && std::any_of(v.expect->begin(), v.expect->end(), its);
            if (is_answered(v.steps[n]) && !expected)
                tell("warning", number, 0,
                     fmt::format("{}: 'expect' has no entry for step {}, which is not judged", printable(v.id), n));
        }
    }
    void say(const Vector& v, const Judgement& j) {
        const std::string id = printable(v.id);
        const std::string why = v.why.empty() ? "" : ": " + printable(v.why);
        if (j.follows_deviation) fmt::print("{}: follows a known deviation (deviant{})\n", id, why);
        for (const Difference& d : j.differences) {
            if (d.level == Level::Deviant) continue;
            const std::string soft = d.level == Level::Soft ? fmt::format(" (soft{})", why) : "";
            fmt::print("{}: {}: {}: expected {}, came {}{}\n", id, d.where, d.field, d.expected, d.came, soft);
        }
        if (j.differs(Level::Strict))
            ++tally.strict;
        else if (j.differs(Level::Soft))
            ++tally.soft;
        else if (j.differs(Level::Deviant))
            ++tally.deviant;
        else if (j.follows_deviation)
            ++tally.followed;
        else
            ++tally.agree;
    }

    std::string file_;
    bool json_;
    sim::Calendar calendar_{"calendar"};
};

/// Null, after saying so, if there is no such file. Throws IoError.
std::FILE* open_vectors(const std::string& name) {
    if (name == "-") return stdin;
    std::FILE* f = std::fopen(name.c_str(), "rb");
    if (f != nullptr) return f;
    if (errno != ENOENT) throw IoError(fmt::format("cannot read '{}': {}", name, std::strerror(errno)));
    complain(fmt::format("there is no file '{}'", printable(name)));
    return nullptr;
}

} // namespace

Exit replay_verb(const CommandLine& line) {
    std::FILE* const in = open_vectors(line.vectors);
    if (in == nullptr) return Exit::BadInput;
    struct sigaction on_interrupt {};
    on_interrupt.sa_handler = [](int) { replay_interrupted = 1; }; // without SA_RESTART: a read of stdin ends too
    ::sigaction(SIGINT, &on_interrupt, nullptr);
    const std::string name = line.vectors == "-" ? "stdin" : line.vectors;
    Replay replay(printable(name), line.json);
    LineReader lines(in);
    while (replay_interrupted == 0 && lines.next()) {
        const bool blank = lines.text().find_first_not_of(" \t\r") == std::string_view::npos;
        if (lines.too_long())
            replay.bad_line(lines.number(), 0, fmt::format("a line of more than {} MiB", LineReader::longest >> 20));
        else if (!blank)
            replay.line(lines.number(), lines.text());
    }
    if (in != stdin) std::fclose(in);
    if (line.json) mention(replay.tally.text());
    else fmt::print("{}\n", replay.tally.text());
    return replay.tally.exit();
}

} // namespace quiesce::platform
