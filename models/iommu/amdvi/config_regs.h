// SPDX-License-Identifier: Apache-2.0
/// What an AMD-Vi unit has in PCI configuration space (AMD 48882; facts/iommu-specs.md 3): its capability block, whose
/// place firmware says, and its message signalled interrupts. Offsets count from the beginning of the function's
/// configuration space, as AMD's processors have them (capability at 40h, messages at 64h); the message registers can be
/// reached at 150h to 168h of the registers in memory, too (EFR.MsiCapMmioSup).
#pragma once
#include "base/registers.h"

// clang-format off
namespace quiesce::iommu::amdvi {

inline constexpr u32 capability_at = 0x40;

template <class Self, u32 Offset, base::Access Mode = base::Access::ReadWrite>
using ConfigReg = base::Register<Self, Offset, u32, Mode>;

struct CapHeader : ConfigReg<CapHeader, 0x40, base::Access::ReadOnly> {
    static constexpr std::string_view name = "CapHeader";
    static constexpr F<>     CapId   {"CapId",    7,  0}; ///< 0Fh: secure device
    static constexpr F<>     CapPtr  {"CapPtr",  15,  8};
    static constexpr F<>     CapType {"CapType", 18, 16}; ///< 3: IOMMU
    static constexpr F<>     CapRev  {"CapRev",  23, 19};
    static constexpr F<bool> IotlbSup{"IotlbSup",24, 24};
    static constexpr F<bool> HtTunnel{"HtTunnel",25, 25};
    static constexpr F<bool> NpCache {"NpCache", 26, 26};
    static constexpr F<bool> EFRSup  {"EFRSup",  27, 27};
    static constexpr F<bool> CapExt  {"CapExt",  28, 28};
    static constexpr auto fields = base::layout(CapId, CapPtr, CapType, CapRev, IotlbSup, HtTunnel, NpCache, EFRSup, CapExt);
};
struct BaseLow : ConfigReg<BaseLow, 0x44> {
    static constexpr std::string_view name = "BaseLow";
    static constexpr F<bool> Enable {"Enable",  0,  0}; ///< once set, it and the base stay as they are
    static constexpr F<>     Address{"Base",   31, 14};
    static constexpr auto fields = base::layout(Enable, Address);
};
struct BaseHigh : ConfigReg<BaseHigh, 0x48> { static constexpr std::string_view name = "BaseHigh"; };
struct Range : ConfigReg<Range, 0x4C, base::Access::ReadOnly> {
    static constexpr std::string_view name = "Range";
    static constexpr F<>     UnitID     {"UnitID",       4,  0};
    static constexpr F<bool> RngValid   {"RngValid",     7,  7};
    static constexpr F<>     BusNumber  {"BusNumber",   15,  8};
    static constexpr F<>     FirstDevice{"FirstDevice", 23, 16};
    static constexpr F<>     LastDevice {"LastDevice",  31, 24};
    static constexpr auto fields = base::layout(UnitID, RngValid, BusNumber, FirstDevice, LastDevice);
};
struct MiscInfo0 : ConfigReg<MiscInfo0, 0x50, base::Access::ReadOnly> {
    static constexpr std::string_view name = "MiscInfo0";
    static constexpr F<>     MsiNum   {"MsiNum",      4,  0}; ///< of events and completions
    static constexpr F<>     GVAsize  {"GVAsize",     7,  5}; ///< 2: 48 bits
    static constexpr F<>     PAsize   {"PAsize",     14,  8};
    static constexpr F<>     VAsize   {"VAsize",     21, 15};
    static constexpr F<bool> HtAtsResv{"HtAtsResv",  22, 22};
    static constexpr F<>     MsiNumPPR{"MsiNumPPR",  31, 27};
    static constexpr auto fields = base::layout(MsiNum, GVAsize, PAsize, VAsize, HtAtsResv, MsiNumPPR);
};
struct MiscInfo1 : ConfigReg<MiscInfo1, 0x54, base::Access::ReadOnly> {
    static constexpr std::string_view name = "MiscInfo1";
    static constexpr F<> MsiNumGA{"MsiNumGA", 4, 0};
    static constexpr auto fields = base::layout(MsiNumGA);
};
struct MsiHeader : ConfigReg<MsiHeader, 0x64> {
    static constexpr std::string_view name = "MsiHeader";
    static constexpr F<>     CapId      {"MsiCapId",        7,  0}; ///< 05h
    static constexpr F<>     CapPtr     {"MsiCapPtr",      15,  8};
    static constexpr F<bool> En         {"MsiEn",          16, 16};
    static constexpr F<>     MultMessCap{"MsiMultMessCap", 19, 17}; ///< log2 of the messages it can tell apart
    static constexpr F<>     MultMessEn {"MsiMultMessEn",  22, 20}; ///< log2 of those that it may
    static constexpr F<bool> Is64       {"Msi64En",        23, 23};
    static constexpr auto fields = base::layout(CapId, CapPtr, En, MultMessCap, MultMessEn, Is64);
    static constexpr auto read_only_fields = base::layout(CapId, CapPtr, MultMessCap, Is64);
};
struct MsiAddrLow : ConfigReg<MsiAddrLow, 0x68> {
    static constexpr std::string_view name = "MsiAddrLow";
    static constexpr F<> Address{"MsiAddr", 31, 2};
    static constexpr auto fields = base::layout(Address);
};
struct MsiAddrHigh : ConfigReg<MsiAddrHigh, 0x6C> { static constexpr std::string_view name = "MsiAddrHigh"; };
struct MsiData : ConfigReg<MsiData, 0x70> {
    static constexpr std::string_view name = "MsiData";
    static constexpr F<> Data{"MsiData", 15, 0};
    static constexpr auto fields = base::layout(Data);
};
struct MsiMapHeader : ConfigReg<MsiMapHeader, 0x74, base::Access::ReadOnly> {
    static constexpr std::string_view name = "MsiMapHeader";
};

using ConfigRegisters = base::RegisterMap<CapHeader, BaseLow, BaseHigh, Range, MiscInfo0, MiscInfo1, MsiHeader, MsiAddrLow,
    MsiAddrHigh, MsiData, MsiMapHeader>;

/// Where the registers at 150h to 168h are in configuration space.
constexpr u32 message_register_of(u64 offset) {
    constexpr u32 places[] = {MiscInfo0::offset, MiscInfo1::offset, MsiHeader::offset, MsiAddrLow::offset,
                              MsiAddrHigh::offset, MsiData::offset, MsiMapHeader::offset};
    return places[(offset - 0x150) / 4];
}

} // namespace quiesce::iommu::amdvi
