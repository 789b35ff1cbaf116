// SPDX-License-Identifier: Apache-2.0
//
// Hand-worked facts about AMD-Vi's registers: where they are, their fields, who may write what, what a reset leaves,
// and values as software writes them. Conventions, sources and common values are in amdvi_golden.h; revisions number
// these sections differently, so rows name sources only. Performance counters, SMI filters, MARC and the registers of
// virtual IOMMUs are left out.
//
// Kinds of access: N (a register as a whole; the bits of the status register), V and Q (masks). Reset: V; Q starts
// everything but the features at 0, so also the lengths (8 in V) and Coherent (1 in V): [disagree], V is believed.
#pragma once

#include "amdvi_golden.h"

#include <array>

namespace quiesce::golden::amdvi {

// clang-format off

/// RW1C: a 1 clears it. Bits that no field has are reserved: they read 0 and a write to them does nothing.
enum class Access { RO, RW, RW1C };

/// `needs`: without this feature the register is reserved.
struct Register {
    const char* name;
    const char* from;
    std::uint32_t offset;
    unsigned bits;
    const char* needs;
};
inline constexpr std::array registers{
    Register{"DevTabBase",       "SLFVXBQMNI", 0x0000, 64, ""},
    Register{"CmdBufBase",       "SLFVXBQMNI", 0x0008, 64, ""},
    Register{"EventLogBase",     "SLFVXBQMNI", 0x0010, 64, ""},
    Register{"Control",          "SLFVXBQMNI", 0x0018, 64, ""},
    // with SNP these two hold the range of completion stores (L, N)
    Register{"ExclusionBase",    "SLFVXBQMNI", 0x0020, 64, ""},
    Register{"ExclusionLimit",   "SLFVXBQMNI", 0x0028, 64, ""},
    Register{"ExtFeature",       "SLFVXBQMN",  0x0030, 64, ""},
    Register{"PPRLogBase",       "SLFVXBQN",   0x0038, 64, "PPRSup"},
    Register{"HwEventUpper",     "FVN",        0x0040, 64, "HESup"},
    Register{"HwEventLower",     "FVN",        0x0048, 64, "HESup"},
    Register{"HwEventStatus",    "FVN",        0x0050, 64, "HESup"},
    Register{"GALogBase",        "SLFVN",      0x00e0, 64, "GASup"},
    Register{"GALogTailAddress", "SLFVN",      0x00e8, 64, "GASup"},
    Register{"PPRLogBBase",      "SFVN",       0x00f0, 64, "DualPprLogSup"},
    // F gives it PPRLogBBase's offset, 0x00f0: a slip
    Register{"EventLogBBase",    "SVN",        0x00f8, 64, "DualEventLogSup"},
    Register{"DevTabSeg1Base",   "SFV",        0x0100, 64, "DevTblSegSup"},
    Register{"DevTabSeg2Base",   "SFV",        0x0108, 64, "DevTblSegSup"},
    Register{"DevTabSeg3Base",   "SFV",        0x0110, 64, "DevTblSegSup"},
    Register{"DevTabSeg4Base",   "SFV",        0x0118, 64, "DevTblSegSup"},
    Register{"DevTabSeg5Base",   "SFV",        0x0120, 64, "DevTblSegSup"},
    Register{"DevTabSeg6Base",   "SFV",        0x0128, 64, "DevTblSegSup"},
    Register{"DevTabSeg7Base",   "SFV",        0x0130, 64, "DevTblSegSup"},
    Register{"MsiVector0",       "FVN",        0x0150, 32, "MsiCapMmioSup"},
    Register{"MsiVector1",       "FVN",        0x0154, 32, "MsiCapMmioSup"},
    Register{"MsiCapHeader",     "FVN",        0x0158, 32, "MsiCapMmioSup"},
    Register{"MsiAddressLow",    "LFVN",       0x015c, 32, "MsiCapMmioSup"},
    Register{"MsiAddressHigh",   "LFVN",       0x0160, 32, "MsiCapMmioSup"},
    Register{"MsiData",          "LFVN",       0x0164, 32, "MsiCapMmioSup"},
    Register{"XtGeneralInt",     "LFVXQMN",    0x0170, 64, "XTSup"},
    Register{"XtPprInt",         "LFVXQMN",    0x0178, 64, "XTSup"},
    Register{"XtGALogInt",       "LFVXN",      0x0180, 64, "XTSup"},
    Register{"ExtFeature2",      "SLFMN",      0x01a0, 64, ""},
    Register{"CmdBufHead",       "SLFVXBQMNI", 0x2000, 64, ""},
    Register{"CmdBufTail",       "SLFVXBQMNI", 0x2008, 64, ""},
    Register{"EventLogHead",     "SLFVXBQMNI", 0x2010, 64, ""},
    Register{"EventLogTail",     "SLFVXBQMNI", 0x2018, 64, ""},
    Register{"Status",           "SLFVXBQMNI", 0x2020, 64, ""},
    Register{"PPRLogHead",       "SLFVXBQN",   0x2030, 64, "PPRSup"},
    Register{"PPRLogTail",       "SLFVXBQN",   0x2038, 64, "PPRSup"},
    Register{"GALogHead",        "SLFVN",      0x2040, 64, "GASup"},
    Register{"GALogTail",        "SLFVN",      0x2048, 64, "GASup"},
    Register{"PPRLogBHead",      "SFVN",       0x2050, 64, "DualPprLogSup"},
    Register{"PPRLogBTail",      "SFVN",       0x2058, 64, "DualPprLogSup"},
    Register{"EventLogBHead",    "SFVN",       0x2070, 64, "DualEventLogSup"},
    Register{"EventLogBTail",    "SFVN",       0x2078, 64, "DualEventLogSup"},
    Register{"PPRAutoResponse",  "SFV",        0x2080, 64, "PPRAutoRspSup"},
    Register{"PPROverflowEarly", "SFV",        0x2088, 64, "PprOvrflwEarlySup"},
    // F calls it log B's automatic response: a slip
    Register{"PPRBOverflowEarly", "SV",        0x2090, 64, "PprOvrflwEarlySup"},
};

/// `reset` is -1 where it is the implementation's.
struct RegField {
    const char* reg;
    const char* field;
    unsigned msb, lsb;
    Access access;
    int reset;
    const char* from;
};
inline constexpr std::array register_fields{
    RegField{"DevTabBase", "Size", 8, 0, Access::RW, 0, "LFVXQMI"},
    RegField{"DevTabBase", "DevTabBase", 51, 12, Access::RW, 0, "LVXBQMI"},
    RegField{"CmdBufBase", "ComBase", 51, 12, Access::RW, 0, "LVXBQMI"},
    RegField{"CmdBufBase", "ComLen", 59, 56, Access::RW, 8, "SLFVXBQMI"},
    RegField{"EventLogBase", "EventBase", 51, 12, Access::RW, 0, "LVXBQMI"},
    RegField{"EventLogBase", "EventLen", 59, 56, Access::RW, 8, "SLFVXBQMI"},
    RegField{"PPRLogBase", "PPRLogBase", 51, 12, Access::RW, 0, "LVXBQ"},
    RegField{"PPRLogBase", "PPRLogLen", 59, 56, Access::RW, 8, "SLVXBQ"},

    RegField{"Control", "IommuEn", 0, 0, Access::RW, 0, "SLFVXBQMNI"},
    RegField{"Control", "HtTunEn", 1, 1, Access::RW, 0, "SLFVXBQMNI"},
    RegField{"Control", "EventLogEn", 2, 2, Access::RW, 0, "SLFVXBQMNI"},
    RegField{"Control", "EventIntEn", 3, 3, Access::RW, 0, "SLFVXBQMNI"},
    RegField{"Control", "ComWaitIntEn", 4, 4, Access::RW, 0, "SLFVXBQMNI"},
    RegField{"Control", "InvTimeOut", 7, 5, Access::RW, 0, "SLFVXMI"},
    RegField{"Control", "PassPW", 8, 8, Access::RW, 0, "SLFVXBMI"},
    RegField{"Control", "ResPassPW", 9, 9, Access::RW, 0, "SLFVXBMI"},
    RegField{"Control", "Coherent", 10, 10, Access::RW, 1, "SLFVXBMNI"},
    RegField{"Control", "Isoc", 11, 11, Access::RW, 0, "SLFVXBMNI"},
    RegField{"Control", "CmdBufEn", 12, 12, Access::RW, 0, "SLFVXBQMNI"},
    RegField{"Control", "PPRLogEn", 13, 13, Access::RW, 0, "SLFVXBMN"},
    RegField{"Control", "PPRIntEn", 14, 14, Access::RW, 0, "SLFVXBMN"},
    RegField{"Control", "PPREn", 15, 15, Access::RW, 0, "SLFVXBMN"},
    RegField{"Control", "GTEn", 16, 16, Access::RW, 0, "SLFVXBMN"},
    RegField{"Control", "GAEn", 17, 17, Access::RW, 0, "SLFVXBQMN"},
    // 21:18 CRW: S, X and V; reserved with F and M
    RegField{"Control", "SmiFEn", 22, 22, Access::RW, 0, "SFVXMN"},
    RegField{"Control", "SlfWBDis", 23, 23, Access::RW, 0, "SFVXMN"},
    RegField{"Control", "SmiFLogEn", 24, 24, Access::RW, 0, "SFVXM"},
    RegField{"Control", "GAMEn", 27, 25, Access::RW, 0, "SLFVX"},
    RegField{"Control", "GALogEn", 28, 28, Access::RW, 0, "SLFVXM"},
    RegField{"Control", "GAIntEn", 29, 29, Access::RW, 0, "SLFVXM"},
    RegField{"Control", "DualPprLogEn", 31, 30, Access::RW, 0, "SFVXM"},
    RegField{"Control", "DualEventLogEn", 33, 32, Access::RW, 0, "SFVXM"},
    RegField{"Control", "DevTblSegEn", 36, 34, Access::RW, 0, "SFVXM"},
    RegField{"Control", "PrivAbrtEn", 38, 37, Access::RW, 0, "SFVXM"},
    RegField{"Control", "PPRAutoRspEn", 39, 39, Access::RW, 0, "SFVXM"},
    RegField{"Control", "MarcEn", 40, 40, Access::RW, 0, "SFVXM"},
    RegField{"Control", "BlkStopMrkEn", 41, 41, Access::RW, 0, "SFVXM"},
    RegField{"Control", "PPRAutoRspAon", 42, 42, Access::RW, 0, "SFVXM"},
    // [disagree] by revision: 43 DomainIDPNE with S, V and X; 44:43 NumIntRemapMode with F, M and L later
    RegField{"Control", "DomainIDPNE", 43, 43, Access::RW, 0, "SVX"},
    RegField{"Control", "EPHEn", 45, 45, Access::RW, 0, "SLFVXM"},
    RegField{"Control", "HADUpdate", 47, 46, Access::RW, 0, "SFVXM"},
    RegField{"Control", "GDUpdateDis", 48, 48, Access::RW, 0, "SFVXM"},
    RegField{"Control", "XTEn", 50, 50, Access::RW, 0, "SLFVXMN"},
    RegField{"Control", "IntCapXTEn", 51, 51, Access::RW, 0, "LFVXMN"},
    // 52 vCmdEn, 53 vIommuEn: F, X and M; reserved with V
    RegField{"Control", "GAUpdateDis", 54, 54, Access::RW, 0, "FVXM"},
    // 55 GAPPIEn (F, X, M), 56 TMPMEn, 58 GCR3TRPMode, 59 IRTCacheDis, 60 GstBufferTRPMode, 63:61 SNPAVICEn (F, M, L)

    RegField{"ExclusionBase", "ExEn", 0, 0, Access::RW, 0, "LVXBQMI"},
    RegField{"ExclusionBase", "Allow", 1, 1, Access::RW, 0, "LVXBQMI"},
    RegField{"ExclusionBase", "ExclusionBase", 51, 12, Access::RW, 0, "LVXBQMI"},
    // V: 51:0, 11:0 taken for ones
    RegField{"ExclusionLimit", "ExclusionLimit", 51, 12, Access::RW, 0, "LXBQMI"},

    RegField{"ExtFeature", "PreFSup", 0, 0, Access::RO, -1, "SLVXBQM"},
    RegField{"ExtFeature", "PPRSup", 1, 1, Access::RO, -1, "SLVXBQM"},
    RegField{"ExtFeature", "XTSup", 2, 2, Access::RO, -1, "SLFVXQMN"},
    RegField{"ExtFeature", "NXSup", 3, 3, Access::RO, -1, "SLVXBM"},
    // Q lets software write this one bit (mask 0xffff'ffff'ffff'ffef): against all others
    RegField{"ExtFeature", "GTSup", 4, 4, Access::RO, -1, "SLVXBQM"},
    // 5 GAPPISup: X and M; reserved with V and B
    RegField{"ExtFeature", "IASup", 6, 6, Access::RO, -1, "SLVXBQMN"},
    RegField{"ExtFeature", "GASup", 7, 7, Access::RO, -1, "SLVXBQM"},
    RegField{"ExtFeature", "HESup", 8, 8, Access::RO, -1, "SLFVXBQM"},
    RegField{"ExtFeature", "PCSup", 9, 9, Access::RO, -1, "SLFVXBQM"},
    RegField{"ExtFeature", "HATS", 11, 10, Access::RO, -1, "SFVXQMN"},
    RegField{"ExtFeature", "GATS", 13, 12, Access::RO, -1, "SLVXQM"},
    RegField{"ExtFeature", "GLXSup", 15, 14, Access::RO, -1, "SLVXQM"},
    RegField{"ExtFeature", "SmiFSup", 17, 16, Access::RO, -1, "VXM"},
    RegField{"ExtFeature", "SmiFRC", 20, 18, Access::RO, -1, "VXM"},
    RegField{"ExtFeature", "GAMSup", 23, 21, Access::RO, -1, "VXM"},
    RegField{"ExtFeature", "DualPprLogSup", 25, 24, Access::RO, -1, "VXM"},
    RegField{"ExtFeature", "DualEventLogSup", 29, 28, Access::RO, -1, "VXM"},
    // 31 SATSSup: X and M; reserved with V
    RegField{"ExtFeature", "PASMax", 36, 32, Access::RO, -1, "SLVXQM"},
    RegField{"ExtFeature", "USSup", 37, 37, Access::RO, -1, "VXM"},
    RegField{"ExtFeature", "DevTblSegSup", 39, 38, Access::RO, -1, "FVXM"},
    RegField{"ExtFeature", "PprOvrflwEarlySup", 40, 40, Access::RO, -1, "VXM"},
    RegField{"ExtFeature", "PPRAutoRspSup", 41, 41, Access::RO, -1, "VXM"},
    RegField{"ExtFeature", "MarcSup", 43, 42, Access::RO, -1, "VXM"},
    RegField{"ExtFeature", "BlkStopMrkSup", 44, 44, Access::RO, -1, "VXM"},
    RegField{"ExtFeature", "PerfOptSup", 45, 45, Access::RO, -1, "VXMN"},
    RegField{"ExtFeature", "MsiCapMmioSup", 46, 46, Access::RO, -1, "LVXM"},
    RegField{"ExtFeature", "GIoSup", 48, 48, Access::RO, -1, "SLVXQM"},
    RegField{"ExtFeature", "HASup", 49, 49, Access::RO, -1, "SLVXM"},
    RegField{"ExtFeature", "EPHSup", 50, 50, Access::RO, -1, "SLVXQM"},
    RegField{"ExtFeature", "AttrFWSup", 51, 51, Access::RO, -1, "VXM"},
    RegField{"ExtFeature", "HDSup", 52, 52, Access::RO, -1, "SLVXM"},
    RegField{"ExtFeature", "InvIotlbTypeSup", 54, 54, Access::RO, -1, "VXM"},
    // [disagree] 61 GAUpdateDisSup with V and X, V2HADDisSup with M; 63 SNPSup with S, L and M, reserved with V
    RegField{"ExtFeature", "GAUpdateDisSup", 61, 61, Access::RO, -1, "VX"},
    RegField{"ExtFeature", "SNPSup", 63, 63, Access::RO, -1, "SLM"},

    RegField{"HwEventStatus", "HEV", 0, 0, Access::RW1C, 0, "FV"},
    RegField{"HwEventStatus", "HEO", 1, 1, Access::RW1C, 0, "FV"},
    RegField{"DevTabSeg1Base", "Size", 7, 0, Access::RW, 0, "V"},
    RegField{"DevTabSeg1Base", "DevTabBase", 51, 12, Access::RW, 0, "V"},
    RegField{"XtGeneralInt", "DestMode", 2, 2, Access::RW, 0, "VXM"},
    RegField{"XtGeneralInt", "Dest[23:0]", 31, 8, Access::RW, 0, "VXM"},
    RegField{"XtGeneralInt", "Vector", 39, 32, Access::RW, 0, "VXM"},
    RegField{"XtGeneralInt", "DM", 40, 40, Access::RW, 0, "VXM"},
    // V has seven bits in its structure, eight in its comment
    RegField{"XtGeneralInt", "Dest[31:24]", 63, 56, Access::RW, 0, "XM"},

    // the head of the commands only while CmdBufRun is 0, the tail of a log only while it does not run (V, N)
    RegField{"CmdBufHead", "CmdHeadPtr", 18, 4, Access::RW, 0, "SLFVXQMNI"},
    RegField{"CmdBufTail", "CmdTailPtr", 18, 4, Access::RW, 0, "SLFVXQMNI"},
    RegField{"EventLogHead", "EventHeadPtr", 18, 4, Access::RW, 0, "SVXQMNI"},
    RegField{"EventLogTail", "EventTailPtr", 18, 4, Access::RW, 0, "SVXQMNI"},
    RegField{"PPRLogHead", "PPRHeadPtr", 18, 4, Access::RW, 0, "SVXBQ"},
    RegField{"PPRLogTail", "PPRTailPtr", 18, 4, Access::RW, 0, "SVXBQ"},

    RegField{"Status", "EventOverflow", 0, 0, Access::RW1C, 0, "SLFVXBQMNI"},
    RegField{"Status", "EventLogInt", 1, 1, Access::RW1C, 0, "SLFVXBQMNI"},
    RegField{"Status", "ComWaitInt", 2, 2, Access::RW1C, 0, "SLFVXBQMNI"},
    RegField{"Status", "EventLogRun", 3, 3, Access::RO, 0, "SLFVXQMNI"},
    RegField{"Status", "CmdBufRun", 4, 4, Access::RO, 0, "SFVXQMNI"},
    // [disagree] M has these six at 10 to 15; it alone
    RegField{"Status", "PPROverflow", 5, 5, Access::RW1C, 0, "SLFVXQN"},
    RegField{"Status", "PPRInt", 6, 6, Access::RW1C, 0, "SLFVXQN"},
    RegField{"Status", "PPRLogRun", 7, 7, Access::RO, 0, "SLFVXQN"},
    // [disagree] X has overflow, interrupt, run at 8, 9, 10; it alone
    RegField{"Status", "GALogRun", 8, 8, Access::RO, 0, "SLFVN"},
    RegField{"Status", "GALOverflow", 9, 9, Access::RW1C, 0, "SLFVN"},
    RegField{"Status", "GAInt", 10, 10, Access::RW1C, 0, "SLFVN"},
    RegField{"Status", "PprOverflowB", 11, 11, Access::RW1C, 0, "FVN"},
    RegField{"Status", "PprLogActive", 12, 12, Access::RO, 0, "FVN"},
    RegField{"Status", "EvtOverflowB", 15, 15, Access::RW1C, 0, "FVN"},
    RegField{"Status", "EvtLogActive", 16, 16, Access::RO, 0, "FVN"},
    RegField{"Status", "PprOverflowEarlyB", 17, 17, Access::RW1C, 0, "FVN"},
    RegField{"Status", "PprOverflowEarly", 18, 18, Access::RW1C, 0, "FVN"},

    RegField{"PPRAutoResponse", "PprAutoRespCode", 3, 0, Access::RW, 0, "V"},
    RegField{"PPRAutoResponse", "PprAutoRespMaskGn", 4, 4, Access::RW, 0, "V"},
    RegField{"PPROverflowEarly", "PprOvrflwEarlyThreshold", 14, 0, Access::RW, 0, "SV"},
    RegField{"PPROverflowEarly", "PprOvrflwEarlyIntEn", 30, 30, Access::RW, 0, "V"},
    RegField{"PPROverflowEarly", "PprOvrflwEarlyEn", 31, 31, Access::RW, 0, "V"},
};

// ---- 2. Values -----------------------------------------------------------------------------------------------------

/// A register as software writes it, or as hardware shows it.
struct RegisterValue {
    const char* what;
    const char* from;
    const char* reg;
    Value fields[16];
    std::uint64_t value;
};
inline constexpr std::array register_values{
    RegisterValue{"device table of 65536", "L iommu_set_device_table", "DevTabBase",
                  {{"DevTabBase", 0x0081'0050'0000}, {"Size", 0x1ff}}, 0x0000'0081'0050'01ff},
    RegisterValue{"device table up to 3a:0f.7", "VM", "DevTabBase",
                  {{"DevTabBase", 0x0081'0050'0000}, {"Size", 0x074}}, 0x0000'0081'0050'0074},
    // 9: 512 commands, 8 KiB
    RegisterValue{"512 commands", "L iommu_enable_command_buffer", "CmdBufBase",
                  {{"ComBase", 0x0081'0060'0000}, {"ComLen", 9}}, 0x0900'0081'0060'0000},
    RegisterValue{"512 events", "L iommu_enable_event_buffer", "EventLogBase",
                  {{"EventBase", 0x0081'0061'0000}, {"EventLen", 9}}, 0x0900'0081'0061'0000},
    RegisterValue{"32768 events", "L iommu_enable_event_buffer, SNP", "EventLogBase",
                  {{"EventBase", 0x0081'0068'0000}, {"EventLen", 15}}, 0x0f00'0081'0068'0000},
    RegisterValue{"512 page requests", "L amd_iommu_enable_ppr_log", "PPRLogBase",
                  {{"PPRLogBase", 0x0081'0062'0000}, {"PPRLogLen", 9}}, 0x0900'0081'0062'0000},
    RegisterValue{"256 page requests", "SLV", "PPRLogBase",
                  {{"PPRLogBase", 0x0081'0062'0000}, {"PPRLogLen", 8}}, 0x0800'0081'0062'0000},
    RegisterValue{"exclusion range", "L iommu_set_exclusion_range", "ExclusionBase",
                  {{"ExEn", 1}, {"ExclusionBase", 0x0082'0000'0000}}, 0x0000'0082'0000'0001},
    RegisterValue{"exclusion range, all devices", "VXM", "ExclusionBase",
                  {{"ExEn", 1}, {"Allow", 1}, {"ExclusionBase", 0x0082'0000'0000}}, 0x0000'0082'0000'0003},
    RegisterValue{"reset", "V", "Control", {{"Coherent", 1}}, 0x0000'0000'0000'0400},
    // 1 + 4 + 8; 4 << 5 = 0x80: one second; bits 10, 12 to 16; bit 45
    RegisterValue{"everything for SVA", "L early_enable_iommus, amd_iommu_enable_ppr_log", "Control",
                  {{"IommuEn", 1}, {"EventLogEn", 1}, {"EventIntEn", 1}, {"InvTimeOut", 4}, {"Coherent", 1},
                   {"CmdBufEn", 1}, {"PPRLogEn", 1}, {"PPRIntEn", 1}, {"PPREn", 1}, {"GTEn", 1}, {"EPHEn", 1}},
                  0x0000'2000'0001'f48d},
    // bits 39 and 42; 6 << 5 = 0xc0
    RegisterValue{"automatic responses, always, 100 s", "SFVXM", "Control",
                  {{"IommuEn", 1}, {"ComWaitIntEn", 1}, {"InvTimeOut", 6}, {"CmdBufEn", 1}, {"PPREn", 1},
                   {"PPRAutoRspEn", 1}, {"BlkStopMrkEn", 1}, {"PPRAutoRspAon", 1}},
                  0x0000'0680'0000'90d1},
    // GATS 1 five levels, GLXSup 1, HATS 2 six levels, PASMax 15: 16 bits
    RegisterValue{"features for SVA", "SLVXM", "ExtFeature",
                  {{"PreFSup", 1}, {"PPRSup", 1}, {"NXSup", 1}, {"GTSup", 1}, {"IASup", 1}, {"HATS", 2}, {"GATS", 1},
                   {"GLXSup", 1}, {"PASMax", 15}, {"USSup", 1}, {"GIoSup", 1}, {"HASup", 1}, {"EPHSup", 1},
                   {"HDSup", 1}},
                  0x0017'002f'0000'585b},
    RegisterValue{"features for PPR overflow", "VXM", "ExtFeature",
                  {{"PPRSup", 1}, {"GLXSup", 2}, {"DualPprLogSup", 2}, {"PASMax", 19}, {"PprOvrflwEarlySup", 1},
                   {"PPRAutoRspSup", 1}, {"BlkStopMrkSup", 1}, {"InvIotlbTypeSup", 1}},
                  0x0040'1313'0200'8002},
    RegisterValue{"event log overrun", "SLFVXQN", "Status",
                  {{"EventOverflow", 1}, {"EventLogInt", 1}, {"CmdBufRun", 1}, {"PPRLogRun", 1}},
                  0x0000'0000'0000'0093},
    RegisterValue{"PPR log overrun", "SLFVXQN", "Status",
                  {{"ComWaitInt", 1}, {"EventLogRun", 1}, {"CmdBufRun", 1}, {"PPROverflow", 1}, {"PPRInt", 1}},
                  0x0000'0000'0000'007c},
    RegisterValue{"tail behind the last of 512", "L copy_cmd_to_buffer", "CmdBufTail", {{"CmdTailPtr", 0x1ff}},
                  0x0000'0000'0000'1ff0},
    RegisterValue{"early warning at 0x1234 entries", "V", "PPROverflowEarly",
                  {{"PprOvrflwEarlyThreshold", 0x1234}, {"PprOvrflwEarlyIntEn", 1}, {"PprOvrflwEarlyEn", 1}},
                  0x0000'0000'c000'1234},
    RegisterValue{"answer invalid request, GN masked", "V", "PPRAutoResponse",
                  {{"PprAutoRespCode", 1}, {"PprAutoRespMaskGn", 1}}, 0x0000'0000'0000'0011},
};

/// What a register reads as after a write (V, Q), with everything there. Writing the base of the commands or the events
/// also sets head and tail to 0 (V; Q for the commands; for the PPR log no source says). V ignores a base that is
/// written while its ring runs or with a length below 8, and a pointer beyond the ring's end.
struct RegisterWrite {
    const char* what;
    const char* reg;
    std::uint64_t before, written, after;
};
inline constexpr std::array writes{
    RegisterWrite{"reserved bits stay 0", "DevTabBase",   0, 0xffff'ffff'ffff'ffff, 0x000f'ffff'ffff'f1ff},
    RegisterWrite{"reserved bits stay 0", "CmdBufBase",   0, 0xffff'ffff'ffff'ffff, 0x0f0f'ffff'ffff'f000},
    RegisterWrite{"reserved bits stay 0", "EventLogBase", 0, 0xffff'ffff'ffff'ffff, 0x0f0f'ffff'ffff'f000},
    RegisterWrite{"reserved bits stay 0", "PPRLogBase",   0, 0xffff'ffff'ffff'ffff, 0x0f0f'ffff'ffff'f000},
    RegisterWrite{"reserved bits stay 0", "ExclusionBase", 0, 0xffff'ffff'ffff'ffff, 0x000f'ffff'ffff'f003},
    RegisterWrite{"reserved bits stay 0", "CmdBufTail",   0, 0xffff'ffff'ffff'ffff, 0x0000'0000'0007'fff0},
    RegisterWrite{"reserved bits stay 0", "EventLogHead", 0, 0xffff'ffff'ffff'ffff, 0x0000'0000'0007'fff0},
    // 0x79fff defined, 0x68e67 of them RW1C, 0x11198 RO
    RegisterWrite{"a zero clears nothing",     "Status", 0x7'9fff, 0x0'0000, 0x7'9fff},
    RegisterWrite{"ones clear what is RW1C",   "Status", 0x7'9fff, 0x7'9fff, 0x1'1198},
    RegisterWrite{"one bit",                   "Status", 0x0'00ff, 0x0'0001, 0x0'00fe},
    RegisterWrite{"overflow and interrupt",    "Status", 0x0'007f, 0x0'0060, 0x0'001f},
    RegisterWrite{"a one sets nothing",        "Status", 0x0'0018, 0x7'9fff, 0x0'0018},
    RegisterWrite{"features are read-only",    "ExtFeature", 0x0017'002f'0000'585b, 0, 0x0017'002f'0000'585b},
};

/// What a write to Control makes of Status (V; N for the overflow; Q for the rest). How PPRLogEn acts on PPROverflow no
/// source says: L clears the bit itself, for both logs.
struct ControlOutcome {
    const char* what;
    std::uint64_t control_before, control, status_before, status;
};
inline constexpr std::array control_outcomes{
    ControlOutcome{"commands run",                    0x0400, 0x1401, 0x00, 0x10},
    ControlOutcome{"not without IommuEn",             0x0400, 0x1400, 0x00, 0x00},
    ControlOutcome{"then with it",                    0x1400, 0x1401, 0x00, 0x10},
    ControlOutcome{"event log runs",                  0x1401, 0x1405, 0x10, 0x18},
    ControlOutcome{"event log stops, overflow stays", 0x1405, 0x1401, 0x11, 0x11},
    ControlOutcome{"event log restarts, overflow goes", 0x1401, 0x1405, 0x13, 0x1a},
    ControlOutcome{"all stop with IommuEn",           0x1405, 0x1404, 0x1a, 0x02},
};

/// Length codes of the command buffer and of both logs; below 8 they are reserved.
struct RingLength {
    unsigned code, entries;
    std::uint32_t bytes, last_offset;
};
inline constexpr std::array ring_lengths{
    RingLength{8, 256, 0x1000, 0x0ff0},        RingLength{9, 512, 0x2000, 0x1ff0},
    RingLength{10, 1024, 0x4000, 0x3ff0},      RingLength{11, 2048, 0x8000, 0x7ff0},
    RingLength{12, 4096, 0x1'0000, 0xfff0},    RingLength{13, 8192, 0x2'0000, 0x1'fff0},
    RingLength{14, 16384, 0x4'0000, 0x3'fff0}, RingLength{15, 32768, 0x8'0000, 0x7'fff0},
};

/// Control.InvTimeOut: milliseconds, 0 for none. F's word for 6 (0xb0) lies outside the field: a slip.
struct InvTimeOut {
    unsigned code, milliseconds;
};
inline constexpr std::array inv_timeouts{
    InvTimeOut{0, 0},    InvTimeOut{1, 1},      InvTimeOut{2, 10},     InvTimeOut{3, 100},
    InvTimeOut{4, 1000}, InvTimeOut{5, 10'000}, InvTimeOut{6, 100'000},
};

// clang-format on

} // namespace quiesce::golden::amdvi
