// SPDX-License-Identifier: Apache-2.0
/// Saying a sentence: what it acts on, and what happens if it cannot be.
#pragma once
#include "platform/scenario/scenario.h"
#include "platform/scenario/situation.h"

#include <functional>
#include <stdexcept>

namespace quiesce::platform {

class System;

/// What only the run could find to be wrong with its input: a sentence that could not be when its time came, by no race of the
/// scenario; a platform that the drivers do not take. Exit code 3.
class InputError : public std::runtime_error {
public:
    InputError(Mark at, const std::string& why) : std::runtime_error(why), at_(std::move(at)) {}
    const Mark& at() const { return at_; }

private:
    Mark at_;
};

struct Stage {
    System& system;
    const Situation& now;
    /// Something that the user should know and that the run survives: a sentence lost a race and did nothing.
    std::function<void(const Step& step, const std::string& what)> note;
};

/// Says one sentence. Ends when what it does is over. Throws InputError.
sim::Task<void> say(Stage& stage, const Step& step);

} // namespace quiesce::platform
