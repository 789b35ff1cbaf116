// SPDX-License-Identifier: Apache-2.0
/// AMD-Vi structures in memory (AMD 48882; facts/iommu-specs.md 3.2 to 3.5 and 5.2): device table entries, GCR3 tables,
/// page tables of hosts (v1) and guests (v2), commands, entries of the event log and of the PPR log. All little-endian;
/// bit numbers count from bit 0 of the structure. Shared by the model and the OS driver; nothing here has behaviour.
#pragma once
#include "base/address.h"
#include "base/structure.h"
#include "iommu/amdvi/regs.h"

// clang-format off
namespace quiesce::iommu::amdvi {

using base::RequesterId;
using base::Structure;

// ---- device table ---------------------------------------------------------------------------------------------------

enum class HostMarks : u8 { None = 0, Accessed = 1, Reserved = 2, AccessedDirty = 3 };   ///< DTE.HAD
enum class GuestPaging : u8 { Levels4 = 0, Levels5 = 1 };                                ///< DTE.GuestPagingMode
inline constexpr u8 pass_through_mode = 0; ///< DTE.Mode: no host table; 1 to 6: its levels

struct Dte : Structure<Dte, 32> { // by device; bits 127:0 count with V
    static constexpr F<bool>        V              {"V",                0,   0};
    static constexpr F<bool>        TV             {"TV",               1,   1};
    static constexpr F<HostMarks>   HAD            {"HAD",              8,   7};
    static constexpr F<u8>          Mode           {"Mode",            11,   9};
    static constexpr FA<Spa>        HostPTRoot     {"HostPTRoot",      51,  12};
    static constexpr F<bool>        PPR            {"PPR",             52,  52}; ///< page requests are taken
    static constexpr F<bool>        GPRP           {"GPRP",            53,  53}; ///< responses carry a PASID
    static constexpr F<bool>        GIoV           {"GIoV",            54,  54}; ///< requests without PASID are of PASID 0
    static constexpr F<bool>        GV             {"GV",              55,  55};
    static constexpr F<u8>          GLX            {"GLX",             57,  56}; ///< levels of the GCR3 table - 1
    static constexpr FA<Spa>        GCR3TableRoot  {"GCR3TableRoot", {{60, 58}, {95, 80}, {127, 107}}, 12};
    static constexpr F<bool>        IR             {"IR",              61,  61};
    static constexpr F<bool>        IW             {"IW",              62,  62};
    static constexpr F<DomainId>    DomainID       {"DomainID",        79,  64};
    static constexpr F<bool>        I              {"I",               96,  96}; ///< the device may have an IOTLB
    static constexpr F<bool>        SE             {"SE",              97,  97}; ///< of its page faults one is logged
    static constexpr F<bool>        SA             {"SA",              98,  98}; ///< none is
    static constexpr F<>            IoCtl          {"IoCtl",          100,  99};
    static constexpr F<bool>        Cache          {"Cache",          101, 101};
    static constexpr F<bool>        SD             {"SD",             102, 102};
    static constexpr F<bool>        EX             {"EX",             103, 103}; ///< the exclusion range is for it
    static constexpr F<>            SysMgt         {"SysMgt",         105, 104};
    static constexpr F<bool>        SATS           {"SATS",           106, 106};
    static constexpr F<bool>        IV             {"IV",             128, 128};
    static constexpr F<>            IntTabLen      {"IntTabLen",      132, 129};
    static constexpr F<bool>        IG             {"IG",             133, 133};
    static constexpr FA<Spa>        IntTabRoot     {"IntTabRoot",     179, 134};
    static constexpr F<GuestPaging> GuestPagingMode{"GuestPagingMode",183, 182};
    static constexpr F<bool>        InitPass       {"InitPass",       184, 184};
    static constexpr F<bool>        EIntPass       {"EIntPass",       185, 185};
    static constexpr F<bool>        NMIPass        {"NMIPass",        186, 186};
    static constexpr F<bool>        HPTMode        {"HPTMode",        187, 187};
    static constexpr F<>            IntCtl         {"IntCtl",         189, 188};
    static constexpr F<bool>        Lint0Pass      {"Lint0Pass",      190, 190};
    static constexpr F<bool>        Lint1Pass      {"Lint1Pass",      191, 191};
    static constexpr F<bool>        VImuEn         {"vImuEn",         207, 207};
    static constexpr F<>            GDeviceID      {"GDeviceID",      223, 208};
    static constexpr F<>            GuestID        {"GuestID",        239, 224};
    static constexpr F<bool>        AttrV          {"AttrV",          246, 246};
    static constexpr F<bool>        Mode0FC        {"Mode0FC",        247, 247};
    static constexpr F<>            SnoopAttribute {"SnoopAttribute", 255, 248};
    static constexpr auto fields = base::layout(V, TV, HAD, Mode, HostPTRoot, PPR, GPRP, GIoV, GV, GLX, GCR3TableRoot, IR,
        IW, DomainID, I, SE, SA, IoCtl, Cache, SD, EX, SysMgt, SATS, IV, IntTabLen, IG, IntTabRoot, GuestPagingMode, InitPass,
        EIntPass, NMIPass, HPTMode, IntCtl, Lint0Pass, Lint1Pass, VImuEn, GDeviceID, GuestID, AttrV, Mode0FC,
        SnoopAttribute);
    static_assert(base::disjoint(fields));
};

/// An entry of a GCR3 table of any level: 512 in a table, by nine bits of the PASID. The lowest leads to a guest's table.
struct Gcr3Entry : Structure<Gcr3Entry, 8> {
    static constexpr F<bool> V   {"V",     0,  0};
    static constexpr FA<Spa> Base{"Base", 51, 12}; ///< of the lowest level a guest address, where there is a host table
    static constexpr auto fields = base::layout(V, Base);
};
inline constexpr unsigned gcr3_index_bits = 9;

// ---- page tables ----------------------------------------------------------------------------------------------------

/// NextLevel: 0 a page of its level's size, 7 one whose size its address says, otherwise the level of the next table.
inline constexpr u8 own_size = 0, encoded_size = 7;

struct HostEntry : Structure<HostEntry, 8> { // v1, of any level
    static constexpr F<bool> PR       {"PR",         0,  0};
    static constexpr F<bool> A        {"A",          5,  5};
    static constexpr F<bool> D        {"D",          6,  6}; ///< leaves
    static constexpr F<u8>   NextLevel{"NextLevel", 11,  9};
    static constexpr FA<Spa> Address  {"Address",   51, 12};
    static constexpr F<bool> U        {"U",         59, 59}; ///< leaves: for untranslated accesses only
    static constexpr F<bool> FC       {"FC",        60, 60}; ///< leaves
    static constexpr F<bool> IR       {"IR",        61, 61};
    static constexpr F<bool> IW       {"IW",        62, 62};
    static constexpr auto fields = base::layout(PR, A, D, NextLevel, Address, U, FC, IR, IW);
    static_assert(base::disjoint(fields));
};
/// The address field of a page of 2^log2 bytes: ones below its highest bit, which is zero.
constexpr Spa encoded_page(Spa to, unsigned log2) {
    return Spa{(to.value() & ~base::low_bits(log2)) | (base::low_bits(log2 - 1) & ~base::low_bits(12))};
}

struct GuestEntry : Structure<GuestEntry, 8> { // v2, as processors have them
    static constexpr F<bool> P      {"P",        0,  0};
    static constexpr F<bool> RW     {"R/W",      1,  1};
    static constexpr F<bool> US     {"U/S",      2,  2};
    static constexpr F<bool> PWT    {"PWT",      3,  3};
    static constexpr F<bool> PCD    {"PCD",      4,  4};
    static constexpr F<bool> A      {"A",        5,  5};
    static constexpr F<bool> D      {"D",        6,  6}; ///< leaves
    static constexpr F<bool> PS     {"PS",       7,  7}; ///< of 1 GiB and 2 MiB: a leaf; of 4 KiB: PAT
    static constexpr F<bool> G      {"G",        8,  8};
    static constexpr FA<Spa> Address{"Address", 51, 12};
    static constexpr F<bool> PAT    {"PAT",     12, 12}; ///< of pages of 2 MiB and 1 GiB, whose address begins above
    static constexpr F<bool> NX     {"NX",      63, 63};
    static constexpr auto fields = base::layout(P, RW, US, PWT, PCD, A, D, PS, G, Address, NX);
    static_assert(base::disjoint(fields));
};

// ---- commands -------------------------------------------------------------------------------------------------------

enum class Opcode : u8 {
    CompletionWait = 1, InvalidateDevtabEntry = 2, InvalidateIommuPages = 3, InvalidateIotlbPages = 4,
    InvalidateInterruptTable = 5, PrefetchIommuPages = 6, CompletePprRequest = 7, InvalidateIommuAll = 8,
    InsertGuestEvent = 9, ResetVmmio = 10,
};
constexpr auto enum_names(Opcode) {
    return base::name_table<Opcode>({{Opcode::CompletionWait, "COMPLETION_WAIT"},
        {Opcode::InvalidateDevtabEntry, "INVALIDATE_DEVTAB_ENTRY"},
        {Opcode::InvalidateIommuPages, "INVALIDATE_IOMMU_PAGES"},
        {Opcode::InvalidateIotlbPages, "INVALIDATE_IOTLB_PAGES"},
        {Opcode::InvalidateInterruptTable, "INVALIDATE_INTERRUPT_TABLE"},
        {Opcode::PrefetchIommuPages, "PREFETCH_IOMMU_PAGES"},
        {Opcode::CompletePprRequest, "COMPLETE_PPR_REQUEST"},
        {Opcode::InvalidateIommuAll, "INVALIDATE_IOMMU_ALL"},
        {Opcode::InsertGuestEvent, "INSERT_GUEST_EVENT"}, {Opcode::ResetVmmio, "RESET_VMMIO"}});
}
inline constexpr u64 ring_entry_bytes = 16; ///< of all three rings

struct Command : Structure<Command, 16> { // any
    static constexpr F<Opcode> Op{"Op", 63, 60};
    static constexpr auto fields = base::layout(Op);
};
template <class C>
constexpr C view_as(const Command& c) { return C::from_words(c.words()); }
template <class C>
constexpr Command as_command(const C& c) { return Command::from_words(c.words()); }
template <class C>
constexpr C make() { return C{}.set(C::Op, C::opcode); }

struct CompletionWait : Structure<CompletionWait, 16> {
    static constexpr Opcode opcode = Opcode::CompletionWait;
    static constexpr F<bool>   S           {"s",              0,  0}; ///< store the data
    static constexpr F<bool>   I           {"i",              1,  1}; ///< raise the interrupt
    static constexpr F<bool>   Flush       {"f",              2,  2}; ///< nothing behind it begins before it is complete
    static constexpr FA<Spa>   StoreAddress{"Store Address", 51,  3};
    static constexpr F<Opcode> Op          {"Op",            63, 60};
    static constexpr F<>       StoreData   {"Store Data",   127, 64};
    static constexpr auto fields = base::layout(S, I, Flush, StoreAddress, Op, StoreData);
    static_assert(base::disjoint(fields));
};
struct InvalidateDevtabEntry : Structure<InvalidateDevtabEntry, 16> {
    static constexpr Opcode opcode = Opcode::InvalidateDevtabEntry;
    static constexpr F<RequesterId> DeviceID{"DeviceID", 15,  0};
    static constexpr F<Opcode>      Op      {"Op",       63, 60};
    static constexpr auto fields = base::layout(DeviceID, Op);
};
struct InvalidateIommuPages : Structure<InvalidateIommuPages, 16> {
    static constexpr Opcode opcode = Opcode::InvalidateIommuPages;
    static constexpr F<Pasid>    PASID   {"PASID",     19,  0}; ///< with GN
    static constexpr F<DomainId> DomainID{"DomainID",  47, 32};
    static constexpr F<Opcode>   Op      {"Op",        63, 60};
    static constexpr F<bool>     S       {"S",         64, 64}; ///< more than a page: as many as the address says
    static constexpr F<bool>     PDE     {"PDE",       65, 65}; ///< directory entries, too
    static constexpr F<bool>     GN      {"GN",        66, 66}; ///< a guest's addresses, of the PASID
    static constexpr FA<Iova>    Address {"Address",  127, 76};
    static constexpr auto fields = base::layout(PASID, DomainID, Op, S, PDE, GN, Address);
    static_assert(base::disjoint(fields));
};
/// MODEL: which part of PASID is where: as Linux and FreeBSD have it; the comments of VirtualBox and the masks of Xen name
/// other parts.
struct InvalidateIotlbPages : Structure<InvalidateIotlbPages, 16> {
    static constexpr Opcode opcode = Opcode::InvalidateIotlbPages;
    static constexpr F<RequesterId> DeviceID{"DeviceID",  15,  0};
    static constexpr F<Pasid>       PASID   {"PASID", {{55, 48}, {23, 16}, {59, 56}}};
    static constexpr F<u8>          MaxPend {"MaxPend",   31, 24}; ///< how many may be under way at once
    static constexpr F<u16>         QueueID {"QueueID",   47, 32}; ///< among those of the same
    static constexpr F<Opcode>      Op      {"Op",        63, 60};
    static constexpr F<bool>        S       {"S",         64, 64};
    static constexpr F<bool>        GN      {"GN",        66, 66};
    static constexpr F<>            Type    {"Type",      69, 68}; ///< with EFR.InvIotlbTypeSup
    static constexpr FA<Iova>       Address {"Address",  127, 76};
    static constexpr auto fields = base::layout(DeviceID, PASID, MaxPend, QueueID, Op, S, GN, Type, Address);
    static_assert(base::disjoint(fields));
};
struct InvalidateInterruptTable : Structure<InvalidateInterruptTable, 16> {
    static constexpr Opcode opcode = Opcode::InvalidateInterruptTable;
    static constexpr F<RequesterId> DeviceID{"DeviceID", 15,  0};
    static constexpr F<Opcode>      Op      {"Op",       63, 60};
    static constexpr auto fields = base::layout(DeviceID, Op);
};
struct PrefetchIommuPages : Structure<PrefetchIommuPages, 16> {
    static constexpr Opcode opcode = Opcode::PrefetchIommuPages;
    static constexpr F<RequesterId> DeviceID{"DeviceID", 15,  0};
    static constexpr F<>            PFCount {"PFCount",  31, 24};
    static constexpr F<Pasid>       PASID   {"PASID",    51, 32};
    static constexpr F<Opcode>      Op      {"Op",       63, 60};
    static constexpr F<bool>        S       {"S",        64, 64};
    static constexpr F<bool>        GN      {"GN",       66, 66};
    static constexpr F<bool>        Inval   {"Inval",    68, 68}; ///< invalidate first
    static constexpr FA<Iova>       Address {"Address", 127, 76};
    static constexpr auto fields = base::layout(DeviceID, PFCount, PASID, Op, S, GN, Inval, Address);
    static_assert(base::disjoint(fields));
};
struct CompletePprRequest : Structure<CompletePprRequest, 16> {
    static constexpr Opcode opcode = Opcode::CompletePprRequest;
    static constexpr F<RequesterId> DeviceID{"DeviceID", 15,   0};
    static constexpr F<Pasid>       PASID   {"PASID",    51,  32};
    static constexpr F<Opcode>      Op      {"Op",       63,  60};
    static constexpr F<bool>        GN      {"GN",       66,  66}; ///< the response carries the PASID
    static constexpr F<u16>         Tag     {"Tag",     104,  96}; ///< page request group index
    static constexpr F<>            TagRest {"TagRest", 107, 105};
    static constexpr F<u8>          Status  {"Status",  111, 108}; ///< response code of the message
    static constexpr auto fields = base::layout(DeviceID, PASID, Op, GN, Tag, TagRest, Status);
    static_assert(base::disjoint(fields));
};
struct InvalidateIommuAll : Structure<InvalidateIommuAll, 16> {
    static constexpr Opcode opcode = Opcode::InvalidateIommuAll;
    static constexpr F<Opcode> Op{"Op", 63, 60};
    static constexpr auto fields = base::layout(Op);
};

// ---- event log ------------------------------------------------------------------------------------------------------

enum class EventCode : u8 {
    IllegalDevTableEntry = 1, IoPageFault = 2, DevTabHardwareError = 3, PageTabHardwareError = 4, IllegalCommandError = 5,
    CommandHardwareError = 6, IotlbInvTimeout = 7, InvalidDeviceRequest = 8, InvalidPprRequest = 9, EventCounterZero = 10,
    GuestEventFault = 11, ViommuHardwareError = 12, RmpPageFault = 13, RmpHardwareError = 14,
};
constexpr auto enum_names(EventCode) {
    using E = EventCode;
    return base::name_table<E>({{E::IllegalDevTableEntry, "ILLEGAL_DEV_TABLE_ENTRY"}, {E::IoPageFault, "IO_PAGE_FAULT"},
        {E::DevTabHardwareError, "DEV_TAB_HARDWARE_ERROR"}, {E::PageTabHardwareError, "PAGE_TAB_HARDWARE_ERROR"},
        {E::IllegalCommandError, "ILLEGAL_COMMAND_ERROR"}, {E::CommandHardwareError, "COMMAND_HARDWARE_ERROR"},
        {E::IotlbInvTimeout, "IOTLB_INV_TIMEOUT"}, {E::InvalidDeviceRequest, "INVALID_DEVICE_REQUEST"},
        {E::InvalidPprRequest, "INVALID_PPR_REQUEST"}, {E::EventCounterZero, "EVENT_COUNTER_ZERO"},
        {E::GuestEventFault, "GUEST_EVENT_FAULT"}, {E::ViommuHardwareError, "VIOMMU_HARDWARE_ERROR"},
        {E::RmpPageFault, "RMP_PAGE_FAULT"}, {E::RmpHardwareError, "RMP_HARDWARE_ERROR"}});
}
/// Type of hardware errors.
enum class HardwareError : u8 { Reserved = 0, MasterAbort = 1, TargetAbort = 2, DataError = 3 };

/// Every event that tells of a request, or of an entry that was met on its way; which fields there are the code says.
struct Event : Structure<Event, 16> {
    static constexpr F<RequesterId>   DeviceID{"DeviceID",  15,  0};
    static constexpr F<>              PasidHi {"PASID[19:16]",19, 16};
    static constexpr F<u16>           DomainOrPasid{"DomainID/PASID", 47, 32};
    static constexpr F<bool>          GN      {"GN",        48, 48}; ///< a guest's address, and a PASID
    static constexpr F<bool>          NX      {"NX",        49, 49};
    static constexpr F<bool>          US      {"US",        50, 50}; ///< as user
    static constexpr F<bool>          I       {"I",         51, 51}; ///< an interrupt
    static constexpr F<bool>          PR      {"PR",        52, 52}; ///< the page is present
    static constexpr F<bool>          RW      {"RW",        53, 53}; ///< a write
    static constexpr F<bool>          PE      {"PE",        54, 54}; ///< no permission
    static constexpr F<bool>          RZ      {"RZ",        55, 55}; ///< a reserved bit; 0: the encoding of a level
    static constexpr F<bool>          TR      {"TR",        56, 56}; ///< a translation request
    static constexpr F<HardwareError> Type    {"Type",      58, 57}; ///< of hardware errors
    static constexpr F<EventCode>     Code    {"Code",      63, 60};
    static constexpr F<>              Address {"Address",  127, 64};
    static constexpr auto fields = base::layout(DeviceID, PasidHi, DomainOrPasid, GN, NX, US, I, PR, RW, PE, RZ, TR, Type,
        Code, Address);
    static_assert(base::disjoint(fields));
};
/// INVALID_DEVICE_REQUEST.
struct InvalidDeviceRequest : Structure<InvalidDeviceRequest, 16> {
    static constexpr F<RequesterId>   DeviceID{"DeviceID",  15,  0};
    static constexpr F<>              PasidHi {"PASID[19:16]",19, 16};
    static constexpr F<u16>           PasidLo {"PASID[15:0]",47, 32};
    static constexpr F<bool>          GN      {"GN",        48, 48};
    static constexpr F<bool>          US      {"US",        49, 49};
    static constexpr F<bool>          TR      {"TR",        56, 56};
    static constexpr F<u8>            Type    {"Type",      59, 57};
    static constexpr F<EventCode>     Code    {"Code",      63, 60};
    static constexpr F<>              Address {"Address",  127, 64};
    static constexpr auto fields = base::layout(DeviceID, PasidHi, PasidLo, GN, US, TR, Type, Code, Address);
    static_assert(base::disjoint(fields));
};
/// INVALID_PPR_REQUEST, whose PASID is where PPR log entries have it.
struct InvalidPprRequest : Structure<InvalidPprRequest, 16> {
    static constexpr F<RequesterId>   DeviceID{"DeviceID",  15,  0};
    static constexpr F<Pasid>         PASID   {"PASID", {{31, 16}, {45, 42}}};
    static constexpr F<u16>           Tag     {"Tag",       41, 32};
    static constexpr F<bool>          RX      {"RX",        48, 48}; ///< nobody has to answer it
    static constexpr F<bool>          GN      {"GN",        57, 57};
    static constexpr F<EventCode>     Code    {"Code",      63, 60};
    static constexpr F<>              Address {"Address",  127, 64};
    static constexpr auto fields = base::layout(DeviceID, PASID, Tag, RX, GN, Code, Address);
    static_assert(base::disjoint(fields));
};
template <class E>
constexpr Event as_event(const E& e) { return Event::from_words(e.words()); }

// ---- PPR log --------------------------------------------------------------------------------------------------------

inline constexpr u8 page_service_request = 1; ///< PprEntry.Type
struct PprEntry : Structure<PprEntry, 16> {
    static constexpr F<RequesterId> DeviceID{"DeviceID",  15,  0};
    static constexpr F<Pasid>       PASID   {"PASID", {{31, 16}, {45, 42}}};
    static constexpr F<u16>         Tag     {"Tag",       40, 32}; ///< page request group index
    static constexpr F<bool>        Last    {"Last",      41, 41}; ///< of its group
    static constexpr F<bool>        Exec    {"EXEC",      49, 49};
    static constexpr F<bool>        Read    {"READ",      50, 50};
    static constexpr F<bool>        Write   {"WRITE",     53, 53};
    static constexpr F<bool>        US      {"US",        54, 54}; ///< as user
    static constexpr F<bool>        RVSD    {"RVSD",      55, 55};
    static constexpr F<bool>        GN      {"GN",        56, 56}; ///< with a PASID
    static constexpr F<u8>          Type    {"Type",      63, 60};
    static constexpr FA<>           Address {"Address",  127, 76};
    static constexpr auto fields = base::layout(DeviceID, PASID, Tag, Last, Exec, Read, Write, US, RVSD, GN, Type, Address);
    static_assert(base::disjoint(fields));
};

} // namespace quiesce::iommu::amdvi
