// SPDX-License-Identifier: Apache-2.0
#include "devices/accelerator.h"

namespace quiesce::devices {

using namespace accelerator;

Accelerator::Accelerator(base::Name name, base::EventBus& events, pcie::RootComplex& root_complex,
                         const pcie::LinkConfig& link, const AcceleratorConfig& config, DeviceId device, u64 seed)
    : SvaFunction(name, events, root_complex, link, config.function, base::Size{bar_bytes}, device,
                  config.atomics),
      queues_({name, events, port_, atc(), page_requests(), seed, [this] { send_interrupt(); }, {},
               config.atomics},
              config.work) {}

void Accelerator::send_interrupt() {
    const u64 to = queues_.registers().get(MSI_ADDR::ADDR);
    if (to != 0) send_message(to, queues_.registers().read<MSI_DATA>().value());
}

/// MODEL: what is on the link goes its way.
void Accelerator::forget() {
    SvaFunction::forget();
    queues_.reset();
}

} // namespace quiesce::devices
