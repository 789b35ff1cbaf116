// SPDX-License-Identifier: Apache-2.0
//
// Hand-worked facts about Intel VT-d's fault reasons: number, the manual's name, whether FPD can silence it, and what
// every kind of request gets (7.1.3, table 30; interrupts 5.1.4.1, table 15). Conventions and sources are in
// vtd_golden.h.
//
// Second sources for the numbers: V (VTDADDRFAULT, VTDINTRFAULT), L (dmar.c's strings), Q; for "qualified" Q
// (vtd_qualified_faults), which agrees but for 0b (LCT.3), where it has "no". The answers are the manual's alone.
// [rev] Older names: SFL for SFS, SSL for SSS, LSL for LSS.
#pragma once

#include "vtd_golden.h"

#include <array>

namespace quiesce::golden::vtd {

// clang-format off

/// What a request gets. Null: Success with R=W=U=S=0. Allowed: Success with what is permitted. NullTold: Null, and a
/// fault is reported all the same. Invalid: page group response Invalid Request. Dropped: nothing. None: cannot happen.
/// Writes that get UR or CA are discarded. Null and Allowed are recoverable: nothing is reported.
enum class Gets { None, UR, CA, Null, NullTold, Allowed, Invalid, Dropped };

/// Reason and answers; columns "plain" without, "pasid" with PASID; the last two are page requests with LPIG and not.
struct FaultReason {
    unsigned code;
    const char* name;
    bool qualified;
    Gets untranslated_plain, untranslated_pasid;
    Gets translation_plain, translation_pasid;
    Gets translated_plain, translated_pasid;
    Gets page_last, page_more;
    const char* condition;
};

namespace short_names {
inline constexpr Gets no = Gets::None, UR = Gets::UR, CA = Gets::CA, S0 = Gets::Null, S0t = Gets::NullTold,
                      OK = Gets::Allowed, IR = Gets::Invalid, dr = Gets::Dropped;
}

// ---- 1. Legacy mode (TTM 00) ---------------------------------------------------------------------------------------

inline constexpr std::array legacy_fault_reasons = [] {
    using namespace short_names;
    return std::to_array<FaultReason>({
        //                        untransl   transl.   translated  page
        {0x08, "LRT.1",   false,  UR, no,    CA, no,   UR, no,     no, no, "root entry access"},
        {0x01, "LRT.2",   false,  UR, no,    UR, no,   UR, no,     no, no, "root entry P 0"},
        {0x0a, "LRT.3",   false,  UR, no,    CA, no,   UR, no,     no, no, "root entry reserved bit"},
        {0x09, "LCT.1",   false,  UR, no,    CA, no,   UR, no,     no, no, "context entry access"},
        {0x02, "LCT.2",   true,   UR, no,    UR, no,   UR, no,     no, no, "context entry P 0"},
        {0x0b, "LCT.3",   true,   UR, no,    CA, no,   UR, no,     no, no, "context entry reserved bit"},
        {0x03, "LCT.4.1", true,   UR, no,    CA, no,   UR, no,     no, no, "AW not supported"},
        {0x03, "LCT.4.2", true,   UR, no,    CA, no,   UR, no,     no, no, "TT not supported"},
        {0x03, "LCT.4.3", true,   UR, no,    CA, no,   no, no,     no, no, "SSPTPTR access"},
        {0x0d, "LCT.5",   true,   no, no,    UR, no,   UR, no,     no, no, "TT blocks"},
        {0x07, "LSS.1",   true,   UR, no,    CA, no,   no, no,     no, no, "second-stage entry access"},
        {0x0c, "LSS.2",   true,   UR, no,    CA, no,   no, no,     no, no, "second-stage entry reserved bit"},
        {0x04, "LGN.1.1", true,   UR, no,    S0, no,   no, no,     no, no, "address beyond MGAW or AW"},
        {0x04, "LGN.1.2", true,   no, no,    no, no,   UR, no,     no, no, "translated address beyond HAW"},
        {0x04, "LGN.1.3", true,   UR, no,    no, no,   no, no,     no, no, "pass-through address beyond HAW"},
        {0x05, "LGN.2",   true,   UR, no,    OK, no,   no, no,     no, no, "no write permission"},
        {0x06, "LGN.3",   true,   UR, no,    OK, no,   no, no,     no, no, "no read permission"},
        {0x0e, "LGN.4",   true,   UR, no,    CA, no,   UR, no,     no, no, "output in FEEx_xxxx"},
    });
}();

// ---- 2. Root-table address register, scalable mode (TTM 01), abort-dma mode (TTM 11) -------------------------------

inline constexpr std::array scalable_fault_reasons = [] {
    using namespace short_names;
    return std::to_array<FaultReason>({
        //                         untransl   transl.    translated  page
        {0x30, "RTA.1.1", false,   UR, UR,    CA, CA,    UR, UR,     IR, dr, "TTM 11 without ADMS"},
        {0x30, "RTA.1.2", false,   UR, UR,    CA, CA,    UR, UR,     IR, dr, "TTM 10"},
        {0x30, "RTA.1.3", false,   UR, UR,    CA, CA,    UR, UR,     IR, dr, "TTM 01 without SMTS"},
        {0x30, "RTA.1.4", false,   UR, no,    CA, no,    UR, no,     no, no, "SSIRWE with TTM 00 [rev]"},
        {0x31, "RTA.2",   false,   no, UR,    no, UR,    no, UR,     no, no, "PASID with TTM 00"},
        {0x32, "RTA.3",   false,   no, no,    no, no,    no, no,     IR, dr, "page request with TTM 00"},
        {0x33, "RTA.4",   false,   UR, UR,    UR, UR,    UR, UR,     IR, dr, "abort-dma mode"},
        {0x34, "RTA.5",   false,   no, UR,    no, UR,    no, UR,     no, no, "execute requested, VER 8 and up [rev]"},
        {0x38, "SRT.1",   false,   UR, UR,    CA, CA,    UR, UR,     IR, dr, "root entry access"},
        {0x39, "SRT.2",   false,   UR, UR,    UR, UR,    UR, UR,     IR, dr, "LP or UP 0"},
        {0x3a, "SRT.3",   false,   UR, UR,    CA, CA,    UR, UR,     IR, dr, "root entry reserved bit"},
        {0x40, "SCT.1",   false,   UR, UR,    CA, CA,    UR, UR,     IR, dr, "context entry access"},
        {0x41, "SCT.2",   true,    UR, UR,    UR, UR,    UR, UR,     IR, dr, "context entry P 0"},
        {0x42, "SCT.3",   true,    UR, UR,    CA, CA,    UR, UR,     IR, dr, "context entry reserved bit"},
        {0x43, "SCT.4.1", true,    UR, UR,    CA, CA,    UR, UR,     IR, dr, "DTE 0 and PRE 1"},
        {0x43, "SCT.4.2", true,    UR, UR,    CA, CA,    UR, UR,     IR, dr, "RID_PASID beyond PDTS"},
        {0x43, "SCT.4.3", true,    UR, no,    CA, no,    UR, UR,     IR, dr, "EPTR 1 and PASIDE 0 [rev]"},
        {0x44, "SCT.5",   true,    no, no,    UR, UR,    UR, UR,     no, no, "DTE 0"},
        {0x45, "SCT.6",   true,    no, UR,    no, UR,    no, no,     IR, dr, "PASIDE 0"},
        {0x46, "SCT.7",   true,    no, UR,    no, UR,    no, UR,     IR, dr, "PASID beyond PDTS"},
        {0x47, "SCT.8",   true,    no, no,    no, no,    no, no,     IR, dr, "PRE 0"},
        {0x48, "SCT.9",   true,    no, UR,    no, UR,    no, UR,     IR, dr, "PASID is RID_PASID [rev]"},
        {0x49, "SCT.10",  true,    no, no,    no, no,    no, UR,     no, no, "EPTR 0 [rev]"},
        {0x50, "SPD.1",   false,   UR, UR,    CA, CA,    CA, CA,     IR, dr, "PASID directory entry access"},
        {0x51, "SPD.2",   true,    UR, UR,    S0, S0,    UR, UR,     IR, dr, "PASID directory entry P 0"},
        {0x52, "SPD.3",   true,    UR, UR,    CA, CA,    CA, CA,     IR, dr, "PASID directory entry reserved bit"},
        {0x58, "SPT.1",   false,   UR, UR,    CA, CA,    CA, CA,     IR, dr, "PASID table entry access"},
        {0x59, "SPT.2",   true,    UR, UR,    S0, S0,    UR, UR,     IR, dr, "PASID table entry P 0"},
        {0x5a, "SPT.3",   true,    UR, UR,    CA, CA,    CA, CA,     IR, dr, "PASID table entry reserved bit"},
        {0x5b, "SPT.4.1", true,    UR, UR,    CA, CA,    CA, CA,     IR, dr, "AW not supported"},
        {0x5b, "SPT.4.2", true,    UR, UR,    CA, CA,    CA, CA,     IR, dr, "PGTT not supported"},
        {0x5b, "SPT.4.3", true,    UR, UR,    CA, CA,    CA, CA,     IR, dr, "FSPM not supported"},
        {0x5b, "SPT.4.4", true,    UR, UR,    CA, CA,    CA, CA,     IR, dr, "nested FSPTPTR beyond MGAW or AW"},
        {0x5c, "SPT.5",   true,    no, UR,    no, S0,    no, no,     no, no, "execute requested, ERS 0, VER to 7"},
        {0x5d, "SPT.6",   true,    UR, UR,    S0, S0,    no, no,     no, no, "supervisor, SRE 0"},
        {0x60, "SPT.9",   true,    no, no,    no, no,    UR, UR,     no, no, "address beyond HPTSZ [rev]"},
        {0x70, "SFS.1",   true,    UR, UR,    S0, S0,    no, no,     no, no, "first-stage entry access"},
        {0x71, "SFS.2",   true,    UR, UR,    S0, S0,    no, no,     no, no, "first-stage entry P 0"},
        {0x72, "SFS.3",   true,    UR, UR,    S0, S0,    no, no,     no, no, "first-stage entry reserved bit"},
        {0x73, "SFS.4",   true,    UR, UR,    S0, S0,    no, no,     no, no, "FSPTPTR access"},
        {0x74, "SFS.5",   true,    UR, UR,    S0, S0,    no, no,     no, no, "nested: entry's ADDR beyond MGAW or AW"},
        {0x75, "SFS.6",   true,    UR, UR,    S0, S0,    no, no,     no, no, "nested: top table not readable"},
        {0x76, "SFS.7",   true,    UR, UR,    S0, S0,    no, no,     no, no, "nested: entry not readable"},
        {0x77, "SFS.8",   true,    UR, UR,    S0, S0,    no, no,     no, no, "nested: A, D, EA not writable"},
        {0x90, "SFS.9",   true,    UR, UR,    S0, S0,    no, no,     no, no, "A, D needed, walks not snooped"},
        {0x91, "SFS.10",  true,    UR, UR,    S0t, S0t,  no, no,     no, no, "A, D, EA update failed"},
        {0x78, "SSS.1",   true,    UR, UR,    CA, CA,    no, no,     no, no, "second-stage entry access"},
        {0x79, "SSS.2",   true,    UR, UR,    S0, S0,    no, no,     no, no, "second-stage R and W 0"},
        {0x7a, "SSS.3",   true,    UR, UR,    CA, CA,    no, no,     no, no, "second-stage entry reserved bit"},
        {0x7b, "SSS.4",   true,    UR, UR,    CA, CA,    no, no,     no, no, "SSPTPTR access"},
        {0x7c, "SSS.5",   true,    UR, UR,    CA, CA,    no, no,     no, no, "A, D needed, walks not snooped"},
        {0x7d, "SSS.6",   true,    UR, UR,    CA, CA,    no, no,     no, no, "A, D update failed"},
        {0x80, "SGN.1",   true,    UR, UR,    S0, S0,    no, no,     no, no, "address not canonical"},
        {0x81, "SGN.2",   true,    UR, UR,    S0, S0,    no, no,     no, no, "user request, U/S 0"},
        {0x83, "SGN.4.1", true,    no, no,    no, no,    UR, UR,     no, no, "translated address beyond HAW"},
        {0x83, "SGN.4.2", true,    UR, UR,    S0, S0,    no, no,     no, no, "pass-through address beyond HAW"},
        {0x84, "SGN.5",   true,    UR, UR,    S0, S0,    no, no,     no, no, "second-stage address beyond MGAW or AW"},
        {0x85, "SGN.6",   true,    UR, UR,    OK, OK,    no, no,     no, no, "no write permission"},
        {0x86, "SGN.7",   true,    UR, UR,    OK, OK,    no, no,     no, no, "no read permission"},
        {0x87, "SGN.8.1", true,    UR, UR,    no, no,    no, no,     no, no, "output in FEEx_xxxx"},
        {0x87, "SGN.8.2", true,    no, no,    CA, CA,    no, no,     no, no, "output in FEEx_xxxx, not pass-through"},
        {0x87, "SGN.8.3", true,    no, no,    no, no,    UR, UR,     no, no, "translated address in FEEx_xxxx"},
        {0x89, "SGN.10",  true,    no, UR,    no, UR,    no, UR,     no, no, "PASID beyond ECAP.PSS"},
        {0xa0, "HPT.1",   true,    no, no,    no, no,    CA, CA,     no, no, "HPT entry access [rev]"},
        {0xa1, "HPT.2",   true,    no, no,    no, no,    CA, CA,     no, no, "HPT entry reserved bit [rev]"},
        {0xa2, "HPT.3",   true,    no, no,    no, no,    CA, CA,     no, no, "HPT root access [rev]"},
        {0xa3, "HPT.4",   true,    no, no,    no, no,    UR, UR,     no, no, "HPT: zero-length read refused [rev]"},
        {0xa4, "HPT.5",   true,    no, no,    no, no,    UR, UR,     no, no, "HPT: no write permission [rev]"},
        {0xa5, "HPT.6",   true,    no, no,    no, no,    UR, UR,     no, no, "HPT: no read permission [rev]"},
    });
}();

/// [rev] Numbers that V and L have and Rev 5.10's table 30 does not: SGN.3 (no execute permission), SGN.9.
inline constexpr std::array<unsigned, 2> retired_fault_reasons{0x82, 0x88};

/// A translation request without PASID whose address lies in FEEx_xxxx (S.1, S.2): no fault. With PASID it is
/// translated like any other.
struct InterruptRangeCompletion {
    bool no_write;
    bool r, w, u, s;
};
inline constexpr std::array interrupt_range_completions{
    InterruptRangeCompletion{false, false, true,  true,  false},
    InterruptRangeCompletion{true,  false, false, false, false},
};

// ---- 3. Interrupt remapping (table 15) -----------------------------------------------------------------------------

/// All are answered UR. `index`: FI [63:48] has the interrupt's index; otherwise FI is undefined.
struct InterruptFault {
    unsigned code;
    bool qualified, index;
    const char* from;
    const char* condition;
};
inline constexpr std::array interrupt_faults{
    InterruptFault{0x20, false, false, "VLQM",  "reserved bits of the request"},
    InterruptFault{0x21, false, true,  "VLQM",  "index beyond the table"},
    InterruptFault{0x22, true,  true,  "VLQM",  "IRTE P 0"},
    InterruptFault{0x23, false, true,  "VLQM",  "table access"},
    InterruptFault{0x24, true,  true,  "VLQM",  "IRTE reserved bit"},
    InterruptFault{0x25, false, false, "VLQM",  "compatibility format blocked"},
    InterruptFault{0x26, true,  true,  "VLQM",  "source-id verification"},
    InterruptFault{0x27, true,  true,  "V",     "posted descriptor access"},
    InterruptFault{0x28, true,  true,  "V",     "posted descriptor reserved bit"},
    InterruptFault{0x29, false, false, "V",     "not a valid interrupt"},
    InterruptFault{0x2a, false, false, "alone", "EIME 0 where EIMER is 1 [rev]"},
    InterruptFault{0x2b, false, false, "alone", "remapping off where IRREQ is 1 [rev]"},
};

// ---- 4. Who silences whom (7.1.1, 9.4 to 9.6) ----------------------------------------------------------------------

/// An FPD that the walk has met silences a qualified fault, its own entry's present bit being 1 or 0. An entry that is
/// not reached silences nothing. Entries hold FPD in bit 1 and P in bit 0; the walk stops at the first P 0.
/// `reason` is what would be recorded, and `recorded` whether it is, for untranslated requests and page requests.
struct QuietOutcome {
    const char* what;
    unsigned context, directory, table;    ///< FPD and P of each
    unsigned reason;
    bool recorded;
};
inline constexpr std::array quiet_outcomes{
    QuietOutcome{"context gone",                                   0b00, 0b01, 0b01, 0x41, true},
    QuietOutcome{"context gone, quiet",                            0b10, 0b01, 0b01, 0x41, false},
    QuietOutcome{"context gone, FPD only behind it",               0b00, 0b11, 0b11, 0x41, true},
    QuietOutcome{"directory entry gone",                           0b01, 0b00, 0b01, 0x51, true},
    QuietOutcome{"directory entry gone, quiet",                    0b01, 0b10, 0b01, 0x51, false},
    QuietOutcome{"directory entry gone, context quiet",            0b11, 0b00, 0b01, 0x51, false},
    QuietOutcome{"directory entry gone, FPD only behind it",       0b01, 0b00, 0b11, 0x51, true},
    QuietOutcome{"PASID gone",                                     0b01, 0b01, 0b00, 0x59, true},
    QuietOutcome{"PASID gone, quiet (Linux after mm release)",     0b01, 0b01, 0b10, 0x59, false},
    QuietOutcome{"PASID gone, directory quiet",                    0b01, 0b11, 0b00, 0x59, false},
    QuietOutcome{"PASID gone, context quiet",                      0b11, 0b01, 0b00, 0x59, false},
};

// clang-format on

} // namespace quiesce::golden::vtd
