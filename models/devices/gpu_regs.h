// SPDX-License-Identifier: Apache-2.0
/// Registers of the GPU, in its BAR. Shared by the model and its driver; what lies in memory is in gpu_layout.h.
///
/// A driver places the context table and the interrupt ring, fills a context's descriptor and writes MAP. From then on
/// the GPU runs the context in turn with all others that are mapped, until its work ends or the driver writes UNMAP.
#pragma once
#include "base/address.h"
#include "base/registers.h"

namespace quiesce::devices::gpu {

using base::Access;
using base::layout;
using base::Register;

/// CTX_STATUS.STATE. Idle: mapped, its work has ended. Waiting: in line for an engine. Saving: being preempted.
enum class State : u8 { Unmapped = 0, Idle = 1, Waiting = 2, Running = 3, Saving = 4 };
constexpr auto enum_names(State) {
    return base::name_table<State>({{State::Unmapped, "unmapped"},
                                    {State::Idle, "idle"},
                                    {State::Waiting, "waiting"},
                                    {State::Running, "running"},
                                    {State::Saving, "saving"}});
}
/// MAP: read the context's descriptor and run it. UNMAP: save what it has on an engine, and let go of it.
enum class Operation : u8 { None = 0, Map = 1, Unmap = 2 };

struct DEV_ID : Register<DEV_ID, 0x000, u32, Access::ReadOnly> {
    static constexpr F<> VENDOR{"VENDOR", 15, 0}, DEVICE{"DEVICE", 31, 16};
    static constexpr auto fields = layout(VENDOR, DEVICE);
    static constexpr u64 reset_value = 0x69b0'1d1e;
};
struct DEV_CAP : Register<DEV_CAP, 0x004, u32, Access::ReadOnly> {
    static constexpr F<> ENGINES{"ENGINES", 7, 0}, WAVES{"WAVES", 15, 8}, CONTEXTS{"CONTEXTS", 31, 16};
    static constexpr auto fields = layout(ENGINES, WAVES, CONTEXTS);
};
/// Bytes that one wave takes in a save area; the area has a page for its header besides.
struct WAVE_BYTES : Register<WAVE_BYTES, 0x008, u32, Access::ReadOnly> {};
/// Where and with what data the GPU raises its message interrupt: each time when it has written its write pointer.
struct MSI_ADDR : Register<MSI_ADDR, 0x010, u64> {
    static constexpr FA<> ADDR{"ADDR", 63, 2};
    static constexpr auto fields = layout(ADDR);
};
struct MSI_DATA : Register<MSI_DATA, 0x018, u32> {};
/// The context table: a descriptor for each context, from the first on. The GPU's own accesses (table, interrupt ring,
/// save areas of the kernel) carry no PASID.
struct CTX_BASE : Register<CTX_BASE, 0x020, u64> {
    static constexpr FA<Iova> ADDR{"ADDR", 63, 12};
    static constexpr auto fields = layout(ADDR);
};
/// The interrupt ring of 2^LOG2SIZE entries, one of them always empty.
struct IR_BASE : Register<IR_BASE, 0x028, u64> {
    static constexpr FA<Iova> ADDR{"ADDR", 63, 12};
    static constexpr auto fields = layout(ADDR);
};
/// Where the GPU writes its write pointer (gpu_layout.h, WritePointer) after each entry.
struct IR_WPTR_ADDR : Register<IR_WPTR_ADDR, 0x030, u64> {
    static constexpr FA<Iova> ADDR{"ADDR", 63, 3};
    static constexpr auto fields = layout(ADDR);
};
struct IR_CONTROL : Register<IR_CONTROL, 0x038, u32> {
    static constexpr F<> LOG2SIZE{"LOG2SIZE", 4, 0};
    static constexpr F<bool> ENABLE{"ENABLE", 31, 31};
    static constexpr auto fields = layout(LOG2SIZE, ENABLE);
};
/// The driver has read up to here.
struct IR_RPTR : Register<IR_RPTR, 0x03c, u32> {};
struct IR_WPTR : Register<IR_WPTR, 0x040, u32, Access::ReadOnly> {};
/// OVERFLOW: entries were dropped because the ring was full. MODEL: the newest are; others overwrite the oldest.
struct IR_STATUS : Register<IR_STATUS, 0x044, u32, Access::Write1Clear> {
    static constexpr F<bool> OVERFLOW{"OVERFLOW", 0, 0};
    static constexpr auto fields = layout(OVERFLOW);
};
struct COMMAND : Register<COMMAND, 0x050, u32, Access::WriteOnly> {
    static constexpr F<> CONTEXT{"CONTEXT", 15, 0};
    static constexpr F<Operation> OPERATION{"OPERATION", 19, 16};
    static constexpr auto fields = layout(CONTEXT, OPERATION);
};
/// Which context CTX_STATUS shows. A number that does not exist shows zero.
struct CTX_SELECT : Register<CTX_SELECT, 0x054, u32> {
    static constexpr F<> CONTEXT{"CONTEXT", 15, 0};
    static constexpr auto fields = layout(CONTEXT);
};
/// ENGINE: where it runs or ran last. SAVED: its save area holds its state.
struct CTX_STATUS : Register<CTX_STATUS, 0x058, u32, Access::ReadOnly> {
    static constexpr F<State> STATE{"STATE", 2, 0};
    static constexpr F<bool> SAVED{"SAVED", 8, 8};
    static constexpr F<> ENGINE{"ENGINE", 23, 16};
    static constexpr auto fields = layout(STATE, SAVED, ENGINE);
};
/// Resets the engines: every context is unmapped without being saved. Configuration space, the ATC and the interrupt
/// ring stay as they are.
struct RESET : Register<RESET, 0x060, u32, Access::WriteOnly> {
    static constexpr F<bool> ENGINES{"ENGINES", 0, 0};
    static constexpr auto fields = layout(ENGINES);
};
/// BUSY: a reset is under way. When it is over nothing that a context did before is.
struct RESET_STATUS : Register<RESET_STATUS, 0x064, u32, Access::ReadOnly> {
    static constexpr F<bool> BUSY{"BUSY", 0, 0};
    static constexpr auto fields = layout(BUSY);
};
/// Accesses that were tried again; faults that were told in the interrupt ring; entries that the ring had no room for.
struct RETRIES : Register<RETRIES, 0x070, u64, Access::ReadOnly> {};
struct FAULTS : Register<FAULTS, 0x078, u64, Access::ReadOnly> {};
struct IR_DROPPED : Register<IR_DROPPED, 0x080, u64, Access::ReadOnly> {};

using Registers = base::RegisterMap<DEV_ID, DEV_CAP, WAVE_BYTES, MSI_ADDR, MSI_DATA, CTX_BASE, IR_BASE, IR_WPTR_ADDR,
                                    IR_CONTROL, IR_RPTR, IR_WPTR, IR_STATUS, COMMAND, CTX_SELECT, CTX_STATUS, RESET,
                                    RESET_STATUS, RETRIES, FAULTS, IR_DROPPED>;
inline constexpr u64 bar_bytes = 64 * 1024;

} // namespace quiesce::devices::gpu
