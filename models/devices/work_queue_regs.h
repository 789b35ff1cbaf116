// SPDX-License-Identifier: Apache-2.0
/// Registers of work queues, in the BAR of an accelerator. Shared by the models that have such queues and their drivers.
///
/// A driver writes QUEUE_SELECT, then the registers from Q_PASID on, which show the selected queue; a doorbell in Q_CTRL
/// starts the work that they describe. Q_* settings take effect at the next doorbell.
#pragma once
#include "base/address.h"
#include "base/registers.h"

namespace quiesce::devices::accelerator {

using base::Access;
using base::layout;
using base::Register;

enum class Direction : u8 { Read = 0, Write = 1, Mixed = 2, Atomic = 3 };
constexpr auto enum_names(Direction) {
    return base::name_table<Direction>({{Direction::Read, "read"}, {Direction::Write, "write"}, {Direction::Mixed, "mixed"},
                                        {Direction::Atomic, "atomic"}});
}
enum class Pattern : u8 { Sequential = 0, Random = 1, Strided = 2 };
constexpr auto enum_names(Pattern) {
    return base::name_table<Pattern>(
        {{Pattern::Sequential, "sequential"}, {Pattern::Random, "random"}, {Pattern::Strided, "strided"}});
}
/// Q_STATUS.STATE. Idle: no work, or the work ended by itself. Stopped: STOP or ABORT is complete, nothing of the queue is under way.
enum class State : u8 { Idle = 0, Running = 1, Stopping = 2, Stopped = 3 };
constexpr auto enum_names(State) {
    return base::name_table<State>({{State::Idle, "idle"}, {State::Running, "running"}, {State::Stopping, "stopping"},
                                    {State::Stopped, "stopped"}});
}

/// What the device is: identification, number of queues, tags; ATOMICS: it sends AtomicOps where software lets it.
struct DEV_ID : Register<DEV_ID, 0x000, u32, Access::ReadOnly> {
    static constexpr F<> VENDOR{"VENDOR", 15, 0}, DEVICE{"DEVICE", 31, 16};
    static constexpr auto fields = layout(VENDOR, DEVICE);
    static constexpr u64 reset_value = 0xacc0'1d1e;
};
struct DEV_CAP : Register<DEV_CAP, 0x004, u32, Access::ReadOnly> {
    static constexpr F<> QUEUES{"QUEUES", 7, 0}, TAGS{"TAGS", 26, 16};
    static constexpr F<bool> ATOMICS{"ATOMICS", 31, 31};
    static constexpr auto fields = layout(QUEUES, TAGS, ATOMICS);
};
/// FATAL: the device found an error of its own, sends nothing and obeys nothing until its function is reset.
struct DEV_ERROR : Register<DEV_ERROR, 0x008, u32, Access::ReadOnly> {
    static constexpr F<bool> FATAL{"FATAL", 0, 0};
    static constexpr auto fields = layout(FATAL);
};
/// Where and with what data the device raises its message interrupt.
struct MSI_ADDR : Register<MSI_ADDR, 0x010, u64> {
    static constexpr FA<> ADDR{"ADDR", 63, 2};
    static constexpr auto fields = layout(ADDR);
};
struct MSI_DATA : Register<MSI_DATA, 0x018, u32> {};
/// STOPPED: a queue reached Stopped. DONE: a queue's work ended by itself.
struct INT_ENABLE : Register<INT_ENABLE, 0x01c, u32> {
    static constexpr F<bool> STOPPED{"STOPPED", 0, 0}, DONE{"DONE", 1, 1};
    static constexpr auto fields = layout(STOPPED, DONE);
};
/// One bit per queue; write one to clear.
struct INT_STOPPED : Register<INT_STOPPED, 0x020, u64, Access::Write1Clear> {};
struct INT_DONE : Register<INT_DONE, 0x028, u64, Access::Write1Clear> {};
/// Which queue the registers below show. A number that does not exist selects nothing: they read zero and ignore writes.
struct QUEUE_SELECT : Register<QUEUE_SELECT, 0x030, u32> {
    static constexpr F<> QUEUE{"QUEUE", 7, 0};
    static constexpr auto fields = layout(QUEUE);
};

/// The PASID of every request of the queue; VALID clear: requests without PASID.
struct Q_PASID : Register<Q_PASID, 0x040, u32> {
    static constexpr F<Pasid> PASID{"PASID", 19, 0};
    static constexpr F<bool> PRIVILEGED{"PRIVILEGED", 30, 30}, VALID{"VALID", 31, 31};
    static constexpr auto fields = layout(PASID, PRIVILEGED, VALID);
};
/// Opaque to the device: every request carries it.
struct Q_WORK_TAG : Register<Q_WORK_TAG, 0x044, u32> {
    static constexpr F<BondId> TAG{"TAG", 31, 0};
    static constexpr auto fields = layout(TAG);
};
/// The addresses to work on: LENGTH bytes from BASE on.
struct Q_BASE : Register<Q_BASE, 0x048, u64> {
    static constexpr F<Iova> BASE{"BASE", 63, 0};
    static constexpr auto fields = layout(BASE);
};
struct Q_LENGTH : Register<Q_LENGTH, 0x050, u64> {};
/// DIRECTION Atomic: each request is a FetchAdd of one, on 4 bytes where Q_SIZE.MIN is below 8, else on 8, naturally aligned.
/// READS: per cent of requests that read, for Mixed. OUTSTANDING: requests of the queue under way at most, 0: as many as there are tags.
struct Q_MODE : Register<Q_MODE, 0x058, u32> {
    static constexpr F<Direction> DIRECTION{"DIRECTION", 1, 0};
    static constexpr F<Pattern> PATTERN{"PATTERN", 5, 4};
    static constexpr F<> READS{"READS", 14, 8}, OUTSTANDING{"OUTSTANDING", 31, 16};
    static constexpr auto fields = layout(DIRECTION, PATTERN, READS, OUTSTANDING);
};
/// Bytes of one request: uniform in [MIN, MAX]; MAX below MIN: always MIN.
struct Q_SIZE : Register<Q_SIZE, 0x05c, u32> {
    static constexpr F<> MIN{"MIN", 15, 0}, MAX{"MAX", 31, 16};
    static constexpr auto fields = layout(MIN, MAX);
};
/// Nanoseconds from one request to the next; 0: as fast as it goes.
struct Q_RATE : Register<Q_RATE, 0x060, u32> {};
/// Bytes from one request to the next, for Strided.
struct Q_STRIDE : Register<Q_STRIDE, 0x064, u32> {};
/// Requests until the work is done; 0: endless.
struct Q_COUNT : Register<Q_COUNT, 0x068, u64> {};
/// One command a write. DOORBELL: begin, from Idle or Stopped. STOP: end in good order. ABORT: end without the stop time.
struct Q_CTRL : Register<Q_CTRL, 0x070, u32, Access::WriteOnly> {
    static constexpr F<bool> DOORBELL{"DOORBELL", 0, 0}, STOP{"STOP", 1, 1}, ABORT{"ABORT", 2, 2};
    static constexpr auto fields = layout(DOORBELL, STOP, ABORT);
};
/// OUTSTANDING: requests of the queue under way, held at the largest value that fits.
struct Q_STATUS : Register<Q_STATUS, 0x074, u32, Access::ReadOnly> {
    static constexpr F<State> STATE{"STATE", 2, 0};
    static constexpr F<bool> ERROR{"ERROR", 8, 8};
    static constexpr F<> OUTSTANDING{"OUTSTANDING", 31, 16};
    static constexpr auto fields = layout(STATE, ERROR, OUTSTANDING);
};
/// Since the last doorbell: bytes read and bytes of writes that left, requests answered with an error, packets sent.
struct Q_COMPLETED : Register<Q_COMPLETED, 0x078, u64, Access::ReadOnly> {};
struct Q_ERRORS : Register<Q_ERRORS, 0x080, u64, Access::ReadOnly> {};
struct Q_ISSUED : Register<Q_ISSUED, 0x088, u64, Access::ReadOnly> {};

using Registers = base::RegisterMap<DEV_ID, DEV_CAP, DEV_ERROR, MSI_ADDR, MSI_DATA, INT_ENABLE, INT_STOPPED, INT_DONE,
                                    QUEUE_SELECT, Q_PASID, Q_WORK_TAG, Q_BASE, Q_LENGTH, Q_MODE, Q_SIZE, Q_RATE,
                                    Q_STRIDE, Q_COUNT, Q_CTRL, Q_STATUS, Q_COMPLETED, Q_ERRORS, Q_ISSUED>;
inline constexpr u64 bar_bytes = 64 * 1024;
inline constexpr unsigned max_queues = 64; ///< bits of INT_STOPPED

} // namespace quiesce::devices::accelerator
