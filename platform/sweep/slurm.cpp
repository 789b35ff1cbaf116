// SPDX-License-Identifier: Apache-2.0
#include "platform/sweep/slurm.h"

#include "platform/files.h"

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstdio>
#include <fmt/format.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

namespace quiesce::platform {
namespace {
namespace fs = std::filesystem;

/// MaxArraySize is 1001 where nobody has said otherwise, and a task costs its start: reading the sweep.
constexpr std::size_t most_tasks = 256;
std::atomic<bool> slurm_interrupted{false};

std::string shell_word(const std::string& text) {
    std::string quoted = "'";
    for (const char c : text) quoted += c == '\'' ? std::string{"'\\''"} : std::string{c};
    return quoted + "'";
}

struct Said {
    int exit = -1;
    std::string text; ///< stdout and stderr
};
Said ask(const std::string& command) {
    Said said;
    std::fflush(nullptr);
    std::FILE* const pipe = ::popen((command + " 2>&1").c_str(), "r");
    if (pipe == nullptr) throw IoError("cannot start a shell for " + command);
    char part[4096];
    for (std::size_t n = 0; (n = std::fread(part, 1, sizeof part, pipe)) > 0;) said.text.append(part, n);
    const int status = ::pclose(pipe);
    said.exit = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    while (!said.text.empty() && said.text.back() == '\n') said.text.pop_back();
    return said;
}

fs::path log_of(const fs::path& dir, const std::string& job, std::size_t task) {
    return dir / "slurm" / fmt::format("{}_{}.out", job, task);
}

/// Slurm forgets a job some minutes after its end, and says then that its id is invalid.
bool is_over(const std::string& job, unsigned& failures) {
    const Said said = ask("squeue --noheader --jobs=" + job + " --format=%T");
    if (said.exit == 0) {
        failures = 0;
        return said.text.empty();
    }
    if (said.text.find("Invalid job id") != std::string::npos) return true;
    constexpr unsigned patience = 30; // a controller that is started again, or busy
    if (++failures > patience) throw IoError("squeue: " + said.text);
    return false;
}
} // namespace

std::string slurm_script(const CommandLine& line, const SweepEngine& engine, const fs::path& dir, std::size_t tasks) {
    const fs::path whole = fs::absolute(dir).lexically_normal();
    std::string script = fmt::format("#!/bin/sh\n"
                                     "#SBATCH --job-name=\"quiesce-{}\"\n"
                                     "#SBATCH --array=1-{}{}\n"
                                     "#SBATCH --ntasks=1 --cpus-per-task=1\n"
                                     "#SBATCH --output=\"{}/slurm/%A_%a.out\"\n",
                                     engine.sweep().name, tasks, line.jobs != 0 ? fmt::format("%{}", line.jobs) : "", whole.string());
    std::string sets;
    for (const std::string& s : line.sets) sets += " --set " + shell_word(s);
    const bool is_file = fs::exists(line.sweep);
    return script + fmt::format("exec {} sweep {} --out {}{} --jobs 1 --part \"$SLURM_ARRAY_TASK_ID/{}\"\n",
                                shell_word(fs::read_symlink("/proc/self/exe").string()),
                                shell_word(is_file ? fs::absolute(line.sweep).string() : line.sweep), shell_word(whole.string()), sets, tasks);
}

std::optional<std::string> submit_to_slurm(const CommandLine& line, const SweepEngine& engine, const fs::path& dir) {
    const std::size_t missing = engine.count(SweepRun::State::Missing);
    if (missing == 0) return std::nullopt;
    prepare_directory(dir / "slurm");
    prepare_directory(dir / "points");
    const std::size_t tasks = std::min(engine.sweep().runs(), most_tasks);
    const fs::path script = dir / "slurm" / "job.sh";
    write_file(script, slurm_script(line, engine, dir, tasks));
    std::string command = "sbatch --parsable";
    for (const std::string& argument : line.sbatch) command += " " + shell_word(argument);
    const Said said = ask(command + " " + shell_word(script.string()));
    if (said.exit == 127) throw IoError("cannot submit: sbatch is not there (Debian: slurm-client; or --engine local)");
    if (said.exit != 0) throw IoError("cannot submit: sbatch: " + said.text);
    // "12" or, of several clusters, "12;cluster"; warnings may stand before it
    const std::string last = said.text.substr(said.text.rfind('\n') + 1);
    const std::string job = last.substr(0, last.find(';'));
    if (job.empty() || job.find_first_not_of("0123456789") != std::string::npos) throw IoError("cannot submit: sbatch said " + said.text);
    fmt::print(stderr, "submitted as job {}: {} runs in {} tasks, what they say is in {}\n", job, missing, tasks, (dir / "slurm").string());
    return job;
}

bool wait_for_slurm(const std::string& job, SweepEngine& engine, const fs::path& dir) {
    std::signal(SIGINT, [](int) { slurm_interrupted = true; });
    const bool terminal = ::isatty(fileno(stderr)) == 1;
    const std::size_t before = engine.sweep().runs() - engine.count(SweepRun::State::Missing);
    unsigned failures = 0;
    for (auto pause = std::chrono::milliseconds(200); !slurm_interrupted && !is_over(job, failures);
         pause = std::min(pause * 2, std::chrono::milliseconds(5000))) {
        for (auto slept = std::chrono::milliseconds(0); slept < pause && !slurm_interrupted; slept += std::chrono::milliseconds(100))
            std::this_thread::sleep_for(std::chrono::milliseconds(100));
        if (terminal) {
            fmt::print(stderr, "\rjob {}: {} of {} runs, {} of them from before   ", job, engine.files_there(), engine.sweep().runs(), before);
            std::fflush(stderr);
        }
    }
    if (terminal) fmt::print(stderr, "\r{:78}\r", "");
    if (slurm_interrupted) std::ignore = ask("scancel " + job);
    const std::size_t tasks = std::min(engine.sweep().runs(), most_tasks);
    engine.take_tried([&](std::size_t run) {
        if (slurm_interrupted) return std::string{};
        return fmt::format("its task left nothing: see {}", log_of(dir, job, run % tasks + 1).string());
    });
    return !slurm_interrupted;
}

} // namespace quiesce::platform
