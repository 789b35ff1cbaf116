// SPDX-License-Identifier: Apache-2.0
/// What the kernel asks of a device that is a PCI function.
#pragma once
#include "os/kthread.h"

namespace quiesce::os::drivers {

/// In this order: the bus, then the IOMMU core. Nothing is enabled that the function does not have.
class PciFunction {
public:
    virtual ~PciFunction() = default;
    /// Identity, capabilities, place and size of BAR 0. False if nobody answers.
    virtual sim::Task<bool> discover(KernelContext& ctx) = 0;
    /// Somebody still answers with this function's identity.
    virtual sim::Task<bool> present(KernelContext& ctx) = 0;
    /// With every feature that the function has. The width of its PASIDs; 0: it has none. Not while ATS is enabled.
    virtual sim::Task<unsigned> enable_pasid(KernelContext& ctx) = 0;
    virtual bool has_ats() const = 0;
    /// Smallest translation unit 4 KiB. Only a function that has it.
    virtual sim::Task<void> enable_ats(KernelContext& ctx) = 0;
    virtual bool has_pri() const = 0;
    /// It wants a PASID in responses to its page requests. Only a function that has them.
    virtual sim::Task<bool> response_pasid_required(KernelContext& ctx) = 0;
    /// Access Control Services of a switch's port, as far as it has them: that requests to peers are validated and go up to
    /// the IOMMU instead.
    virtual sim::Task<void> enable_acs(KernelContext& ctx) = 0;
    /// Resets the page request interface and allows `requests` outstanding ones, fewer if it has fewer. Last of all:
    /// after ATS. False if the interface is not at rest.
    virtual sim::Task<bool> enable_pri(KernelContext& ctx, unsigned requests) = 0;
};

} // namespace quiesce::os::drivers
