// SPDX-License-Identifier: Apache-2.0
//
// Hand-worked bytes of AMD-Vi (the AMD IOMMU): what the other amdvi_*_golden.h have in common.
//
//   amdvi_commands_golden.h   what software puts into the command buffer
//   amdvi_records_golden.h    event log entries, PPR log entries
//   amdvi_tables_golden.h     device table entry, GCR3 table, host (v1) and guest (v2) page table entries
//   amdvi_registers_golden.h  offsets, fields, kinds of access, reset values, what a write leaves
//
// An oracle that knows nothing of the models: it includes no header of theirs, every word is a literal worked out from
// bit numbers, and no word is computed from the positions that stand beside it. Structures are little-endian in memory:
// word 0 (bits 63:0) at the lowest address. Bits are counted over the whole structure: bit 96 of a device table entry
// is bit 32 of word 1.
//
// The manual (AMD 48882) itself was not read: every row rests on what others made of it. Section numbers are those of
// Rev 3.11, as N and M print them. `from` names the section and the sources that agree; "alone" marks a single one.
//   S  this project's fact sheets                 L  the Linux driver, 6.12.117 ("later": newer kernels)
//   F  FreeBSD sys/x86/iommu/amd_reg.h            B  FreeBSD bhyve amdvi_priv.h
//   V  VirtualBox iommu-amd.h, DevIommuAmd (3.05) Q  QEMU hw/i386/amd_iommu.{h,c}
//   X  Xen passthrough/amd/iommu-defs.h           M  OpenVMM's amd_iommu spec crate (3.11)
//   N  NOVA smmu_amd.hpp (3.11)                   I  illumos amd_iommu_{impl,log} (1.2x)
// A disagreement stands in a comment at the row, with both readings; the row has the one that is believed.
//
// Values used throughout: device 3a:02.0 (0x3a10) and its physical function 3a:01.0 (0x3a08), PASID 0x12345, domain
// 0x0137, GCR3 table 0x81'2345'6000, guest CR3 0x83'4567'8000, host table 0x80'4567'8000, input page
// 0x7f12'3456'7000, output page 0x82'3456'7000, page request group 0x1a5.
#pragma once

#include <cstddef>
#include <cstdint>

namespace quiesce::golden::amdvi {

/// A field by the manual's name, and what it holds. Fields of a structure that a row does not name are 0. An address
/// field is given as the whole address: its low bits are 0 and are not shifted out. "PASID" and "GCR3" are given
/// whole, although the manual puts them in two or three pieces.
struct Value {
    const char* field;
    std::uint64_t value;
};

/// Where a field is. Bits inclusive. A piece of a field that is in several has its own bits behind the name.
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
    Value fields[16];
    std::uint64_t words[Words];
};

/// Bits that no field has, in a structure whose valid bit (if it has one) is set.
template <std::size_t Words>
struct ReservedBits {
    const char* structure;
    const char* from;
    std::uint64_t words[Words];
};

} // namespace quiesce::golden::amdvi
