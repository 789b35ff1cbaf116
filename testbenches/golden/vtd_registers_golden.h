// SPDX-License-Identifier: Apache-2.0
//
// Hand-worked facts about Intel VT-d's registers (11.4): where they are, their fields, and who may write what. Values
// are in vtd_register_values_golden.h, conventions and sources in vtd_golden.h. Performance monitoring, enhanced
// commands, memory type range and RDT registers are left out.
//
// Second sources: V for every row that does not say otherwise, L and Q for what they use, M for legacy mode.
#pragma once

#include "vtd_golden.h"

#include <array>

namespace quiesce::golden::vtd {

// clang-format off

/// RW1C: a 1 clears it (the manual's RW1CS, "sticky": kept over everything but a power-good reset). WO: what a read
/// gives is undefined. Bits that no field has are reserved: they read 0 and a write to them does nothing.
enum class Access { RO, RW, RW1C, WO };

/// From where an offset counts: the unit's base, ECAP_REG.IRO * 16, or CAP_REG.FRO * 16 (plus 16 a record).
enum class From { Base, Iro, Fro };

/// `needs`: without this capability the whole register is reserved (reads 0, ignores writes); without PLMR or PHMR the
/// protected memory registers read as they are and ignore writes.
struct Register {
    const char* name;
    const char* section;
    From from;
    std::uint32_t offset;
    unsigned bits;
    const char* needs;
};
inline constexpr std::array registers{
    Register{"VER_REG",      "11.4.1",    From::Base, 0x000,  32, ""},
    Register{"CAP_REG",      "11.4.2",    From::Base, 0x008,  64, ""},
    Register{"ECAP_REG",     "11.4.3",    From::Base, 0x010,  64, ""},
    Register{"GCMD_REG",     "11.4.4.1",  From::Base, 0x018,  32, ""},
    Register{"GSTS_REG",     "11.4.4.2",  From::Base, 0x01c,  32, ""},
    Register{"RTADDR_REG",   "11.4.5",    From::Base, 0x020,  64, ""},
    Register{"CCMD_REG",     "11.4.6.1",  From::Base, 0x028,  64, ""},
    Register{"FSTS_REG",     "11.4.7.1",  From::Base, 0x034,  32, ""},
    Register{"FECTL_REG",    "11.4.7.2",  From::Base, 0x038,  32, ""},
    Register{"FEDATA_REG",   "11.4.7.3",  From::Base, 0x03c,  32, ""},
    Register{"FEADDR_REG",   "11.4.7.4",  From::Base, 0x040,  32, ""},
    Register{"FEUADDR_REG",  "11.4.7.5",  From::Base, 0x044,  32, ""},
    Register{"PMEN_REG",     "11.4.8.1",  From::Base, 0x064,  32, "CAP.PLMR or CAP.PHMR"},
    Register{"PLMBASE_REG",  "11.4.8.2",  From::Base, 0x068,  32, "CAP.PLMR"},
    Register{"PLMLIMIT_REG", "11.4.8.3",  From::Base, 0x06c,  32, "CAP.PLMR"},
    Register{"PHMBASE_REG",  "11.4.8.4",  From::Base, 0x070,  64, "CAP.PHMR"},
    Register{"PHMLIMIT_REG", "11.4.8.5",  From::Base, 0x078,  64, "CAP.PHMR"},
    Register{"IQH_REG",      "11.4.9.1",  From::Base, 0x080,  64, "ECAP.QI"},
    Register{"IQT_REG",      "11.4.9.2",  From::Base, 0x088,  64, "ECAP.QI"},
    Register{"IQA_REG",      "11.4.9.3",  From::Base, 0x090,  64, "ECAP.QI"},
    Register{"ICS_REG",      "11.4.9.4",  From::Base, 0x09c,  32, "ECAP.QI"},
    Register{"IECTL_REG",    "11.4.9.5",  From::Base, 0x0a0,  32, "ECAP.QI"},
    Register{"IEDATA_REG",   "11.4.9.6",  From::Base, 0x0a4,  32, "ECAP.QI"},
    Register{"IEADDR_REG",   "11.4.9.7",  From::Base, 0x0a8,  32, "ECAP.QI"},
    Register{"IEUADDR_REG",  "11.4.9.8",  From::Base, 0x0ac,  32, "ECAP.QI"},
    Register{"IQERCD_REG",   "11.4.9.9",  From::Base, 0x0b0,  64, "ECAP.QI"},
    Register{"IRTA_REG",     "11.4.10",   From::Base, 0x0b8,  64, "ECAP.IR"},
    Register{"PQH_REG",      "11.4.11.1", From::Base, 0x0c0,  64, "ECAP.PRS"},
    Register{"PQT_REG",      "11.4.11.2", From::Base, 0x0c8,  64, "ECAP.PRS"},
    Register{"PQA_REG",      "11.4.11.3", From::Base, 0x0d0,  64, "ECAP.PRS"},
    Register{"PRS_REG",      "11.4.11.4", From::Base, 0x0dc,  32, "ECAP.PRS"},
    Register{"PECTL_REG",    "11.4.11.5", From::Base, 0x0e0,  32, "ECAP.PRS"},
    Register{"PEDATA_REG",   "11.4.11.6", From::Base, 0x0e4,  32, "ECAP.PRS"},
    Register{"PEADDR_REG",   "11.4.11.7", From::Base, 0x0e8,  32, "ECAP.PRS"},
    Register{"PEUADDR_REG",  "11.4.11.8", From::Base, 0x0ec,  32, "ECAP.PRS"},
    // [rev] L has the same offsets since 2021; V has those of Rev 3.0: VCCAP e00, VCMD e10, VCRSP e20
    Register{"VCMD_REG",     "11.4.16.1", From::Base, 0xe00,  64, "ECAP.VCS"},
    Register{"VCMD_EO_REG",  "11.4.16.2", From::Base, 0xe08,  64, "ECAP.VCS"},
    Register{"VCRSP_REG",    "11.4.16.3", From::Base, 0xe10,  64, "ECAP.VCS"},
    Register{"VCCAP_REG",    "11.4.16.4", From::Base, 0xe30,  64, "ECAP.VCS"},
    Register{"IVA_REG",      "11.4.6.4",  From::Iro,  0x000,  64, ""},
    Register{"IOTLB_REG",    "11.4.6.3",  From::Iro,  0x008,  64, ""},
    Register{"FRCD_REG",     "11.4.7.6",  From::Fro,  0x000, 128, ""},
};

/// `reset` is -1 where the manual leaves it to the implementation ("X"). `from` is empty where V agrees.
struct RegField {
    const char* reg;
    const char* field;
    unsigned msb, lsb;
    Access access;
    int reset;
    const char* from = "";
};
inline constexpr std::array register_fields{
    RegField{"VER_REG", "MAX", 7, 4, Access::RO, -1},      RegField{"VER_REG", "MIN", 3, 0, Access::RO, -1},

    RegField{"CAP_REG", "ND", 2, 0, Access::RO, -1},       RegField{"CAP_REG", "RWBF", 4, 4, Access::RO, -1},
    RegField{"CAP_REG", "PLMR", 5, 5, Access::RO, -1},     RegField{"CAP_REG", "PHMR", 6, 6, Access::RO, -1},
    RegField{"CAP_REG", "CM", 7, 7, Access::RO, -1},       RegField{"CAP_REG", "SAGAW", 12, 8, Access::RO, -1},
    RegField{"CAP_REG", "MGAW", 21, 16, Access::RO, -1},   RegField{"CAP_REG", "ZLR", 22, 22, Access::RO, -1},
    RegField{"CAP_REG", "FRO", 33, 24, Access::RO, -1},
    RegField{"CAP_REG", "SSLPS", 37, 34, Access::RO, -1, "V: SLLPS"},
    RegField{"CAP_REG", "PSI", 39, 39, Access::RO, -1},    RegField{"CAP_REG", "NFR", 47, 40, Access::RO, -1},
    RegField{"CAP_REG", "MAMV", 53, 48, Access::RO, -1},   RegField{"CAP_REG", "DWD", 54, 54, Access::RO, -1},
    RegField{"CAP_REG", "DRD", 55, 55, Access::RO, -1},
    RegField{"CAP_REG", "FS1GP", 56, 56, Access::RO, -1, "V: FL1GP"},
    RegField{"CAP_REG", "PI", 59, 59, Access::RO, -1},
    RegField{"CAP_REG", "FS5LP", 60, 60, Access::RO, -1, "V: FL5LP"},
    RegField{"CAP_REG", "ECMDS", 61, 61, Access::RO, -1, "L"},
    RegField{"CAP_REG", "ESIRTPS", 62, 62, Access::RO, -1},
    RegField{"CAP_REG", "ESRTPS", 63, 63, Access::RO, -1},

    RegField{"ECAP_REG", "C", 0, 0, Access::RO, -1},       RegField{"ECAP_REG", "QI", 1, 1, Access::RO, -1},
    RegField{"ECAP_REG", "DT", 2, 2, Access::RO, -1},      RegField{"ECAP_REG", "IR", 3, 3, Access::RO, -1},
    RegField{"ECAP_REG", "EIM", 4, 4, Access::RO, -1},     RegField{"ECAP_REG", "PT", 6, 6, Access::RO, -1},
    RegField{"ECAP_REG", "SC", 7, 7, Access::RO, -1},      RegField{"ECAP_REG", "IRO", 17, 8, Access::RO, -1},
    RegField{"ECAP_REG", "MHMV", 23, 20, Access::RO, -1},  RegField{"ECAP_REG", "MTS", 25, 25, Access::RO, -1},
    RegField{"ECAP_REG", "NEST", 26, 26, Access::RO, -1},  RegField{"ECAP_REG", "PRS", 29, 29, Access::RO, -1},
    RegField{"ECAP_REG", "ERS", 30, 30, Access::RO, 0},    RegField{"ECAP_REG", "SRS", 31, 31, Access::RO, -1},
    RegField{"ECAP_REG", "NWFS", 33, 33, Access::RO, -1},  RegField{"ECAP_REG", "EAFS", 34, 34, Access::RO, -1},
    RegField{"ECAP_REG", "PSS", 39, 35, Access::RO, -1},   RegField{"ECAP_REG", "PASID", 40, 40, Access::RO, -1},
    RegField{"ECAP_REG", "DIT", 41, 41, Access::RO, -1},   RegField{"ECAP_REG", "PDS", 42, 42, Access::RO, -1},
    RegField{"ECAP_REG", "SMTS", 43, 43, Access::RO, -1},  RegField{"ECAP_REG", "VCS", 44, 44, Access::RO, -1},
    RegField{"ECAP_REG", "SSADS", 45, 45, Access::RO, -1, "V: SLADS"},
    RegField{"ECAP_REG", "SSTS", 46, 46, Access::RO, -1, "V: SLTS"},
    RegField{"ECAP_REG", "FSTS", 47, 47, Access::RO, -1, "V: FLTS"},
    RegField{"ECAP_REG", "SMPWCS", 48, 48, Access::RO, -1}, RegField{"ECAP_REG", "RPS", 49, 49, Access::RO, -1},
    RegField{"ECAP_REG", "TDXCS", 50, 50, Access::RO, -1, "alone [rev]"},
    RegField{"ECAP_REG", "PMS", 51, 51, Access::RO, -1, "LM"},
    RegField{"ECAP_REG", "ADMS", 52, 52, Access::RO, -1},  RegField{"ECAP_REG", "RPRIVS", 53, 53, Access::RO, -1},
    RegField{"ECAP_REG", "HPTS", 55, 55, Access::RO, -1, "alone [rev]"},
    RegField{"ECAP_REG", "PTRS", 56, 56, Access::RO, -1, "alone [rev]"},
    RegField{"ECAP_REG", "SSIRWS", 57, 57, Access::RO, -1, "alone [rev]"},
    RegField{"ECAP_REG", "SMS", 58, 58, Access::RO, -1, "M"},
    RegField{"ECAP_REG", "HPT1GPS", 59, 59, Access::RO, -1, "alone [rev]"},
    RegField{"ECAP_REG", "RDTS", 60, 60, Access::RO, -1, "alone [rev]"},
    RegField{"ECAP_REG", "EIMER", 61, 61, Access::RO, -1, "alone [rev]"},
    RegField{"ECAP_REG", "IRREQ", 62, 62, Access::RO, -1, "alone [rev]"},

    // the same bits in both; [rev] 29 SFL/FLS and 28 EAFL/AFLS were advanced fault logging, reserved now
    RegField{"GCMD_REG", "TE", 31, 31, Access::WO, 0},     RegField{"GSTS_REG", "TES", 31, 31, Access::RO, 0},
    RegField{"GCMD_REG", "SRTP", 30, 30, Access::WO, 0},   RegField{"GSTS_REG", "RTPS", 30, 30, Access::RO, 0},
    RegField{"GCMD_REG", "WBF", 27, 27, Access::WO, 0},    RegField{"GSTS_REG", "WBFS", 27, 27, Access::RO, 0},
    RegField{"GCMD_REG", "QIE", 26, 26, Access::WO, 0},    RegField{"GSTS_REG", "QIES", 26, 26, Access::RO, 0},
    RegField{"GCMD_REG", "IRE", 25, 25, Access::WO, 0},    RegField{"GSTS_REG", "IRES", 25, 25, Access::RO, 0},
    RegField{"GCMD_REG", "SIRTP", 24, 24, Access::WO, 0},  RegField{"GSTS_REG", "IRTPS", 24, 24, Access::RO, 0},
    RegField{"GCMD_REG", "CFI", 23, 23, Access::WO, 0},    RegField{"GSTS_REG", "CFIS", 23, 23, Access::RO, 0},

    RegField{"RTADDR_REG", "RTA", 63, 12, Access::RW, 0},  RegField{"RTADDR_REG", "TTM", 11, 10, Access::RW, 0},
    RegField{"RTADDR_REG", "SSIRWE", 7, 7, Access::RW, 0, "alone [rev]"},

    RegField{"CCMD_REG", "ICC", 63, 63, Access::RW, 0},    RegField{"CCMD_REG", "CIRG", 62, 61, Access::RW, 0},
    RegField{"CCMD_REG", "CAIG", 60, 59, Access::RO, -1},  RegField{"CCMD_REG", "FM", 33, 32, Access::WO, 0},
    RegField{"CCMD_REG", "SID", 31, 16, Access::WO, 0},    RegField{"CCMD_REG", "DID", 15, 0, Access::RW, 0},

    RegField{"IOTLB_REG", "IVT", 63, 63, Access::RW, 0},   RegField{"IOTLB_REG", "IIRG", 61, 60, Access::RW, 0},
    RegField{"IOTLB_REG", "IAIG", 58, 57, Access::RO, -1}, RegField{"IOTLB_REG", "DR", 49, 49, Access::RW, 0},
    RegField{"IOTLB_REG", "DW", 48, 48, Access::RW, 0},    RegField{"IOTLB_REG", "DID", 47, 32, Access::RW, 0},
    RegField{"IVA_REG", "ADDR", 63, 12, Access::WO, 0},    RegField{"IVA_REG", "IH", 6, 6, Access::WO, 0},
    RegField{"IVA_REG", "AM", 5, 0, Access::WO, 0},

    // [rev] bits 3 and 2 were APF and AFO, bit 7 PRO
    RegField{"FSTS_REG", "FRI", 15, 8, Access::RO, 0},     RegField{"FSTS_REG", "ITE", 6, 6, Access::RW1C, 0},
    RegField{"FSTS_REG", "ICE", 5, 5, Access::RW1C, 0},    RegField{"FSTS_REG", "IQE", 4, 4, Access::RW1C, 0},
    RegField{"FSTS_REG", "PPF", 1, 1, Access::RO, 0},      RegField{"FSTS_REG", "PFO", 0, 0, Access::RW1C, 0},
    RegField{"FECTL_REG", "IM", 31, 31, Access::RW, 1},    RegField{"FECTL_REG", "IP", 30, 30, Access::RO, 0},
    // [rev] bits 31:16 of the three data registers were EIMD up to 2021
    RegField{"FEDATA_REG", "IMD", 15, 0, Access::RW, 0},   RegField{"FEADDR_REG", "MA", 31, 2, Access::RW, 0},
    RegField{"FEUADDR_REG", "MUA", 31, 0, Access::RW, 0},

    RegField{"FRCD_REG", "F", 127, 127, Access::RW1C, 0},  RegField{"FRCD_REG", "T1", 126, 126, Access::RO, -1},
    RegField{"FRCD_REG", "AT", 125, 124, Access::RO, -1},  RegField{"FRCD_REG", "PV", 123, 104, Access::RO, -1},
    RegField{"FRCD_REG", "FR", 103, 96, Access::RO, -1},   RegField{"FRCD_REG", "PP", 95, 95, Access::RO, -1},
    RegField{"FRCD_REG", "EXE", 94, 94, Access::RO, -1},   RegField{"FRCD_REG", "PRIV", 93, 93, Access::RO, -1},
    RegField{"FRCD_REG", "T2", 92, 92, Access::RO, -1},    RegField{"FRCD_REG", "SID", 79, 64, Access::RO, -1},
    RegField{"FRCD_REG", "FI", 63, 12, Access::RO, -1},

    RegField{"PMEN_REG", "EPM", 31, 31, Access::RW, 0},    RegField{"PMEN_REG", "PRS", 0, 0, Access::RO, 0},
    // from N+1 up; N is the implementation's, and is found by writing ones
    RegField{"PLMBASE_REG", "PLMB", 31, 0, Access::RW, 0, "11.4.8.2 alone"},
    RegField{"PLMLIMIT_REG", "PLML", 31, 0, Access::RW, 0, "11.4.8.3 alone"},
    RegField{"PHMBASE_REG", "PHMB", 63, 0, Access::RW, 0, "11.4.8.4 alone"},
    RegField{"PHMLIMIT_REG", "PHML", 63, 0, Access::RW, 0, "11.4.8.5 alone"},

    RegField{"IQH_REG", "QH", 18, 4, Access::RO, 0},       RegField{"IQT_REG", "QT", 18, 4, Access::RW, 0},
    RegField{"IQA_REG", "IQA", 63, 12, Access::RW, 0},     RegField{"IQA_REG", "DW", 11, 11, Access::RW, 0},
    RegField{"IQA_REG", "QS", 2, 0, Access::RW, 0},        RegField{"ICS_REG", "IWC", 0, 0, Access::RW1C, 0},
    RegField{"IECTL_REG", "IM", 31, 31, Access::RW, 1},    RegField{"IECTL_REG", "IP", 30, 30, Access::RO, 0},
    RegField{"IEDATA_REG", "IMD", 15, 0, Access::RW, 0},   RegField{"IEADDR_REG", "MA", 31, 2, Access::RW, 0},
    RegField{"IEUADDR_REG", "MUA", 31, 0, Access::RW, 0},
    RegField{"IQERCD_REG", "ICESID", 63, 48, Access::RO, 0},
    RegField{"IQERCD_REG", "ITESID", 47, 32, Access::RO, 0},
    RegField{"IQERCD_REG", "IQEI", 3, 0, Access::RO, 0},
    RegField{"IRTA_REG", "IRTA", 63, 12, Access::RW, 0},   RegField{"IRTA_REG", "EIME", 11, 11, Access::RW, 0},
    RegField{"IRTA_REG", "S", 3, 0, Access::RW, 0},

    // software may write the tail too: it clears both before it enables page requests
    RegField{"PQH_REG", "PQH", 18, 5, Access::RW, 0},      RegField{"PQT_REG", "PQT", 18, 5, Access::RW, 0},
    RegField{"PQA_REG", "PQA", 63, 12, Access::RW, 0},     RegField{"PQA_REG", "PQS", 2, 0, Access::RW, 0},
    RegField{"PRS_REG", "PRO", 1, 1, Access::RW1C, 0},     RegField{"PRS_REG", "PPR", 0, 0, Access::RW1C, 0},
    RegField{"PECTL_REG", "IM", 31, 31, Access::RW, 1},    RegField{"PECTL_REG", "IP", 30, 30, Access::RO, 0},
    RegField{"PEDATA_REG", "IMD", 15, 0, Access::RW, 0},   RegField{"PEADDR_REG", "MA", 31, 2, Access::RW, 0},
    RegField{"PEUADDR_REG", "MUA", 31, 0, Access::RW, 0},

    // [rev] V (Rev 3.0): operand 63:8, SC 2:1, RSLT 63:8, PAS bit 0; L keeps PAS in bit 0
    RegField{"VCMD_REG", "OA", 63, 16, Access::RW, -1, "L"}, RegField{"VCMD_REG", "CMD", 7, 0, Access::RW, -1},
    RegField{"VCMD_EO_REG", "OB", 63, 0, Access::RW, -1},
    RegField{"VCRSP_REG", "RSLT", 63, 16, Access::RO, 0, "L"}, RegField{"VCRSP_REG", "IP", 0, 0, Access::RO, 0},
    RegField{"VCRSP_REG", "SC", 7, 1, Access::RO, 0, "L"},
    RegField{"VCCAP_REG", "FPS", 2, 2, Access::RO, -1, "alone [rev]"},
    RegField{"VCCAP_REG", "PAS", 1, 1, Access::RO, -1, "alone [rev]"},
    RegField{"VCCAP_REG", "NS", 0, 0, Access::RO, -1, "alone [rev]"},
};

// clang-format on

} // namespace quiesce::golden::vtd
