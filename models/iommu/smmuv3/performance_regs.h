// SPDX-License-Identifier: Apache-2.0
/// Registers of a performance monitor counter group (IHI 0070 10.5). Offsets count from the base of page 0. Of registers
/// that there are one for each counter, the type is the first.
#pragma once
#include "iommu/smmuv3/regs.h"

// clang-format off

namespace quiesce::iommu::smmuv3 {

inline constexpr u64 pmcg_page1 = register_page_bytes; ///< from page 0: a 64 KiB span of its own, as 10.5 recommends
inline constexpr u32 pmcg_page_bytes = 0x1000;
inline constexpr unsigned pmcg_events = 8; ///< architected ones, 10.3

struct Evcntr : Reg<Evcntr, 0x000, u64>            { static constexpr std::string_view name = "PMCG_EVCNTR<n>"; }; // 10.5.2.1
struct Evtyper : Reg<Evtyper, 0x400> { // 10.5.2.2
    static constexpr std::string_view name = "PMCG_EVTYPER<n>";
    static constexpr F<>     EVENT          {"EVENT",           15,  0};
    static constexpr F<bool> FILTER_SID_SPAN{"FILTER_SID_SPAN", 29, 29};
    static constexpr F<bool> OVFCAP         {"OVFCAP",          31, 31};
    static constexpr auto fields = base::layout(EVENT, FILTER_SID_SPAN, OVFCAP);
};
struct Svr : Reg<Svr, 0x600, u64, read_only>       { static constexpr std::string_view name = "PMCG_SVR<n>"; };    // 10.5.2.3
struct Smr : Reg<Smr, 0xA00>                       { static constexpr std::string_view name = "PMCG_SMR<n>"; };    // 10.5.2.4

struct CntenSet : Reg<CntenSet, 0xC00, u64>        { static constexpr std::string_view name = "PMCG_CNTENSET0"; }; // 10.5.2.5
struct CntenClr : Reg<CntenClr, 0xC20, u64>        { static constexpr std::string_view name = "PMCG_CNTENCLR0"; }; // 10.5.2.6
struct IntenSet : Reg<IntenSet, 0xC40, u64>        { static constexpr std::string_view name = "PMCG_INTENSET0"; }; // 10.5.2.7
struct IntenClr : Reg<IntenClr, 0xC60, u64>        { static constexpr std::string_view name = "PMCG_INTENCLR0"; }; // 10.5.2.8
struct OvsClr : Reg<OvsClr, 0xC80, u64>            { static constexpr std::string_view name = "PMCG_OVSCLR0"; };   // 10.5.2.9
struct OvsSet : Reg<OvsSet, 0xCC0, u64>            { static constexpr std::string_view name = "PMCG_OVSSET0"; };   // 10.5.2.10
struct Capr : Reg<Capr, 0xD88, u32, base::Access::WriteOnly> { // 10.5.2.11
    static constexpr std::string_view name = "PMCG_CAPR";
    static constexpr F<bool> CAPTURE{"CAPTURE", 0, 0};
    static constexpr auto fields = base::layout(CAPTURE);
};
struct Cfgr : Reg<Cfgr, 0xE00, u32, read_only> { // 10.5.2.13
    static constexpr std::string_view name = "PMCG_CFGR";
    static constexpr F<>     NCTR           {"NCTR",             5,  0}; ///< counters, less one
    static constexpr F<>     SIZE           {"SIZE",            13,  8}; ///< bits of a counter, less one
    static constexpr F<bool> RELOC_CTRS     {"RELOC_CTRS",      20, 20};
    static constexpr F<bool> MSI            {"MSI",             21, 21};
    static constexpr F<bool> CAPTURE        {"CAPTURE",         22, 22};
    static constexpr F<bool> SID_FILTER_TYPE{"SID_FILTER_TYPE", 23, 23}; ///< one filter for all counters
    static constexpr auto fields = base::layout(NCTR, SIZE, RELOC_CTRS, MSI, CAPTURE, SID_FILTER_TYPE);
    static_assert(base::disjoint(fields));
};
struct PmcgCr : Reg<PmcgCr, 0xE04> { // 10.5.2.14
    static constexpr std::string_view name = "PMCG_CR";
    static constexpr F<bool> E{"E", 0, 0};
    static constexpr auto fields = base::layout(E);
};
struct PmcgIidr : Reg<PmcgIidr, 0xE08, u32, read_only> { static constexpr std::string_view name = "PMCG_IIDR"; };  // 10.5.2.15
struct Ceid0 : Reg<Ceid0, 0xE20, u64, read_only>   { static constexpr std::string_view name = "PMCG_CEID0"; };     // 10.5.2.16
struct Ceid1 : Reg<Ceid1, 0xE28, u64, read_only>   { static constexpr std::string_view name = "PMCG_CEID1"; };     // 10.5.2.17
struct PmcgIrqCtrl : Reg<PmcgIrqCtrl, 0xE50> { // 10.5.2.19
    static constexpr std::string_view name = "PMCG_IRQ_CTRL";
    static constexpr F<bool> IRQEN{"IRQEN", 0, 0};
    static constexpr auto fields = base::layout(IRQEN);
};
struct PmcgIrqCtrlAck : Reg<PmcgIrqCtrlAck, 0xE54, u32, read_only> { // 10.5.2.20
    static constexpr std::string_view name = "PMCG_IRQ_CTRLACK";
    static constexpr F<bool> IRQEN{"IRQEN", 0, 0};
    static constexpr auto fields = base::layout(IRQEN);
};
struct PmcgIrqCfg0 : MsiAddress<PmcgIrqCfg0, 0xE58>    { static constexpr std::string_view name = "PMCG_IRQ_CFG0"; }; // 10.5.2.21
struct PmcgIrqCfg1 : MsiData<PmcgIrqCfg1, 0xE60>       { static constexpr std::string_view name = "PMCG_IRQ_CFG1"; }; // 10.5.2.22
struct PmcgIrqCfg2 : MsiAttributes<PmcgIrqCfg2, 0xE64> { static constexpr std::string_view name = "PMCG_IRQ_CFG2"; }; // 10.5.2.23
struct PmcgIrqStatus : Reg<PmcgIrqStatus, 0xE68, u32, read_only> { // 10.5.2.24
    static constexpr std::string_view name = "PMCG_IRQ_STATUS";
    static constexpr F<bool> IRQ_ABT{"IRQ_ABT", 0, 0};
    static constexpr auto fields = base::layout(IRQ_ABT);
};
struct PmcgAidr : Reg<PmcgAidr, 0xE70, u32, read_only> { // 10.5.2.26
    static constexpr std::string_view name = "PMCG_AIDR";
    static constexpr F<> ArchMinorRev{"ArchMinorRev", 3, 0};
    static constexpr F<> ArchMajorRev{"ArchMajorRev", 7, 4};
    static constexpr auto fields = base::layout(ArchMinorRev, ArchMajorRev);
};
struct Pmdevarch : Reg<Pmdevarch, 0xFBC, u32, read_only> { // 10.5.2.29: Arm's architect code, present, 0x2A56
    static constexpr std::string_view name = "PMCG_PMDEVARCH";
    static constexpr u32 reset_value = 0x4770'2A56;
};
struct Pmdevtype : Reg<Pmdevtype, 0xFCC, u32, read_only> { // 10.5.2.29: of an SMMU, a performance monitor
    static constexpr std::string_view name = "PMCG_PMDEVTYPE";
    static constexpr u32 reset_value = 0x56;
};

/// Those that there is one of.
using PmcgRegisters = base::RegisterMap<CntenSet, CntenClr, IntenSet, IntenClr, OvsClr, OvsSet, Capr, Cfgr, PmcgCr,
    PmcgIidr, Ceid0, Ceid1, PmcgIrqCtrl, PmcgIrqCtrlAck, PmcgIrqCfg0, PmcgIrqCfg1, PmcgIrqCfg2, PmcgIrqStatus, PmcgAidr,
    Pmdevarch, Pmdevtype>;
/// Those that there is one of for each counter.
using PmcgCounterRegisters = base::RegisterMap<Evcntr, Evtyper, Svr, Smr>;

} // namespace quiesce::iommu::smmuv3
