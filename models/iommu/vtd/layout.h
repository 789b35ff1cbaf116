// SPDX-License-Identifier: Apache-2.0
/// VT-d structures in memory (Intel VT-d Architecture Specification Rev 5.10, chapters 6, 7 and 9; facts/iommu-specs.md
/// 2.4 to 2.8, 5.2 and 5.3): remapping tables, invalidation descriptors, fault records, page request descriptors,
/// paging entries. All little-endian; bit numbers count from bit 0 of the structure. Shared by the model and the OS
/// driver; nothing here has behaviour.
#pragma once
#include "base/address.h"
#include "base/structure.h"
#include "iommu/vtd/regs.h"

// clang-format off
namespace quiesce::iommu::vtd {

using base::RequesterId;
using base::Structure;

// ---- remapping structures (chapter 9) -------------------------------------------------------------------------------

enum class TranslationType : u8 { Untranslated = 0, WithDeviceTlb = 1, PassThrough = 2, Reserved = 3 }; ///< legacy TT
enum class PagingTranslation : u8 { FirstStage = 1, SecondStage = 2, Nested = 3, PassThrough = 4 };         ///< PGTT
enum class AddressWidth : u8 { Bits39 = 1, Bits48 = 2, Bits57 = 3 };                                    ///< AW
enum class FirstStageMode : u8 { Levels4 = 0, Levels5 = 1 };                                            ///< FSPM

constexpr unsigned bits_of(AddressWidth aw) { return 30 + 9 * static_cast<unsigned>(aw); } ///< 39, 48, 57

inline constexpr unsigned root_entries = 256;       ///< by bus
inline constexpr unsigned pasids_per_table = 64;    ///< PASID[5:0]; the directory is indexed by PASID[19:6]

struct RootEntry : Structure<RootEntry, 16> { // legacy; 256 context entries, by devfn
    static constexpr F<bool>  P  {"P",    0,  0};
    static constexpr FA<Spa>  CTP{"CTP", 63, 12};
    static constexpr auto fields = base::layout(P, CTP);
};
struct ScalableRootEntry : Structure<ScalableRootEntry, 16> { // tables of 128 entries: devfn 0-127, devfn 128-255
    static constexpr F<bool>  LP  {"LP",     0,  0};
    static constexpr FA<Spa>  LCTP{"LCTP",  63, 12};
    static constexpr F<bool>  UP  {"UP",    64, 64};
    static constexpr FA<Spa>  UCTP{"UCTP", 127, 76};
    static constexpr auto fields = base::layout(LP, LCTP, UP, UCTP);
};
struct ContextEntry : Structure<ContextEntry, 16> { // legacy
    static constexpr F<bool>            P      {"P",        0,  0};
    static constexpr F<bool>            FPD    {"FPD",      1,  1};
    static constexpr F<TranslationType> TT     {"TT",       3,  2};
    static constexpr FA<Spa>            SSPTPTR{"SSPTPTR", 63, 12};
    static constexpr F<AddressWidth>    AW     {"AW",      66, 64};
    static constexpr F<>                IGN    {"IGN",     70, 67}; ///< for software
    static constexpr F<DomainId>        DID    {"DID",     87, 72};
    static constexpr auto fields = base::layout(P, FPD, TT, SSPTPTR, AW, IGN, DID);
    static_assert(base::disjoint(fields));
};
struct ScalableContextEntry : Structure<ScalableContextEntry, 32> { // 128 in a table, by devfn[6:0]
    static constexpr F<bool>  P          {"P",            0,  0};
    static constexpr F<bool>  FPD        {"FPD",          1,  1};
    static constexpr F<bool>  DTE        {"DTE",          2,  2}; ///< the device-TLB may be used
    static constexpr F<bool>  PASIDE     {"PASIDE",       3,  3};
    static constexpr F<bool>  PRE        {"PRE",          4,  4}; ///< page requests are taken
    static constexpr F<bool>  HPTE       {"HPTE",         5,  5};
    static constexpr F<bool>  EPTR       {"EPTR",         6,  6};
    static constexpr F<>      PDTS       {"PDTS",        11,  9}; ///< 2^(PDTS+7) directory entries
    static constexpr FA<Spa>  PASIDDIRPTR{"PASIDDIRPTR", 63, 12};
    static constexpr F<Pasid> RID_PASID  {"RID_PASID",   83, 64}; ///< of requests without PASID
    static constexpr F<bool>  RID_PRIV   {"RID_PRIV",    84, 84};
    static constexpr auto fields = base::layout(P, FPD, DTE, PASIDE, PRE, HPTE, EPTR, PDTS, PASIDDIRPTR, RID_PASID,
        RID_PRIV);
    static_assert(base::disjoint(fields));
};
struct PasidDirectoryEntry : Structure<PasidDirectoryEntry, 8> {
    static constexpr F<bool> P        {"P",          0,  0};
    static constexpr F<bool> FPD      {"FPD",        1,  1};
    static constexpr FA<Spa> SMPTBLPTR{"SMPTBLPTR", 63, 12};
    static constexpr auto fields = base::layout(P, FPD, SMPTBLPTR);
};
/// Bits 133 and 134 (older NXE, SMEP) are ignored; 5, [95:91] and 129 (older SLEE, EMT, PWT, PCD, ERE) must be 0.
struct PasidEntry : Structure<PasidEntry, 64> { // 64 in a table
    static constexpr F<bool>           P      {"P",         0,   0};
    static constexpr F<bool>           FPD    {"FPD",       1,   1};
    static constexpr F<AddressWidth>   AW     {"AW",        4,   2}; ///< of the second stage
    static constexpr F<PagingTranslation>  PGTT   {"PGTT",      8,   6};
    static constexpr F<bool>           SSADE  {"SSADE",     9,   9};
    static constexpr FA<Spa>           SSPTPTR{"SSPTPTR",  63,  12};
    static constexpr F<DomainId>       DID    {"DID",      79,  64};
    static constexpr F<bool>           PWSNP  {"PWSNP",    87,  87};
    static constexpr F<bool>           PGSNP  {"PGSNP",    88,  88};
    static constexpr F<bool>           CD     {"CD",       89,  89};
    static constexpr F<bool>           EMTE   {"EMTE",     90,  90};
    static constexpr F<>               PAT    {"PAT",     127,  96};
    static constexpr F<bool>           SRE    {"SRE",     128, 128}; ///< privileged requests are taken
    static constexpr F<FirstStageMode> FSPM   {"FSPM",    131, 130};
    static constexpr F<bool>           WPE    {"WPE",     132, 132}; ///< read-only is so for privileged writes, too
    static constexpr F<>               IGN    {"IGN",     134, 133};
    static constexpr F<bool>           EAFE   {"EAFE",    135, 135};
    static constexpr FA<Spa>           FSPTPTR{"FSPTPTR", 191, 140}; ///< nested: a guest address
    static constexpr F<>               HPTSZ  {"HPTSZ",   257, 256};
    static constexpr F<bool>           HPTPFD {"HPTPFD",  258, 258};
    static constexpr FA<Spa>           HPTPTR {"HPTPTR",  319, 268};
    static constexpr F<DomainId>       HPTDID {"HPTDID",  335, 320};
    static constexpr auto fields = base::layout(P, FPD, AW, PGTT, SSADE, SSPTPTR, DID, PWSNP, PGSNP, CD, EMTE, PAT, SRE,
        FSPM, WPE, IGN, EAFE, FSPTPTR, HPTSZ, HPTPFD, HPTPTR, HPTDID);
    static_assert(base::disjoint(fields));
};

// ---- paging entries (9.7, 9.8) --------------------------------------------------------------------------------------

/// A first-stage entry of any level. G is taken for 0. Bits [63:52] mean nothing to the unit.
struct FsEntry : Structure<FsEntry, 8> {
    static constexpr F<bool> P   {"P",     0,  0};
    static constexpr F<bool> RW  {"R/W",   1,  1};
    static constexpr F<bool> US  {"U/S",   2,  2};
    static constexpr F<bool> PWT {"PWT",   3,  3};
    static constexpr F<bool> PCD {"PCD",   4,  4};
    static constexpr F<bool> A   {"A",     5,  5};
    static constexpr F<bool> D   {"D",     6,  6}; ///< leaves
    static constexpr F<bool> PS  {"PS",    7,  7}; ///< PDPE, PDE: a leaf; PTE: PAT
    static constexpr F<bool> G   {"G",     8,  8};
    static constexpr F<bool> EA  {"EA",   10, 10}; ///< with EAFE
    static constexpr FA<Spa> ADDR{"ADDR", 51, 12};
    static constexpr F<bool> PAT {"PAT",  12, 12}; ///< of pages of 2 MiB and 1 GiB, whose ADDR begins above
    static constexpr F<bool> XD  {"XD",   63, 63};
    static constexpr auto fields = base::layout(P, RW, US, PWT, PCD, A, D, PS, G, EA, ADDR, XD);
    static_assert(base::disjoint(fields));
};
/// A second-stage entry of any level; present if R or W is set.
struct SsEntry : Structure<SsEntry, 8> {
    static constexpr F<bool> R   {"R",     0,  0};
    static constexpr F<bool> W   {"W",     1,  1};
    static constexpr F<>     EMT {"EMT",   5,  3}; ///< leaves
    static constexpr F<bool> IPAT{"IPAT",  6,  6}; ///< leaves
    static constexpr F<bool> PS  {"PS",    7,  7}; ///< SS-PDPE, SS-PDE: a leaf
    static constexpr F<bool> A   {"A",     8,  8}; ///< with SSADE
    static constexpr F<bool> D   {"D",     9,  9}; ///< with SSADE, leaves
    static constexpr F<bool> SNP {"SNP",  11, 11}; ///< leaves
    static constexpr FA<Spa> ADDR{"ADDR", 51, 12};
    static constexpr F<bool> IR  {"IR",   61, 61}; ///< with RTADDR.SSIRWE
    static constexpr F<bool> IW  {"IW",   62, 62}; ///< with RTADDR.SSIRWE
    static constexpr auto fields = base::layout(R, W, EMT, IPAT, PS, A, D, SNP, ADDR, IR, IW);
    static_assert(base::disjoint(fields));
};

// ---- invalidation descriptors (6.5.2) -------------------------------------------------------------------------------

enum class DescriptorType : u8 {
    ContextCache = 1, Iotlb = 2, DeviceTlb = 3, InterruptEntry = 4, Wait = 5, PasidIotlb = 6, PasidCache = 7,
    PasidDeviceTlb = 8, PageGroupResponse = 9, HptCache = 10,
};
enum class PasidIotlbGranularity : u8 { Pasid = 2, Page = 3 };                 ///< p_iotlb_inv_dsc.G
enum class PasidCacheGranularity : u8 { Domain = 0, Pasid = 1, Global = 3 };   ///< pc_inv_dsc.G
constexpr auto enum_names(DescriptorType) {
    using Type = DescriptorType;
    return base::name_table<Type>({{Type::ContextCache, "cc_inv_dsc"}, {Type::Iotlb, "iotlb_inv_dsc"},
        {Type::DeviceTlb, "dev_tlb_inv_dsc"}, {Type::InterruptEntry, "iec_inv_dsc"}, {Type::Wait, "inv_wait_dsc"},
        {Type::PasidIotlb, "p_iotlb_inv_dsc"}, {Type::PasidCache, "pc_inv_dsc"},
        {Type::PasidDeviceTlb, "p_dev_tlb_inv_dsc"}, {Type::PageGroupResponse, "page_grp_resp_dsc"},
        {Type::HptCache, "hpt_inv_desc"}});
}
inline constexpr u64 narrow_descriptor_bytes = 16; ///< IQA.DW=0
inline constexpr u64 wide_descriptor_bytes = 32;   ///< IQA.DW=1

/// Any descriptor. One of 128 bits is the first half of one of 256.
struct Descriptor : Structure<Descriptor, 32> {
    static constexpr F<DescriptorType> Type{"Type", {{3, 0}, {11, 9}}};
    static constexpr auto fields = base::layout(Type);
};
template <class D>
constexpr D view_as(const Descriptor& d) { return D::from_words(d.words()); }
template <class D>
constexpr Descriptor as_descriptor(const D& d) { return Descriptor::from_words(d.words()); }

struct CcInvDsc : Structure<CcInvDsc, 32> { // context-cache invalidate
    static constexpr DescriptorType type = DescriptorType::ContextCache;
    static constexpr F<DescriptorType>     Type{"Type", {{3, 0}, {11, 9}}};
    static constexpr F<ContextGranularity> G   {"G",     5,  4};
    static constexpr F<DomainId>           DID {"DID",  31, 16};
    static constexpr F<RequesterId>        SID {"SID",  47, 32};
    static constexpr F<FunctionMask>       FM  {"FM",   49, 48};
    static constexpr auto fields = base::layout(Type, G, DID, SID, FM);
    static_assert(base::disjoint(fields));
};
struct IotlbInvDsc : Structure<IotlbInvDsc, 32> { // IOTLB invalidate
    static constexpr DescriptorType type = DescriptorType::Iotlb;
    static constexpr F<DescriptorType>   Type{"Type", {{3, 0}, {11, 9}}};
    static constexpr F<IotlbGranularity> G   {"G",      5,  4};
    static constexpr F<bool>             DW  {"DW",     6,  6};
    static constexpr F<bool>             DR  {"DR",     7,  7};
    static constexpr F<DomainId>         DID {"DID",   31, 16};
    static constexpr F<>                 AM  {"AM",    69, 64}; ///< 2^AM pages
    static constexpr F<bool>             IH  {"IH",    70, 70}; ///< leaves only
    static constexpr FA<Iova>            ADDR{"ADDR", 127, 76};
    static constexpr auto fields = base::layout(Type, G, DW, DR, DID, AM, IH, ADDR);
    static_assert(base::disjoint(fields));
};
struct DevTlbInvDsc : Structure<DevTlbInvDsc, 32> { // device-TLB invalidate, without PASID
    static constexpr DescriptorType type = DescriptorType::DeviceTlb;
    static constexpr F<DescriptorType> Type {"Type", {{3, 0}, {11, 9}}};
    static constexpr F<>               MIP  {"MIP",   20, 16}; ///< 0: 32
    static constexpr F<RequesterId>    SID  {"SID",   47, 32};
    static constexpr F<RequesterId>    PFSID{"PFSID", {{15, 12}, {63, 52}}}; ///< with ECAP.DIT
    static constexpr F<bool>           S    {"S",     64, 64};
    static constexpr FA<Iova>          ADDR {"ADDR", 127, 76};
    static constexpr auto fields = base::layout(Type, MIP, SID, PFSID, S, ADDR);
    static_assert(base::disjoint(fields));
};
struct IecInvDsc : Structure<IecInvDsc, 32> { // interrupt-entry-cache invalidate
    static constexpr DescriptorType type = DescriptorType::InterruptEntry;
    static constexpr F<DescriptorType> Type{"Type", {{3, 0}, {11, 9}}};
    static constexpr F<bool>           G   {"G",     4,  4}; ///< 1: by index
    static constexpr F<>               IM  {"IM",   31, 27};
    static constexpr F<>               IIDX{"IIDX", 47, 32};
    static constexpr auto fields = base::layout(Type, G, IM, IIDX);
    static_assert(base::disjoint(fields));
};
struct InvWaitDsc : Structure<InvWaitDsc, 32> { // invalidation wait
    static constexpr DescriptorType type = DescriptorType::Wait;
    static constexpr F<DescriptorType> Type{"Type", {{3, 0}, {11, 9}}};
    static constexpr F<bool>           IF  {"IF",     4,  4}; ///< raise the completion event
    static constexpr F<bool>           SW  {"SW",     5,  5}; ///< write the status data
    static constexpr F<bool>           FN  {"FN",     6,  6}; ///< nothing behind it begins before it is complete
    static constexpr F<bool>           PD  {"PD",     7,  7}; ///< behind page requests received before
    static constexpr F<u32>            DATA{"Status Data", 63, 32};
    static constexpr FA<Spa>           ADDR{"Status Address", 127, 66};
    static constexpr auto fields = base::layout(Type, IF, SW, FN, PD, DATA, ADDR);
    static_assert(base::disjoint(fields));
};
struct PIotlbInvDsc : Structure<PIotlbInvDsc, 32> { // PASID-based IOTLB invalidate
    static constexpr DescriptorType type = DescriptorType::PasidIotlb;
    static constexpr F<DescriptorType>        Type {"Type", {{3, 0}, {11, 9}}};
    static constexpr F<PasidIotlbGranularity> G    {"G",       5,  4};
    static constexpr F<DomainId>              DID  {"DID",    31, 16};
    static constexpr F<Pasid>                 PASID{"PASID",  51, 32};
    static constexpr F<>                      AM   {"AM",     69, 64};
    static constexpr F<bool>                  IH   {"IH",     70, 70};
    static constexpr FA<Iova>                 ADDR {"ADDR",  127, 76};
    static constexpr auto fields = base::layout(Type, G, DID, PASID, AM, IH, ADDR);
    static_assert(base::disjoint(fields));
};
struct PcInvDsc : Structure<PcInvDsc, 32> { // PASID-cache invalidate
    static constexpr DescriptorType type = DescriptorType::PasidCache;
    static constexpr F<DescriptorType>        Type {"Type", {{3, 0}, {11, 9}}};
    static constexpr F<PasidCacheGranularity> G    {"G",       5,  4};
    static constexpr F<DomainId>              DID  {"DID",    31, 16};
    static constexpr F<Pasid>                 PASID{"PASID",  51, 32};
    static constexpr auto fields = base::layout(Type, G, DID, PASID);
    static_assert(base::disjoint(fields));
};
struct PDevTlbInvDsc : Structure<PDevTlbInvDsc, 32> { // PASID-based device-TLB invalidate
    static constexpr DescriptorType type = DescriptorType::PasidDeviceTlb;
    static constexpr F<DescriptorType> Type {"Type", {{3, 0}, {11, 9}}};
    static constexpr F<>               MIP  {"MIP",     8,  4};
    static constexpr F<RequesterId>    SID  {"SID",    31, 16};
    static constexpr F<Pasid>          PASID{"PASID",  51, 32};
    static constexpr F<RequesterId>    PFSID{"PFSID", {{15, 12}, {63, 52}}};
    static constexpr F<bool>           GI   {"GI",     64, 64}; ///< of every PASID
    static constexpr F<bool>           S    {"S",      75, 75};
    static constexpr FA<Iova>          ADDR {"ADDR",  127, 76};
    static constexpr auto fields = base::layout(Type, MIP, SID, PASID, PFSID, GI, S, ADDR);
    static_assert(base::disjoint(fields));
};
enum class ResponseCode : u8 { Success = 0, InvalidRequest = 1, Failure = 15 }; ///< page_grp_resp_dsc.RC
struct PageGrpRespDsc : Structure<PageGrpRespDsc, 32> { // page group response
    static constexpr DescriptorType type = DescriptorType::PageGroupResponse;
    static constexpr F<DescriptorType> Type {"Type", {{3, 0}, {11, 9}}};
    static constexpr F<bool>           PP   {"PP",     4,  4}; ///< the request had a PASID, and the response has
    static constexpr F<ResponseCode>   RC   {"RC",    15, 12};
    static constexpr F<RequesterId>    RID  {"RID",   31, 16};
    static constexpr F<Pasid>          PASID{"PASID", 51, 32};
    static constexpr F<bool>           IGN  {"IGN",   66, 66}; ///< once LPIG
    static constexpr F<>               PRGI {"PRGI",  75, 67};
    static constexpr auto fields = base::layout(Type, PP, RC, RID, PASID, IGN, PRGI);
    static_assert(base::disjoint(fields));
};
struct HptInvDsc : Structure<HptInvDsc, 32> { // HPT cache invalidate
    static constexpr DescriptorType type = DescriptorType::HptCache;
    static constexpr F<DescriptorType> Type  {"Type", {{3, 0}, {11, 9}}};
    static constexpr F<>               G     {"G",        5,  4};
    static constexpr F<DomainId>       HPTDID{"HPTDID",  31, 16};
    static constexpr F<>               AM    {"AM",      69, 64};
    static constexpr F<>               IH    {"IH",      71, 70};
    static constexpr FA<Spa>           ADDR  {"ADDR",   127, 76};
    static constexpr auto fields = base::layout(Type, G, HPTDID, AM, IH, ADDR);
    static_assert(base::disjoint(fields));
};

// ---- fault records (11.4.14, table 30) ------------------------------------------------------------------------------

/// FR, by the names of the specification: "LRT.2" is LRT_2. Codes below 30h are of legacy mode.
enum class FaultCode : u8 {
    LRT_2 = 0x01, LCT_2 = 0x02, LCT_4 = 0x03, LGN_1 = 0x04, LGN_2 = 0x05, LGN_3 = 0x06, LSS_1 = 0x07, LRT_1 = 0x08,
    LCT_1 = 0x09, LRT_3 = 0x0A, LCT_3 = 0x0B, LSS_2 = 0x0C, LCT_5 = 0x0D, LGN_4 = 0x0E,
    RTA_1 = 0x30, RTA_2 = 0x31, RTA_3 = 0x32, RTA_4 = 0x33, RTA_5 = 0x34,
    SRT_1 = 0x38, SRT_2 = 0x39, SRT_3 = 0x3A,
    SCT_1 = 0x40, SCT_2 = 0x41, SCT_3 = 0x42, SCT_4 = 0x43, SCT_5 = 0x44, SCT_6 = 0x45, SCT_7 = 0x46, SCT_8 = 0x47,
    SCT_9 = 0x48, SCT_10 = 0x49,
    SPD_1 = 0x50, SPD_2 = 0x51, SPD_3 = 0x52,
    SPT_1 = 0x58, SPT_2 = 0x59, SPT_3 = 0x5A, SPT_4 = 0x5B, SPT_5 = 0x5C, SPT_6 = 0x5D, SPT_9 = 0x60,
    SFS_1 = 0x70, SFS_2 = 0x71, SFS_3 = 0x72, SFS_4 = 0x73, SFS_5 = 0x74, SFS_6 = 0x75, SFS_7 = 0x76, SFS_8 = 0x77,
    SSS_1 = 0x78, SSS_2 = 0x79, SSS_3 = 0x7A, SSS_4 = 0x7B, SSS_5 = 0x7C, SSS_6 = 0x7D,
    SGN_1 = 0x80, SGN_2 = 0x81, SGN_4 = 0x83, SGN_5 = 0x84, SGN_6 = 0x85, SGN_7 = 0x86, SGN_8 = 0x87, SGN_10 = 0x89,
    SFS_9 = 0x90, SFS_10 = 0x91,
};
/// (T1, T2): what kind of request faulted.
enum class RequestKind : u8 { Write = 0, PageRequest = 1, Read = 2, AtomicOp = 3 };

/// One fault recording register (FRCD). EXE, PRIV and PV mean something only with PP.
struct FaultRecord : Structure<FaultRecord, 16> {
    static constexpr FA<Iova>       FI  {"FI",    63,  12};
    static constexpr F<RequesterId> SID {"SID",   79,  64};
    static constexpr F<bool>        T2  {"T2",    92,  92};
    static constexpr F<bool>        PRIV{"PRIV",  93,  93};
    static constexpr F<bool>        EXE {"EXE",   94,  94};
    static constexpr F<bool>        PP  {"PP",    95,  95};
    static constexpr F<FaultCode>   FR  {"FR",   103,  96};
    static constexpr F<Pasid>       PV  {"PV",   123, 104};
    static constexpr F<>            AT  {"AT",   125, 124};
    static constexpr F<bool>        T1  {"T1",   126, 126};
    static constexpr F<bool>        F_  {"F",    127, 127};
    static constexpr auto fields = base::layout(FI, SID, T2, PRIV, EXE, PP, FR, PV, AT, T1, F_);
    static_assert(base::disjoint(fields));
};
constexpr RequestKind kind_of(const FaultRecord& r) {
    return static_cast<RequestKind>((r.get(FaultRecord::T1) ? 2 : 0) | (r.get(FaultRecord::T2) ? 1 : 0));
}

// ---- page requests (7.4) --------------------------------------------------------------------------------------------

inline constexpr u64 page_request_bytes = 32;

/// LPIG with neither RDR nor WRR is a stop marker, which is never answered.
struct PageReqDsc : Structure<PageReqDsc, 32> {
    static constexpr F<u8>          Type {"Type",   7,  0}; ///< 1
    static constexpr F<bool>        PP   {"PP",     8,  8};
    static constexpr F<RequesterId> RID  {"RID",   31, 16};
    static constexpr F<Pasid>       PASID{"PASID", 51, 32};
    static constexpr F<bool>        EXR  {"EXR",   52, 52};
    static constexpr F<bool>        PMR  {"PMR",   53, 53};
    static constexpr F<bool>        RDR  {"RDR",   64, 64};
    static constexpr F<bool>        WRR  {"WRR",   65, 65};
    static constexpr F<bool>        LPIG {"LPIG",  66, 66};
    static constexpr F<>            PRGI {"PRGI",  75, 67};
    static constexpr FA<Iova>       ADDR {"ADDR", 127, 76};
    static constexpr auto fields = base::layout(Type, PP, RID, PASID, EXR, PMR, RDR, WRR, LPIG, PRGI, ADDR);
    static_assert(base::disjoint(fields));
};
inline constexpr u8 page_request_type = 1; ///< PageReqDsc.Type

} // namespace quiesce::iommu::vtd
