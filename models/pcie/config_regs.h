// SPDX-License-Identifier: Apache-2.0
/// Configuration space registers of endpoints and of switch ports: header types 0 and 1, PCI Express, MSI-X, and the
/// extended capabilities AER, ACS, SR-IOV, ATS, PRI and PASID (PCI Express Base, chapters 7, 9 and 10;
/// facts/iommu-specs.md 4). Offsets count from the start of the capability. Shared by the model and drivers.
///
/// `writable` and `write_1_clear` list what software changes; other fields are read-only to it, bits in no field read
/// zero. `sticky` fields keep their value over every reset but a cold one, `kept_by_flr` fields over a function-level
/// reset. A function that lacks a feature makes more fields read-only: config_layout.cpp.
#pragma once
#include "base/structure.h"
#include "base/types.h"

#include <type_traits>

// clang-format off

/// Names are the manual's, hence a namespace of their own.
namespace quiesce::pcie::cfg {

/// Where a register is: the header, or a capability with the id it has on the bus.
enum class Capability : u8 { Header, PciExpress, MsiX, Aer, Acs, Sriov, Ats, Pri, Pasid };
inline constexpr unsigned capability_count = 9;

struct CapabilityShape { Capability which; u16 id; u8 version; u16 bytes; };
/// In the order in which they are laid out.
inline constexpr CapabilityShape capability_shapes[] = {
    {Capability::PciExpress, 0x10, 0, 0x3c}, {Capability::MsiX, 0x11, 0, 0x0c}};
inline constexpr CapabilityShape extended_capability_shapes[] = {
    {Capability::Aer,   0x01, 2, 0x48}, {Capability::Acs, 0x0d, 1, 0x08}, {Capability::Sriov, 0x10, 1, 0x40},
    {Capability::Ats,   0x0f, 1, 0x08}, {Capability::Pri, 0x13, 1, 0x10}, {Capability::Pasid, 0x1b, 1, 0x08}};
inline constexpr u32 config_space_bytes = 4096, first_capability = 0x40, first_extended_capability = 0x100;

/// The value of one register of 8, 16 or 32 bits, with typed fields.
template <class Self, Capability In, u16 Offset, class T = u32>
class ConfigRegister : public base::FieldHolder<Self, sizeof(T) * 8> {
    static_assert(std::is_same_v<T, u8> || std::is_same_v<T, u16> || std::is_same_v<T, u32>);
    static_assert(Offset % sizeof(T) == 0, "registers are naturally aligned");

public:
    using Value = T;
    static constexpr Capability in = In;
    static constexpr u16 offset = Offset;

    constexpr T value() const { return static_cast<T>(this->words_[0]); }
    static constexpr Self of(T value) {
        Self made{};
        static_cast<ConfigRegister&>(made).words_[0] = value;
        return made;
    }
};

// ---- header type 0 (7.5.1) ------------------------------------------------------------------------------------------

template <class Self, u16 Offset, class T> using HeaderReg = ConfigRegister<Self, Capability::Header, Offset, T>;

struct VendorId : HeaderReg<VendorId, 0x00, u16> { static constexpr F<> ID{"VendorID", 15, 0}; };
struct DeviceIdentity : HeaderReg<DeviceIdentity, 0x02, u16> { static constexpr F<> ID{"DeviceID", 15, 0}; };
struct Command : HeaderReg<Command, 0x04, u16> {
    static constexpr F<bool> MemorySpace        {"MemorySpace",          1,  1};
    static constexpr F<bool> BusMaster          {"BusMaster",            2,  2};
    static constexpr F<bool> ParityErrorResponse{"ParityErrorResponse",  6,  6};
    static constexpr F<bool> SERR               {"SERR",                 8,  8};
    static constexpr F<bool> InterruptDisable   {"InterruptDisable",    10, 10};
    static constexpr auto writable = base::layout(MemorySpace, BusMaster, ParityErrorResponse, SERR, InterruptDisable);
};
struct Status : HeaderReg<Status, 0x06, u16> {
    static constexpr F<bool> CapabilitiesList      {"CapabilitiesList",        4,  4};
    static constexpr F<bool> MasterDataParityError {"MasterDataParityError",   8,  8};
    static constexpr F<bool> SignaledTargetAbort   {"SignaledTargetAbort",    11, 11};
    static constexpr F<bool> ReceivedTargetAbort   {"ReceivedTargetAbort",    12, 12};
    static constexpr F<bool> ReceivedMasterAbort   {"ReceivedMasterAbort",    13, 13};
    static constexpr F<bool> SignaledSystemError   {"SignaledSystemError",    14, 14};
    static constexpr F<bool> DetectedParityError   {"DetectedParityError",    15, 15};
    static constexpr auto write_1_clear = base::layout(MasterDataParityError, SignaledTargetAbort, ReceivedTargetAbort,
        ReceivedMasterAbort, SignaledSystemError, DetectedParityError);
};
struct ClassRevision : HeaderReg<ClassRevision, 0x08, u32> {
    static constexpr F<> Revision{"RevisionID", 7, 0}, ClassCode{"ClassCode", 31, 8};
};
struct CacheLineSize : HeaderReg<CacheLineSize, 0x0c, u8> { // no effect on PCI Express
    static constexpr F<> Size{"CacheLineSize", 7, 0};
    static constexpr auto writable = base::layout(Size);
};
struct HeaderType : HeaderReg<HeaderType, 0x0e, u8> {
    static constexpr F<> Layout{"HeaderLayout", 6, 0}; ///< 0: a function, 1: a bridge, such as a port of a switch
};
struct SubsystemVendorId : HeaderReg<SubsystemVendorId, 0x2c, u16> {
    static constexpr F<> ID{"SubsystemVendorID", 15, 0};
};
struct SubsystemId : HeaderReg<SubsystemId, 0x2e, u16> {
    static constexpr F<> ID{"SubsystemID", 15, 0};
};
struct CapabilitiesPointer : HeaderReg<CapabilitiesPointer, 0x34, u8> { static constexpr F<> At{"At", 7, 0}; };
struct InterruptLine : HeaderReg<InterruptLine, 0x3c, u8> { // software's notebook
    static constexpr F<> Line{"InterruptLine", 7, 0};
    static constexpr auto writable = base::layout(Line);
};
inline constexpr u16 bar_offset = 0x10;
inline constexpr u32 bar_type_64 = 0x4, bar_prefetchable = 0x8, bar_flags = 0xf;

// ---- header type 1 (7.5.1.3): what is in place of BARs and subsystem ids --------------------------------------------

struct PrimaryBus : HeaderReg<PrimaryBus, 0x18, u8> {
    static constexpr F<> Number{"PrimaryBusNumber", 7, 0};
    static constexpr auto writable = base::layout(Number);
};
struct SecondaryBus : HeaderReg<SecondaryBus, 0x19, u8> {
    static constexpr F<> Number{"SecondaryBusNumber", 7, 0};
    static constexpr auto writable = base::layout(Number);
};
struct SubordinateBus : HeaderReg<SubordinateBus, 0x1a, u8> {
    static constexpr F<> Number{"SubordinateBusNumber", 7, 0};
    static constexpr auto writable = base::layout(Number);
};
struct MemoryBase : HeaderReg<MemoryBase, 0x20, u16> {
    static constexpr F<> Address{"MemoryBaseAddress", 15, 4}; ///< bits 31:20
    static constexpr auto writable = base::layout(Address);
};
struct MemoryLimit : HeaderReg<MemoryLimit, 0x22, u16> {
    static constexpr F<> Address{"MemoryLimitAddress", 15, 4}; ///< bits 31:20 of the last byte's
    static constexpr auto writable = base::layout(Address);
};

// ---- PCI Express (7.5.3) --------------------------------------------------------------------------------------------

template <class Self, u16 Offset, class T> using ExpressReg = ConfigRegister<Self, Capability::PciExpress, Offset, T>;

struct PciExpressCap : ExpressReg<PciExpressCap, 0x02, u16> {
    static constexpr F<> Version{"CapabilityVersion", 3, 0}, PortType{"DevicePortType", 7, 4};
};
struct DevCap : ExpressReg<DevCap, 0x04, u32> {
    static constexpr F<>     MPSS{"MaxPayloadSizeSupported",     2,  0};
    static constexpr F<bool> ExtTag{"ExtendedTagSupported",      5,  5};
    static constexpr F<bool> RBER{"RoleBasedErrorReporting",    15, 15};
    static constexpr F<bool> FLR{"FunctionLevelReset",          28, 28};
};
struct DevCtl : ExpressReg<DevCtl, 0x08, u16> {
    static constexpr F<bool> CERE  {"CorrectableErrorReporting",         0,  0};
    static constexpr F<bool> NFERE {"NonFatalErrorReporting",            1,  1};
    static constexpr F<bool> FERE  {"FatalErrorReporting",               2,  2};
    static constexpr F<bool> URRE  {"UnsupportedRequestReporting",       3,  3};
    static constexpr F<bool> RelaxedOrdering{"EnableRelaxedOrdering",    4,  4};
    static constexpr F<>     MPS   {"MaxPayloadSize",                    7,  5};
    static constexpr F<bool> ExtTag{"ExtendedTagFieldEnable",            8,  8};
    static constexpr F<bool> NoSnoop{"EnableNoSnoop",                   11, 11};
    static constexpr F<>     MRRS  {"MaxReadRequestSize",               14, 12};
    static constexpr F<bool> InitiateFLR{"InitiateFunctionLevelReset",  15, 15}; ///< acts when written; always reads 0
    static constexpr auto writable = base::layout(CERE, NFERE, FERE, URRE, RelaxedOrdering, MPS, ExtTag, NoSnoop, MRRS);
    static constexpr auto kept_by_flr = base::layout(MPS);
};
struct DevSta : ExpressReg<DevSta, 0x0a, u16> {
    static constexpr F<bool> CED {"CorrectableErrorDetected",   0, 0};
    static constexpr F<bool> NFED{"NonFatalErrorDetected",      1, 1};
    static constexpr F<bool> FED {"FatalErrorDetected",         2, 2};
    static constexpr F<bool> URD {"UnsupportedRequestDetected", 3, 3};
    static constexpr F<bool> TransactionsPending{"TransactionsPending", 5, 5};
    static constexpr auto write_1_clear = base::layout(CED, NFED, FED, URD);
};
struct LinkCap : ExpressReg<LinkCap, 0x0c, u32> {
    static constexpr F<>     Speed{"MaxLinkSpeed",  3, 0};
    static constexpr F<>     Width{"MaxLinkWidth",  9, 4};
    static constexpr F<bool> AspmOptionality{"AspmOptionalityCompliance", 22, 22};
};
struct LinkCtl : ExpressReg<LinkCtl, 0x10, u16> {
    static constexpr F<>     ASPM{"AspmControl",             1, 0};
    static constexpr F<bool> RCB {"ReadCompletionBoundary",  3, 3};
    static constexpr F<bool> CommonClock{"CommonClock",      6, 6};
    static constexpr F<bool> ExtendedSynch{"ExtendedSynch",  7, 7};
    static constexpr auto writable = base::layout(ASPM, RCB, CommonClock, ExtendedSynch);
    static constexpr auto kept_by_flr = writable;
};
struct LinkSta : ExpressReg<LinkSta, 0x12, u16> {
    static constexpr F<>     Speed{"CurrentLinkSpeed",     3,  0};
    static constexpr F<>     Width{"NegotiatedLinkWidth",  9,  4};
    static constexpr F<bool> SlotClock{"SlotClock",       12, 12};
    static constexpr auto kept_by_flr = base::layout(Speed, Width, SlotClock); // the link is not reset
};
struct DevCap2 : ExpressReg<DevCap2, 0x24, u32> {
    static constexpr F<>     TimeoutRanges{"CompletionTimeoutRanges",        3,  0}; ///< A, B, C, D from bit 0
    static constexpr F<bool> TimeoutDisable{"CompletionTimeoutDisable",      4,  4};
    static constexpr F<bool> AtomicRouting{"AtomicOpRouting",                6,  6};
    static constexpr F<bool> Atomic32Completer{"AtomicOp32Completer",        7,  7};
    static constexpr F<bool> Atomic64Completer{"AtomicOp64Completer",        8,  8};
    static constexpr F<bool> Cas128Completer{"Cas128Completer",              9,  9};
    static constexpr F<bool> Tag10Completer{"Tag10Completer",               16, 16};
    static constexpr F<bool> Tag10Requester{"Tag10Requester",               17, 17};
    static constexpr F<bool> EndEndPrefix{"EndEndTlpPrefix",                21, 21};
    static constexpr F<>     MaxEndEndPrefixes{"MaxEndEndTlpPrefixes",      23, 22}; ///< 0: four
};
struct DevCtl2 : ExpressReg<DevCtl2, 0x28, u16> {
    static constexpr F<>     Timeout{"CompletionTimeoutValue",       3,  0};
    static constexpr F<bool> TimeoutDisable{"CompletionTimeoutDisable", 4, 4};
    static constexpr F<bool> AtomicRequester{"AtomicOpRequesterEnable", 6, 6};
    static constexpr F<bool> IdoRequest{"IdoRequest",                8,  8};
    static constexpr F<bool> IdoCompletion{"IdoCompletion",          9,  9};
    static constexpr F<bool> Tag10Requester{"Tag10Requester",       12, 12};
    static constexpr auto writable = base::layout(Timeout, TimeoutDisable, AtomicRequester, IdoRequest,
                                                       IdoCompletion, Tag10Requester);
};
struct LinkCap2 : ExpressReg<LinkCap2, 0x2c, u32> { static constexpr F<> Speeds{"SupportedLinkSpeeds", 7, 1}; };
struct LinkCtl2 : ExpressReg<LinkCtl2, 0x30, u16> {
    static constexpr F<>     TargetSpeed{"TargetLinkSpeed",            3, 0};
    static constexpr F<bool> AutonomousSpeedDisable{"AutonomousSpeedDisable", 5, 5};
    static constexpr auto writable = base::layout(TargetSpeed, AutonomousSpeedDisable);
    static constexpr auto sticky = writable;
};

// ---- MSI-X (7.7.2) --------------------------------------------------------------------------------------------------

template <class Self, u16 Offset, class T> using MsixReg = ConfigRegister<Self, Capability::MsiX, Offset, T>;

struct MsixControl : MsixReg<MsixControl, 0x02, u16> {
    static constexpr F<>     TableSize{"TableSize", 10, 0}; ///< entries minus one
    static constexpr F<bool> FunctionMask{"FunctionMask", 14, 14}, Enable{"Enable", 15, 15};
    static constexpr auto writable = base::layout(FunctionMask, Enable);
};
struct MsixTable : MsixReg<MsixTable, 0x04, u32> {
    static constexpr F<> BIR{"BIR", 2, 0};
    static constexpr F<> Offset{"Offset", 31, 3}; ///< in units of 8 bytes
};
struct MsixPba : MsixReg<MsixPba, 0x08, u32> {
    static constexpr F<> BIR{"BIR", 2, 0};
    static constexpr F<> Offset{"Offset", 31, 3}; ///< in units of 8 bytes
};

// ---- Advanced Error Reporting (7.8.4) -------------------------------------------------------------------------------

template <class Self, u16 Offset> using AerReg = ConfigRegister<Self, Capability::Aer, Offset, u32>;

/// Bit numbers of AerUncorrectable*.
enum class Uncorrectable : u8 {
    DataLinkProtocol = 4, PoisonedTlp = 12, FlowControlProtocol = 13, CompletionTimeout = 14, CompleterAbort = 15,
    UnexpectedCompletion = 16, ReceiverOverflow = 17, MalformedTlp = 18, Ecrc = 19, UnsupportedRequest = 20,
    AcsViolation = 21, Internal = 22
};
/// Bit numbers of AerCorrectable*.
enum class Correctable : u8 {
    Receiver = 0, BadTlp = 6, BadDllp = 7, ReplayRollover = 8, ReplayTimeout = 12, AdvisoryNonFatal = 13
};

/// One bit for each enumerator above, as fields: bit 4, bits 22:12; the lists of the four registers.
template <class Reg> struct UncorrectableBits {
    static constexpr base::Field<Reg, u64, 32> LinkLayer{"DataLinkProtocol", 4, 4}, Transaction{"Transaction", 22, 12};
    static constexpr auto list = base::layout(LinkLayer, Transaction);
};
template <class Reg> struct CorrectableBits {
    static constexpr base::Field<Reg, u64, 32> Receiver{"Receiver", 0, 0}, LinkLayer{"LinkLayer", 8, 6},
                                               Replay{"Replay", 13, 12};
    static constexpr auto list = base::layout(Receiver, LinkLayer, Replay);
};
struct AerUncorrectableStatus : AerReg<AerUncorrectableStatus, 0x04> {
    static constexpr auto write_1_clear = UncorrectableBits<AerUncorrectableStatus>::list;
    static constexpr auto sticky = write_1_clear;
};
struct AerUncorrectableMask : AerReg<AerUncorrectableMask, 0x08> {
    static constexpr auto writable = UncorrectableBits<AerUncorrectableMask>::list;
    static constexpr auto sticky = writable;
    static constexpr u32 default_value = 0x00400000; // uncorrectable internal errors
};
struct AerUncorrectableSeverity : AerReg<AerUncorrectableSeverity, 0x0c> {
    static constexpr auto writable = UncorrectableBits<AerUncorrectableSeverity>::list;
    static constexpr auto sticky = writable;
    /// Data link protocol, surprise down, flow control, receiver overflow, malformed, internal.
    static constexpr u32 default_value = 0x00462030;
};
struct AerCorrectableStatus : AerReg<AerCorrectableStatus, 0x10> {
    static constexpr auto write_1_clear = CorrectableBits<AerCorrectableStatus>::list;
    static constexpr auto sticky = write_1_clear;
};
struct AerCorrectableMask : AerReg<AerCorrectableMask, 0x14> {
    static constexpr auto writable = CorrectableBits<AerCorrectableMask>::list;
    static constexpr auto sticky = writable;
    static constexpr u32 default_value = 0x00002000; // advisory non-fatal errors
};
struct AerControl : AerReg<AerControl, 0x18> {
    static constexpr F<>     FirstError{"FirstErrorPointer",     4, 0};
    static constexpr F<bool> GenerationCapable{"EcrcGenCapable", 5, 5}, GenerationEnable{"EcrcGenEnable", 6, 6};
    static constexpr F<bool> CheckCapable{"EcrcCheckCapable",    7, 7}, CheckEnable{"EcrcCheckEnable",    8, 8};
    static constexpr auto writable = base::layout(GenerationEnable, CheckEnable);
    static constexpr auto sticky = base::layout(FirstError, GenerationEnable, CheckEnable);
};
/// Four double words; the first byte of the logged header is the most significant byte of the first.
template <unsigned N> struct AerHeaderLog : AerReg<AerHeaderLog<N>, 0x1c + 4 * N> {
    static constexpr base::Field<AerHeaderLog, u64, 32> Dword{"Dword", 31, 0};
    static constexpr auto sticky = base::layout(Dword);
};

// ---- Access Control Services (7.7.11) -------------------------------------------------------------------------------

template <class Self, u16 Offset> using AcsReg = ConfigRegister<Self, Capability::Acs, Offset, u16>;

/// Bit numbers of AcsCap and AcsControl. A multi-function endpoint may have 2, 3 and 6. MODEL: P2P Egress Control (5)
/// is not there.
inline constexpr unsigned acs_source_validation = 0, acs_translation_blocking = 1, acs_request_redirect = 2,
                          acs_completion_redirect = 3, acs_upstream_forwarding = 4, acs_direct_translated = 6;
struct AcsCap : AcsReg<AcsCap, 0x04> { static constexpr F<> Services{"Services", 6, 0}; };
struct AcsControl : AcsReg<AcsControl, 0x06> {
    static constexpr F<> Services{"Services", 6, 0};
    static constexpr auto writable = base::layout(Services);
};

// ---- SR-IOV (9.3.3) -------------------------------------------------------------------------------------------------

template <class Self, u16 Offset, class T> using SriovReg = ConfigRegister<Self, Capability::Sriov, Offset, T>;

struct SriovControl : SriovReg<SriovControl, 0x08, u16> {
    static constexpr F<bool> VfEnable{"VfEnable", 0, 0}, VfMemorySpace{"VfMemorySpace", 3, 3};
    static constexpr auto writable = base::layout(VfEnable, VfMemorySpace);
};
struct SriovInitialVfs : SriovReg<SriovInitialVfs, 0x0c, u16> { static constexpr F<> Count{"InitialVFs", 15, 0}; };
struct SriovTotalVfs : SriovReg<SriovTotalVfs, 0x0e, u16> { static constexpr F<> Count{"TotalVFs", 15, 0}; };
struct SriovNumVfs : SriovReg<SriovNumVfs, 0x10, u16> {
    static constexpr F<> Count{"NumVFs", 15, 0};
    static constexpr auto writable = base::layout(Count);
};
struct SriovFirstVfOffset : SriovReg<SriovFirstVfOffset, 0x14, u16> { static constexpr F<> Offset{"Offset", 15, 0}; };
struct SriovVfStride : SriovReg<SriovVfStride, 0x16, u16> { static constexpr F<> Stride{"Stride", 15, 0}; };
struct SriovVfDeviceId : SriovReg<SriovVfDeviceId, 0x1a, u16> { static constexpr F<> ID{"VFDeviceID", 15, 0}; };
struct SriovSupportedPages : SriovReg<SriovSupportedPages, 0x1c, u32> { static constexpr F<> Sizes{"Sizes", 31, 0}; };
struct SriovSystemPage : SriovReg<SriovSystemPage, 0x20, u32> {
    static constexpr F<> Size{"Size", 31, 0};
    static constexpr auto writable = base::layout(Size);
    static constexpr u32 default_value = 1; // 4 KiB
};
inline constexpr u16 sriov_bar_offset = 0x24;

// ---- Address Translation Services, Page Request Interface, PASID (10.5.1, 10.5.2, 7.8.9) ----------------------------

struct AtsCap : ConfigRegister<AtsCap, Capability::Ats, 0x04, u16> {
    static constexpr F<>     QueueDepth{"InvalidateQueueDepth",         4, 0}; ///< 0: 32
    static constexpr F<bool> PageAligned{"PageAlignedRequest",          5, 5};
    static constexpr F<bool> GlobalInvalidate{"GlobalInvalidate",       6, 6};
    static constexpr F<bool> RelaxedOrdering{"RelaxedOrdering",         7, 7};
};
struct AtsControl : ConfigRegister<AtsControl, Capability::Ats, 0x06, u16> {
    static constexpr F<>     STU{"SmallestTranslationUnit", 4, 0}; ///< 4096 * 2^STU bytes
    static constexpr F<bool> Enable{"Enable", 15, 15};
    static constexpr auto writable = base::layout(STU, Enable);
};
struct PriControl : ConfigRegister<PriControl, Capability::Pri, 0x04, u16> {
    static constexpr F<bool> Enable{"Enable", 0, 0}, Reset{"Reset", 1, 1};
    static constexpr auto writable = base::layout(Enable, Reset);
};
struct PriStatus : ConfigRegister<PriStatus, Capability::Pri, 0x06, u16> {
    static constexpr F<bool> RF     {"ResponseFailure",               0,  0};
    static constexpr F<bool> UPRGI  {"UnexpectedPageRequestGroup",    1,  1};
    static constexpr F<bool> Stopped{"Stopped",                       8,  8};
    static constexpr F<bool> ResponsePasidRequired{"PrgResponsePasidRequired", 15, 15};
    static constexpr auto write_1_clear = base::layout(RF, UPRGI);
};
struct PriCapacity : ConfigRegister<PriCapacity, Capability::Pri, 0x08, u32> {
    static constexpr F<> Requests{"OutstandingCapacity", 31, 0};
};
struct PriAllocation : ConfigRegister<PriAllocation, Capability::Pri, 0x0c, u32> {
    static constexpr F<> Requests{"OutstandingAllocation", 31, 0};
    static constexpr auto writable = base::layout(Requests);
};
struct PasidCap : ConfigRegister<PasidCap, Capability::Pasid, 0x04, u16> {
    static constexpr F<bool> Execute{"ExecuteSupported", 1, 1}, Privileged{"PrivilegedSupported", 2, 2};
    static constexpr F<>     Width{"MaxWidth", 12, 8};
};
struct PasidControl : ConfigRegister<PasidControl, Capability::Pasid, 0x06, u16> {
    static constexpr F<bool> Enable{"Enable", 0, 0};
    static constexpr F<bool> Execute{"ExecuteEnable", 1, 1}, Privileged{"PrivilegedEnable", 2, 2};
    static constexpr auto writable = base::layout(Enable, Execute, Privileged);
};

} // namespace quiesce::pcie::cfg
// clang-format on
