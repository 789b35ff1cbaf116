// SPDX-License-Identifier: Apache-2.0
/// A device's driver without a device, which notes that it is stopped.
#pragma once
#include "os/drivers/device_driver.h"

#include <string>
#include <vector>

namespace quiesce::os::test {

struct NotingDevice final : drivers::DeviceDriver {
    explicit NotingDevice(std::vector<std::string>& l) : log(l) {}
    std::vector<std::string>& log;
    base::Name name() const override { return "dev"; }
    DeviceId device() const override { return DeviceId{0}; }
    StreamId stream() const override { return StreamId{8}; }
    sim::Task<void> probe(KernelContext&) override { co_return; }
    sim::Task<bool> submit(KernelContext&, Bond&, const drivers::Work&) override { co_return true; }
    sim::Task<bool> stop(KernelContext&, Bond&) override {
        log.push_back("stop");
        co_return true;
    }
};

} // namespace quiesce::os::test
