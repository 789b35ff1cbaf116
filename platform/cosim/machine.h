// SPDX-License-Identifier: Apache-2.0
/// A platform of the C interface: an IOMMU, memory, the way to its registers, and devices that the host plays.
#pragma once
#include "memory/mmio_bus.h"
#include "memory/system_memory.h"
#include "platform/cosim/host_memory.h"
#include "platform/cosim/kernel.h"
#include "platform/cosim/operations.h"
#include "platform/cosim/requesters.h"
#include "platform/cosim/setup.h"

#include <deque>
#include <optional>

namespace quiesce::platform::cosim {

/// Every function may throw a Refusal; then nothing has happened.
class Machine {
public:
    Machine(const Setup& setup, std::unique_ptr<Kernel> kernel);
    Machine(const Machine&) = delete;

    Kernel& kernel() { return *kernel_; }
    Requesters& requesters() { return requesters_; } ///< for what arrived there
    Operations& operations() { return operations_; }
    std::deque<qsc_interrupt>& interrupts() { return interrupts_.arrived; }
    bool in_callback() const { return host_ && host_->calling(); }

    u64 now_ps() const { return static_cast<u64>(kernel_->now().ps()); }
    /// A call that may last so long can be made now, and from here.
    void require_wait(u64 limit_ps) const;
    void advance(u64 ps);
    /// False: nothing was left to happen.
    bool relax(u64 most_ps);
    /// True: it is over. Limits are in picoseconds.
    bool wait(u64 operation, u64 limit_ps);
    /// Those of `wanted` that are there; 0 if none came.
    u32 wait_news(u32 wanted, u64 limit_ps);

    void set_features(u32 requester, u32 features);
    void complete_stray(u32 requester);
    void move_memory(u64 address, std::byte* data, u64 bytes, bool write);
    Operation& access_register(u64 address, u32 bytes, bool write, u64 value);
    Operation& start(const qsc_dma_request& r);
    Operation& start(const qsc_translation_request& r);
    Operation& start(const qsc_page_request_message& m);

private:
    struct Interrupts final : memory::InterruptSink {
        explicit Interrupts(Kernel& k) : kernel(k) {}
        void message(Spa at, u32 data) override;
        void wire(unsigned line) override;
        Kernel& kernel;
        unsigned first_line = 0;
        std::deque<qsc_interrupt> arrived;
    };
    void require_stream(u32 requester) const;
    sim::Time after(u64 ps) const;
    u32 news(u32 wanted);
    void begin(Operation& op, sim::Task<void> work);
    sim::Task<void> carry_out(Operation& op, sim::Task<void> work);
    sim::Task<void> register_access(Operation& op);

    std::unique_ptr<Kernel> kernel_;
    base::EventBus events_;
    std::optional<HostMemory> host_;
    memory::SystemMemory memory_;
    memory::MmioBus mmio_;
    Interrupts interrupts_;
    std::unique_ptr<IommuUnit> unit_;
    Spa registers_;
    u64 register_bytes_;
    Requesters requesters_;
    Operations operations_;
    /// Ends all tasks before what they refer to goes away.
    struct ShutDown {
        sim::Calendar& calendar;
        ~ShutDown() { calendar.shutdown(); }
    } shut_down_{kernel_->calendar()};
};

} // namespace quiesce::platform::cosim
