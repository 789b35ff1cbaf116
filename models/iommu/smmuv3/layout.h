// SPDX-License-Identifier: Apache-2.0
/// SMMUv3 structures in memory (Arm IHI 0070, chapters 4, 5 and 7; facts/iommu-specs.md 1.3 to 1.8 and 5.1): stream
/// and context descriptors, commands, event records, translation table descriptors. All little-endian; bit numbers
/// count from bit 0 of the structure. Shared by the model and the OS driver; nothing here has behaviour.
#pragma once
#include "base/address.h"
#include "base/describe.h"
#include "base/structure.h"

// clang-format off
namespace quiesce::iommu::smmuv3 {

using base::Structure;

// ---- stream table (5.1, 5.2) ----------------------------------------------------------------------------------------

enum class StreamConfig : u8 { ///< STE.Config; 0xx: abort without a record
    Abort = 0, Bypass = 4, Stage1 = 5, Stage2 = 6, Nested = 7,
};
constexpr bool stage1_enabled(StreamConfig c) { return (raw(c) & 5) == 5; }
constexpr bool stage2_enabled(StreamConfig c) { return (raw(c) & 6) == 6; }
enum class CdTable : u8 { Linear = 0, TwoLevel4K = 1, TwoLevel64K = 2, Reserved = 3 };          ///< STE.S1Fmt; 3 acts as linear
enum class NoSubstream : u8 { Terminate = 0, Bypass = 1, Substream0 = 2, Reserved = 3 };        ///< STE.S1DSS; 3 acts as 0
enum class StreamAts : u8 { Off = 0, Full = 1, SplitStage = 2, FullDpt = 3 };                   ///< STE.EATS
enum class StreamWorld : u8 { NsEl1 = 0, Reserved = 1, El2 = 2, Reserved3 = 3 };                ///< STE.STRW, Non-secure
enum class ShareabilityOverride : u8 { NonShareable = 0, UseIncoming = 1, Outer = 2, Inner = 3 }; ///< STE.SHCFG
/// CD and STE walk attributes.
enum class WalkCacheability : u8 { NonCacheable = 0, WriteBackReadAllocate = 1, WriteThroughReadAllocate = 2, WriteBackNoReadAllocate = 3 };
enum class WalkShareability : u8 { NonShareable = 0, Reserved = 1, OuterShareable = 2, InnerShareable = 3 };

enum class Granule0 : u8 { K4 = 0, K64 = 1, K16 = 2, Reserved = 3 }; ///< CD.TG0, STE.S2TG
enum class Granule1 : u8 { Reserved = 0, K16 = 1, K4 = 2, K64 = 3 }; ///< CD.TG1
/// STE.PRIVCFG and INSTCFG: what a transaction is taken for; 1 acts as 0.
enum class AttributeOverride : u8 { UseIncoming = 0, Reserved = 1, Clear = 2, Set = 3 };

struct L1Std : Structure<L1Std, 8> { // 5.1
    static constexpr F<>      Span {"Span",   4, 0}; ///< 0: invalid; 1..11: 2^(Span-1) STEs; above: as 0
    static constexpr FA<Spa>  L2Ptr{"L2Ptr", 55, 6};
    static constexpr auto fields = base::layout(Span, L2Ptr);
    static_assert(base::disjoint(fields));
};

struct Ste : Structure<Ste, 64> { // 5.2
    static constexpr F<bool>             V           {"V",              0,   0};
    static constexpr F<StreamConfig>     Config      {"Config",         3,   1};
    static constexpr F<CdTable>          S1Fmt       {"S1Fmt",          5,   4};
    static constexpr FA<Spa>             S1ContextPtr{"S1ContextPtr",  55,   6};
    static constexpr F<>                 S1CDMax     {"S1CDMax",       63,  59}; ///< log2 of the CDs; 0: no substreams
    static constexpr F<NoSubstream>      S1DSS       {"S1DSS",         65,  64};
    static constexpr F<WalkCacheability> S1CIR       {"S1CIR",         67,  66};
    static constexpr F<WalkCacheability> S1COR       {"S1COR",         69,  68};
    static constexpr F<WalkShareability> S1CSH       {"S1CSH",         71,  70};
    static constexpr F<>                 S2HWU       {"S2HWU59_62",    75,  72};
    static constexpr F<bool>             DRE         {"DRE",           76,  76};
    static constexpr F<>                 CONT        {"CONT",          80,  77};
    static constexpr F<bool>             DCP         {"DCP",           81,  81};
    static constexpr F<bool>             PPAR        {"PPAR",          82,  82};
    static constexpr F<bool>             MEV         {"MEV",           83,  83};
    static constexpr F<>                 SW_RESERVED {"SW_RESERVED",   87,  84};
    static constexpr F<bool>             S1PIE       {"S1PIE",         88,  88};
    static constexpr F<bool>             S2FWB       {"S2FWB",         89,  89};
    static constexpr F<bool>             S1MPAM      {"S1MPAM",        90,  90};
    static constexpr F<bool>             S1STALLD    {"S1STALLD",      91,  91};
    static constexpr F<StreamAts>        EATS        {"EATS",          93,  92};
    static constexpr F<StreamWorld>      STRW        {"STRW",          95,  94};
    static constexpr F<>                 MemAttr     {"MemAttr",       99,  96};
    static constexpr F<bool>             MTCFG       {"MTCFG",        100, 100};
    static constexpr F<>                 ALLOCCFG    {"ALLOCCFG",     104, 101};
    static constexpr F<ShareabilityOverride> SHCFG   {"SHCFG",        109, 108};
    static constexpr F<>                 NSCFG       {"NSCFG",        111, 110};
    static constexpr F<AttributeOverride> PRIVCFG    {"PRIVCFG",      113, 112}; ///< Clear: unprivileged
    static constexpr F<AttributeOverride> INSTCFG    {"INSTCFG",      115, 114}; ///< Clear: data
    static constexpr F<>                 IMPDEF1     {"IMPDEF",       127, 116};
    static constexpr F<Vmid>             S2VMID      {"S2VMID",       143, 128};
    static constexpr F<>                 IMPDEF2     {"IMPDEF",       159, 144};
    static constexpr F<>                 S2T0SZ      {"S2T0SZ",       165, 160};
    static constexpr F<>                 S2SL0       {"S2SL0",        167, 166};
    static constexpr F<>                 S2IR0       {"S2IR0",        169, 168};
    static constexpr F<>                 S2OR0       {"S2OR0",        171, 170};
    static constexpr F<>                 S2SH0       {"S2SH0",        173, 172};
    static constexpr F<Granule0>         S2TG        {"S2TG",         175, 174};
    static constexpr F<>                 S2PS        {"S2PS",         178, 176};
    static constexpr F<bool>             S2AA64      {"S2AA64",       179, 179};
    static constexpr F<bool>             S2ENDI      {"S2ENDI",       180, 180};
    static constexpr F<bool>             S2AFFD      {"S2AFFD",       181, 181};
    static constexpr F<bool>             S2PTW       {"S2PTW",        182, 182};
    static constexpr F<bool>             S2HD        {"S2HD",         183, 183};
    static constexpr F<bool>             S2HA        {"S2HA",         184, 184};
    static constexpr F<bool>             S2S         {"S2S",          185, 185};
    static constexpr F<bool>             S2R         {"S2R",          186, 186};
    static constexpr F<bool>             S2HAFT      {"S2HAFT",       187, 187};
    static constexpr F<bool>             S2PIE       {"S2PIE",        188, 188};
    static constexpr F<bool>             S2POE       {"S2POE",        189, 189};
    static constexpr F<>                 DPT_VMATCH  {"DPT_VMATCH",   191, 190};
    static constexpr F<bool>             S2NSW       {"S2NSW",        192, 192};
    static constexpr F<bool>             S2NSA       {"S2NSA",        193, 193};
    static constexpr F<bool>             S2SL0_2     {"S2SL0_2",      194, 194};
    static constexpr F<bool>             S2DS        {"S2DS",         195, 195};
    static constexpr FA<Spa>             S2TTB       {"S2TTB",        247, 196};
    static constexpr F<>                 S2SKL       {"S2SKL",        254, 253};
    static constexpr F<>                 IMPDEF4     {"IMPDEF",       271, 256};
    static constexpr F<>                 PARTID      {"PARTID",       287, 272};
    static constexpr F<>                 S_S2T0SZ    {"S_S2T0SZ",     293, 288};
    static constexpr F<>                 S_S2SL0     {"S_S2SL0",      295, 294};
    static constexpr F<>                 S_S2TG      {"S_S2TG",       303, 302};
    static constexpr F<>                 MECID       {"MECID",        319, 304};
    static constexpr F<>                 PMG         {"PMG",          327, 320};
    static constexpr F<bool>             MPAM_NS     {"MPAM_NS",      328, 328};
    static constexpr F<bool>             AssuredOnly {"AssuredOnly",  329, 329};
    static constexpr F<bool>             TL0         {"TL0",          330, 330};
    static constexpr F<bool>             TL1         {"TL1",          331, 331};
    static constexpr FA<Spa>             VMSPtr      {"VMSPtr",       375, 332};
    static constexpr F<bool>             S2SW        {"S2SW",         384, 384};
    static constexpr F<bool>             S2SA        {"S2SA",         385, 385};
    static constexpr F<bool>             S_S2SL0_2   {"S_S2SL0_2",    386, 386};
    static constexpr FA<Spa>             S_S2TTB     {"S_S2TTB",      439, 388};
    static constexpr F<>                 S_S2SKL     {"S_S2SKL",      446, 445};
    static constexpr F<>                 S2POI       {"S2POI",        511, 448};
    static constexpr auto fields = base::layout(V, Config, S1Fmt, S1ContextPtr, S1CDMax, S1DSS, S1CIR, S1COR, S1CSH,
        S2HWU, DRE, CONT, DCP, PPAR, MEV, SW_RESERVED, S1PIE, S2FWB, S1MPAM, S1STALLD, EATS, STRW, MemAttr, MTCFG,
        ALLOCCFG, SHCFG, NSCFG, PRIVCFG, INSTCFG, IMPDEF1, S2VMID, IMPDEF2, S2T0SZ, S2SL0, S2IR0, S2OR0, S2SH0, S2TG,
        S2PS, S2AA64, S2ENDI, S2AFFD, S2PTW, S2HD, S2HA, S2S, S2R, S2HAFT, S2PIE, S2POE, DPT_VMATCH, S2NSW, S2NSA,
        S2SL0_2, S2DS, S2TTB, S2SKL, IMPDEF4, PARTID, S_S2T0SZ, S_S2SL0, S_S2TG, MECID, PMG, MPAM_NS, AssuredOnly, TL0,
        TL1, VMSPtr, S2SW, S2SA, S_S2SL0_2, S_S2TTB, S_S2SKL, S2POI);
    static_assert(base::disjoint(fields));
};

// ---- context descriptors (5.3, 5.4) ---------------------------------------------------------------------------------

struct L1Cd : Structure<L1Cd, 8> { // 5.3
    static constexpr F<bool>  V    {"V",      0,  0};
    static constexpr FA<Spa>  L2Ptr{"L2Ptr", 55, 12};
    static constexpr auto fields = base::layout(V, L2Ptr);
    static_assert(base::disjoint(fields));
};

struct Cd : Structure<Cd, 64> { // 5.4
    static constexpr F<>                 T0SZ   {"T0SZ",      5,   0};
    static constexpr F<Granule0>         TG0    {"TG0",       7,   6};
    static constexpr F<WalkCacheability> IR0    {"IR0",       9,   8};
    static constexpr F<WalkCacheability> OR0    {"OR0",      11,  10};
    static constexpr F<WalkShareability> SH0    {"SH0",      13,  12};
    static constexpr F<bool>             EPD0   {"EPD0",     14,  14};
    static constexpr F<bool>             ENDI   {"ENDI",     15,  15};
    static constexpr F<>                 T1SZ   {"T1SZ",     21,  16};
    static constexpr F<Granule1>         TG1    {"TG1",      23,  22};
    static constexpr F<WalkCacheability> IR1    {"IR1",      25,  24};
    static constexpr F<WalkCacheability> OR1    {"OR1",      27,  26};
    static constexpr F<WalkShareability> SH1    {"SH1",      29,  28};
    static constexpr F<bool>             EPD1   {"EPD1",     30,  30};
    static constexpr F<bool>             V      {"V",        31,  31};
    static constexpr F<>                 IPS    {"IPS",      34,  32};
    static constexpr F<bool>             AFFD   {"AFFD",     35,  35};
    static constexpr F<bool>             WXN    {"WXN",      36,  36};
    static constexpr F<bool>             UWXN   {"UWXN",     37,  37};
    static constexpr F<bool>             TBI0   {"TBI0",     38,  38};
    static constexpr F<bool>             TBI1   {"TBI1",     39,  39};
    static constexpr F<bool>             PAN    {"PAN",      40,  40};
    static constexpr F<bool>             AA64   {"AA64",     41,  41};
    static constexpr F<bool>             HD     {"HD",       42,  42};
    static constexpr F<bool>             HA     {"HA",       43,  43};
    static constexpr F<bool>             S      {"S",        44,  44};
    static constexpr F<bool>             R      {"R",        45,  45};
    static constexpr F<bool>             A      {"A",        46,  46};
    static constexpr F<bool>             ASET   {"ASET",     47,  47};
    static constexpr F<Asid>             ASID   {"ASID",     63,  48};
    static constexpr F<bool>             NSCFG0 {"NSCFG0",   64,  64};
    static constexpr F<bool>             HAD0   {"HAD0",     65,  65};
    static constexpr F<bool>             E0PD0  {"E0PD0",    66,  66};
    static constexpr F<bool>             HAFT   {"HAFT",     67,  67};
    static constexpr FA<Spa>             TTB0   {"TTB0",    115,  68};
    static constexpr F<bool>             PnCH   {"PnCH",    122, 122};
    static constexpr F<bool>             EPAN   {"EPAN",    123, 123};
    static constexpr F<bool>             HWU059 {"HWU059",  124, 124};
    static constexpr F<bool>             HWU060 {"HWU060",  125, 125};
    static constexpr F<bool>             HWU061 {"HWU061",  126, 126};
    static constexpr F<bool>             HWU062 {"HWU062",  127, 127};
    static constexpr F<bool>             NSCFG1 {"NSCFG1",  128, 128};
    static constexpr F<bool>             HAD1   {"HAD1",    129, 129};
    static constexpr F<bool>             E0PD1  {"E0PD1",   130, 130};
    static constexpr F<bool>             AIE    {"AIE",     131, 131};
    static constexpr FA<Spa>             TTB1   {"TTB1",    179, 132};
    static constexpr F<bool>             DS     {"DS",      186, 186};
    static constexpr F<bool>             PIE    {"PIE",     187, 187};
    static constexpr F<bool>             HWU159 {"HWU159",  188, 188};
    static constexpr F<bool>             HWU160 {"HWU160",  189, 189};
    static constexpr F<bool>             HWU161 {"HWU161",  190, 190};
    static constexpr F<bool>             HWU162 {"HWU162",  191, 191};
    static constexpr F<>                 MAIR0  {"MAIR0",   223, 192};
    static constexpr F<>                 MAIR1  {"MAIR1",   255, 224};
    static constexpr F<>                 AMAIR0 {"AMAIR0",  287, 256};
    static constexpr F<>                 AMAIR1 {"AMAIR1",  319, 288};
    static constexpr F<>                 IMPDEF {"IMPDEF",  351, 320};
    static constexpr F<>                 PARTID {"PARTID",  367, 352};
    static constexpr F<>                 PMG    {"PMG",     375, 368};
    static constexpr F<>                 PIIU   {"PIIU",    431, 384};
    static constexpr F<>                 PIIP   {"PIIP",    495, 448};
    static constexpr auto fields = base::layout(T0SZ, TG0, IR0, OR0, SH0, EPD0, ENDI, T1SZ, TG1, IR1, OR1, SH1, EPD1, V,
        IPS, AFFD, WXN, UWXN, TBI0, TBI1, PAN, AA64, HD, HA, S, R, A, ASET, ASID, NSCFG0, HAD0, E0PD0, HAFT, TTB0, PnCH,
        EPAN, HWU059, HWU060, HWU061, HWU062, NSCFG1, HAD1, E0PD1, AIE, TTB1, DS, PIE, HWU159, HWU160, HWU161, HWU162,
        MAIR0, MAIR1, AMAIR0, AMAIR1, IMPDEF, PARTID, PMG, PIIU, PIIP);
    static_assert(base::disjoint(fields));
};

// ---- translation table descriptors: VMSAv8-64 (facts 5.1) ------------------------------------------------------------

/// A block (level 1: 1 GiB, level 2: 2 MiB; Type 0) or a page (level 3; Type 1).
struct LeafDescriptor : Structure<LeafDescriptor, 8> {
    static constexpr F<bool>             Valid     {"Valid",       0,  0};
    static constexpr F<bool>             Type      {"Type",        1,  1};
    static constexpr F<>                 AttrIndx  {"AttrIndx",    4,  2};
    static constexpr F<bool>             NS        {"NS",          5,  5};
    static constexpr F<bool>             AP1       {"AP[1]",       6,  6}; ///< unprivileged accesses may use it
    static constexpr F<bool>             AP2       {"AP[2]",       7,  7}; ///< read-only
    static constexpr F<WalkShareability> SH        {"SH",          9,  8};
    static constexpr F<bool>             AF        {"AF",         10, 10};
    static constexpr F<bool>             nG        {"nG",         11, 11};
    static constexpr FA<Spa>             OA        {"OA",         47, 12};
    static constexpr F<bool>             GP        {"GP",         50, 50};
    static constexpr F<bool>             DBM       {"DBM",        51, 51};
    static constexpr F<bool>             Contiguous{"Contiguous", 52, 52};
    static constexpr F<bool>             PXN       {"PXN",        53, 53};
    static constexpr F<bool>             UXN       {"UXN",        54, 54};
    static constexpr F<>                 SW        {"SW",         58, 55};
    static constexpr F<>                 PBHA      {"PBHA",       62, 59};
    static constexpr auto fields = base::layout(Valid, Type, AttrIndx, NS, AP1, AP2, SH, AF, nG, OA, GP, DBM,
        Contiguous, PXN, UXN, SW, PBHA);
    static_assert(base::disjoint(fields));
};
/// A block or a page of stage 2: the same places, other permissions.
struct Stage2Descriptor : Structure<Stage2Descriptor, 8> {
    static constexpr F<bool>             Valid     {"Valid",       0,  0};
    static constexpr F<bool>             Type      {"Type",        1,  1};
    static constexpr F<>                 MemAttr   {"MemAttr",     5,  2}; ///< 00xx: Device
    static constexpr F<bool>             S2APRead  {"S2AP[0]",     6,  6};
    static constexpr F<bool>             S2APWrite {"S2AP[1]",     7,  7};
    static constexpr F<WalkShareability> SH        {"SH",          9,  8};
    static constexpr F<bool>             AF        {"AF",         10, 10};
    static constexpr FA<Spa>             OA        {"OA",         47, 12};
    static constexpr F<bool>             DBM       {"DBM",        51, 51};
    static constexpr F<bool>             Contiguous{"Contiguous", 52, 52};
    static constexpr F<>                 XN        {"XN",         54, 53}; ///< bit 53 only with IDR3.XNX
    static constexpr F<>                 SW        {"SW",         58, 55};
    static constexpr F<>                 PBHA      {"PBHA",       62, 59};
    static constexpr auto fields = base::layout(Valid, Type, MemAttr, S2APRead, S2APWrite, SH, AF, OA, DBM, Contiguous,
        XN, SW, PBHA);
    static_assert(base::disjoint(fields));
};
/// A pointer to the next level (levels 0 to 2; Type 1).
struct TableDescriptor : Structure<TableDescriptor, 8> {
    static constexpr F<bool> Valid    {"Valid",       0,  0};
    static constexpr F<bool> Type     {"Type",        1,  1};
    static constexpr FA<Spa> NextTable{"NextTable",  47, 12};
    static constexpr F<bool> PXNTable {"PXNTable",   59, 59};
    static constexpr F<bool> UXNTable {"UXNTable",   60, 60};
    static constexpr F<bool> APTable0 {"APTable[0]", 61, 61}; ///< no unprivileged access below
    static constexpr F<bool> APTable1 {"APTable[1]", 62, 62}; ///< no writes below
    static constexpr F<bool> NSTable  {"NSTable",    63, 63};
    static constexpr auto fields = base::layout(Valid, Type, NextTable, PXNTable, UXNTable, APTable0, APTable1,
        NSTable);
    static_assert(base::disjoint(fields));
};

// ---- commands (chapter 4) -------------------------------------------------------------------------------------------

enum class Opcode : u8 {
    PREFETCH_CONFIG = 0x01, PREFETCH_ADDR = 0x02,
    CFGI_STE = 0x03, CFGI_STE_RANGE = 0x04, CFGI_CD = 0x05, CFGI_CD_ALL = 0x06, CFGI_VMS_PIDM = 0x07,
    TLBI_NH_ALL = 0x10, TLBI_NH_ASID = 0x11, TLBI_NH_VA = 0x12, TLBI_NH_VAA = 0x13,
    TLBI_EL3_ALL = 0x18, TLBI_EL3_VA = 0x1A,
    TLBI_EL2_ALL = 0x20, TLBI_EL2_ASID = 0x21, TLBI_EL2_VA = 0x22, TLBI_EL2_VAA = 0x23,
    TLBI_S12_VMALL = 0x28, TLBI_S2_IPA = 0x2A, TLBI_NSNH_ALL = 0x30,
    ATC_INV = 0x40, PRI_RESP = 0x41, RESUME = 0x44, STALL_TERM = 0x45, SYNC = 0x46,
};
constexpr auto enum_names(Opcode) {
    using enum Opcode;
    return base::name_table<Opcode>({
        {PREFETCH_CONFIG, "PREFETCH_CONFIG"}, {PREFETCH_ADDR, "PREFETCH_ADDR"}, {CFGI_STE, "CFGI_STE"},
        {CFGI_STE_RANGE, "CFGI_STE_RANGE"}, {CFGI_CD, "CFGI_CD"}, {CFGI_CD_ALL, "CFGI_CD_ALL"},
        {CFGI_VMS_PIDM, "CFGI_VMS_PIDM"}, {TLBI_NH_ALL, "TLBI_NH_ALL"}, {TLBI_NH_ASID, "TLBI_NH_ASID"},
        {TLBI_NH_VA, "TLBI_NH_VA"}, {TLBI_NH_VAA, "TLBI_NH_VAA"}, {TLBI_EL3_ALL, "TLBI_EL3_ALL"},
        {TLBI_EL3_VA, "TLBI_EL3_VA"}, {TLBI_EL2_ALL, "TLBI_EL2_ALL"}, {TLBI_EL2_ASID, "TLBI_EL2_ASID"},
        {TLBI_EL2_VA, "TLBI_EL2_VA"}, {TLBI_EL2_VAA, "TLBI_EL2_VAA"}, {TLBI_S12_VMALL, "TLBI_S12_VMALL"},
        {TLBI_S2_IPA, "TLBI_S2_IPA"}, {TLBI_NSNH_ALL, "TLBI_NSNH_ALL"}, {ATC_INV, "ATC_INV"}, {PRI_RESP, "PRI_RESP"},
        {RESUME, "RESUME"}, {STALL_TERM, "STALL_TERM"}, {SYNC, "SYNC"}});
}
inline constexpr u64 cfgi_all_range = 31; ///< CFGI_STE_RANGE with this Range is CFGI_ALL (4.3.6)

enum class SyncSignal : u8 { None = 0, Irq = 1, Sev = 2, Reserved = 3 };                       ///< SYNC.CS; 3 is CERROR_ILL
enum class PageResponse : u8 { ResponseFailure = 0, InvalidRequest = 1, Success = 2, Illegal = 3 }; ///< PRI_RESP.Resp
enum class RangeGranule : u8 { None = 0, K4 = 1, K16 = 2, K64 = 3 };                           ///< TLBI TG

/// Any command: its opcode and 16 bytes.
struct Command : Structure<Command, 16> {
    static constexpr F<Opcode> Op{"Opcode", 7, 0};
    static constexpr auto fields = base::layout(Op);
};
inline constexpr u64 command_bytes = 16;

/// A command's 16 bytes seen as the format `C`, and back.
template <class C>
constexpr C view_as(const Command& c) { return C::from_words(c.words()); }
template <class C>
constexpr Command as_command(const C& c) { return Command::from_words(c.words()); }
/// A command of format `C` with its opcode set and everything else zero.
template <class C>
constexpr C make_command() {
    C c{};
    c.set(C::Op, C::opcode);
    return c;
}

struct PrefetchConfig : Structure<PrefetchConfig, 16> { // 4.2.1
    static constexpr Opcode opcode = Opcode::PREFETCH_CONFIG;
    static constexpr F<Opcode>   Op  {"Opcode",        7,  0};
    static constexpr F<bool>     SSec{"SSec",         10, 10};
    static constexpr F<bool>     SSV {"SSV",          11, 11};
    static constexpr F<Pasid>    SSID{"SubstreamID",  31, 12};
    static constexpr F<StreamId> SID {"StreamID",     63, 32};
    static constexpr auto fields = base::layout(Op, SSec, SSV, SSID, SID);
    static_assert(base::disjoint(fields));
};
struct PrefetchAddr : Structure<PrefetchAddr, 16> { // 4.2.2
    static constexpr Opcode opcode = Opcode::PREFETCH_ADDR;
    static constexpr F<Opcode>   Op  {"Opcode",        7,  0};
    static constexpr F<bool>     SSec{"SSec",         10, 10};
    static constexpr F<bool>     SSV {"SSV",          11, 11};
    static constexpr F<Pasid>    SSID{"SubstreamID",  31, 12};
    static constexpr F<StreamId> SID {"StreamID",     63, 32};
    static constexpr F<>         Size{"Size",         68, 64};
    static constexpr FA<Iova>    Addr{"Address",     127, 76};
    static constexpr auto fields = base::layout(Op, SSec, SSV, SSID, SID, Size, Addr);
    static_assert(base::disjoint(fields));
};
struct CfgiSte : Structure<CfgiSte, 16> { // 4.3.1
    static constexpr Opcode opcode = Opcode::CFGI_STE;
    static constexpr F<Opcode>   Op  {"Opcode",    7,  0};
    static constexpr F<bool>     SSec{"SSec",     10, 10};
    static constexpr F<StreamId> SID {"StreamID", 63, 32};
    static constexpr F<bool>     Leaf{"Leaf",     64, 64};
    static constexpr auto fields = base::layout(Op, SSec, SID, Leaf);
};
struct CfgiSteRange : Structure<CfgiSteRange, 16> { // 4.3.2; Range 31 is CFGI_ALL
    static constexpr Opcode opcode = Opcode::CFGI_STE_RANGE;
    static constexpr F<Opcode>   Op   {"Opcode",    7,  0};
    static constexpr F<bool>     SSec {"SSec",     10, 10};
    static constexpr F<StreamId> SID  {"StreamID", 63, 32};
    static constexpr F<>         Range{"Range",    68, 64}; ///< the aligned 2^(Range+1) streams around SID
    static constexpr auto fields = base::layout(Op, SSec, SID, Range);
};
struct CfgiCd : Structure<CfgiCd, 16> { // 4.3.3
    static constexpr Opcode opcode = Opcode::CFGI_CD;
    static constexpr F<Opcode>   Op  {"Opcode",       7,  0};
    static constexpr F<bool>     SSec{"SSec",        10, 10};
    static constexpr F<Pasid>    SSID{"SubstreamID", 31, 12}; ///< index of the CD, 0 for the single CD
    static constexpr F<StreamId> SID {"StreamID",    63, 32};
    static constexpr F<bool>     Leaf{"Leaf",        64, 64};
    static constexpr auto fields = base::layout(Op, SSec, SSID, SID, Leaf);
};
struct CfgiCdAll : Structure<CfgiCdAll, 16> { // 4.3.4
    static constexpr Opcode opcode = Opcode::CFGI_CD_ALL;
    static constexpr F<Opcode>   Op  {"Opcode",    7,  0};
    static constexpr F<bool>     SSec{"SSec",     10, 10};
    static constexpr F<StreamId> SID {"StreamID", 63, 32};
    static constexpr auto fields = base::layout(Op, SSec, SID);
};
struct TlbiNhAll : Structure<TlbiNhAll, 16> { // 4.4.2.1
    static constexpr Opcode opcode = Opcode::TLBI_NH_ALL;
    static constexpr F<Opcode> Op  {"Opcode",  7,  0};
    static constexpr F<Vmid>   VMID{"VMID",   47, 32};
    static constexpr auto fields = base::layout(Op, VMID);
};
struct TlbiNhAsid : Structure<TlbiNhAsid, 16> { // 4.4.2.2; spares global entries
    static constexpr Opcode opcode = Opcode::TLBI_NH_ASID;
    static constexpr F<Opcode> Op  {"Opcode",  7,  0};
    static constexpr F<Vmid>   VMID{"VMID",   47, 32};
    static constexpr F<Asid>   ASID{"ASID",   63, 48};
    static constexpr auto fields = base::layout(Op, VMID, ASID);
};
/// With IDR3.RIL and TG != 0: (NUM + 1) * 2^SCALE granules from Addr. Otherwise the one page that holds Addr.
struct TlbiNhVa : Structure<TlbiNhVa, 16> { // 4.4.2.4
    static constexpr Opcode opcode = Opcode::TLBI_NH_VA;
    static constexpr F<Opcode>       Op    {"Opcode",    7,  0};
    static constexpr F<>             NUM   {"NUM",      16, 12};
    static constexpr F<>             SCALE {"SCALE",    25, 20}; ///< bit 25 only with DS
    static constexpr F<Vmid>         VMID  {"VMID",     47, 32};
    static constexpr F<Asid>         ASID  {"ASID",     63, 48};
    static constexpr F<bool>         Leaf  {"Leaf",     64, 64};
    static constexpr F<bool>         TTL128{"TTL128",   71, 71};
    static constexpr F<>             TTL   {"TTL",      73, 72};
    static constexpr F<RangeGranule> TG    {"TG",       75, 74};
    static constexpr FA<Iova>        Addr  {"Address", 127, 76};
    static constexpr auto fields = base::layout(Op, NUM, SCALE, VMID, ASID, Leaf, TTL128, TTL, TG, Addr);
    static_assert(base::disjoint(fields));
};
struct TlbiNhVaa : Structure<TlbiNhVaa, 16> { // 4.4.2.3; every ASID
    static constexpr Opcode opcode = Opcode::TLBI_NH_VAA;
    static constexpr F<Opcode>       Op    {"Opcode",    7,  0};
    static constexpr F<>             NUM   {"NUM",      16, 12};
    static constexpr F<>             SCALE {"SCALE",    25, 20};
    static constexpr F<Vmid>         VMID  {"VMID",     47, 32};
    static constexpr F<bool>         Leaf  {"Leaf",     64, 64};
    static constexpr F<bool>         TTL128{"TTL128",   71, 71};
    static constexpr F<>             TTL   {"TTL",      73, 72};
    static constexpr F<RangeGranule> TG    {"TG",       75, 74};
    static constexpr FA<Iova>        Addr  {"Address", 127, 76};
    static constexpr auto fields = base::layout(Op, NUM, SCALE, VMID, Leaf, TTL128, TTL, TG, Addr);
    static_assert(base::disjoint(fields));
};
struct TlbiEl2All : Structure<TlbiEl2All, 16> { // 4.4.2
    static constexpr Opcode opcode = Opcode::TLBI_EL2_ALL;
    static constexpr F<Opcode> Op{"Opcode", 7, 0};
    static constexpr auto fields = base::layout(Op);
};
struct TlbiEl2Asid : Structure<TlbiEl2Asid, 16> { // 4.4.2
    static constexpr Opcode opcode = Opcode::TLBI_EL2_ASID;
    static constexpr F<Opcode> Op  {"Opcode",  7,  0};
    static constexpr F<Asid>   ASID{"ASID",   63, 48};
    static constexpr auto fields = base::layout(Op, ASID);
};
struct TlbiEl2Va : Structure<TlbiEl2Va, 16> { // 4.4.2; ASID counts with CR2.E2H
    static constexpr Opcode opcode = Opcode::TLBI_EL2_VA;
    static constexpr F<Opcode>       Op    {"Opcode",    7,  0};
    static constexpr F<>             NUM   {"NUM",      16, 12};
    static constexpr F<>             SCALE {"SCALE",    25, 20};
    static constexpr F<Asid>         ASID  {"ASID",     63, 48};
    static constexpr F<bool>         Leaf  {"Leaf",     64, 64};
    static constexpr F<bool>         TTL128{"TTL128",   71, 71};
    static constexpr F<>             TTL   {"TTL",      73, 72};
    static constexpr F<RangeGranule> TG    {"TG",       75, 74};
    static constexpr FA<Iova>        Addr  {"Address", 127, 76};
    static constexpr auto fields = base::layout(Op, NUM, SCALE, ASID, Leaf, TTL128, TTL, TG, Addr);
    static_assert(base::disjoint(fields));
};
struct TlbiEl2Vaa : Structure<TlbiEl2Vaa, 16> { // 4.4.2
    static constexpr Opcode opcode = Opcode::TLBI_EL2_VAA;
    static constexpr F<Opcode>       Op    {"Opcode",    7,  0};
    static constexpr F<>             NUM   {"NUM",      16, 12};
    static constexpr F<>             SCALE {"SCALE",    25, 20};
    static constexpr F<bool>         Leaf  {"Leaf",     64, 64};
    static constexpr F<bool>         TTL128{"TTL128",   71, 71};
    static constexpr F<>             TTL   {"TTL",      73, 72};
    static constexpr F<RangeGranule> TG    {"TG",       75, 74};
    static constexpr FA<Iova>        Addr  {"Address", 127, 76};
    static constexpr auto fields = base::layout(Op, NUM, SCALE, Leaf, TTL128, TTL, TG, Addr);
    static_assert(base::disjoint(fields));
};
struct TlbiS12Vmall : Structure<TlbiS12Vmall, 16> { // 4.4.3
    static constexpr Opcode opcode = Opcode::TLBI_S12_VMALL;
    static constexpr F<Opcode> Op  {"Opcode",  7,  0};
    static constexpr F<Vmid>   VMID{"VMID",   47, 32};
    static constexpr auto fields = base::layout(Op, VMID);
};
struct TlbiS2Ipa : Structure<TlbiS2Ipa, 16> { // 4.4.3
    static constexpr Opcode opcode = Opcode::TLBI_S2_IPA;
    static constexpr F<Opcode>       Op    {"Opcode",    7,  0};
    static constexpr F<>             NUM   {"NUM",      16, 12};
    static constexpr F<>             SCALE {"SCALE",    25, 20};
    static constexpr F<Vmid>         VMID  {"VMID",     47, 32};
    static constexpr F<bool>         Leaf  {"Leaf",     64, 64};
    static constexpr F<bool>         TTL128{"TTL128",   71, 71};
    static constexpr F<>             TTL   {"TTL",      73, 72};
    static constexpr F<RangeGranule> TG    {"TG",       75, 74};
    static constexpr FA<Gpa>         Addr  {"Address", 119, 76};
    static constexpr auto fields = base::layout(Op, NUM, SCALE, VMID, Leaf, TTL128, TTL, TG, Addr);
    static_assert(base::disjoint(fields));
};
struct TlbiNsnhAll : Structure<TlbiNsnhAll, 16> { // 4.4.4.1
    static constexpr Opcode opcode = Opcode::TLBI_NSNH_ALL;
    static constexpr F<Opcode> Op{"Opcode", 7, 0};
    static constexpr auto fields = base::layout(Op);
};
struct AtcInv : Structure<AtcInv, 16> { // 4.5.1; 4096 * 2^Size bytes, Size 52: everything
    static constexpr Opcode opcode = Opcode::ATC_INV;
    static constexpr F<Opcode>   Op    {"Opcode",        7,  0};
    static constexpr F<bool>     Global{"Global",        9,  9};
    static constexpr F<bool>     SSec  {"SSec",         10, 10};
    static constexpr F<bool>     SSV   {"SSV",          11, 11};
    static constexpr F<Pasid>    SSID  {"SubstreamID",  31, 12};
    static constexpr F<StreamId> SID   {"StreamID",     63, 32};
    static constexpr F<>         Size  {"Size",         69, 64};
    static constexpr FA<Iova>    Addr  {"Address",     127, 76};
    static constexpr auto fields = base::layout(Op, Global, SSec, SSV, SSID, SID, Size, Addr);
    static_assert(base::disjoint(fields));
};
struct PriResp : Structure<PriResp, 16> { // 4.5.2
    static constexpr Opcode opcode = Opcode::PRI_RESP;
    static constexpr F<Opcode>       Op      {"Opcode",       7,  0};
    static constexpr F<bool>         SSec    {"SSec",        10, 10};
    static constexpr F<bool>         SSV     {"SSV",         11, 11};
    static constexpr F<Pasid>        SSID    {"SubstreamID", 31, 12};
    static constexpr F<StreamId>     SID     {"StreamID",    63, 32};
    static constexpr F<>             PRGIndex{"PRGIndex",    72, 64};
    static constexpr F<PageResponse> Resp    {"Resp",        77, 76};
    static constexpr auto fields = base::layout(Op, SSec, SSV, SSID, SID, PRGIndex, Resp);
    static_assert(base::disjoint(fields));
};
struct Resume : Structure<Resume, 16> { // 4.7.1
    static constexpr Opcode opcode = Opcode::RESUME;
    static constexpr F<Opcode>   Op  {"Opcode",    7,  0};
    static constexpr F<bool>     SSec{"SSec",     10, 10};
    static constexpr F<bool>     Ac  {"Ac",       12, 12}; ///< 1: retry; 0: end it
    static constexpr F<bool>     Ab  {"Ab",       13, 13}; ///< end: 1 abort, 0 RAZ/WI
    static constexpr F<StreamId> SID {"StreamID", 63, 32};
    static constexpr F<>         STAG{"STAG",     79, 64};
    static constexpr auto fields = base::layout(Op, SSec, Ac, Ab, SID, STAG);
    static_assert(base::disjoint(fields));
};
struct StallTerm : Structure<StallTerm, 16> { // 4.7.2
    static constexpr Opcode opcode = Opcode::STALL_TERM;
    static constexpr F<Opcode>   Op  {"Opcode",    7,  0};
    static constexpr F<bool>     SSec{"SSec",     10, 10};
    static constexpr F<StreamId> SID {"StreamID", 63, 32};
    static constexpr auto fields = base::layout(Op, SSec, SID);
};
struct Sync : Structure<Sync, 16> { // 4.7.3
    static constexpr Opcode opcode = Opcode::SYNC;
    static constexpr F<Opcode>           Op        {"Opcode",       7,  0};
    static constexpr F<SyncSignal>       CS        {"CS",          13, 12};
    static constexpr F<WalkShareability> MSH       {"MSH",         23, 22};
    static constexpr F<>                 MSIAttr   {"MSIAttr",     27, 24};
    static constexpr F<u32>              MSIData   {"MSIData",     63, 32};
    static constexpr FA<Spa>             MSIAddress{"MSIAddress", 119, 66}; ///< 0: no message
    static constexpr auto fields = base::layout(Op, CS, MSH, MSIAttr, MSIData, MSIAddress);
    static_assert(base::disjoint(fields));
};

// ---- event records (7.3) --------------------------------------------------------------------------------------------

enum class EventId : u8 {
    F_UUT = 0x01, C_BAD_STREAMID = 0x02, F_STE_FETCH = 0x03, C_BAD_STE = 0x04, F_BAD_ATS_TREQ = 0x05, F_STREAM_DISABLED = 0x06,
    F_TRANSL_FORBIDDEN = 0x07, C_BAD_SUBSTREAMID = 0x08, F_CD_FETCH = 0x09, C_BAD_CD = 0x0A, F_WALK_EABT = 0x0B,
    F_TRANSLATION = 0x10, F_ADDR_SIZE = 0x11, F_ACCESS = 0x12, F_PERMISSION = 0x13,
    F_TLB_CONFLICT = 0x20, F_CFG_CONFLICT = 0x21, E_PAGE_REQUEST = 0x24, F_VMS_FETCH = 0x25,
};
enum class FaultClass : u8 { Cd = 0, Table = 1, Input = 2 }; ///< CLASS: what was being read when stage 1 or 2 faulted

inline constexpr u64 event_bytes = 32;

/// Any record: the first word has the same form in all of them. C_BAD_STREAMID, C_BAD_STE, F_STREAM_DISABLED,
/// C_BAD_SUBSTREAMID and C_BAD_CD have nothing else.
struct EventRecord : Structure<EventRecord, 32> { // 7.3
    static constexpr F<EventId>  ID  {"EventID",      7,  0};
    static constexpr F<bool>     SSV {"SSV",         11, 11};
    static constexpr F<Pasid>    SSID{"SubstreamID", 31, 12};
    static constexpr F<StreamId> SID {"StreamID",    63, 32};
    static constexpr auto fields = base::layout(ID, SSV, SSID, SID);
};
template <class E>
constexpr E view_as(const EventRecord& e) { return E::from_words(e.words()); }
template <class E>
constexpr EventRecord as_event(const E& e) { return EventRecord::from_words(e.words()); }

struct FetchFault : Structure<FetchFault, 32> { // F_STE_FETCH 7.3.4, F_CD_FETCH 7.3.10, F_VMS_FETCH 7.3.20
    static constexpr F<EventId>  ID       {"EventID",       7,   0};
    static constexpr F<bool>     SSV      {"SSV",          11,  11};
    static constexpr F<Pasid>    SSID     {"SubstreamID",  31,  12};
    static constexpr F<StreamId> SID      {"StreamID",     63,  32};
    static constexpr F<>         Reason   {"Reason",       79,  64};
    static constexpr F<bool>     GPCF     {"GPCF",         80,  80};
    static constexpr FA<Spa>     FetchAddr{"FetchAddr",   247, 195};
    static constexpr auto fields = base::layout(ID, SSV, SSID, SID, Reason, GPCF, FetchAddr);
    static_assert(base::disjoint(fields));
};
/// F_BAD_ATS_TREQ 7.3.6. The places of Span, Priv, X, W and R are those of public headers, not of the manual's figure.
struct BadAtsRequest : Structure<BadAtsRequest, 32> {
    static constexpr F<EventId>  ID       {"EventID",       7,   0};
    static constexpr F<bool>     SSV      {"SSV",          11,  11};
    static constexpr F<Pasid>    SSID     {"SubstreamID",  31,  12};
    static constexpr F<StreamId> SID      {"StreamID",     63,  32};
    static constexpr F<>         Span     {"Span",         67,  64}; ///< pages asked for
    static constexpr F<bool>     Priv     {"Priv",         92,  92};
    static constexpr F<bool>     X        {"X",            93,  93};
    static constexpr F<bool>     W        {"W",            94,  94};
    static constexpr F<bool>     R        {"R",            95,  95};
    static constexpr FA<Iova>    InputAddr{"InputAddr",   191, 140};
    static constexpr auto fields = base::layout(ID, SSV, SSID, SID, Span, Priv, X, W, R, InputAddr);
    static_assert(base::disjoint(fields));
};
struct TranslatedForbidden : Structure<TranslatedForbidden, 32> { // F_TRANSL_FORBIDDEN 7.3.8
    static constexpr F<EventId>  ID       {"EventID",       7,   0};
    static constexpr F<bool>     SSV      {"SSV",          11,  11}; ///< 0 without IDR3.PASIDTT
    static constexpr F<Pasid>    SSID     {"SubstreamID",  31,  12};
    static constexpr F<StreamId> SID      {"StreamID",     63,  32};
    static constexpr F<bool>     RnW      {"RnW",          99,  99};
    static constexpr F<Iova>     InputAddr{"InputAddr",   191, 128};
    static constexpr auto fields = base::layout(ID, SSV, SSID, SID, RnW, InputAddr);
};
struct WalkAbort : Structure<WalkAbort, 32> { // F_WALK_EABT 7.3.12
    static constexpr F<EventId>    ID       {"EventID",       7,   0};
    static constexpr F<bool>       SSV      {"SSV",          11,  11};
    static constexpr F<Pasid>      SSID     {"SubstreamID",  31,  12};
    static constexpr F<StreamId>   SID      {"StreamID",     63,  32};
    static constexpr F<>           Reason   {"Reason",       79,  64};
    static constexpr F<bool>       GPCF     {"GPCF",         80,  80};
    static constexpr F<bool>       PnU      {"PnU",          97,  97};
    static constexpr F<bool>       InD      {"InD",          98,  98};
    static constexpr F<bool>       RnW      {"RnW",          99,  99};
    static constexpr F<bool>       S2       {"S2",          103, 103};
    static constexpr F<FaultClass> CLASS    {"CLASS",       105, 104};
    static constexpr F<Iova>       InputAddr{"InputAddr",   191, 128};
    static constexpr FA<Spa>       FetchAddr{"FetchAddr",   247, 195};
    static constexpr auto fields = base::layout(ID, SSV, SSID, SID, Reason, GPCF, PnU, InD, RnW, S2, CLASS, InputAddr,
        FetchAddr);
    static_assert(base::disjoint(fields));
};
struct TranslationFault : Structure<TranslationFault, 32> { // F_TRANSLATION 7.3.13, F_ADDR_SIZE 7.3.14, F_ACCESS 7.3.15, F_PERMISSION 7.3.16
    static constexpr F<EventId>    ID       {"EventID",       7,   0};
    static constexpr F<bool>       SSV      {"SSV",          11,  11};
    static constexpr F<Pasid>      SSID     {"SubstreamID",  31,  12};
    static constexpr F<StreamId>   SID      {"StreamID",     63,  32};
    static constexpr F<>           STAG     {"STAG",         79,  64};
    static constexpr F<bool>       Stall    {"Stall",        95,  95};
    static constexpr F<bool>       PnU      {"PnU",          97,  97};
    static constexpr F<bool>       InD      {"InD",          98,  98};
    static constexpr F<bool>       RnW      {"RnW",          99,  99};
    static constexpr F<bool>       NSIPA    {"NSIPA",       102, 102};
    static constexpr F<bool>       S2       {"S2",          103, 103};
    static constexpr F<FaultClass> CLASS    {"CLASS",       105, 104};
    static constexpr F<bool>       TTRnW    {"TTRnW",       108, 108}; ///< F_PERMISSION only
    static constexpr F<Iova>       InputAddr{"InputAddr",   191, 128};
    static constexpr FA<Gpa>       IPA      {"IPA",         247, 204}; ///< only with S2
    static constexpr auto fields = base::layout(ID, SSV, SSID, SID, STAG, Stall, PnU, InD, RnW, NSIPA, S2, CLASS, TTRnW,
        InputAddr, IPA);
    static_assert(base::disjoint(fields));
};

struct TlbConflict : Structure<TlbConflict, 32> { // F_TLB_CONFLICT 7.3.17
    static constexpr F<EventId>    ID       {"EventID",       7,   0};
    static constexpr F<bool>       SSV      {"SSV",          11,  11};
    static constexpr F<Pasid>      SSID     {"SubstreamID",  31,  12};
    static constexpr F<StreamId>   SID      {"StreamID",     63,  32};
    static constexpr F<>           Reason   {"Reason",       79,  64}; ///< of the implementation
    static constexpr F<bool>       PnU      {"PnU",          97,  97};
    static constexpr F<bool>       InD      {"InD",          98,  98};
    static constexpr F<bool>       RnW      {"RnW",          99,  99};
    static constexpr F<bool>       NSIPA    {"NSIPA",       102, 102};
    static constexpr F<bool>       S2       {"S2",          103, 103};
    static constexpr F<Iova>       InputAddr{"InputAddr",   191, 128};
    static constexpr FA<Gpa>       IPA      {"IPA",         247, 204}; ///< only with S2
    static constexpr auto fields = base::layout(ID, SSV, SSID, SID, Reason, PnU, InD, RnW, NSIPA, S2, InputAddr, IPA);
    static_assert(base::disjoint(fields));
};

// ---- page requests (8) ----------------------------------------------------------------------------------------------

inline constexpr u64 page_request_bytes = 16;

/// L=1, W=R=0 with SSV=1 is a Stop Marker, which is never answered.
struct PageRequest : Structure<PageRequest, 16> {
    static constexpr F<StreamId> SID     {"StreamID",     31,  0};
    static constexpr F<Pasid>    SSID    {"SubstreamID",  51, 32};
    static constexpr F<bool>     Priv    {"Priv",         58, 58};
    static constexpr F<bool>     X       {"X",            59, 59};
    static constexpr F<bool>     R       {"R",            60, 60};
    static constexpr F<bool>     W       {"W",            61, 61};
    static constexpr F<bool>     L       {"L",            62, 62};
    static constexpr F<bool>     SSV     {"SSV",          63, 63};
    static constexpr F<>         PRGIndex{"PRGIndex",     72, 64};
    static constexpr FA<Iova>    Addr    {"PageAddress", 127, 76};
    static constexpr auto fields = base::layout(SID, SSID, Priv, X, R, W, L, SSV, PRGIndex, Addr);
    static_assert(base::disjoint(fields));
};

} // namespace quiesce::iommu::smmuv3
