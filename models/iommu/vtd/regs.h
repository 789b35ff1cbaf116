// SPDX-License-Identifier: Apache-2.0
/// VT-d remapping hardware registers (Intel VT-d Architecture Specification Rev 5.10, section 11.4;
/// facts/iommu-specs.md 2.1 to 2.4, 2.10). Offsets count from the DRHD base. Registers of which CAP and ECAP say where
/// they are have offsets behind all others here; iva_offset() and frcd_offset() say where software finds them.
#pragma once
#include "base/address.h"
#include "base/registers.h"

// clang-format off

namespace quiesce::iommu::vtd {

inline constexpr u64 register_block_bytes = 0x2000; ///< two pages, which hold all of a unit made by its configuration

template <class Self, u32 Offset, class T = u32, base::Access Mode = base::Access::ReadWrite>
using Reg = base::Register<Self, Offset, T, Mode>;
inline constexpr auto read_only = base::Access::ReadOnly;

enum class DomainId : u16 {}; ///< DID

// ---- enumerations ---------------------------------------------------------------------------------------------------

enum class TableMode : u8 { Legacy = 0, Scalable = 1, Reserved = 2, AbortDma = 3 };     ///< RTADDR.TTM
enum class ContextGranularity : u8 { Reserved = 0, Global = 1, Domain = 2, Device = 3 };  ///< CCMD.CIRG, cc descriptor
enum class IotlbGranularity : u8 { Reserved = 0, Global = 1, Domain = 2, Page = 3 };      ///< IOTLB.IIRG, descriptor
/// How many low bits of the function number an invalidation does not look at: none, bit 2, bits 2:1, bits 2:0.
enum class FunctionMask : u8 { None = 0, Bit2 = 1, Bits21 = 2, Bits210 = 3 };
/// IQERCD.IQEI: why the invalidation queue stopped (6.5.2.10).
enum class QueueError : u8 {
    None = 0, BadTail = 1, Fetch = 2, BadType = 3, ReservedField = 4, BadWidth = 5, TailAlignment = 6, BadTableMode = 7,
};
constexpr auto enum_names(QueueError) {
    return base::name_table<QueueError>({{QueueError::None, "no-information"}, {QueueError::BadTail, "bad-tail"},
        {QueueError::Fetch, "descriptor-fetch"}, {QueueError::BadType, "descriptor-type"},
        {QueueError::ReservedField, "reserved-field"}, {QueueError::BadWidth, "descriptor-width"},
        {QueueError::TailAlignment, "tail-alignment"}, {QueueError::BadTableMode, "table-mode"}});
}

// ---- capabilities ---------------------------------------------------------------------------------------------------

struct Ver : Reg<Ver, 0x000, u32, read_only> {
    static constexpr std::string_view name = "VER";
    static constexpr F<> MIN{"MIN", 3, 0};
    static constexpr F<> MAX{"MAX", 7, 4};
    static constexpr auto fields = base::layout(MIN, MAX);
};
struct Cap : Reg<Cap, 0x008, u64, read_only> {
    static constexpr std::string_view name = "CAP";
    static constexpr F<>     ND      {"ND",        2,  0}; ///< domain-ids have 4 + 2 * ND bits; 7 is reserved
    static constexpr F<bool> AFL     {"AFL",       3,  3}; ///< obsolete
    static constexpr F<bool> RWBF    {"RWBF",      4,  4};
    static constexpr F<bool> PLMR    {"PLMR",      5,  5};
    static constexpr F<bool> PHMR    {"PHMR",      6,  6};
    static constexpr F<bool> CM      {"CM",        7,  7};
    static constexpr F<>     SAGAW   {"SAGAW",    12,  8}; ///< bit 1: 39 bits, 2: 48 bits, 3: 57 bits
    static constexpr F<>     MGAW    {"MGAW",     21, 16}; ///< bits - 1
    static constexpr F<bool> ZLR     {"ZLR",      22, 22};
    static constexpr F<>     FRO     {"FRO",      33, 24}; ///< in units of 16 bytes
    static constexpr F<>     SSLPS   {"SSLPS",    37, 34}; ///< bit 0: 2 MiB, bit 1: 1 GiB
    static constexpr F<bool> PSI     {"PSI",      39, 39};
    static constexpr F<>     NFR     {"NFR",      47, 40}; ///< fault recording registers - 1
    static constexpr F<>     MAMV    {"MAMV",     53, 48};
    static constexpr F<bool> DWD     {"DWD",      54, 54};
    static constexpr F<bool> DRD     {"DRD",      55, 55};
    static constexpr F<bool> FS1GP   {"FS1GP",    56, 56};
    static constexpr F<bool> PI      {"PI",       59, 59};
    static constexpr F<bool> FS5LP   {"FS5LP",    60, 60};
    static constexpr F<bool> ECMDS   {"ECMDS",    61, 61};
    static constexpr F<bool> ESIRTPS {"ESIRTPS",  62, 62};
    static constexpr F<bool> ESRTPS  {"ESRTPS",   63, 63};
    static constexpr auto fields = base::layout(ND, AFL, RWBF, PLMR, PHMR, CM, SAGAW, MGAW, ZLR, FRO, SSLPS, PSI, NFR,
        MAMV, DWD, DRD, FS1GP, PI, FS5LP, ECMDS, ESIRTPS, ESRTPS);
    static_assert(base::disjoint(fields));
};
struct Ecap : Reg<Ecap, 0x010, u64, read_only> {
    static constexpr std::string_view name = "ECAP";
    static constexpr F<bool> C       {"C",         0,  0};
    static constexpr F<bool> QI      {"QI",        1,  1};
    static constexpr F<bool> DT      {"DT",        2,  2}; ///< device-TLBs (ATS)
    static constexpr F<bool> IR      {"IR",        3,  3};
    static constexpr F<bool> EIM     {"EIM",       4,  4};
    static constexpr F<bool> PT      {"PT",        6,  6};
    static constexpr F<bool> SC      {"SC",        7,  7};
    static constexpr F<>     IRO     {"IRO",      17,  8}; ///< in units of 16 bytes
    static constexpr F<>     MHMV    {"MHMV",     23, 20};
    static constexpr F<bool> MTS     {"MTS",      25, 25};
    static constexpr F<bool> NEST    {"NEST",     26, 26};
    static constexpr F<bool> PRS     {"PRS",      29, 29};
    static constexpr F<bool> ERS     {"ERS",      30, 30};
    static constexpr F<bool> SRS     {"SRS",      31, 31};
    static constexpr F<bool> NWFS    {"NWFS",     33, 33};
    static constexpr F<bool> EAFS    {"EAFS",     34, 34};
    static constexpr F<>     PSS     {"PSS",      39, 35}; ///< PASID bits - 1
    static constexpr F<bool> PASID   {"PASID",    40, 40};
    static constexpr F<bool> DIT     {"DIT",      41, 41};
    static constexpr F<bool> PDS     {"PDS",      42, 42}; ///< page-request drain
    static constexpr F<bool> SMTS    {"SMTS",     43, 43};
    static constexpr F<bool> VCS     {"VCS",      44, 44};
    static constexpr F<bool> SSADS   {"SSADS",    45, 45};
    static constexpr F<bool> SSTS    {"SSTS",     46, 46};
    static constexpr F<bool> FSTS    {"FSTS",     47, 47};
    static constexpr F<bool> SMPWCS  {"SMPWCS",   48, 48};
    static constexpr F<bool> RPS     {"RPS",      49, 49};
    static constexpr F<bool> TDXCS   {"TDXCS",    50, 50};
    static constexpr F<bool> PMS     {"PMS",      51, 51};
    static constexpr F<bool> ADMS    {"ADMS",     52, 52};
    static constexpr F<bool> RPRIVS  {"RPRIVS",   53, 53};
    static constexpr F<bool> HPTS    {"HPTS",     55, 55};
    static constexpr F<bool> PTRS    {"PTRS",     56, 56};
    static constexpr F<bool> SSIRWS  {"SSIRWS",   57, 57};
    static constexpr F<bool> SMS     {"SMS",      58, 58}; ///< stop marker
    static constexpr F<bool> HPT1GPS {"HPT1GPS",  59, 59};
    static constexpr F<bool> RDTS    {"RDTS",     60, 60};
    static constexpr F<bool> EIMER   {"EIMER",    61, 61};
    static constexpr F<bool> IRREQ   {"IRREQ",    62, 62};
    static constexpr auto fields = base::layout(C, QI, DT, IR, EIM, PT, SC, IRO, MHMV, MTS, NEST, PRS, ERS, SRS, NWFS,
        EAFS, PSS, PASID, DIT, PDS, SMTS, VCS, SSADS, SSTS, FSTS, SMPWCS, RPS, TDXCS, PMS, ADMS, RPRIVS, HPTS, PTRS,
        SSIRWS, SMS, HPT1GPS, RDTS, EIMER, IRREQ);
    static_assert(base::disjoint(fields));
};

/// Where software finds the registers that have no fixed place.
constexpr u64 iva_offset(Ecap e) { return e.get(Ecap::IRO) * 16; }
constexpr u64 iotlb_offset(Ecap e) { return e.get(Ecap::IRO) * 16 + 8; }
constexpr u64 frcd_offset(Cap c, u64 n = 0) { return c.get(Cap::FRO) * 16 + n * 16; }
constexpr u64 frcd_count(Cap c) { return c.get(Cap::NFR) + 1; }
constexpr unsigned domain_bits(Cap c) { return 4 + 2 * static_cast<unsigned>(c.get(Cap::ND)); }
constexpr unsigned mgaw_bits(Cap c) { return static_cast<unsigned>(c.get(Cap::MGAW)) + 1; }
constexpr unsigned pasid_bits(Ecap e) { return static_cast<unsigned>(e.get(Ecap::PSS)) + 1; }

// ---- commands and status --------------------------------------------------------------------------------------------

/// GCMD and GSTS have the same bits. SRTP, WBF and SIRTP are one-shot: software sets one of them with all others as
/// GSTS shows them.
struct Gcmd : Reg<Gcmd, 0x018, u32, base::Access::WriteOnly> {
    static constexpr std::string_view name = "GCMD";
    static constexpr F<bool> CFI  {"CFI",   23, 23};
    static constexpr F<bool> SIRTP{"SIRTP", 24, 24};
    static constexpr F<bool> IRE  {"IRE",   25, 25};
    static constexpr F<bool> QIE  {"QIE",   26, 26};
    static constexpr F<bool> WBF  {"WBF",   27, 27};
    static constexpr F<bool> SRTP {"SRTP",  30, 30};
    static constexpr F<bool> TE   {"TE",    31, 31};
    static constexpr auto fields = base::layout(CFI, SIRTP, IRE, QIE, WBF, SRTP, TE);
};
struct Gsts : Reg<Gsts, 0x01C, u32, read_only> {
    static constexpr std::string_view name = "GSTS";
    static constexpr F<bool> CFIS {"CFIS",  23, 23};
    static constexpr F<bool> IRTPS{"IRTPS", 24, 24};
    static constexpr F<bool> IRES {"IRES",  25, 25};
    static constexpr F<bool> QIES {"QIES",  26, 26};
    static constexpr F<bool> WBFS {"WBFS",  27, 27};
    static constexpr F<bool> RTPS {"RTPS",  30, 30};
    static constexpr F<bool> TES  {"TES",   31, 31};
    static constexpr auto fields = base::layout(CFIS, IRTPS, IRES, QIES, WBFS, RTPS, TES);
};
struct Rtaddr : Reg<Rtaddr, 0x020, u64> { // takes effect with GCMD.SRTP
    static constexpr std::string_view name = "RTADDR";
    static constexpr F<TableMode> TTM{"TTM", 11, 10};
    static constexpr FA<Spa>      RTA{"RTA", 63, 12};
    static constexpr auto fields = base::layout(TTM, RTA);
};
struct Ccmd : Reg<Ccmd, 0x028, u64> { // legacy mode without queued invalidation only
    static constexpr std::string_view name = "CCMD";
    static constexpr F<DomainId>           DID {"DID",  15,  0};
    static constexpr F<base::RequesterId>  SID {"SID",  31, 16};
    static constexpr F<FunctionMask>       FM  {"FM",   33, 32};
    static constexpr F<ContextGranularity> CAIG{"CAIG", 60, 59};
    static constexpr F<ContextGranularity> CIRG{"CIRG", 62, 61};
    static constexpr F<bool>               ICC {"ICC",  63, 63};
    static constexpr auto fields = base::layout(DID, SID, FM, CAIG, CIRG, ICC);
    static constexpr auto read_only_fields = base::layout(CAIG);
    static_assert(base::disjoint(fields));
};

// ---- events: faults, invalidation, page requests --------------------------------------------------------------------

struct Fsts : Reg<Fsts, 0x034> {
    static constexpr std::string_view name = "FSTS";
    static constexpr F<bool> PFO{"PFO",  0, 0};
    static constexpr F<bool> PPF{"PPF",  1, 1}; ///< some FRCD.F is set
    static constexpr F<bool> IQE{"IQE",  4, 4};
    static constexpr F<bool> ICE{"ICE",  5, 5};
    static constexpr F<bool> ITE{"ITE",  6, 6};
    static constexpr F<>     FRI{"FRI", 15, 8}; ///< the first pending FRCD
    static constexpr auto fields = base::layout(PFO, PPF, IQE, ICE, ITE, FRI);
    static constexpr auto read_only_fields = base::layout(PPF, FRI);
    static constexpr auto write_1_clear_fields = base::layout(PFO, IQE, ICE, ITE);
};
/// One event's control, data and address registers: masked at reset; IP says that one waits.
template <class Self, u32 Offset>
struct EventControl : Reg<Self, Offset> {
    static constexpr base::Field<Self, bool, 32> IP{"IP", 30, 30};
    static constexpr base::Field<Self, bool, 32> IM{"IM", 31, 31};
    static constexpr auto fields = base::layout(IP, IM);
    static constexpr auto read_only_fields = base::layout(IP);
    static constexpr u32 reset_value = 0x8000'0000;
};
template <class Self, u32 Offset>
struct EventData : Reg<Self, Offset> {
    static constexpr base::Field<Self, u64, 32> IMD{"IMD", 15, 0};
    static constexpr auto fields = base::layout(IMD);
};
template <class Self, u32 Offset>
struct EventAddress : Reg<Self, Offset> {
    static constexpr base::AddressField<Self, Spa, 32> MA{"MA", 31, 2};
    static constexpr auto fields = base::layout(MA);
};
template <class Self, u32 Offset>
struct EventUpperAddress : Reg<Self, Offset> {
    static constexpr base::Field<Self, u64, 32> MUA{"MUA", 31, 0};
    static constexpr auto fields = base::layout(MUA);
};
struct Fectl   : EventControl<Fectl, 0x038>       { static constexpr std::string_view name = "FECTL"; };
struct Fedata  : EventData<Fedata, 0x03C>         { static constexpr std::string_view name = "FEDATA"; };
struct Feaddr  : EventAddress<Feaddr, 0x040>      { static constexpr std::string_view name = "FEADDR"; };
struct Feuaddr : EventUpperAddress<Feuaddr, 0x044> { static constexpr std::string_view name = "FEUADDR"; };
struct Aflog   : Reg<Aflog, 0x058, u64>           { static constexpr std::string_view name = "AFLOG"; }; // obsolete

// ---- protected memory -----------------------------------------------------------------------------------------------

struct Pmen : Reg<Pmen, 0x064> {
    static constexpr std::string_view name = "PMEN";
    static constexpr F<bool> PRS{"PRS",  0,  0};
    static constexpr F<bool> EPM{"EPM", 31, 31};
    static constexpr auto fields = base::layout(PRS, EPM);
    static constexpr auto read_only_fields = base::layout(PRS);
};
/// The low and the high region, of 2 MiB granules here (bits 20:0 are not kept; of a limit they count as ones).
inline constexpr unsigned protected_region_shift = 21;
struct Plmbase  : Reg<Plmbase, 0x068>       { // [31:21]
    static constexpr std::string_view name = "PLMBASE";
    static constexpr FA<Spa> PLMB{"PLMB", 31, 21};
    static constexpr auto fields = base::layout(PLMB);
};
struct Plmlimit : Reg<Plmlimit, 0x06C>      {
    static constexpr std::string_view name = "PLMLIMIT";
    static constexpr FA<Spa> PLML{"PLML", 31, 21};
    static constexpr auto fields = base::layout(PLML);
};
struct Phmbase  : Reg<Phmbase, 0x070, u64>  {
    static constexpr std::string_view name = "PHMBASE";
    static constexpr FA<Spa> PHMB{"PHMB", 63, 21};
    static constexpr auto fields = base::layout(PHMB);
};
struct Phmlimit : Reg<Phmlimit, 0x078, u64> {
    static constexpr std::string_view name = "PHMLIMIT";
    static constexpr FA<Spa> PHML{"PHML", 63, 21};
    static constexpr auto fields = base::layout(PHML);
};

// ---- invalidation queue ---------------------------------------------------------------------------------------------

struct Iqh : Reg<Iqh, 0x080, u64, read_only> { // byte offset / 16
    static constexpr std::string_view name = "IQH";
    static constexpr F<u32> QH{"QH", 18, 4};
    static constexpr auto fields = base::layout(QH);
};
struct Iqt : Reg<Iqt, 0x088, u64> { // with DW=1 bit 4 must be 0
    static constexpr std::string_view name = "IQT";
    static constexpr F<u32> QT{"QT", 18, 4};
    static constexpr auto fields = base::layout(QT);
};
struct Iqa : Reg<Iqa, 0x090, u64> {
    static constexpr std::string_view name = "IQA";
    static constexpr F<u32>  QS {"QS",   2,  0}; ///< 2^QS pages
    static constexpr F<bool> DW {"DW",  11, 11}; ///< descriptors have 256 bits, not 128
    static constexpr FA<Spa> ADDR{"IQA", 63, 12};
    static constexpr auto fields = base::layout(QS, DW, ADDR);
};
struct Ics : Reg<Ics, 0x09C> {
    static constexpr std::string_view name = "ICS";
    static constexpr F<bool> IWC{"IWC", 0, 0};
    static constexpr auto fields = base::layout(IWC);
    static constexpr auto write_1_clear_fields = base::layout(IWC);
};
struct Iectl   : EventControl<Iectl, 0x0A0>        { static constexpr std::string_view name = "IECTL"; };
struct Iedata  : EventData<Iedata, 0x0A4>          { static constexpr std::string_view name = "IEDATA"; };
struct Ieaddr  : EventAddress<Ieaddr, 0x0A8>       { static constexpr std::string_view name = "IEADDR"; };
struct Ieuaddr : EventUpperAddress<Ieuaddr, 0x0AC> { static constexpr std::string_view name = "IEUADDR"; };
struct Iqercd : Reg<Iqercd, 0x0B0, u64, read_only> {
    static constexpr std::string_view name = "IQERCD";
    static constexpr F<QueueError>        IQEI  {"IQEI",    3,  0};
    static constexpr F<base::RequesterId> ITESID{"ITESID", 47, 32}; ///< valid while FSTS.ITE
    static constexpr F<base::RequesterId> ICESID{"ICESID", 63, 48}; ///< valid while FSTS.ICE
    static constexpr auto fields = base::layout(IQEI, ITESID, ICESID);
};
struct Irta : Reg<Irta, 0x0B8, u64> {
    static constexpr std::string_view name = "IRTA";
    static constexpr F<>     S   {"S",     3,  0};
    static constexpr F<bool> EIME{"EIME", 11, 11};
    static constexpr FA<Spa> IRTA{"IRTA", 63, 12};
    static constexpr auto fields = base::layout(S, EIME, IRTA);
};

// ---- page request queue ---------------------------------------------------------------------------------------------

struct Pqh : Reg<Pqh, 0x0C0, u64> { // software's; byte offset / 32
    static constexpr std::string_view name = "PQH";
    static constexpr F<u32> PQH{"PQH", 18, 5};
    static constexpr auto fields = base::layout(PQH);
};
struct Pqt : Reg<Pqt, 0x0C8, u64> { // hardware's; software sets it before it enables the queue
    static constexpr std::string_view name = "PQT";
    static constexpr F<u32> PQT{"PQT", 18, 5};
    static constexpr auto fields = base::layout(PQT);
};
struct Pqa : Reg<Pqa, 0x0D0, u64> {
    static constexpr std::string_view name = "PQA";
    static constexpr F<u32>  PQS{"PQS",  2,  0}; ///< 2^(PQS+7) entries
    static constexpr FA<Spa> ADDR{"PQA", 63, 12};
    static constexpr auto fields = base::layout(PQS, ADDR);
};
struct Prs : Reg<Prs, 0x0DC> {
    static constexpr std::string_view name = "PRS";
    static constexpr F<bool> PPR{"PPR", 0, 0};
    static constexpr F<bool> PRO{"PRO", 1, 1};
    static constexpr auto fields = base::layout(PPR, PRO);
    static constexpr auto write_1_clear_fields = base::layout(PPR, PRO);
};
struct Pectl   : EventControl<Pectl, 0x0E0>        { static constexpr std::string_view name = "PECTL"; };
struct Pedata  : EventData<Pedata, 0x0E4>          { static constexpr std::string_view name = "PEDATA"; };
struct Peaddr  : EventAddress<Peaddr, 0x0E8>       { static constexpr std::string_view name = "PEADDR"; };
struct Peuaddr : EventUpperAddress<Peuaddr, 0x0EC> { static constexpr std::string_view name = "PEUADDR"; };

// ---- virtual commands (virtual units only) --------------------------------------------------------------------------

enum class VirtualCommand : u8 { Null = 0, AllocatePasid = 1, FreePasid = 2 };                ///< VCMD.CMD
enum class VirtualStatus : u8 { Ok = 0, Undefined = 1, NoPasid = 16 };                        ///< VCRSP.SC
struct Vcmd : Reg<Vcmd, 0xE00, u64> {
    static constexpr std::string_view name = "VCMD";
    static constexpr F<VirtualCommand> CMD{"CMD",  7,  0};
    static constexpr F<>               OA {"OA",  63, 16}; ///< to free: the PASID in bits 19:0 of it
    static constexpr auto fields = base::layout(CMD, OA);
};
struct VcmdEo : Reg<VcmdEo, 0xE08, u64> {
    static constexpr std::string_view name = "VCMD_EO";
    static constexpr F<> OB{"OB", 63, 0};
    static constexpr auto fields = base::layout(OB);
};
struct Vcrsp : Reg<Vcrsp, 0xE10, u64, read_only> {
    static constexpr std::string_view name = "VCRSP";
    static constexpr F<bool>          IP  {"IP",    0,  0};
    static constexpr F<VirtualStatus> SC  {"SC",    7,  1};
    static constexpr F<>              RSLT{"RSLT", 63, 16}; ///< the PASID in bits 19:0 of it
    static constexpr auto fields = base::layout(IP, SC, RSLT);
};
struct Vccap : Reg<Vccap, 0xE30, u64, read_only> {
    static constexpr std::string_view name = "VCCAP";
    static constexpr F<bool> NS {"NS",  0, 0}; ///< null command
    static constexpr F<bool> PAS{"PAS", 1, 1}; ///< allocates PASIDs
    static constexpr F<bool> FPS{"FPS", 2, 2}; ///< frees PASIDs
    static constexpr auto fields = base::layout(NS, PAS, FPS);
};

// ---- registers whose place CAP and ECAP say -------------------------------------------------------------------------

inline constexpr u64 movable_registers = 0x8000; ///< no offset that software uses
struct Iva : Reg<Iva, 0x8000, u64> { // at iva_offset()
    static constexpr std::string_view name = "IVA";
    static constexpr F<>      AM  {"AM",    5,  0};
    static constexpr F<bool>  IH  {"IH",    6,  6};
    static constexpr FA<Iova> ADDR{"ADDR", 63, 12};
    static constexpr auto fields = base::layout(AM, IH, ADDR);
};
struct Iotlb : Reg<Iotlb, 0x8008, u64> { // at iotlb_offset()
    static constexpr std::string_view name = "IOTLB";
    static constexpr F<DomainId>         DID {"DID",  47, 32};
    static constexpr F<bool>             DW  {"DW",   48, 48};
    static constexpr F<bool>             DR  {"DR",   49, 49};
    static constexpr F<IotlbGranularity> IAIG{"IAIG", 58, 57};
    static constexpr F<IotlbGranularity> IIRG{"IIRG", 61, 60};
    static constexpr F<bool>             IVT {"IVT",  63, 63};
    static constexpr auto fields = base::layout(DID, DW, DR, IAIG, IIRG, IVT);
    static constexpr auto read_only_fields = base::layout(IAIG);
    static_assert(base::disjoint(fields));
};

// ---- absent ---------------------------------------------------------------------------------------------------------

struct Mtrrcap : Reg<Mtrrcap, 0x100, u64, read_only> { static constexpr std::string_view name = "MTRRCAP"; };
struct Mtrrdef : Reg<Mtrrdef, 0x108, u64>            { static constexpr std::string_view name = "MTRRDEF"; };
struct Perfcap : Reg<Perfcap, 0x300, u64, read_only> { static constexpr std::string_view name = "PERFCAP"; };
struct Ecmd    : Reg<Ecmd, 0x400, u64>               { static constexpr std::string_view name = "ECMD"; };
struct Eceo    : Reg<Eceo, 0x408, u64>               { static constexpr std::string_view name = "ECEO"; };
struct Ecrsp   : Reg<Ecrsp, 0x410, u64, read_only>   { static constexpr std::string_view name = "ECRSP"; };
struct Ecsts   : Reg<Ecsts, 0x420, u64, read_only>   { static constexpr std::string_view name = "ECSTS"; };
struct Eccap0  : Reg<Eccap0, 0x430, u64, read_only>  { static constexpr std::string_view name = "ECCAP0"; };
struct Rdtc    : Reg<Rdtc, 0xDC0, u64>               { static constexpr std::string_view name = "RDTC"; };

/// What there is, the fault records (FRCD) excepted, which are as many as CAP.NFR says.
using Registers = base::RegisterMap<Ver, Cap, Ecap, Gcmd, Gsts, Rtaddr, Ccmd, Fsts, Fectl, Fedata, Feaddr, Feuaddr,
    Pmen, Plmbase, Plmlimit, Phmbase, Phmlimit, Iqh, Iqt, Iqa, Ics, Iectl, Iedata, Ieaddr, Ieuaddr, Iqercd, Irta, Pqh,
    Pqt, Pqa, Prs, Pectl, Pedata, Peaddr, Peuaddr, Vcmd, VcmdEo, Vcrsp, Vccap, Iva, Iotlb>;
/// What the manual has and this unit has not: reads as zero, accesses are counted.
using AbsentRegisters = base::RegisterMap<Aflog, Mtrrcap, Mtrrdef, Perfcap, Ecmd, Eceo, Ecrsp, Ecsts, Eccap0, Rdtc>;

} // namespace quiesce::iommu::vtd
