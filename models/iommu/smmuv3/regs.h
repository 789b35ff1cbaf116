// SPDX-License-Identifier: Apache-2.0
/// SMMUv3 registers (Arm IHI 0070, chapter 6.3; facts/iommu-specs.md 1.1). Offsets count from the base of page 0; page
/// 1 follows at 0x10000. What a Non-secure stage-1 SMMU has is in `Registers`, what this one lacks in
/// `AbsentRegisters`.
#pragma once
#include "base/address.h"
#include "base/registers.h"

// clang-format off

namespace quiesce::iommu::smmuv3 {

inline constexpr u64 register_page_bytes = 0x10000; ///< page 0 and page 1, one after the other
inline constexpr u64 register_block_bytes = 2 * register_page_bytes;
inline constexpr u64 control_page_at = register_block_bytes; ///< where the command queue control page is, if there is one

template <class Self, u32 Offset, class T = u32, base::Access Mode = base::Access::ReadWrite>
using Reg = base::Register<Self, Offset, T, Mode>;
inline constexpr auto read_only = base::Access::ReadOnly;

// ---- enumerations ---------------------------------------------------------------------------------------------------

enum class TableFormats : u8 { None = 0, AArch32 = 1, AArch64 = 2, Both = 3 };          ///< IDR0.TTF
enum class StallModel : u8 { StallAndTerminate = 0, NoStall = 1, StallForced = 2 };     ///< IDR0.STALL_MODEL
constexpr auto enum_names(StallModel) {
    return base::name_table<StallModel>(
        {{StallModel::StallAndTerminate, "optional"}, {StallModel::NoStall, "none"}, {StallModel::StallForced, "forced"}});
}
enum class StreamLevels : u8 { LinearOnly = 0, TwoLevel = 1 };                          ///< IDR0.ST_LEVEL
enum class TableEndian : u8 { Mixed = 0, Little = 2, Big = 3 };                         ///< IDR0.TTENDIAN
enum class StrtabFormat : u8 { Linear = 0, TwoLevel = 1 };                              ///< STRTAB_BASE_CFG.FMT
enum class Cacheability : u8 { NonCacheable = 0, WriteBack = 1, WriteThrough = 2 };     ///< CR1
enum class Shareability : u8 { NonShareable = 0, OuterShareable = 2, InnerShareable = 3 }; ///< CR1, *_IRQ_CFG2

/// CMDQ_CONS.ERR (4.1.1, 6.3.28)
enum class CommandError : u8 { None = 0, Illegal = 1, Abort = 2, AtcInvSync = 3 };
constexpr auto enum_names(CommandError) {
    return base::name_table<CommandError>({{CommandError::None, "CERROR_NONE"}, {CommandError::Illegal, "CERROR_ILL"},
                                           {CommandError::Abort, "CERROR_ABT"}, {CommandError::AtcInvSync, "CERROR_ATC_INV_SYNC"}});
}

/// Address sizes by the code that IDR5.OAS and CD.IPS share (6.3.6, 5.4); 7 is 56 bits from v3.4 on.
inline constexpr unsigned address_size_codes[] = {32, 36, 40, 42, 44, 48, 52, 56};
constexpr unsigned address_bits(u64 code) { return address_size_codes[code & 7]; }
/// The code of a size in bits; the largest code not above it if there is none of that size.
constexpr u64 address_size_code(unsigned bits) {
    u64 code = 0;
    while (code < 7 && address_size_codes[code + 1] <= bits) ++code;
    return code;
}

// ---- identification -------------------------------------------------------------------------------------------------

struct Idr0 : Reg<Idr0, 0x000, u32, read_only> { // 6.3.1
    static constexpr std::string_view name = "IDR0";
    static constexpr F<bool>         S2P        {"S2P",         0,  0};
    static constexpr F<bool>         S1P        {"S1P",         1,  1};
    static constexpr F<TableFormats> TTF        {"TTF",         3,  2};
    static constexpr F<bool>         COHACC     {"COHACC",      4,  4};
    static constexpr F<bool>         BTM        {"BTM",         5,  5};
    static constexpr F<>             HTTU       {"HTTU",        7,  6};
    static constexpr F<bool>         DORMHINT   {"DORMHINT",    8,  8};
    static constexpr F<bool>         Hyp        {"Hyp",         9,  9};
    static constexpr F<bool>         ATS        {"ATS",        10, 10};
    static constexpr F<bool>         NS1ATS     {"NS1ATS",     11, 11};
    static constexpr F<bool>         ASID16     {"ASID16",     12, 12};
    static constexpr F<bool>         MSI        {"MSI",        13, 13};
    static constexpr F<bool>         SEV        {"SEV",        14, 14};
    static constexpr F<bool>         ATOS       {"ATOS",       15, 15};
    static constexpr F<bool>         PRI        {"PRI",        16, 16};
    static constexpr F<bool>         VMW        {"VMW",        17, 17};
    static constexpr F<bool>         VMID16     {"VMID16",     18, 18};
    static constexpr F<bool>         CD2L       {"CD2L",       19, 19};
    static constexpr F<bool>         VATOS      {"VATOS",      20, 20};
    static constexpr F<TableEndian>  TTENDIAN   {"TTENDIAN",   22, 21};
    static constexpr F<bool>         ATSRECERR  {"ATSRECERR",  23, 23};
    static constexpr F<StallModel>   STALL_MODEL{"STALL_MODEL",25, 24};
    static constexpr F<bool>         TERM_MODEL {"TERM_MODEL", 26, 26};
    static constexpr F<StreamLevels> ST_LEVEL   {"ST_LEVEL",   28, 27};
    static constexpr F<bool>         RME_IMPL   {"RME_IMPL",   30, 30};
    static constexpr auto fields = base::layout(S2P, S1P, TTF, COHACC, BTM, HTTU, DORMHINT, Hyp, ATS, NS1ATS, ASID16,
        MSI, SEV, ATOS, PRI, VMW, VMID16, CD2L, VATOS, TTENDIAN, ATSRECERR, STALL_MODEL, TERM_MODEL, ST_LEVEL,
        RME_IMPL);
    static_assert(base::disjoint(fields));
};
struct Idr1 : Reg<Idr1, 0x004, u32, read_only> { // 6.3.2; queue sizes are log2 of the entries, at most 19
    static constexpr std::string_view name = "IDR1";
    static constexpr F<>     SIDSIZE        {"SIDSIZE",          5,  0};
    static constexpr F<>     SSIDSIZE       {"SSIDSIZE",        10,  6};
    static constexpr F<>     PRIQS          {"PRIQS",           15, 11};
    static constexpr F<>     EVENTQS        {"EVENTQS",         20, 16};
    static constexpr F<>     CMDQS          {"CMDQS",           25, 21};
    static constexpr F<bool> ATTR_PERMS_OVR {"ATTR_PERMS_OVR",  26, 26};
    static constexpr F<bool> ATTR_TYPES_OVR {"ATTR_TYPES_OVR",  27, 27};
    static constexpr F<bool> REL            {"REL",             28, 28};
    static constexpr F<bool> QUEUES_PRESET  {"QUEUES_PRESET",   29, 29};
    static constexpr F<bool> TABLES_PRESET  {"TABLES_PRESET",   30, 30};
    static constexpr F<bool> ECMDQ          {"ECMDQ",           31, 31};
    static constexpr auto fields = base::layout(SIDSIZE, SSIDSIZE, PRIQS, EVENTQS, CMDQS, ATTR_PERMS_OVR,
        ATTR_TYPES_OVR, REL, QUEUES_PRESET, TABLES_PRESET, ECMDQ);
    static_assert(base::disjoint(fields));
};
struct Idr2 : Reg<Idr2, 0x008, u32, read_only> { // 6.3.3
    static constexpr std::string_view name = "IDR2";
    static constexpr F<> BA_VATOS{"BA_VATOS", 9, 0};
    static constexpr auto fields = base::layout(BA_VATOS);
};
struct Idr3 : Reg<Idr3, 0x00C, u32, read_only> { // 6.3.4
    static constexpr std::string_view name = "IDR3";
    static constexpr F<bool> HAD    {"HAD",      2,  2};
    static constexpr F<bool> PBHA   {"PBHA",     3,  3};
    static constexpr F<bool> XNX    {"XNX",      4,  4};
    static constexpr F<bool> PPS    {"PPS",      5,  5};
    static constexpr F<bool> MPAM   {"MPAM",     7,  7};
    static constexpr F<bool> FWB    {"FWB",      8,  8};
    static constexpr F<bool> STT    {"STT",      9,  9};
    static constexpr F<bool> RIL    {"RIL",     10, 10};
    static constexpr F<>     BBML   {"BBML",    12, 11};
    static constexpr F<bool> E0PD   {"E0PD",    13, 13};
    static constexpr F<bool> PTWNNC {"PTWNNC",  14, 14};
    static constexpr F<bool> DPT    {"DPT",     15, 15};
    static constexpr F<bool> PASIDTT{"PASIDTT", 16, 16};
    static constexpr F<bool> EPAN   {"EPAN",    17, 17};
    static constexpr F<bool> S1PI   {"S1PI",    18, 18};
    static constexpr F<bool> S2PI   {"S2PI",    19, 19};
    static constexpr F<bool> S2PO   {"S2PO",    20, 20};
    static constexpr F<bool> THE    {"THE",     21, 21};
    static constexpr F<bool> MTEPERM{"MTEPERM", 22, 22};
    static constexpr F<bool> AIE    {"AIE",     23, 23};
    static constexpr auto fields = base::layout(HAD, PBHA, XNX, PPS, MPAM, FWB, STT, RIL, BBML, E0PD, PTWNNC, DPT,
        PASIDTT, EPAN, S1PI, S2PI, S2PO, THE, MTEPERM, AIE);
    static_assert(base::disjoint(fields));
};
struct Idr4 : Reg<Idr4, 0x010, u32, read_only> { // 6.3.5
    static constexpr std::string_view name = "IDR4";
    static constexpr F<> IMPDEF{"IMPDEF", 31, 0};
    static constexpr auto fields = base::layout(IMPDEF);
};
struct Idr5 : Reg<Idr5, 0x014, u32, read_only> { // 6.3.6
    static constexpr std::string_view name = "IDR5";
    static constexpr F<>     OAS      {"OAS",        2,  0};
    static constexpr F<bool> GRAN4K   {"GRAN4K",     4,  4};
    static constexpr F<bool> GRAN16K  {"GRAN16K",    5,  5};
    static constexpr F<bool> GRAN64K  {"GRAN64K",    6,  6};
    static constexpr F<bool> DS       {"DS",         7,  7};
    static constexpr F<bool> D128     {"D128",       8,  8};
    static constexpr F<>     VAX      {"VAX",       11, 10};
    static constexpr F<>     STALL_MAX{"STALL_MAX", 31, 16};
    static constexpr auto fields = base::layout(OAS, GRAN4K, GRAN16K, GRAN64K, DS, D128, VAX, STALL_MAX);
    static_assert(base::disjoint(fields));
};
struct Idr6 : Reg<Idr6, 0x190, u32, read_only> { // 6.3.45; RES0 without IDR1.ECMDQ
    static constexpr std::string_view name = "IDR6";
    static constexpr F<> LOG2NUMQ{"CMDQ_CONTROL_PAGE_LOG2NUMQ", 19, 16}; ///< queues of a control page
    static constexpr F<> LOG2NUMP{"CMDQ_CONTROL_PAGE_LOG2NUMP", 27, 24}; ///< control pages
    static constexpr auto fields = base::layout(LOG2NUMQ, LOG2NUMP);
    static_assert(base::disjoint(fields));
};
struct Iidr : Reg<Iidr, 0x018, u32, read_only> { // 6.3.7
    static constexpr std::string_view name = "IIDR";
    static constexpr F<> Implementer{"Implementer", 11,  0};
    static constexpr F<> Revision   {"Revision",    15, 12};
    static constexpr F<> Variant    {"Variant",     19, 16};
    static constexpr F<> ProductID  {"ProductID",   31, 20};
    static constexpr auto fields = base::layout(Implementer, Revision, Variant, ProductID);
    static_assert(base::disjoint(fields));
};
struct Aidr : Reg<Aidr, 0x01C, u32, read_only> { // 6.3.8
    static constexpr std::string_view name = "AIDR";
    static constexpr F<> ArchMinorRev{"ArchMinorRev", 3, 0};
    static constexpr F<> ArchMajorRev{"ArchMajorRev", 7, 4};
    static constexpr auto fields = base::layout(ArchMinorRev, ArchMajorRev);
};

// ---- control --------------------------------------------------------------------------------------------------------

/// CR0 and what CR0ACK shows of it once an update has been carried out.
template <class Self, u32 Offset, base::Access Mode>
struct Cr0Fields : Reg<Self, Offset, u32, Mode> {
    template <class T = u64>
    using Bits = base::Field<Self, T, 32>;
    static constexpr Bits<bool> SMMUEN     {"SMMUEN",       0,  0};
    static constexpr Bits<bool> PRIQEN     {"PRIQEN",       1,  1};
    static constexpr Bits<bool> EVENTQEN   {"EVENTQEN",     2,  2};
    static constexpr Bits<bool> CMDQEN     {"CMDQEN",       3,  3};
    static constexpr Bits<bool> ATSCHK     {"ATSCHK",       4,  4};
    static constexpr Bits<>     VMW        {"VMW",          8,  6};
    static constexpr Bits<bool> DPT_WALK_EN{"DPT_WALK_EN", 10, 10};
    static constexpr auto fields = base::layout(SMMUEN, PRIQEN, EVENTQEN, CMDQEN, ATSCHK, VMW, DPT_WALK_EN);
};
struct Cr0 : Cr0Fields<Cr0, 0x020, base::Access::ReadWrite> { // 6.3.9
    static constexpr std::string_view name = "CR0";
};
struct Cr0Ack : Cr0Fields<Cr0Ack, 0x024, read_only> { // 6.3.10
    static constexpr std::string_view name = "CR0ACK";
};
struct Cr1 : Reg<Cr1, 0x028> { // 6.3.11; written only while SMMUEN and the queues are off
    static constexpr std::string_view name = "CR1";
    static constexpr F<Cacheability> QUEUE_IC{"QUEUE_IC",  1,  0};
    static constexpr F<Cacheability> QUEUE_OC{"QUEUE_OC",  3,  2};
    static constexpr F<Shareability> QUEUE_SH{"QUEUE_SH",  5,  4};
    static constexpr F<Cacheability> TABLE_IC{"TABLE_IC",  7,  6};
    static constexpr F<Cacheability> TABLE_OC{"TABLE_OC",  9,  8};
    static constexpr F<Shareability> TABLE_SH{"TABLE_SH", 11, 10};
    static constexpr auto fields = base::layout(QUEUE_IC, QUEUE_OC, QUEUE_SH, TABLE_IC, TABLE_OC, TABLE_SH);
    static_assert(base::disjoint(fields));
};
struct Cr2 : Reg<Cr2, 0x02C> { // 6.3.12; read-only unless CR0.SMMUEN == 0 and CR0ACK.SMMUEN == 0
    static constexpr std::string_view name = "CR2";
    static constexpr F<bool> E2H        {"E2H",         0, 0};
    static constexpr F<bool> RECINVSID  {"RECINVSID",   1, 1};
    static constexpr F<bool> PTM        {"PTM",         2, 2};
    static constexpr F<bool> REC_CFG_ATS{"REC_CFG_ATS", 3, 3};
    static constexpr auto fields = base::layout(E2H, RECINVSID, PTM, REC_CFG_ATS);
};
struct Statusr : Reg<Statusr, 0x040, u32, read_only> { // 6.3.13
    static constexpr std::string_view name = "STATUSR";
    static constexpr F<bool> DORMANT{"DORMANT", 0, 0};
    static constexpr auto fields = base::layout(DORMANT);
};
struct Gbpa : Reg<Gbpa, 0x044> { // 6.3.14; a write takes effect only with Update=1, and only while Update reads 0
    static constexpr std::string_view name = "GBPA";
    static constexpr F<>     MemAttr {"MemAttr",   3,  0};
    static constexpr F<bool> MTCFG   {"MTCFG",     4,  4};
    static constexpr F<>     ALLOCCFG{"ALLOCCFG", 11,  8};
    static constexpr F<>     SHCFG   {"SHCFG",    13, 12};
    static constexpr F<>     PRIVCFG {"PRIVCFG",  17, 16};
    static constexpr F<>     INSTCFG {"INSTCFG",  19, 18};
    static constexpr F<bool> ABORT   {"ABORT",    20, 20};
    static constexpr F<bool> Update  {"Update",   31, 31};
    static constexpr auto fields = base::layout(MemAttr, MTCFG, ALLOCCFG, SHCFG, PRIVCFG, INSTCFG, ABORT, Update);
    static_assert(base::disjoint(fields));
    static constexpr u32 reset_value = 0x1000; ///< SHCFG = use incoming; the rest of the reset value is the implementation's choice
};
struct Agbpa : Reg<Agbpa, 0x048> { // 6.3.15
    static constexpr std::string_view name = "AGBPA";
    static constexpr F<> IMPDEF{"IMPDEF", 31, 0};
    static constexpr auto fields = base::layout(IMPDEF);
};
template <class Self, u32 Offset, base::Access Mode>
struct IrqCtrlFields : Reg<Self, Offset, u32, Mode> {
    static constexpr base::Field<Self, bool, 32> GERROR_IRQEN{"GERROR_IRQEN", 0, 0};
    static constexpr base::Field<Self, bool, 32> PRIQ_IRQEN  {"PRIQ_IRQEN",   1, 1};
    static constexpr base::Field<Self, bool, 32> EVENTQ_IRQEN{"EVENTQ_IRQEN", 2, 2};
    static constexpr auto fields = base::layout(GERROR_IRQEN, PRIQ_IRQEN, EVENTQ_IRQEN);
};
struct IrqCtrl : IrqCtrlFields<IrqCtrl, 0x050, base::Access::ReadWrite> { // 6.3.16
    static constexpr std::string_view name = "IRQ_CTRL";
};
struct IrqCtrlAck : IrqCtrlFields<IrqCtrlAck, 0x054, read_only> { // 6.3.18
    static constexpr std::string_view name = "IRQ_CTRLACK";
};

/// Error x is active while GERROR.x differs from GERRORN.x: the SMMU toggles the first, software the second.
template <class Self, u32 Offset, base::Access Mode>
struct GerrorFields : Reg<Self, Offset, u32, Mode> {
    using Flag = base::Field<Self, bool, 32>;
    static constexpr Flag CMDQ_ERR           {"CMDQ_ERR",             0,  0};
    static constexpr Flag EVENTQ_ABT_ERR     {"EVENTQ_ABT_ERR",       2,  2};
    static constexpr Flag PRIQ_ABT_ERR       {"PRIQ_ABT_ERR",         3,  3};
    static constexpr Flag MSI_CMDQ_ABT_ERR   {"MSI_CMDQ_ABT_ERR",     4,  4};
    static constexpr Flag MSI_EVENTQ_ABT_ERR {"MSI_EVENTQ_ABT_ERR",   5,  5};
    static constexpr Flag MSI_PRIQ_ABT_ERR   {"MSI_PRIQ_ABT_ERR",     6,  6};
    static constexpr Flag MSI_GERROR_ABT_ERR {"MSI_GERROR_ABT_ERR",   7,  7};
    static constexpr Flag SFM_ERR            {"SFM_ERR",              8,  8};
    static constexpr Flag CMDQP_ERR          {"CMDQP_ERR",            9,  9};
    static constexpr Flag DPT_ERR            {"DPT_ERR",             10, 10};
    static constexpr auto fields = base::layout(CMDQ_ERR, EVENTQ_ABT_ERR, PRIQ_ABT_ERR, MSI_CMDQ_ABT_ERR,
        MSI_EVENTQ_ABT_ERR, MSI_PRIQ_ABT_ERR, MSI_GERROR_ABT_ERR, SFM_ERR, CMDQP_ERR, DPT_ERR);
};
struct Gerror : GerrorFields<Gerror, 0x060, read_only> { // 6.3.19
    static constexpr std::string_view name = "GERROR";
};
struct Gerrorn : GerrorFields<Gerrorn, 0x064, base::Access::ReadWrite> { // 6.3.20
    static constexpr std::string_view name = "GERRORN";
};

/// The three registers of a message-signalled interrupt: address (zero: none, the wire is used), data, attributes.
template <class Self, u32 Offset>
struct MsiAddress : Reg<Self, Offset, u64> {
    static constexpr base::AddressField<Self, Spa, 64> ADDR{"ADDR", 55, 2};
    static constexpr auto fields = base::layout(ADDR);
};
template <class Self, u32 Offset>
struct MsiData : Reg<Self, Offset, u32> {
    static constexpr base::Field<Self, u64, 32> DATA{"DATA", 31, 0};
    static constexpr auto fields = base::layout(DATA);
};
template <class Self, u32 Offset>
struct MsiAttributes : Reg<Self, Offset, u32> {
    static constexpr base::Field<Self, u64, 32>          MemAttr{"MemAttr", 3, 0};
    static constexpr base::Field<Self, Shareability, 32> SH     {"SH",      5, 4};
    static constexpr auto fields = base::layout(MemAttr, SH);
};
struct GerrorIrqCfg0 : MsiAddress<GerrorIrqCfg0, 0x068>    { static constexpr std::string_view name = "GERROR_IRQ_CFG0"; }; // 6.3.21
struct GerrorIrqCfg1 : MsiData<GerrorIrqCfg1, 0x070>       { static constexpr std::string_view name = "GERROR_IRQ_CFG1"; }; // 6.3.22
struct GerrorIrqCfg2 : MsiAttributes<GerrorIrqCfg2, 0x074> { static constexpr std::string_view name = "GERROR_IRQ_CFG2"; }; // 6.3.23

// ---- stream table and queues ----------------------------------------------------------------------------------------

struct StrtabBase : Reg<StrtabBase, 0x080, u64> { // 6.3.24
    static constexpr std::string_view name = "STRTAB_BASE";
    static constexpr FA<Spa>  ADDR{"ADDR", 55,  6};
    static constexpr F<bool>  RA  {"RA",   62, 62};
    static constexpr auto fields = base::layout(ADDR, RA);
};
struct StrtabBaseCfg : Reg<StrtabBaseCfg, 0x088> { // 6.3.25
    static constexpr std::string_view name = "STRTAB_BASE_CFG";
    static constexpr F<>             LOG2SIZE{"LOG2SIZE",  5,  0};
    static constexpr F<>             SPLIT   {"SPLIT",    10,  6}; ///< 6, 8, 10: second-level tables of 4, 16, 64 KiB
    static constexpr F<StrtabFormat> FMT     {"FMT",      17, 16};
    static constexpr auto fields = base::layout(LOG2SIZE, SPLIT, FMT);
    static_assert(base::disjoint(fields));
};
/// Base of a queue: 2^LOG2SIZE entries of 16 bytes (commands, page requests) or 32 (events).
template <class Self, u32 Offset>
struct QueueBase : Reg<Self, Offset, u64> {
    static constexpr base::Field<Self, u64, 64>        LOG2SIZE{"LOG2SIZE",  4,  0};
    static constexpr base::AddressField<Self, Spa, 64> ADDR    {"ADDR",     55,  5};
};
struct CmdqBase : QueueBase<CmdqBase, 0x090> { // 6.3.26
    static constexpr std::string_view name = "CMDQ_BASE";
    static constexpr F<bool> RA{"RA", 62, 62};
    static constexpr auto fields = base::layout(LOG2SIZE, ADDR, RA);
};
struct CmdqProd : Reg<CmdqProd, 0x098> { // 6.3.27
    static constexpr std::string_view name = "CMDQ_PROD";
    static constexpr F<u32> WR{"WR", 19, 0};
    static constexpr auto fields = base::layout(WR);
};
struct CmdqCons : Reg<CmdqCons, 0x09C> { // 6.3.28; software writes it only while the queue is disabled
    static constexpr std::string_view name = "CMDQ_CONS";
    static constexpr F<u32>          RD {"RD",  19,  0};
    static constexpr F<CommandError> ERR{"ERR", 30, 24};
    static constexpr auto fields = base::layout(RD, ERR);
};
struct EventqBase : QueueBase<EventqBase, 0x0A0> { // 6.3.29
    static constexpr std::string_view name = "EVENTQ_BASE";
    static constexpr F<bool> WA{"WA", 62, 62};
    static constexpr auto fields = base::layout(LOG2SIZE, ADDR, WA);
};

/// Indices of an output queue. `OVFLG` differs from `OVACKFLG` while an overflow is not acknowledged.
template <class Self, u32 Offset>
struct OutputProd : Reg<Self, Offset, u32> {
    static constexpr base::Field<Self, u32, 32>  WR   {"WR",    19,  0};
    static constexpr base::Field<Self, bool, 32> OVFLG{"OVFLG", 31, 31};
    static constexpr auto fields = base::layout(WR, OVFLG);
};
template <class Self, u32 Offset>
struct OutputCons : Reg<Self, Offset, u32> {
    static constexpr base::Field<Self, u32, 32>  RD      {"RD",       19,  0};
    static constexpr base::Field<Self, bool, 32> OVACKFLG{"OVACKFLG", 31, 31};
    static constexpr auto fields = base::layout(RD, OVACKFLG);
};
struct EventqIrqCfg0 : MsiAddress<EventqIrqCfg0, 0x0B0>    { static constexpr std::string_view name = "EVENTQ_IRQ_CFG0"; }; // 6.3.30
struct EventqIrqCfg1 : MsiData<EventqIrqCfg1, 0x0B8>       { static constexpr std::string_view name = "EVENTQ_IRQ_CFG1"; }; // 6.3.31
struct EventqIrqCfg2 : MsiAttributes<EventqIrqCfg2, 0x0BC> { static constexpr std::string_view name = "EVENTQ_IRQ_CFG2"; }; // 6.3.32
struct EventqProd : OutputProd<EventqProd, 0x100A8> { static constexpr std::string_view name = "EVENTQ_PROD"; }; // 6.3.95, page 1
struct EventqCons : OutputCons<EventqCons, 0x100AC> { static constexpr std::string_view name = "EVENTQ_CONS"; }; // 6.3.96, page 1

struct PriqBase : QueueBase<PriqBase, 0x0C0> { // 6.3.33
    static constexpr std::string_view name = "PRIQ_BASE";
    static constexpr F<bool> WA{"WA", 62, 62};
    static constexpr auto fields = base::layout(LOG2SIZE, ADDR, WA);
};
struct PriqIrqCfg0 : MsiAddress<PriqIrqCfg0, 0x0D0>  { static constexpr std::string_view name = "PRIQ_IRQ_CFG0"; }; // 6.3.34
struct PriqIrqCfg1 : MsiData<PriqIrqCfg1, 0x0D8>     { static constexpr std::string_view name = "PRIQ_IRQ_CFG1"; }; // 6.3.35
struct PriqIrqCfg2 : Reg<PriqIrqCfg2, 0x0DC> { // 6.3.36
    static constexpr std::string_view name = "PRIQ_IRQ_CFG2";
    static constexpr F<>             MemAttr{"MemAttr",  3,  0};
    static constexpr F<Shareability> SH     {"SH",       5,  4};
    static constexpr F<bool>         LO     {"LO",      31, 31}; ///< interrupt on a Last message, not on empty to non-empty
    static constexpr auto fields = base::layout(MemAttr, SH, LO);
};
struct PriqProd : OutputProd<PriqProd, 0x100C8> { static constexpr std::string_view name = "PRIQ_PROD"; }; // 6.3.97, page 1
struct PriqCons : OutputCons<PriqCons, 0x100CC> { static constexpr std::string_view name = "PRIQ_CONS"; }; // 6.3.98, page 1

struct GatosCtrl : Reg<GatosCtrl, 0x100>     { static constexpr std::string_view name = "GATOS_CTRL"; }; // 6.3
struct GatosSid : Reg<GatosSid, 0x108, u64>  { static constexpr std::string_view name = "GATOS_SID"; };  // 6.3
struct GatosAddr : Reg<GatosAddr, 0x110, u64> { static constexpr std::string_view name = "GATOS_ADDR"; }; // 6.3
struct GatosPar : Reg<GatosPar, 0x118, u64, read_only> { static constexpr std::string_view name = "GATOS_PAR"; }; // 6.3
struct VatosSel : Reg<VatosSel, 0x180>       { static constexpr std::string_view name = "VATOS_SEL"; };  // 6.3

// ---- enhanced command queues: where they are (page 0), and each of them (its interface in a control page) ------------

struct ControlPageBase : Reg<ControlPageBase, 0x4000, u64, read_only> { // 6.3.49
    static constexpr std::string_view name = "CMDQ_CONTROL_PAGE_BASE0";
    static constexpr F<bool> PRESET{"CMDQ_CONTROL_PAGE_PRESET", 0, 0}; ///< the queues' controls are registers
    static constexpr F<>     CMDQGS{"CMDQGS",                   2, 1}; ///< 1: 64 KiB
    static constexpr FA<Spa> ADDR  {"ADDR",                   55, 16}; ///< from the base of page 0
    static constexpr auto fields = base::layout(PRESET, CMDQGS, ADDR);
    static_assert(base::disjoint(fields));
};
struct ControlPageCfg : Reg<ControlPageCfg, 0x4008, u32, read_only> { // 6.3.50
    static constexpr std::string_view name = "CMDQ_CONTROL_PAGE_CFG0";
    static constexpr F<bool> EN{"EN", 0, 0};
    static constexpr auto fields = base::layout(EN);
};
struct ControlPageStatus : Reg<ControlPageStatus, 0x400C, u32, read_only> { // 6.3.51
    static constexpr std::string_view name = "CMDQ_CONTROL_PAGE_STATUS0";
    static constexpr F<bool> ENACK{"ENACK", 0, 0};
    static constexpr auto fields = base::layout(ENACK);
};
struct EcmdqBase : QueueBase<EcmdqBase, 0x0> { // 6.3.107
    static constexpr std::string_view name = "ECMDQ_BASE<n>";
    static constexpr F<bool> RA{"RA", 62, 62};
    static constexpr auto fields = base::layout(LOG2SIZE, ADDR, RA);
};
struct EcmdqProd : Reg<EcmdqProd, 0x8> { // 6.3.108
    static constexpr std::string_view name = "ECMDQ_PROD<n>";
    static constexpr F<u32>  WR    {"WR",     19,  0};
    static constexpr F<bool> ERRACK{"ERRACK", 23, 23};
    static constexpr F<bool> EN    {"EN",     31, 31};
    static constexpr auto fields = base::layout(WR, ERRACK, EN);
};
struct EcmdqCons : Reg<EcmdqCons, 0xC> { // 6.3.109; an error is active while ERR differs from ERRACK
    static constexpr std::string_view name = "ECMDQ_CONS<n>";
    static constexpr F<u32>          RD        {"RD",         19,  0};
    static constexpr F<bool>         ERR       {"ERR",        23, 23};
    static constexpr F<CommandError> ERR_REASON{"ERR_REASON", 26, 24};
    static constexpr F<bool>         ENACK     {"ENACK",      31, 31};
    static constexpr auto fields = base::layout(RD, ERR, ERR_REASON, ENACK);
};
/// Offsets count from the interface of one queue.
using EnhancedRegisters = base::RegisterMap<EcmdqBase, EcmdqProd, EcmdqCons>;

/// What there is at the base address of the unit.
using Registers = base::RegisterMap<Idr0, Idr1, Idr2, Idr3, Idr4, Idr5, Iidr, Aidr, Cr0, Cr0Ack, Cr1, Cr2, Statusr,
    Gbpa, Agbpa, IrqCtrl, IrqCtrlAck, Gerror, Gerrorn, GerrorIrqCfg0, GerrorIrqCfg1, GerrorIrqCfg2, StrtabBase,
    StrtabBaseCfg, CmdqBase, CmdqProd, CmdqCons, EventqBase, EventqIrqCfg0, EventqIrqCfg1, EventqIrqCfg2, PriqBase,
    PriqIrqCfg0, PriqIrqCfg1, PriqIrqCfg2, Idr6, ControlPageBase, ControlPageCfg, ControlPageStatus, EventqProd,
    EventqCons, PriqProd, PriqCons>;
/// What the manual has and this unit has not (its IDRs say so): RES0, accesses are counted.
using AbsentRegisters = base::RegisterMap<GatosCtrl, GatosSid, GatosAddr, GatosPar, VatosSel>;

/// The unit's wired interrupts: its line number plus one of these. `Sev` is the event that a CMD_SYNC with CS=SEV sends.
enum class WiredLine : u8 { Gerror = 0, Eventq = 1, CmdSync = 2, Priq = 3, Sev = 4, Pmcg = 5 };

} // namespace quiesce::iommu::smmuv3
