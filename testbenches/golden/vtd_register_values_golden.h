// SPDX-License-Identifier: Apache-2.0
//
// Hand-worked values of Intel VT-d's registers: what software writes, what hardware shows, and what a write leaves
// behind. The fields are in vtd_registers_golden.h, conventions, sources and common values in vtd_golden.h.
//
// Second sources: L for what a driver writes and how it reads the answer, V where L has nothing. The bits of two real
// units are from public boot logs (Linux prints both capability registers), decoded by hand.
#pragma once

#include "vtd_golden.h"

#include <array>

namespace quiesce::golden::vtd {

// clang-format off

/// A register as a whole: its fields (the others are 0; those behind the last are null) and its value.
struct RegisterValue {
    const char* reg;
    const char* what;
    const char* from;
    Value fields[27];
    std::uint64_t value;
};
inline constexpr std::array register_values{
    // ---- out of reset ----------------------------------------------------------------------------------------------
    RegisterValue{"FECTL_REG", "reset", "11.4.7.2 VQ",  {{"IM", 1}}, 0x8000'0000},
    RegisterValue{"IECTL_REG", "reset", "11.4.9.5 VQ",  {{"IM", 1}}, 0x8000'0000},
    RegisterValue{"PECTL_REG", "reset", "11.4.11.5 VQ", {{"IM", 1}}, 0x8000'0000},

    // ---- two real units --------------------------------------------------------------------------------------------
    RegisterValue{"VER_REG", "version 1:0", "11.4.1, boot log L", {{"MAX", 1}}, 0x10},
    RegisterValue{"VER_REG", "version 6:0", "11.4.1, boot log L", {{"MAX", 6}}, 0x60},
    RegisterValue{"CAP_REG", "version 1:0", "11.4.2, boot log LV",
                  {{"ND", 2}, {"PLMR", 1}, {"PHMR", 1}, {"SAGAW", 4}, {"MGAW", 0x26}, {"ZLR", 1}, {"FRO", 0x40},
                   {"SSLPS", 3}, {"PSI", 1}, {"NFR", 0}, {"MAMV", 0x12}, {"DWD", 1}, {"DRD", 1}},
                  0x00d2'008c'4066'0462},
    RegisterValue{"ECAP_REG", "version 1:0", "11.4.3, boot log LV",
                  {{"QI", 1}, {"IR", 1}, {"EIM", 1}, {"PT", 1}, {"SC", 1}, {"IRO", 0x50}, {"MHMV", 0xf}},
                  0x0000'0000'00f0'50da},
    RegisterValue{"CAP_REG", "version 6:0", "11.4.2, boot log LV",
                  {{"ND", 6}, {"PLMR", 1}, {"PHMR", 1}, {"SAGAW", 4}, {"MGAW", 0x38}, {"ZLR", 1}, {"FRO", 0x40},
                   {"SSLPS", 3}, {"PSI", 1}, {"NFR", 0}, {"MAMV", 0x2d}, {"DWD", 1}, {"DRD", 1}, {"FS1GP", 1},
                   {"PI", 1}},
                  0x09ed'008c'4078'0466},
    RegisterValue{"ECAP_REG", "version 6:0", "11.4.3, boot log LV",
                  {{"C", 1}, {"QI", 1}, {"DT", 1}, {"IR", 1}, {"EIM", 1}, {"PT", 1}, {"SC", 1}, {"IRO", 0x50},
                   {"MHMV", 0xf}, {"MTS", 1}, {"NEST", 1}, {"PRS", 0}, {"SRS", 1}, {"NWFS", 1}, {"EAFS", 1},
                   {"PSS", 19}, {"PASID", 0}, {"DIT", 1}, {"PDS", 1}, {"SMTS", 1}, {"SSADS", 1}, {"SSTS", 1},
                   {"FSTS", 1}, {"SMPWCS", 1}, {"RPS", 1}},
                  0x0003'ee9e'86f0'50df},

    // ---- global command and status: software writes the status without the one-shots, and one bit changed ----------
    RegisterValue{"GSTS_REG", "all on", "11.4.4.2 LV",
                  {{"TES", 1}, {"RTPS", 1}, {"QIES", 1}, {"IRES", 1}, {"IRTPS", 1}}, 0xc700'0000},
    RegisterValue{"GCMD_REG", "nothing changes when all is on", "11.4.4.1 LV", {{"TE", 1}, {"QIE", 1}, {"IRE", 1}},
                  0x8600'0000},
    RegisterValue{"GCMD_REG", "root table again when all is on", "11.4.4.1 LV",
                  {{"TE", 1}, {"SRTP", 1}, {"QIE", 1}, {"IRE", 1}}, 0xc600'0000},
    RegisterValue{"GCMD_REG", "first command of all: root table", "11.4.4.1 LV", {{"SRTP", 1}}, 0x4000'0000},
    RegisterValue{"GCMD_REG", "queue on",                          "11.4.4.1 LV", {{"QIE", 1}}, 0x0400'0000},
    RegisterValue{"GCMD_REG", "interrupt table, queue on", "11.4.4.1 LV", {{"QIE", 1}, {"SIRTP", 1}}, 0x0500'0000},
    RegisterValue{"GCMD_REG", "interrupts on, queue on",   "11.4.4.1 LV", {{"QIE", 1}, {"IRE", 1}},   0x0600'0000},
    RegisterValue{"GCMD_REG", "interrupts on, compatibility format too", "11.4.4.1 LV",
                  {{"QIE", 1}, {"IRE", 1}, {"CFI", 1}}, 0x0680'0000},
    RegisterValue{"GCMD_REG", "write buffer flush, all on", "11.4.4.1 LV",
                  {{"TE", 1}, {"WBF", 1}, {"QIE", 1}, {"IRE", 1}}, 0x8e00'0000},
    RegisterValue{"GCMD_REG", "translation off", "11.4.4.1 LV", {{"QIE", 1}, {"IRE", 1}}, 0x0600'0000},

    // ---- root table ------------------------------------------------------------------------------------------------
    RegisterValue{"RTADDR_REG", "legacy mode",   "11.4.5 LVQ", {{"RTA", 0x0081'0000'2000}, {"TTM", 0}}, 0x81'0000'2000},
    RegisterValue{"RTADDR_REG", "scalable mode", "11.4.5 LVQ", {{"RTA", 0x0081'0000'2000}, {"TTM", 1}}, 0x81'0000'2400},
    RegisterValue{"RTADDR_REG", "reserved mode (7 in IQEI, RTA.1.4)", "11.4.5 V",
                  {{"RTA", 0x0081'0000'2000}, {"TTM", 2}}, 0x81'0000'2800},
    RegisterValue{"RTADDR_REG", "abort DMA",     "11.4.5 V",   {{"RTA", 0x0081'0000'2000}, {"TTM", 3}}, 0x81'0000'2c00},
    RegisterValue{"RTADDR_REG", "scalable mode, interrupts by second-stage IR and IW", "11.4.5 alone [rev]",
                  {{"RTA", 0x0081'0000'2000}, {"TTM", 1}, {"SSIRWE", 1}}, 0x81'0000'2480},

    // ---- invalidation by register (legacy mode, queue off) ---------------------------------------------------------
    RegisterValue{"CCMD_REG", "global", "11.4.6.1 LVQ", {{"ICC", 1}, {"CIRG", 1}}, 0xa000'0000'0000'0000},
    RegisterValue{"CCMD_REG", "domain", "11.4.6.1 LVQ", {{"ICC", 1}, {"CIRG", 2}, {"DID", 0x0137}},
                  0xc000'0000'0000'0137},
    RegisterValue{"CCMD_REG", "device", "11.4.6.1 LVQ", {{"ICC", 1}, {"CIRG", 3}, {"SID", 0x3a10}, {"DID", 0x0137}},
                  0xe000'0000'3a10'0137},
    RegisterValue{"CCMD_REG", "device, all functions of the device (FM 3)", "11.4.6.1 LVQ",
                  {{"ICC", 1}, {"CIRG", 3}, {"FM", 3}, {"SID", 0x3a10}, {"DID", 0x0137}}, 0xe000'0003'3a10'0137},
    RegisterValue{"CCMD_REG", "reserved granularity", "11.4.6.1 V", {{"ICC", 1}, {"CIRG", 0}},
                  0x8000'0000'0000'0000},
    // what is read in FM and SID (33:16) is undefined: 0 here
    RegisterValue{"CCMD_REG", "read: global done", "11.4.6.1 VQ", {{"CIRG", 1}, {"CAIG", 1}}, 0x2800'0000'0000'0000},
    RegisterValue{"CCMD_REG", "read: domain done", "11.4.6.1 VQ", {{"CIRG", 2}, {"CAIG", 2}, {"DID", 0x0137}},
                  0x5000'0000'0000'0137},
    RegisterValue{"CCMD_REG", "read: domain asked for, global done", "11.4.6.1 VQ",
                  {{"CIRG", 2}, {"CAIG", 1}, {"DID", 0x0137}}, 0x4800'0000'0000'0137},
    RegisterValue{"IOTLB_REG", "global", "11.4.6.3 LVQ", {{"IVT", 1}, {"IIRG", 1}}, 0x9000'0000'0000'0000},
    RegisterValue{"IOTLB_REG", "domain, drained", "11.4.6.3 LVQ",
                  {{"IVT", 1}, {"IIRG", 2}, {"DR", 1}, {"DW", 1}, {"DID", 0x0137}}, 0xa003'0137'0000'0000},
    RegisterValue{"IOTLB_REG", "page, drained", "11.4.6.3 LVQ",
                  {{"IVT", 1}, {"IIRG", 3}, {"DR", 1}, {"DW", 1}, {"DID", 0x0137}}, 0xb003'0137'0000'0000},
    RegisterValue{"IOTLB_REG", "page, writes drained", "11.4.6.3 LVQ",
                  {{"IVT", 1}, {"IIRG", 3}, {"DW", 1}, {"DID", 0x0137}}, 0xb001'0137'0000'0000},
    RegisterValue{"IOTLB_REG", "read: global done", "11.4.6.3 LVQ", {{"IIRG", 1}, {"IAIG", 1}}, 0x1200'0000'0000'0000},
    RegisterValue{"IOTLB_REG", "read: domain done", "11.4.6.3 LVQ",
                  {{"IIRG", 2}, {"IAIG", 2}, {"DR", 1}, {"DW", 1}, {"DID", 0x0137}}, 0x2403'0137'0000'0000},
    RegisterValue{"IOTLB_REG", "read: page done", "11.4.6.3 LVQ",
                  {{"IIRG", 3}, {"IAIG", 3}, {"DR", 1}, {"DW", 1}, {"DID", 0x0137}}, 0x3603'0137'0000'0000},
    RegisterValue{"IOTLB_REG", "read: page asked for, domain done", "11.4.6.3 LVQ",
                  {{"IIRG", 3}, {"IAIG", 2}, {"DR", 1}, {"DW", 1}, {"DID", 0x0137}}, 0x3403'0137'0000'0000},
    RegisterValue{"IVA_REG", "4 KiB", "11.4.6.4 LVQ", {{"ADDR", 0x7f12'3456'7000}}, 0x7f12'3456'7000},
    RegisterValue{"IVA_REG", "2 MiB, leaves only", "11.4.6.4 LVQ", {{"ADDR", 0x7f12'3440'0000}, {"IH", 1}, {"AM", 9}},
                  0x7f12'3440'0049},
    RegisterValue{"IVA_REG", "1 GiB", "11.4.6.4 LVQ", {{"ADDR", 0x7f12'0000'0000}, {"AM", 18}}, 0x7f12'0000'0012},

    // ---- faults ----------------------------------------------------------------------------------------------------
    RegisterValue{"FSTS_REG", "first fault in record 3", "11.4.7.1 LVQ", {{"FRI", 3}, {"PPF", 1}}, 0x302},
    RegisterValue{"FSTS_REG", "and all records full",    "11.4.7.1 LVQ", {{"FRI", 3}, {"PPF", 1}, {"PFO", 1}}, 0x303},
    RegisterValue{"FSTS_REG", "queue error",             "11.4.7.1 LVQ", {{"IQE", 1}}, 0x10},
    RegisterValue{"FSTS_REG", "completion error",        "11.4.7.1 LV",  {{"ICE", 1}}, 0x20},
    RegisterValue{"FSTS_REG", "time-out",                "11.4.7.1 LV",  {{"ITE", 1}}, 0x40},
    RegisterValue{"FECTL_REG", "masked and pending",     "11.4.7.2 LVQ", {{"IM", 1}, {"IP", 1}}, 0xc000'0000},

    // ---- queues ----------------------------------------------------------------------------------------------------
    RegisterValue{"IQA_REG", "128 bits, 1 page (Linux, legacy mode)", "11.4.9.3 LVQ", {{"IQA", 0x0081'0000'1000}},
                  0x81'0000'1000},
    RegisterValue{"IQA_REG", "256 bits, 2 pages (Linux, scalable mode)", "11.4.9.3 LVQ",
                  {{"IQA", 0x0081'0000'1000}, {"DW", 1}, {"QS", 1}}, 0x81'0000'1801},
    RegisterValue{"IQA_REG", "256 bits, 128 pages", "11.4.9.3 LVQ", {{"IQA", 0x0081'0000'0000}, {"DW", 1}, {"QS", 7}},
                  0x81'0000'0807},
    RegisterValue{"IQT_REG", "3 descriptors of 128 bits", "11.4.9.2 LVQ", {{"QT", 3}}, 0x30},
    RegisterValue{"IQT_REG", "3 descriptors of 256 bits", "11.4.9.2 LVQ", {{"QT", 6}}, 0x60},
    RegisterValue{"IQERCD_REG", "reserved bit", "11.4.9.9 LV", {{"IQEI", 4}}, 0x4},
    RegisterValue{"IQERCD_REG", "time-out of the device", "11.4.9.9 LV", {{"ITESID", 0x3a10}}, 0x0000'3a10'0000'0000},
    RegisterValue{"IQERCD_REG", "all three", "11.4.9.9 LV", {{"ICESID", 0x3a10}, {"ITESID", 0x3a08}, {"IQEI", 4}},
                  0x3a10'3a08'0000'0004},
    RegisterValue{"IRTA_REG", "65536 entries, x2APIC (Linux)", "11.4.10 LVQ",
                  {{"IRTA", 0x0081'0010'0000}, {"EIME", 1}, {"S", 15}}, 0x81'0010'080f},
    RegisterValue{"IRTA_REG", "256 entries, xAPIC", "11.4.10 LVQ", {{"IRTA", 0x0081'0010'0000}, {"S", 7}},
                  0x81'0010'0007},
    RegisterValue{"PQA_REG", "16 pages, 2048 requests (Linux)", "11.4.11.3 LQ", {{"PQA", 0x0081'0020'0000}, {"PQS", 4}},
                  0x81'0020'0004},
    RegisterValue{"PQT_REG", "5 requests", "11.4.11.2 LVQ", {{"PQT", 5}}, 0xa0},

    // ---- virtual commands (L: 1 allocates a PASID, 2 frees it; 16: none left) --------------------------------------
    RegisterValue{"VCCAP_REG", "all three", "11.4.16.4 alone [rev]", {{"NS", 1}, {"PAS", 1}, {"FPS", 1}}, 7},
    RegisterValue{"VCMD_REG", "allocate",       "11.4.16.1 L", {{"CMD", 1}}, 0x1},
    RegisterValue{"VCMD_REG", "free",           "11.4.16.1 L", {{"CMD", 2}, {"OA", 0x12345}}, 0x0000'0001'2345'0002},
    RegisterValue{"VCRSP_REG", "busy",          "11.4.16.3 LV", {{"IP", 1}}, 0x1},
    RegisterValue{"VCRSP_REG", "allocated",     "11.4.16.3 L", {{"RSLT", 0x12345}}, 0x0000'0001'2345'0000},
    RegisterValue{"VCRSP_REG", "no PASID left", "11.4.16.3 L", {{"SC", 16}}, 0x20},
};

/// What software keeps of GSTS when it makes the next GCMD: everything but bits 30, 29, 27 and 24 (11.4.4.1 LV).
inline constexpr std::uint32_t global_status_kept = 0x96ff'ffff;

/// What a write leaves to be read, by the kinds of access alone: no command is started, no interrupt goes out. `bit`:
/// where in the register the written part begins. Features are there unless `what` says so. Bits that are "reserved,
/// preserved" read as anything by the manual; here they are 0.
struct RegisterWrite {
    const char* reg;
    const char* what;
    const char* from;
    std::uint64_t before, written, after;
    unsigned bit = 0;
};
inline constexpr std::array register_writes{
    RegisterWrite{"VER_REG",  "read only", "11.4.1 V",   0x60, 0xffff'ffff, 0x60},
    RegisterWrite{"CAP_REG",  "read only", "11.4.2 V",   0x09ed'008c'4078'0466, 0, 0x09ed'008c'4078'0466},
    RegisterWrite{"ECAP_REG", "read only", "11.4.3 V",   0x0003'ee9e'86f0'50df, 0, 0x0003'ee9e'86f0'50df},
    RegisterWrite{"GSTS_REG", "read only", "11.4.4.2 V", 0xc700'0000, 0x3800'0000, 0xc700'0000},

    RegisterWrite{"RTADDR_REG", "low bits", "11.4.5 alone [rev]", 0, 0x0081'0000'2fff, 0x0081'0000'2c80},
    RegisterWrite{"CCMD_REG", "CAIG stays", "11.4.6.1 V", 0x0800'0000'0000'0000, 0x1000'0000'0000'0137,
                  0x0800'0000'0000'0137},
    RegisterWrite{"CCMD_REG", "reserved bits", "11.4.6.1 V", 0, 0x07ff'fffc'0000'0000, 0},
    RegisterWrite{"IOTLB_REG", "IAIG stays", "11.4.6.3 V", 0x0200'0000'0000'0000, 0x0400'0137'0000'0000,
                  0x0200'0137'0000'0000},
    RegisterWrite{"IOTLB_REG", "reserved bits", "11.4.6.3 V", 0, 0x49fc'0000'0000'0000, 0},

    RegisterWrite{"FSTS_REG", "0 clears nothing",            "11.4.7.1 VQ", 0x373, 0x000, 0x373},
    RegisterWrite{"FSTS_REG", "IQE and PFO",                 "11.4.7.1 VQ", 0x373, 0x011, 0x362},
    RegisterWrite{"FSTS_REG", "ITE and ICE, not PPF",        "11.4.7.1 VQ", 0x373, 0x062, 0x313},
    RegisterWrite{"FSTS_REG", "all that can be",             "11.4.7.1 VQ", 0x373, 0xffff'ffff, 0x302},
    RegisterWrite{"FECTL_REG", "unmask",                     "11.4.7.2 VQ", 0x8000'0000, 0, 0},
    RegisterWrite{"FECTL_REG", "mask, reserved bits",        "11.4.7.2 VQ", 0, 0xffff'ffff, 0x8000'0000},
    RegisterWrite{"FECTL_REG", "IP stays as long as masked", "11.4.7.2 VQ", 0xc000'0000, 0x8000'0000, 0xc000'0000},
    RegisterWrite{"FEDATA_REG", "upper half",     "11.4.7.3 alone [rev]", 0, 0xffff'4025, 0x4025},
    RegisterWrite{"FEADDR_REG", "low bits",       "11.4.7.4 VQ", 0, 0xfee0'1007, 0xfee0'1004},
    RegisterWrite{"FEUADDR_REG", "whole (EIM)",   "11.4.7.5 V",  0, 0xffff'ffff, 0xffff'ffff},
    RegisterWrite{"FRCD_REG", "F cleared",        "11.4.7.6 VQ", 0x8123'4571, 0x8000'0000, 0x0123'4571, 96},
    RegisterWrite{"FRCD_REG", "all the rest stays", "11.4.7.6 VQ", 0x8123'4571, 0x7fff'ffff, 0x8123'4571, 96},

    RegisterWrite{"PMEN_REG", "PRS stays until hardware is done", "11.4.8.1 V", 0, 0x8000'0001, 0x8000'0000},
    RegisterWrite{"PMEN_REG", "and on the way back",              "11.4.8.1 V", 0x8000'0001, 0, 0x1},

    RegisterWrite{"IQH_REG", "read only",            "11.4.9.1 VQ", 0x40, 0, 0x40},
    RegisterWrite{"IQT_REG", "reserved bits",        "11.4.9.2 VQ", 0, 0xffff'ffff'fff8'123f, 0x1230},
    RegisterWrite{"IQA_REG", "low bits",             "11.4.9.3 VQ", 0, 0x0081'0000'1fff, 0x0081'0000'1807},
    RegisterWrite{"ICS_REG", "0 clears nothing",     "11.4.9.4 VQ", 1, 0, 1},
    RegisterWrite{"ICS_REG", "1 clears",             "11.4.9.4 VQ", 1, 1, 0},
    RegisterWrite{"ICS_REG", "reserved bits",        "11.4.9.4 VQ", 1, 0xffff'fffe, 1},
    RegisterWrite{"IECTL_REG", "unmask",             "11.4.9.5 VQ", 0x8000'0000, 0, 0},
    RegisterWrite{"IECTL_REG", "IP stays as long as masked", "11.4.9.5 VQ", 0xc000'0000, 0xbfff'ffff, 0xc000'0000},
    RegisterWrite{"IEDATA_REG", "upper half",        "11.4.9.6 alone [rev]", 0, 0xffff'4025, 0x4025},
    RegisterWrite{"IEADDR_REG", "low bits",          "11.4.9.7 VQ", 0, 0xfee0'1007, 0xfee0'1004},
    RegisterWrite{"IQERCD_REG", "read only",         "11.4.9.9 V", 0x3a10'3a08'0000'0004, ~0ull,
                  0x3a10'3a08'0000'0004},
    RegisterWrite{"IRTA_REG", "low bits",            "11.4.10 VQ",  0, 0x0081'0010'0fff, 0x0081'0010'080f},

    RegisterWrite{"PQH_REG", "reserved bits",        "11.4.11.1 Q", 0, 0xffff'ffff'fff8'127f, 0x1260},
    RegisterWrite{"PQT_REG", "reserved bits",        "11.4.11.2 alone [rev]", 0, 0xffff'ffff'fff8'127f, 0x1260},
    RegisterWrite{"PQA_REG", "low bits",             "11.4.11.3 Q", 0, 0x0081'0020'0fff, 0x0081'0020'0007},
    RegisterWrite{"PRS_REG", "PPR",                  "11.4.11.4 Q", 3, 1, 2},
    RegisterWrite{"PRS_REG", "PRO",                  "11.4.11.4 Q", 3, 2, 1},
    RegisterWrite{"PRS_REG", "reserved bits",        "11.4.11.4 Q", 3, 0xffff'fffc, 3},
    RegisterWrite{"PECTL_REG", "unmask",             "11.4.11.5 Q", 0x8000'0000, 0, 0},
    RegisterWrite{"PECTL_REG", "IP stays as long as masked", "11.4.11.5 Q", 0xc000'0000, 0xbfff'ffff, 0xc000'0000},
    RegisterWrite{"PEDATA_REG", "upper half",        "11.4.11.6 alone [rev]", 0, 0xffff'4025, 0x4025},
    RegisterWrite{"PEADDR_REG", "low bits",          "11.4.11.7 Q", 0, 0xfee0'1007, 0xfee0'1004},
    RegisterWrite{"VCRSP_REG", "read only",          "11.4.16.3 V", 0x1'2345'0000, ~0ull, 0x1'2345'0000},
};

/// Which granularities hardware may say it did (bit n: CAIG or IAIG n), by translation table mode and VER_REG.MAX.
/// Coarser than asked for is allowed, 0 is "refused, nothing done". With a reserved request that is inferred.
struct RegisterInvalidation {
    const char* reg;
    const char* what;
    const char* from;
    unsigned ttm, major, asked, allowed;
};
inline constexpr std::array register_invalidations{
    RegisterInvalidation{"CCMD_REG",  "global",              "11.4.6.1 VL",          0, 1, 1, 0b0010},
    RegisterInvalidation{"CCMD_REG",  "domain",              "11.4.6.1 VL",          0, 1, 2, 0b0110},
    RegisterInvalidation{"CCMD_REG",  "device",              "11.4.6.1 VL",          0, 1, 3, 0b1110},
    RegisterInvalidation{"CCMD_REG",  "reserved",            "11.4.6.1 inferred",    0, 1, 0, 0b0001},
    RegisterInvalidation{"CCMD_REG",  "scalable mode",       "11.4.6.1 alone",       1, 5, 1, 0b0001},
    RegisterInvalidation{"CCMD_REG",  "abort mode",          "11.4.6.1 alone",       3, 5, 1, 0b0001},
    RegisterInvalidation{"CCMD_REG",  "from version 6",      "11.4.6.1 alone [rev]", 0, 6, 1, 0b0001},
    RegisterInvalidation{"IOTLB_REG", "global",              "11.4.6.3 VL",          0, 1, 1, 0b0010},
    RegisterInvalidation{"IOTLB_REG", "domain",              "11.4.6.3 VL",          0, 1, 2, 0b0110},
    RegisterInvalidation{"IOTLB_REG", "page",                "11.4.6.3 VL",          0, 1, 3, 0b1110},
    RegisterInvalidation{"IOTLB_REG", "page, AM above MAMV", "11.4.6.3 alone",       0, 1, 3, 0b0001},
    RegisterInvalidation{"IOTLB_REG", "reserved",            "11.4.6.3 inferred",    0, 1, 0, 0b0001},
    RegisterInvalidation{"IOTLB_REG", "scalable mode",       "11.4.6.3 alone",       1, 5, 1, 0b0001},
    RegisterInvalidation{"IOTLB_REG", "abort mode",          "11.4.6.3 alone",       3, 5, 1, 0b0001},
    RegisterInvalidation{"IOTLB_REG", "from version 6",      "11.4.6.3 alone [rev]", 0, 6, 1, 0b0001},
};

// clang-format on

} // namespace quiesce::golden::vtd
