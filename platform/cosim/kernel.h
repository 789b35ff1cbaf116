// SPDX-License-Identifier: Apache-2.0
/// Who lets time go on: the library with a SystemC kernel of its own, or the host's SystemC platform.
#pragma once
#include "platform/cosim/refusal.h"
#include "sim/calendar.h"

#include <memory>

namespace quiesce::platform::cosim {

class Kernel {
public:
    virtual ~Kernel() = default;
    /// Between enter() and leave() SystemC's functions mean this kernel. enter() throws a Refusal if that cannot be.
    virtual void enter() = 0;
    virtual void leave() = 0;
    /// Throws a Refusal where time cannot go on.
    virtual void require_waiting() const {}
    /// Throws a Refusal where models cannot go away.
    virtual void require_ending() const {}
    virtual void advance(sim::Duration by) = 0;
    /// Lets time go on to `deadline`, or until ring().
    virtual void wait_until(sim::Time deadline) = 0;
    /// Something happened that somebody may wait for. From coroutines and from outside.
    virtual void ring() = 0;

    sim::Calendar& calendar() { return *calendar_; }
    sim::Time now() const { return calendar_->now(); }

protected:
    std::unique_ptr<sim::Calendar> calendar_;
};

/// Both throw a Refusal if there cannot be one now.
std::unique_ptr<Kernel> make_own_kernel();
std::unique_ptr<Kernel> make_hosted_kernel();

/// Inside of a kernel, for the time of one call.
class Inside {
public:
    explicit Inside(Kernel& k) : kernel_(k) { kernel_.enter(); }
    ~Inside() { kernel_.leave(); }
    Inside(const Inside&) = delete;

private:
    Kernel& kernel_;
};

} // namespace quiesce::platform::cosim
