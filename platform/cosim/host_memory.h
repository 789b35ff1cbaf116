// SPDX-License-Identifier: Apache-2.0
/// Physical memory that the host keeps, behind the timing of ours.
#pragma once
#include "memory/system_memory.h"
#include "platform/cosim/refusal.h"

namespace quiesce::platform::cosim {

class HostMemory final : public memory::ForeignBytes {
public:
    /// Both functions are there.
    explicit HostMemory(const qsc_host_memory& host) : host_(host) {}
    bool read(Spa at, std::span<std::byte> into, memory::Purpose purpose) override;
    bool write(Spa at, std::span<const std::byte> from, memory::Purpose purpose) override;

    /// One of the host's functions is running.
    bool calling() const { return calling_; }
    /// Whose DMA the next accesses are; null: nobody's.
    void set_device(const qsc_dma_request* device) { device_ = device; }

private:
    qsc_access access_of(memory::Purpose purpose) const;
    qsc_host_memory host_;
    const qsc_dma_request* device_ = nullptr;
    bool calling_ = false;
};

} // namespace quiesce::platform::cosim
