// SPDX-License-Identifier: Apache-2.0
#include "platform/children.h"

#include "platform/files.h"
#include "platform/verbs.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

namespace quiesce::platform {
namespace {
[[noreturn]] void be_child(const std::function<Exit()>& body) {
    std::signal(SIGINT, SIG_DFL); // whatever the parent does about it
    Exit code = Exit::Internal;
    try {
        code = body();
    } catch (...) {
        code = report_current_exception();
    }
    std::fflush(nullptr);
    std::_Exit(static_cast<int>(code));
}

Exit exit_of(int status) {
    if (WIFEXITED(status)) return static_cast<Exit>(WEXITSTATUS(status));
    return WTERMSIG(status) == SIGINT ? Exit::Interrupted : Exit::Internal;
}
} // namespace

Children::Children(unsigned jobs) : jobs_(jobs != 0 ? jobs : std::max(1u, std::thread::hardware_concurrency())) {}

Children::~Children() {
    for (const auto& child : running_) ::waitpid(child.first, nullptr, 0);
}

void Children::start(const std::function<Exit()>& body, std::function<void(Exit)> over) {
    while (running_.size() >= jobs_) wait_for_one();
    if (interrupted_ != nullptr && *interrupted_) return;
    std::fflush(nullptr);
    const pid_t child = ::fork();
    if (child < 0) throw IoError(std::string{"cannot start a process: "} + std::strerror(errno));
    if (child == 0) be_child(body);
    running_[child] = std::move(over);
}

void Children::finish() {
    while (!running_.empty()) wait_for_one();
}

void Children::wait_for_one() {
    if (interrupted_ != nullptr && *interrupted_ && !std::exchange(told_, true))
        for (const auto& child : running_) ::kill(child.first, SIGINT);
    int status = 0;
    const pid_t ended = ::waitpid(-1, &status, 0);
    if (ended < 0 && errno == EINTR) return;
    if (ended < 0) throw IoError(std::string{"cannot wait for a process: "} + std::strerror(errno));
    const auto found = running_.find(ended);
    if (found == running_.end()) return;
    const auto over = std::move(found->second);
    running_.erase(found);
    over(exit_of(status));
}

void on_interrupt(void (*handler)(int)) {
    struct sigaction action {};
    action.sa_handler = handler;
    ::sigaction(SIGINT, &action, nullptr);
}

} // namespace quiesce::platform
