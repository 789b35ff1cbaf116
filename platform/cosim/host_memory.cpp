// SPDX-License-Identifier: Apache-2.0
#include "platform/cosim/host_memory.h"

namespace quiesce::platform::cosim {
namespace {

qsc_by by_of(memory::Purpose purpose) {
    using enum memory::Purpose;
    switch (purpose) {
    case Cpu: return QSC_BY_HOST;
    case Dma: return QSC_BY_DEVICE;
    case TableWalk: return QSC_BY_TABLE_WALK;
    case Structure: return QSC_BY_STRUCTURE;
    case QueueRead: return QSC_BY_QUEUE_READ;
    case QueueWrite: return QSC_BY_QUEUE_WRITE;
    case Msi: break;
    }
    return QSC_BY_MESSAGE;
}

} // namespace

qsc_access HostMemory::access_of(memory::Purpose purpose) const {
    qsc_access a{sizeof a, static_cast<uint32_t>(by_of(purpose)), 0, 0, 0, 0};
    if (device_ == nullptr || purpose != memory::Purpose::Dma) return a;
    a.flags = device_->flags;
    a.requester = device_->requester;
    a.pasid = device_->pasid;
    return a;
}

bool HostMemory::read(Spa at, std::span<std::byte> into, memory::Purpose purpose) {
    const qsc_access access = access_of(purpose);
    calling_ = true;
    const int refused = host_.read(host_.context, at.value(), into.data(), static_cast<u32>(into.size()), &access);
    calling_ = false;
    return refused == 0;
}

bool HostMemory::write(Spa at, std::span<const std::byte> from, memory::Purpose purpose) {
    const qsc_access access = access_of(purpose);
    calling_ = true;
    const int refused = host_.write(host_.context, at.value(), from.data(), static_cast<u32>(from.size()), &access);
    calling_ = false;
    return refused == 0;
}

} // namespace quiesce::platform::cosim
