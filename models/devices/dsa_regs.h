// SPDX-License-Identifier: Apache-2.0
/// Registers of a data streaming accelerator, in its BAR 0. Names and places: Linux, drivers/dma/idxd/registers.h.
/// Shared by the model and its driver. MODEL: one group of all queues and all engines, so no GRPCFG; the message
/// interrupt has registers of its own in place of MSI-X; one portal for each queue, behind the registers in BAR 0
/// instead of four in BAR 2.
#pragma once
#include "base/address.h"
#include "base/registers.h"

namespace quiesce::devices::dsa {

using base::Access;
using base::layout;
using base::Register;

enum class DeviceState : u8 { Disabled = 0, Enabled = 1, Draining = 2, Halted = 3 };
/// What a halted device needs (enum idxd_device_reset_type).
enum class ResetType : u8 { Software = 0, FunctionLevel = 1, Warm = 2, Cold = 3 };

struct GENCAP : Register<GENCAP, 0x010, u64, Access::ReadOnly> {
    static constexpr F<bool> BLOCK_ON_FAULT{"BLOCK_ON_FAULT", 0, 0}, OVERLAP_COPY{"OVERLAP_COPY", 1, 1},
        CMD_CAP{"CMD_CAP", 4, 4};
    static constexpr F<> MAX_XFER_SHIFT{"MAX_XFER_SHIFT", 20, 16}, MAX_BATCH_SHIFT{"MAX_BATCH_SHIFT", 24, 21};
    static constexpr F<bool> CONFIG_EN{"CONFIG_EN", 31, 31};
    static constexpr auto fields =
        layout(BLOCK_ON_FAULT, OVERLAP_COPY, CMD_CAP, MAX_XFER_SHIFT, MAX_BATCH_SHIFT, CONFIG_EN);
};
struct WQCAP : Register<WQCAP, 0x020, u64, Access::ReadOnly> {
    static constexpr F<> TOTAL_SIZE{"TOTAL_SIZE", 15, 0}, QUEUES{"QUEUES", 23, 16}, WQCFG_SIZE{"WQCFG_SIZE", 27, 24};
    static constexpr F<bool> SHARED{"SHARED", 48, 48}, DEDICATED{"DEDICATED", 49, 49}, PRIORITY{"PRIORITY", 51, 51},
        OCCUPANCY{"OCCUPANCY", 52, 52};
    static constexpr auto fields = layout(TOTAL_SIZE, QUEUES, WQCFG_SIZE, SHARED, DEDICATED, PRIORITY, OCCUPANCY);
};
struct ENGCAP : Register<ENGCAP, 0x038, u64, Access::ReadOnly> {
    static constexpr F<> ENGINES{"ENGINES", 7, 0};
    static constexpr auto fields = layout(ENGINES);
};
/// One bit for each operation.
struct OPCAP : Register<OPCAP, 0x040, u64, Access::ReadOnly> {};
/// Where tables of registers begin, in units of 0x100 bytes.
struct OFFSETS : Register<OFFSETS, 0x060, u64, Access::ReadOnly> {
    static constexpr F<> WQCFG{"WQCFG", 31, 16};
    static constexpr auto fields = layout(WQCFG);
};
struct GENCTRL : Register<GENCTRL, 0x088, u32> {
    static constexpr F<bool> SOFTERR_INT_EN{"SOFTERR_INT_EN", 0, 0}, HALT_INT_EN{"HALT_INT_EN", 1, 1};
    static constexpr auto fields = layout(SOFTERR_INT_EN, HALT_INT_EN);
};
struct GENSTS : Register<GENSTS, 0x090, u32, Access::ReadOnly> {
    static constexpr F<DeviceState> STATE{"STATE", 1, 0};
    static constexpr F<ResetType> RESET_TYPE{"RESET_TYPE", 3, 2};
    static constexpr auto fields = layout(STATE, RESET_TYPE);
};
struct INTCAUSE : Register<INTCAUSE, 0x098, u32, Access::Write1Clear> {
    static constexpr F<bool> ERR{"ERR", 0, 0}, CMD{"CMD", 1, 1}, HALT{"HALT", 4, 4};
    static constexpr auto fields = layout(ERR, CMD, HALT);
};

/// enum idxd_cmd.
enum class Command : u8 {
    EnableDevice = 1,
    DisableDevice,
    DrainAll,
    AbortAll,
    ResetDevice,
    EnableQueue,
    DisableQueue,
    DrainQueue,
    AbortQueue,
    ResetQueue,
    DrainPasid,
    AbortPasid,
};
/// A write gives the device a command, if none is active. Operand: a queue for EnableQueue, a bit for each queue for
/// the others about queues, a PASID.
struct CMD : Register<CMD, 0x0a0, u32> {
    static constexpr F<> OPERAND{"OPERAND", 19, 0};
    static constexpr F<Command> COMMAND{"COMMAND", 24, 20};
    static constexpr F<bool> INT_REQ{"INT_REQ", 31, 31};
    static constexpr auto fields = layout(OPERAND, COMMAND, INT_REQ);
};
/// enum idxd_cmdsts_err.
enum class CommandError : u8 {
    None = 0x00,
    InvalidCommand = 0x01,
    InvalidQueue = 0x02,
    Hardware = 0x03,
    DeviceIsEnabled = 0x10,
    BusMasterOff = 0x12,
    TotalSize = 0x14,
    DeviceNotEnabled = 0x20,
    QueueIsEnabled = 0x21,
    QueueSize = 0x22,
    QueuePriority = 0x23,
    QueueMode = 0x24,
    QueueBlockOnFault = 0x25,
    QueuePasid = 0x26,
    QueueTransferSize = 0x28,
    NotEnabled = 0x31,
    QueueNotEnabled = 0x32,
};
struct CMDSTS : Register<CMDSTS, 0x0a8, u32, Access::ReadOnly> {
    static constexpr F<CommandError> ERR{"ERR", 7, 0};
    static constexpr F<bool> ACTIVE{"ACTIVE", 31, 31};
    static constexpr auto fields = layout(ERR, ACTIVE);
};
/// The first error since software cleared VALID. OVERFLOW: there were others.
struct SWERR0 : Register<SWERR0, 0x0c0, u64> {
    static constexpr F<bool> VALID{"VALID", 0, 0}, OVERFLOW{"OVERFLOW", 1, 1}, DESC_VALID{"DESC_VALID", 2, 2},
        WQ_IDX_VALID{"WQ_IDX_VALID", 3, 3}, RW{"RW", 5, 5}, PRIV{"PRIV", 6, 6};
    static constexpr F<> ERROR{"ERROR", 15, 8}, WQ_IDX{"WQ_IDX", 23, 16}, OPERATION{"OPERATION", 39, 32};
    static constexpr F<Pasid> PASID{"PASID", 59, 40};
    static constexpr auto fields =
        layout(VALID, OVERFLOW, DESC_VALID, WQ_IDX_VALID, RW, PRIV, ERROR, WQ_IDX, OPERATION, PASID);
    static constexpr auto write_1_clear_fields = layout(VALID, OVERFLOW);
    static constexpr auto read_only_fields =
        layout(DESC_VALID, WQ_IDX_VALID, RW, PRIV, ERROR, WQ_IDX, OPERATION, PASID);
};
struct SWERR1 : Register<SWERR1, 0x0c8, u64, Access::ReadOnly> {
    static constexpr F<> INVALID_FLAGS{"INVALID_FLAGS", 63, 32};
    static constexpr auto fields = layout(INVALID_FLAGS);
};
struct SWERR2 : Register<SWERR2, 0x0d0, u64, Access::ReadOnly> {
    static constexpr F<Iova> FAULT_ADDR{"FAULT_ADDR", 63, 0};
    static constexpr auto fields = layout(FAULT_ADDR);
};
struct MSI_ADDR : Register<MSI_ADDR, 0x300, u64> {
    static constexpr FA<> ADDR{"ADDR", 63, 2};
    static constexpr auto fields = layout(ADDR);
};
struct MSI_DATA : Register<MSI_DATA, 0x308, u32> {};

using Registers = base::RegisterMap<GENCAP, WQCAP, ENGCAP, OPCAP, OFFSETS, GENCTRL, GENSTS, INTCAUSE, CMD, CMDSTS,
                                    SWERR0, SWERR1, SWERR2, MSI_ADDR, MSI_DATA>;

inline constexpr u64 bar_bytes = 64 * 1024;
inline constexpr u32 settings_at = 0x500;        ///< QueueSetting (dsa_layout.h) of queue 0; the others follow
inline constexpr u32 portals_at = 32 * 1024;     ///< a page for each queue: any 64 bytes of it take a descriptor
inline constexpr unsigned max_queues = 8;

} // namespace quiesce::devices::dsa
