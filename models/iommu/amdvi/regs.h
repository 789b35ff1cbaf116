// SPDX-License-Identifier: Apache-2.0
/// AMD-Vi registers in memory (AMD 48882; facts/iommu-specs.md 3.1). Offsets count from the base that the capability block
/// says (config_regs.h). Shared by the model and the OS driver.
#pragma once
#include "base/address.h"
#include "base/registers.h"

// clang-format off
namespace quiesce::iommu::amdvi {

inline constexpr u64 register_block_bytes = 0x4000; ///< without performance counters
inline constexpr u64 message_registers = 0x150, message_registers_end = 0x16C; ///< copies of what config_regs.h has

template <class Self, u32 Offset, class T = u64, base::Access Mode = base::Access::ReadWrite>
using Reg = base::Register<Self, Offset, T, Mode>;
inline constexpr auto read_only = base::Access::ReadOnly;

enum class DomainId : u16 {};

/// Control.InvTimeOut: how long a device may take for an invalidation.
enum class InvalidationTimeout : u8 { None = 0, Ms1 = 1, Ms10 = 2, Ms100 = 3, S1 = 4, S10 = 5, S100 = 6, Reserved = 7 };

// ---- bases ----------------------------------------------------------------------------------------------------------

/// The three rings have 2^Len entries of 16 bytes; less than 8 is reserved.
inline constexpr u64 smallest_ring = 8;

struct DevTabBar : Reg<DevTabBar, 0x0000> {
    static constexpr std::string_view name = "DevTabBar";
    static constexpr F<>     Size      {"Size",        8,  0}; ///< 4 KiB pages - 1
    static constexpr FA<Spa> DevTabBase{"DevTabBase", 51, 12};
    static constexpr auto fields = base::layout(Size, DevTabBase);
};
struct CmdBufBar : Reg<CmdBufBar, 0x0008> {
    static constexpr std::string_view name = "CmdBufBar";
    static constexpr FA<Spa> Base{"ComBase", 51, 12};
    static constexpr F<>     Len {"ComLen",  59, 56};
    static constexpr auto fields = base::layout(Base, Len);
    static constexpr u64 reset_value = smallest_ring << 56;
};
struct EvtLogBar : Reg<EvtLogBar, 0x0010> {
    static constexpr std::string_view name = "EvtLogBar";
    static constexpr FA<Spa> Base{"EventBase", 51, 12};
    static constexpr F<>     Len {"EventLen",  59, 56};
    static constexpr auto fields = base::layout(Base, Len);
    static constexpr u64 reset_value = smallest_ring << 56;
};
struct PprLogBar : Reg<PprLogBar, 0x0038> {
    static constexpr std::string_view name = "PPRLogBar";
    static constexpr FA<Spa> Base{"PPRLogBase", 51, 12};
    static constexpr F<>     Len {"PPRLogLen",  59, 56};
    static constexpr auto fields = base::layout(Base, Len);
    static constexpr u64 reset_value = smallest_ring << 56;
};

// ---- control --------------------------------------------------------------------------------------------------------

struct Control : Reg<Control, 0x0018> {
    static constexpr std::string_view name = "Control";
    static constexpr F<bool> IommuEn       {"IommuEn",        0,  0};
    static constexpr F<bool> HtTunEn       {"HtTunEn",        1,  1};
    static constexpr F<bool> EventLogEn    {"EventLogEn",     2,  2};
    static constexpr F<bool> EventIntEn    {"EventIntEn",     3,  3};
    static constexpr F<bool> ComWaitIntEn  {"ComWaitIntEn",   4,  4};
    static constexpr F<InvalidationTimeout> InvTimeOut{"InvTimeOut", 7, 5};
    static constexpr F<bool> PassPW        {"PassPW",         8,  8};
    static constexpr F<bool> ResPassPW     {"ResPassPW",      9,  9};
    static constexpr F<bool> Coherent      {"Coherent",      10, 10};
    static constexpr F<bool> Isoc          {"Isoc",          11, 11};
    static constexpr F<bool> CmdBufEn      {"CmdBufEn",      12, 12};
    static constexpr F<bool> PPRLogEn      {"PPRLogEn",      13, 13};
    static constexpr F<bool> PPRIntEn      {"PPRIntEn",      14, 14};
    static constexpr F<bool> PPREn         {"PPREn",         15, 15};
    static constexpr F<bool> GTEn          {"GTEn",          16, 16};
    static constexpr F<bool> GAEn          {"GAEn",          17, 17};
    static constexpr F<>     CRW           {"CRW",           21, 18};
    static constexpr F<bool> SmiFEn        {"SmiFEn",        22, 22};
    static constexpr F<bool> SlfWBDis      {"SlfWBDis",      23, 23};
    static constexpr F<bool> SmiFLogEn     {"SmiFLogEn",     24, 24};
    static constexpr F<>     GAMEn         {"GAMEn",         27, 25};
    static constexpr F<bool> GALogEn       {"GALogEn",       28, 28};
    static constexpr F<bool> GAIntEn       {"GAIntEn",       29, 29};
    static constexpr F<>     DualPPRLogEn  {"DualPPRLogEn",  31, 30};
    static constexpr F<>     DualEvtLogEn  {"DualEvtLogEn",  33, 32};
    static constexpr F<>     DevTblSegEn   {"DevTblSegEn",   36, 34};
    static constexpr F<>     PrivAbrtEn    {"PrivAbrtEn",    38, 37};
    static constexpr F<bool> PPRAutoRspEn  {"PPRAutoRspEn",  39, 39};
    static constexpr F<bool> MarcEn        {"MarcEn",        40, 40};
    static constexpr F<bool> BlkStopMrkEn  {"BlkStopMrkEn",  41, 41};
    static constexpr F<bool> PPRAutoRspAon {"PPRAutoRspAon", 42, 42};
    static constexpr F<bool> DomainIDPNE   {"DomainIDPNE",   43, 43};
    static constexpr F<bool> EPHEn         {"EPHEn",         45, 45};
    static constexpr F<>     HADUpdate     {"HADUpdate",     47, 46};
    static constexpr F<bool> GDUpdateDis   {"GDUpdateDis",   48, 48};
    static constexpr F<bool> XTEn          {"XTEn",          50, 50};
    static constexpr F<bool> IntCapXTEn    {"IntCapXTEn",    51, 51};
    static constexpr F<bool> GAUpdateDis   {"GAUpdateDis",   54, 54};
    static constexpr auto fields = base::layout(IommuEn, HtTunEn, EventLogEn, EventIntEn, ComWaitIntEn, InvTimeOut, PassPW,
        ResPassPW, Coherent, Isoc, CmdBufEn, PPRLogEn, PPRIntEn, PPREn, GTEn, GAEn, CRW, SmiFEn, SlfWBDis, SmiFLogEn, GAMEn,
        GALogEn, GAIntEn, DualPPRLogEn, DualEvtLogEn, DevTblSegEn, PrivAbrtEn, PPRAutoRspEn, MarcEn, BlkStopMrkEn,
        PPRAutoRspAon, DomainIDPNE, EPHEn, HADUpdate, GDUpdateDis, XTEn, IntCapXTEn, GAUpdateDis);
    /// Of features that no unit here has.
    static constexpr auto read_only_fields = base::layout(SmiFEn, SmiFLogEn, GAMEn, GALogEn, GAIntEn, DualPPRLogEn,
        DualEvtLogEn, DevTblSegEn, PrivAbrtEn, MarcEn, EPHEn, GDUpdateDis, GAUpdateDis);
    static constexpr u64 reset_value = u64{1} << 10; ///< Coherent, as VirtualBox has it
    static_assert(base::disjoint(fields));
};

/// Addresses that are not translated. The limit's low bits are ones.
struct ExclBase : Reg<ExclBase, 0x0020> {
    static constexpr std::string_view name = "ExclBase";
    static constexpr F<bool>  ExEn {"ExEn",   0,  0};
    static constexpr F<bool>  Allow{"Allow",  1,  1}; ///< for all devices, not only those with EX
    static constexpr FA<Iova> Base {"Base",  51, 12};
    static constexpr auto fields = base::layout(ExEn, Allow, Base);
};
struct ExclLimit : Reg<ExclLimit, 0x0028> {
    static constexpr std::string_view name = "ExclLimit";
    static constexpr FA<Iova> Limit{"Limit", 51, 12};
    static constexpr auto fields = base::layout(Limit);
};

// ---- features -------------------------------------------------------------------------------------------------------

struct Efr : Reg<Efr, 0x0030, u64, read_only> {
    static constexpr std::string_view name = "EFR";
    static constexpr F<bool> PREFSup          {"PREFSup",           0,  0};
    static constexpr F<bool> PPRSup           {"PPRSup",            1,  1};
    static constexpr F<bool> XTSup            {"XTSup",             2,  2};
    static constexpr F<bool> NXSup            {"NXSup",             3,  3};
    static constexpr F<bool> GTSup            {"GTSup",             4,  4};
    static constexpr F<bool> SATSSup          {"sATSSup",           5,  5};
    static constexpr F<bool> IASup            {"IASup",             6,  6};
    static constexpr F<bool> GASup            {"GASup",             7,  7};
    static constexpr F<bool> HESup            {"HESup",             8,  8};
    static constexpr F<bool> PCSup            {"PCSup",             9,  9};
    static constexpr F<>     HATS             {"HATS",             11, 10}; ///< host tables of 4 + HATS levels
    static constexpr F<>     GATS             {"GATS",             13, 12}; ///< guest tables of 4 + GATS levels
    static constexpr F<>     GLXSup           {"GLXSup",           15, 14}; ///< GCR3 tables of 1 + GLXSup levels
    static constexpr F<>     SmiFSup          {"SmiFSup",          17, 16};
    static constexpr F<>     SmiFRC           {"SmiFRC",           20, 18};
    static constexpr F<>     GAMSup           {"GAMSup",           23, 21};
    static constexpr F<>     DualPPRLogSup    {"DualPPRLogSup",    25, 24};
    static constexpr F<>     DualEvtLogSup    {"DualEvtLogSup",    29, 28};
    static constexpr F<>     PASMax           {"PASMax",           36, 32}; ///< PASID bits - 1
    static constexpr F<bool> USSup            {"USSup",            37, 37};
    static constexpr F<>     DevTblSegSup     {"DevTblSegSup",     39, 38};
    static constexpr F<bool> PPROvrflwEarlySup{"PPROvrflwEarlySup",40, 40};
    static constexpr F<bool> PPRAutoRspSup    {"PPRAutoRspSup",    41, 41};
    static constexpr F<>     MarcSup          {"MarcSup",          43, 42};
    static constexpr F<bool> BlkStopMrkSup    {"BlkStopMrkSup",    44, 44};
    static constexpr F<bool> PerfOptSup       {"PerfOptSup",       45, 45};
    static constexpr F<bool> MsiCapMmioSup    {"MsiCapMmioSup",    46, 46};
    static constexpr F<bool> GIoSup           {"GIoSup",           48, 48};
    static constexpr F<bool> HASup            {"HASup",            49, 49};
    static constexpr F<bool> EPHSup           {"EPHSup",           50, 50};
    static constexpr F<bool> AttrFWSup        {"AttrFWSup",        51, 51};
    static constexpr F<bool> HDSup            {"HDSup",            52, 52};
    static constexpr F<bool> InvIotlbTypeSup  {"InvIotlbTypeSup",  54, 54};
    static constexpr F<bool> GAUpdateDisSup   {"GAUpdateDisSup",   61, 61};
    static constexpr F<bool> ForcePhyDestSup  {"ForcePhyDestSup",  62, 62};
    static constexpr F<bool> SNPSup           {"SNPSup",           63, 63};
    static constexpr auto fields = base::layout(PREFSup, PPRSup, XTSup, NXSup, GTSup, SATSSup, IASup, GASup, HESup, PCSup,
        HATS, GATS, GLXSup, SmiFSup, SmiFRC, GAMSup, DualPPRLogSup, DualEvtLogSup, PASMax, USSup, DevTblSegSup,
        PPROvrflwEarlySup, PPRAutoRspSup, MarcSup, BlkStopMrkSup, PerfOptSup, MsiCapMmioSup, GIoSup, HASup, EPHSup,
        AttrFWSup, HDSup, InvIotlbTypeSup, GAUpdateDisSup, ForcePhyDestSup, SNPSup);
    static_assert(base::disjoint(fields));
};
struct Efr2 : Reg<Efr2, 0x01A0, u64, read_only> {
    static constexpr std::string_view name = "EFR2";
    static constexpr F<bool> TMPMSup         {"TMPMSup",         2,  2};
    static constexpr F<bool> GCR3TRPModeSup  {"GCR3TRPModeSup",  3,  3};
    static constexpr F<bool> GAPPIDisSup     {"GAPPIDisSup",     4,  4};
    static constexpr F<>     SNPAVICSup      {"SNPAVICSup",      7,  5};
    static constexpr F<>     NumIntRemapSup  {"NumIntRemapSup",  9,  8};
    static constexpr F<bool> HtRangeIgnore   {"HtRangeIgnore",  11, 11}; ///< FD_0000_0000h and above are addresses as others
    static constexpr auto fields = base::layout(TMPMSup, GCR3TRPModeSup, GAPPIDisSup, SNPAVICSup, NumIntRemapSup,
        HtRangeIgnore);
};

constexpr unsigned pasid_bits(Efr e) { return static_cast<unsigned>(e.get(Efr::PASMax)) + 1; }
constexpr unsigned host_levels(Efr e) { return 4 + static_cast<unsigned>(e.get(Efr::HATS)); }
constexpr unsigned guest_levels(Efr e) { return 4 + static_cast<unsigned>(e.get(Efr::GATS)); }

// ---- ring pointers: entries of 16 bytes -----------------------------------------------------------------------------

template <class Self, u32 Offset>
struct RingPointer : Reg<Self, Offset> {
    template <class T = u64>
    using F = typename Reg<Self, Offset>::template F<T>;
    static constexpr F<u32> Ptr{"Ptr", 18, 4};
    static constexpr auto fields = base::layout(Ptr);
};
struct CmdHead : RingPointer<CmdHead, 0x2000> { static constexpr std::string_view name = "CmdHead"; };
struct CmdTail : RingPointer<CmdTail, 0x2008> { static constexpr std::string_view name = "CmdTail"; };
struct EvtHead : RingPointer<EvtHead, 0x2010> { static constexpr std::string_view name = "EvtHead"; };
struct EvtTail : RingPointer<EvtTail, 0x2018> { static constexpr std::string_view name = "EvtTail"; };
struct PprHead : RingPointer<PprHead, 0x2030> { static constexpr std::string_view name = "PPRHead"; };
struct PprTail : RingPointer<PprTail, 0x2038> { static constexpr std::string_view name = "PPRTail"; };

struct Status : Reg<Status, 0x2020> {
    static constexpr std::string_view name = "Status";
    static constexpr F<bool> EventOverflow   {"EventOverflow",     0,  0};
    static constexpr F<bool> EventLogInt     {"EventLogInt",       1,  1};
    static constexpr F<bool> ComWaitInt      {"ComWaitInt",        2,  2};
    static constexpr F<bool> EventLogRun     {"EventLogRun",       3,  3};
    static constexpr F<bool> CmdBufRun       {"CmdBufRun",         4,  4};
    static constexpr F<bool> PPROverflow     {"PPROverflow",       5,  5};
    static constexpr F<bool> PPRInt          {"PPRInt",            6,  6};
    static constexpr F<bool> PPRLogRun       {"PPRLogRun",         7,  7};
    static constexpr F<bool> GALogRun        {"GALogRun",          8,  8};
    static constexpr F<bool> GALOverflow     {"GALOverflow",       9,  9};
    static constexpr F<bool> GAInt           {"GAInt",            10, 10};
    static constexpr F<bool> PPROverflowB    {"PPROverflowB",     11, 11};
    static constexpr F<bool> PPRLogActive    {"PPRLogActive",     12, 12};
    static constexpr F<bool> EventOverflowB  {"EventOverflowB",   15, 15};
    static constexpr F<bool> EventLogActive  {"EventLogActive",   16, 16};
    static constexpr F<bool> PPROverflowEarlyB{"PPROverflowEarlyB",17, 17};
    static constexpr F<bool> PPROverflowEarly{"PPROverflowEarly", 18, 18};
    static constexpr auto fields = base::layout(EventOverflow, EventLogInt, ComWaitInt, EventLogRun, CmdBufRun, PPROverflow,
        PPRInt, PPRLogRun, GALogRun, GALOverflow, GAInt, PPROverflowB, PPRLogActive, EventOverflowB, EventLogActive,
        PPROverflowEarlyB, PPROverflowEarly);
    static constexpr auto read_only_fields = base::layout(EventLogRun, CmdBufRun, PPRLogRun, GALogRun, PPRLogActive,
        EventLogActive);
    static constexpr auto write_1_clear_fields = base::layout(EventOverflow, EventLogInt, ComWaitInt, PPROverflow, PPRInt,
        GALOverflow, GAInt, PPROverflowB, EventOverflowB, PPROverflowEarlyB, PPROverflowEarly);
    static_assert(base::disjoint(fields));
};

/// What the unit answers by itself (Control.PPRAutoRspEn).
struct PprAutoResp : Reg<PprAutoResp, 0x2080> {
    static constexpr std::string_view name = "PPRAutoResp";
    static constexpr F<u8>   Code  {"PPRAutoRspCode",   3, 0}; ///< of the response
    static constexpr F<bool> MaskGN{"PPRAutoRspMaskGn", 4, 4}; ///< it carries no PASID
    static constexpr auto fields = base::layout(Code, MaskGN);
};
struct PprOverflowEarly : Reg<PprOverflowEarly, 0x2088> {
    static constexpr std::string_view name = "PPROverflowEarly";
    static constexpr F<u32>  Threshold{"Threshold", 14,  0}; ///< entries
    static constexpr F<bool> IntEn    {"IntEn",     30, 30};
    static constexpr F<bool> En       {"En",        31, 31};
    static constexpr auto fields = base::layout(Threshold, IntEn, En);
};

// ---- interrupts without the capability block (Control.IntCapXTEn) ---------------------------------------------------

template <class Self, u32 Offset>
struct XtInterrupt : Reg<Self, Offset> {
    template <class T = u64>
    using F = typename Reg<Self, Offset>::template F<T>;
    static constexpr F<bool> DestMode{"DestMode",     2,  2}; ///< logical
    static constexpr F<>     DestLow {"Dest[23:0]",  31,  8};
    static constexpr F<>     Vector  {"Vector",      39, 32};
    static constexpr F<bool> DM      {"DM",          40, 40}; ///< delivery mode: arbitrated
    static constexpr F<>     DestHigh{"Dest[31:24]", 63, 56};
    static constexpr auto fields = base::layout(DestMode, DestLow, Vector, DM, DestHigh);
};
/// Of events, and of COMPLETION_WAIT.
struct XtIntCtrl : XtInterrupt<XtIntCtrl, 0x0170> { static constexpr std::string_view name = "XTIntCtrl"; };
struct XtPprIntCtrl : XtInterrupt<XtPprIntCtrl, 0x0178> { static constexpr std::string_view name = "XTPprIntCtrl"; };
/// Of a log that there is not.
struct XtGaIntCtrl : XtInterrupt<XtGaIntCtrl, 0x0180> { static constexpr std::string_view name = "XTGaIntCtrl"; };

// ---- absent ---------------------------------------------------------------------------------------------------------

struct HwEvtUpper  : Reg<HwEvtUpper, 0x0040>  { static constexpr std::string_view name = "HwEvtUpper"; };
struct HwEvtLower  : Reg<HwEvtLower, 0x0048>  { static constexpr std::string_view name = "HwEvtLower"; };
struct HwEvtStatus : Reg<HwEvtStatus, 0x0050> { static constexpr std::string_view name = "HwEvtStatus"; };
struct GaLogBar    : Reg<GaLogBar, 0x00E0>    { static constexpr std::string_view name = "GALogBar"; };
struct GaLogTailAddr : Reg<GaLogTailAddr, 0x00E8> { static constexpr std::string_view name = "GALogTailAddr"; };
struct PprLogBBar  : Reg<PprLogBBar, 0x00F0>  { static constexpr std::string_view name = "PPRLogBBar"; };
struct EvtLogBBar  : Reg<EvtLogBBar, 0x00F8>  { static constexpr std::string_view name = "EvtLogBBar"; };
struct DevTabSeg1  : Reg<DevTabSeg1, 0x0100>  { static constexpr std::string_view name = "DevTabSeg1Bar"; };
struct Dsfx        : Reg<Dsfx, 0x0138, u64, read_only> { static constexpr std::string_view name = "DSFX"; };
struct Dscx        : Reg<Dscx, 0x0140>        { static constexpr std::string_view name = "DSCX"; };
struct Dssx        : Reg<Dssx, 0x0148>        { static constexpr std::string_view name = "DSSX"; };
struct PerfOptCtrl : Reg<PerfOptCtrl, 0x016C, u32> { static constexpr std::string_view name = "PerfOptCtrl"; };
struct GaHead      : Reg<GaHead, 0x2040>      { static constexpr std::string_view name = "GAHead"; };
struct GaTail      : Reg<GaTail, 0x2048>      { static constexpr std::string_view name = "GATail"; };
struct PprBHead    : Reg<PprBHead, 0x2050>    { static constexpr std::string_view name = "PPRBHead"; };
struct PprBTail    : Reg<PprBTail, 0x2058>    { static constexpr std::string_view name = "PPRBTail"; };
struct EvtBHead    : Reg<EvtBHead, 0x2070>    { static constexpr std::string_view name = "EvtBHead"; };
struct EvtBTail    : Reg<EvtBTail, 0x2078>    { static constexpr std::string_view name = "EvtBTail"; };
struct PprBOverflowEarly : Reg<PprBOverflowEarly, 0x2090> { static constexpr std::string_view name = "PPRBOverflowEarly"; };

/// What there is, but for the copies of the capability block's message registers.
using Registers = base::RegisterMap<DevTabBar, CmdBufBar, EvtLogBar, Control, ExclBase, ExclLimit, Efr, PprLogBar, XtIntCtrl,
    XtPprIntCtrl, XtGaIntCtrl, Efr2, CmdHead, CmdTail, EvtHead, EvtTail, Status, PprHead, PprTail, PprAutoResp, PprOverflowEarly>;
/// What the manual has and this unit has not: reads as zero, accesses are counted.
using AbsentRegisters = base::RegisterMap<HwEvtUpper, HwEvtLower, HwEvtStatus, GaLogBar, GaLogTailAddr, PprLogBBar,
    EvtLogBBar, DevTabSeg1, Dsfx, Dscx, Dssx, PerfOptCtrl, GaHead, GaTail, PprBHead, PprBTail, EvtBHead,
    EvtBTail, PprBOverflowEarly>;

} // namespace quiesce::iommu::amdvi
