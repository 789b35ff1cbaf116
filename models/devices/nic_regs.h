// SPDX-License-Identifier: Apache-2.0
/// Registers of the network interface, in its BAR. Shared by the model and its driver; descriptors are in nic_layout.h.
///
/// A driver writes QUEUE_SELECT, then the registers from Q_PASID on, which show the selected queue. ENABLE in Q_CTRL
/// takes the settings and starts both rings at slot 0; from then on the driver moves the tails and the device the
/// heads.
#pragma once
#include "base/address.h"
#include "base/registers.h"

namespace quiesce::devices::nic {

using base::Access;
using base::layout;
using base::Register;

/// Q_STATUS.STATE. Disabling: what was begun comes to its end. Disabled: nothing of the queue is under way.
enum class State : u8 { Disabled = 0, Enabled = 1, Disabling = 2 };
constexpr auto enum_names(State) {
    return base::name_table<State>(
        {{State::Disabled, "disabled"}, {State::Enabled, "enabled"}, {State::Disabling, "disabling"}});
}

struct DEV_ID : Register<DEV_ID, 0x000, u32, Access::ReadOnly> {
    static constexpr F<> VENDOR{"VENDOR", 15, 0}, DEVICE{"DEVICE", 31, 16};
    static constexpr auto fields = layout(VENDOR, DEVICE);
    static constexpr u64 reset_value = 0x01c0'1d1e;
};
struct DEV_CAP : Register<DEV_CAP, 0x004, u32, Access::ReadOnly> {
    static constexpr F<> QUEUES{"QUEUES", 7, 0};
    static constexpr auto fields = layout(QUEUES);
};
/// Where and with what data the device raises its message interrupt.
struct MSI_ADDR : Register<MSI_ADDR, 0x010, u64> {
    static constexpr FA<> ADDR{"ADDR", 63, 2};
    static constexpr auto fields = layout(ADDR);
};
struct MSI_DATA : Register<MSI_DATA, 0x018, u32> {};
/// One bit per queue; write one to clear. RX: packets were received. TX: packets were sent.
struct INT_RX : Register<INT_RX, 0x020, u64, Access::Write1Clear> {};
struct INT_TX : Register<INT_TX, 0x028, u64, Access::Write1Clear> {};
/// Which queue the registers below show. A number that does not exist selects nothing: they read zero and ignore
/// writes.
struct QUEUE_SELECT : Register<QUEUE_SELECT, 0x030, u32> {
    static constexpr F<> QUEUE{"QUEUE", 7, 0};
    static constexpr auto fields = layout(QUEUE);
};

/// The PASID of the queue's requests; VALID clear: requests without PASID.
struct Q_PASID : Register<Q_PASID, 0x040, u32> {
    static constexpr F<Pasid> PASID{"PASID", 19, 0};
    static constexpr F<bool> VALID{"VALID", 31, 31};
    static constexpr auto fields = layout(PASID, VALID);
};
/// Opaque to the device: every request carries it.
struct Q_WORK_TAG : Register<Q_WORK_TAG, 0x044, u32> {
    static constexpr F<BondId> TAG{"TAG", 31, 0};
    static constexpr auto fields = layout(TAG);
};
/// The first descriptor of a ring. Without ring (LOG2 0) the queue does not receive, or does not send.
struct Q_RX_BASE : Register<Q_RX_BASE, 0x048, u64> {
    static constexpr FA<Iova> BASE{"BASE", 63, 4};
    static constexpr auto fields = layout(BASE);
};
struct Q_TX_BASE : Register<Q_TX_BASE, 0x050, u64> {
    static constexpr FA<Iova> BASE{"BASE", 63, 4};
    static constexpr auto fields = layout(BASE);
};
/// Rings of 2^LOG2 descriptors, one of them always empty. KERNEL: the rings, not the buffers, are reached without
/// PASID.
struct Q_RINGS : Register<Q_RINGS, 0x058, u32> {
    static constexpr F<> RX_LOG2{"RX_LOG2", 4, 0}, TX_LOG2{"TX_LOG2", 12, 8};
    static constexpr F<bool> KERNEL{"KERNEL", 31, 31};
    static constexpr auto fields = layout(RX_LOG2, TX_LOG2, KERNEL);
};
/// Nanoseconds between two interrupts of the queue at least; 0: one for each packet.
struct Q_MODERATION : Register<Q_MODERATION, 0x05c, u32> {};
/// Nanoseconds from one packet sent to the next at least; 0: as fast as the wire takes them.
struct Q_TX_RATE : Register<Q_TX_RATE, 0x060, u32> {};
/// The next slot that software will fill, and the next that the device will take. A tail is a doorbell.
struct Q_RX_TAIL : Register<Q_RX_TAIL, 0x064, u32> {};
struct Q_RX_HEAD : Register<Q_RX_HEAD, 0x068, u32, Access::ReadOnly> {};
struct Q_TX_TAIL : Register<Q_TX_TAIL, 0x06c, u32> {};
struct Q_TX_HEAD : Register<Q_TX_HEAD, 0x070, u32, Access::ReadOnly> {};
/// One command a write.
struct Q_CTRL : Register<Q_CTRL, 0x074, u32, Access::WriteOnly> {
    static constexpr F<bool> ENABLE{"ENABLE", 0, 0}, DISABLE{"DISABLE", 1, 1};
    static constexpr auto fields = layout(ENABLE, DISABLE);
};
struct Q_STATUS : Register<Q_STATUS, 0x078, u32, Access::ReadOnly> {
    static constexpr F<State> STATE{"STATE", 1, 0};
    static constexpr auto fields = layout(STATE);
};
/// Since ENABLE, in packets: delivered, dropped (no buffer, or discarded by DISABLE), sent, failed (either way).
struct Q_RECEIVED : Register<Q_RECEIVED, 0x080, u64, Access::ReadOnly> {};
struct Q_DROPPED : Register<Q_DROPPED, 0x088, u64, Access::ReadOnly> {};
struct Q_SENT : Register<Q_SENT, 0x090, u64, Access::ReadOnly> {};
struct Q_FAILED : Register<Q_FAILED, 0x098, u64, Access::ReadOnly> {};
/// Packets that no queue took: none was enabled, or the device's buffer was full.
struct MISSED : Register<MISSED, 0x0a0, u64, Access::ReadOnly> {};

using Registers =
    base::RegisterMap<DEV_ID, DEV_CAP, MSI_ADDR, MSI_DATA, INT_RX, INT_TX, QUEUE_SELECT, Q_PASID, Q_WORK_TAG, Q_RX_BASE,
                      Q_TX_BASE, Q_RINGS, Q_MODERATION, Q_TX_RATE, Q_RX_TAIL, Q_RX_HEAD, Q_TX_TAIL, Q_TX_HEAD, Q_CTRL,
                      Q_STATUS, Q_RECEIVED, Q_DROPPED, Q_SENT, Q_FAILED, MISSED>;
inline constexpr u64 bar_bytes = 64 * 1024;
inline constexpr unsigned max_queues = 64; ///< bits of INT_RX

} // namespace quiesce::devices::nic
