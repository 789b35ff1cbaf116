// SPDX-License-Identifier: Apache-2.0
//
// Hand-worked bytes of Intel VT-d: what the other vtd_*_golden.h have in common.
//
//   vtd_tables_golden.h       root, context, scalable-mode root and context, PASID directory entries
//   vtd_pasid_golden.h        scalable-mode PASID table entry
//   vtd_paging_golden.h       first-stage and second-stage paging entries
//   vtd_descriptors_golden.h  what software puts into the invalidation queue
//   vtd_queue_golden.h        HPT descriptor, which types there are, reserved bits, IQEI, sizes
//   vtd_records_golden.h      fault recording register, page request descriptor
//   vtd_faults_golden.h       fault reasons: qualified or not, and what every kind of request gets
//   vtd_registers_golden.h    offsets, fields, kinds of access
//   vtd_register_values_golden.h  what software writes and hardware shows, what a write leaves
//
// An oracle that knows nothing of the models: it includes no header of theirs, every word is a literal worked out from
// the manual's bit numbers, and no word is computed from the positions that stand beside it. Structures are
// little-endian in memory: word 0 (bits 63:0) at the lowest address. Bits are counted over the whole structure, as the
// manual prints them: bit 87 of a PASID table entry is bit 23 of word 1.
//
// The manual is Rev 5.10 (D51397-018, November 2025), and section numbers are its own. Second sources: V VirtualBox
// iommu-intel.h (Rev 3.x), L the Linux driver, Q QEMU's intel_iommu, M OpenVMM's VT-d crate (Rev 4.1), T the TDX
// module's dmar_defs.h. `from` names the section and those that agree; "alone" means that the manual is the only one.
// "[rev]" marks what older revisions of the manual define and Rev 5.10 does not (or not so).
//
// Values used throughout: source 3a:02.0 (0x3a10) and its physical function 3a:01.0 (0x3a08), PASID 0x12345, domain
// 0x0137, first-stage table 0x81'2345'6000, second-stage table 0x80'4567'8000, page 0x7f12'3456'7000. Address fields
// alone are filled to bit 51 (a host address width of 52); nothing else goes above bit 47.
#pragma once

#include <cstddef>
#include <cstdint>

namespace quiesce::golden::vtd {

/// A field by the manual's name, and what it holds. Fields of a structure that a row does not name are 0. An address
/// field is given as the whole address: its low bits are 0 and are not shifted out. "PFSID" and "Type" are given
/// whole, although the manual puts them in two pieces.
struct Value {
    const char* field;
    std::uint64_t value;
};

/// Where a field is. Bits inclusive. Pointers are given up to the top of their word; what lies above the host address
/// width is reserved.
struct Position {
    const char* field;
    unsigned msb, lsb;
    bool address = false;
};

/// One structure in memory: the fields it is made of (those behind the last are null), and its words. No field at all
/// beside words that are not 0: the bits that matter are in the name.
template <std::size_t Words>
struct Structure {
    const char* what;
    const char* from;
    Value fields[14];
    std::uint64_t words[Words];
};

/// What a structure has to have as zero where its present bit is set (5.10, every optional feature there, host address
/// width 52). Bits that are "ignored" are not among them.
template <std::size_t Words>
struct ReservedBits {
    const char* structure;
    const char* from;
    std::uint64_t words[Words];
};

} // namespace quiesce::golden::vtd
