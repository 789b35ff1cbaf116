// SPDX-License-Identifier: Apache-2.0
#include "fuzz/vtd_program.h"

#include "fuzz/program.h"
#include "fuzz/vtd_machine.h"
#include "iommu/vtd/page_table.h"

namespace quiesce::fuzz {
namespace {

using namespace iommu;
using namespace iommu::vtd;

constexpr Spa root = place(0), contexts = place(1), directory = place(2), pasid_table = place(3), iq = place(4),
              prq = place(5), second = place(14);

FsEntry first_entry(Spa to) {
    return FsEntry{}.set(FsEntry::P, true).set(FsEntry::RW, true).set(FsEntry::US, true).set(FsEntry::ADDR, to);
}
SsEntry second_entry(Spa to) { return SsEntry{}.set(SsEntry::R, true).set(SsEntry::W, true).set(SsEntry::ADDR, to); }

class VtdProgram final : public Program {
public:
    VtdProgram(sim::Calendar& calendar, std::span<const u8> input)
        : Program(input, {.read = {2, 0x2fff},
                          .written = {3, 0x1'ffff},
                          .second = second,
                          .streams = 4,
                          .stream_bytes = 2,
                          .pasids = 6,
                          .one_in_memory = 5,
                          .interrupts = Iova{interrupt_range.value()},
                          .pcie_only = true}),
          machine_(calendar, unit()) {}

private:
    VtdConfig unit();
    VtdMachine& machine() override { return machine_; }
    void prepare() override;
    void write_some_register() override;
    void write_control() override;
    void acknowledge() override;
    u64 page_table_entry(bool in_second, Spa to) override {
        return in_second ? second_entry(to).word(0) : first_entry(to).word(0);
    }
    void write_configuration(unsigned table) override { table == 0 ? write_pasid() : write_context(); }
    void write_command() override;
    void settle() override { in_.rarely(4) ? machine_.stray_completion(stream()) : machine_.settle(); }

    void write_context();
    void write_pasid();
    ScalableContextEntry context();
    PasidEntry pasid_entry();
    Descriptor descriptor();
    unsigned descriptor_words() { return legacy_ ? 2 : 4; }

    bool legacy_ = false;
    VtdMachine machine_;
    u32 tail_ = 0; ///< software's copy of IQT, in descriptors
};

/// Small caches and few fault records, so that they overflow.
VtdConfig VtdProgram::unit() {
    VtdConfig c;
    const u8 modes = in_.byte(), options = in_.byte(), sizes = in_.byte();
    legacy_ = (modes & 7) == 7;
    c.version = 1 + (modes >> 3 & 7) % 7;
    c.five_levels = (modes & 64) == 0;
    c.caching_mode = (modes & 128) != 0;
    c.ats = (options & 1) == 0;
    c.pri = (options & 2) == 0;
    c.coherent = (options & 4) == 0;
    c.flush_on_root = (options & 8) == 0;
    c.snoop_control = (options & 16) == 0;
    c.virtual_commands = (options & 32) != 0;
    c.nested = (options & 64) == 0;
    c.extended_access = (options & 128) == 0;
    c.pasid_bits = 6;
    c.host_address_bits = (sizes & 1) != 0 ? 40 : 48;
    c.fault_records = 1 + (sizes >> 1 & 3);
    c.page_request_buffers = 1 + (sizes >> 3 & 3);
    const bool tiny = (sizes & 128) != 0;
    c.stream_entries = c.pasid_entries = tiny ? 1 : 8;
    set_sizes(c.agent, tiny);
    return c;
}

/// Four requesters, six PASIDs of every kind, both stages' tables, the queues, everything enabled.
void VtdProgram::prepare() {
    machine_.store(root, contexts.value() | 1);
    const ContextEntry legacy = ContextEntry{}
                                    .set(ContextEntry::P, true)
                                    .set(ContextEntry::SSPTPTR, second)
                                    .set(ContextEntry::AW, AddressWidth::Bits48)
                                    .set(ContextEntry::DID, DomainId{1});
    for (unsigned n = 0; n < 4; ++n) {
        if (legacy_)
            machine_.store(contexts + n * 16, legacy);
        else
            machine_.store(contexts + n * 32, context());
    }
    machine_.store(directory, pasid_table.value() | 1);
    for (unsigned n = 0; n < 6; ++n) machine_.store(pasid_table + n * 64, pasid_entry());
    const auto index = [](u64 at, unsigned level) { return (at >> (48 - 9 * level) & 511) * 8; };
    machine_.store(first + index(mapped.value(), 1), first_entry(first + page_size));
    machine_.store(first + page_size + index(mapped.value(), 2), first_entry(first + 2 * page_size));
    machine_.store(first + 2 * page_size + index(mapped.value(), 3), first_entry(leaves));
    for (unsigned i = 0; i < 16; ++i) machine_.store(leaves + i * 8, first_entry(data + i * page_size));
    // The second stage maps memory to itself, by pages.
    machine_.store(second + index(Machine::ram.value(), 1), second_entry(second + page_size));
    machine_.store(second + page_size + index(Machine::ram.value(), 2), second_entry(second + 2 * page_size));
    machine_.store(second + 2 * page_size, second_entry(second + 3 * page_size));
    for (unsigned i = 0; i < places + 16; ++i)
        machine_.store(second + 3 * page_size + i * 8, second_entry(Machine::ram + i * page_size));
    machine_.write_register(Iqa::offset, 8, iq.value() | (legacy_ ? 0 : 0x800));
    machine_.write_register(Pqa::offset, 8, prq.value());
    machine_.write_register(Rtaddr::offset, 8, root.value() | (legacy_ ? 0 : 0x400));
    machine_.write_register(Peaddr::offset, 4, message.value());
    machine_.write_register(Feaddr::offset, 4, message.value());
    for (const u32 control : {Fectl::offset, Iectl::offset, Pectl::offset})
        machine_.write_register(control, 4, in_.flag() ? 0 : 0x8000'0000);
    machine_.settle();
    for (const u32 command : {0x0400'0000u, 0x4400'0000u, 0x8400'0000u}) {
        machine_.write_register(Gcmd::offset, 4, command);
        machine_.settle();
    }
}

void VtdProgram::write_some_register() {
    static const std::vector<base::RegisterRow> rows = Registers::rows();
    const base::RegisterRow& row = in_.pick(rows);
    u64 offset = row.offset;
    if (offset >= movable_registers) offset = offset - movable_registers + iva_offset(machine_.identity().ecap);
    machine_.write_register(offset, row.width_bits / 8, contents(row));
}

void VtdProgram::write_control() {
    constexpr u32 values[] = {0x8400'0000, 0x8400'0000, 0xc400'0000, 0x0400'0000,
                              0x8000'0000, 0,           0x4400'0000, 0x8c00'0000};
    machine_.write_register(Gcmd::offset, 4, in_.rarely(6) ? static_cast<u32>(in_.word(4)) : in_.pick(values));
}

void VtdProgram::acknowledge() {
    const auto& regs = machine_.registers();
    switch (in_.below(4)) {
    case 0:
        for (u64 n = 0; n < frcd_count(machine_.identity().cap); ++n)
            machine_.write_register(frcd_offset(machine_.identity().cap, n) + 12, 4, 0x8000'0000);
        return machine_.write_register(Fsts::offset, 4, 1);
    case 1: return machine_.write_register(Pqh::offset, 8, regs.read<Pqt>().value());
    case 2: return machine_.write_register(Prs::offset, 4, regs.read<Prs>().value());
    default: break;
    }
    // The descriptor at which the queue stopped becomes a wait (6.5.2.10).
    machine_.store(iq + (regs.get(Iqh::QH) * u64{16} & 0xfff), InvWaitDsc{}.set(InvWaitDsc::Type, DescriptorType::Wait),
                   descriptor_words());
    machine_.write_register(Fsts::offset, 4, 0x70);
    machine_.write_register(Ics::offset, 4, 1);
}

void VtdProgram::write_context() {
    const unsigned n = in_.below(4);
    if (!legacy_) return machine_.store(contexts + n * 32, spoilt(context()));
    const ContextEntry e = ContextEntry{}
                               .set(ContextEntry::P, in_.flag())
                               .set(ContextEntry::FPD, in_.flag())
                               .set(ContextEntry::TT, static_cast<TranslationType>(in_.below(3)))
                               .set(ContextEntry::SSPTPTR, second)
                               .set(ContextEntry::AW, AddressWidth::Bits48)
                               .set(ContextEntry::DID, DomainId{static_cast<u16>(in_.below(3))});
    machine_.store(contexts + n * 16, spoilt(e));
}
void VtdProgram::write_pasid() {
    const unsigned n = in_.below(6);
    machine_.store(pasid_table + n * 64,
                   in_.rarely(4) ? PasidEntry{}.set(PasidEntry::FPD, in_.flag()) : spoilt(pasid_entry()));
}

ScalableContextEntry VtdProgram::context() {
    const u8 a = in_.byte();
    const auto& ecap = machine_.identity().ecap;
    using E = ScalableContextEntry;
    const bool dte = ecap.get(Ecap::DT) && (a & 1) == 0;
    E e;
    e.set(E::P, (a & 0x1e) != 0).set(E::FPD, (a & 0x20) != 0).set(E::DTE, dte).set(E::PASIDE, (a & 0xc0) != 0xc0);
    e.set(E::PRE, dte && ecap.get(Ecap::PRS) && (a & 2) == 0).set(E::PASIDDIRPTR, directory);
    return e.set(E::RID_PASID, Pasid{a % 3u}).set(E::RID_PRIV, (a & 0x70) == 0x70);
}

PasidEntry VtdProgram::pasid_entry() {
    const u8 a = in_.byte(), b = in_.byte();
    const auto& ecap = machine_.identity().ecap;
    using E = PasidEntry;
    constexpr PagingTranslation kinds[] = {PagingTranslation::FirstStage, PagingTranslation::FirstStage,
                                           PagingTranslation::SecondStage, PagingTranslation::Nested,
                                           PagingTranslation::PassThrough};
    E e;
    e.set(E::P, true).set(E::FPD, (a & 0x18) == 0x18).set(E::PGTT, kinds[a % 5]).set(E::AW, AddressWidth::Bits48);
    e.set(E::SSPTPTR, second).set(E::FSPTPTR, first).set(E::DID, DomainId{static_cast<u16>(a >> 5 & 1)});
    e.set(E::PWSNP, ecap.get(Ecap::SMPWCS) && (b & 3) != 0).set(E::PGSNP, ecap.get(Ecap::SC) && (b & 4) != 0);
    e.set(E::SSADE, ecap.get(Ecap::SSADS) && (b & 8) != 0).set(E::SRE, ecap.get(Ecap::SRS) && (b & 16) != 0);
    return e.set(E::WPE, (b & 32) != 0).set(E::EAFE, ecap.get(Ecap::EAFS) && (b & 64) != 0);
}

/// Operands that mean something, at the places that descriptors share.
Descriptor VtdProgram::descriptor() {
    static const std::span<const DescriptorRow> rows = descriptor_rows();
    const DescriptorRow& row = in_.pick(rows);
    u64 q0 = raw(row.type) | u64{in_.below(4)} << 4, q1 = address().value() & ~u64{0xfff};
    const u64 did = in_.below(3), who = raw(pasid());
    switch (row.type) {
    case DescriptorType::Wait:
        q0 |= u64{in_.below(8)} << 5 | u64{in_.byte()} << 32;
        q1 = in_.flag() ? message.value() : somewhere().value();
        break;
    case DescriptorType::DeviceTlb: q0 = raw(row.type) | u64{raw(stream())} << 32, q1 |= in_.below(2); break;
    case DescriptorType::PasidDeviceTlb:
        q0 = raw(row.type) | u64{raw(stream())} << 16 | who << 32, q1 |= u64{in_.below(2)} << 11 | in_.below(2);
        break;
    case DescriptorType::PageGroupResponse:
        q0 |= u64{raw(stream())} << 16 | who << 32 | u64{in_.below(2)} << 12, q1 = u64{in_.below(8)} << 3;
        break;
    case DescriptorType::ContextCache: q0 |= did << 16 | u64{raw(stream())} << 32 | u64{in_.below(4)} << 48; break;
    default: q0 |= did << 16 | who << 32, q1 |= in_.below(8) | u64{in_.below(2)} << 6; break;
    }
    const u64 second_half = row.type == DescriptorType::ContextCache || row.type == DescriptorType::PasidCache ? 0 : q1;
    return spoilt(Descriptor::from_words({q0 & row.operands[0], second_half & row.operands[1], 0, 0}),
                  descriptor_words());
}

/// Up to three descriptors and a doorbell, which seldom goes too far; what stopped the queue is seldom left as it is.
void VtdProgram::write_command() {
    const auto& regs = machine_.registers();
    if ((regs.get(Fsts::IQE) || regs.get(Fsts::ITE)) && !in_.rarely(4)) acknowledge();
    const u32 entries = legacy_ ? 256 : 128;
    const u32 head = regs.get(Iqh::QH) >> (legacy_ ? 0 : 1);
    for (unsigned n = 1 + in_.below(3); n != 0 && (tail_ + 1) % entries != head; --n) {
        machine_.store(iq + tail_ * (legacy_ ? 16 : 32), descriptor(), descriptor_words());
        tail_ = (tail_ + 1) % entries;
    }
    const u64 shown = in_.rarely(32) ? in_.word(3) : tail_ * u64{legacy_ ? 16u : 32u};
    machine_.write_register(Iqt::offset, 8, shown);
}

} // namespace

Tally run_vtd_program(sim::Calendar& calendar, std::span<const u8> input) { return VtdProgram{calendar, input}.run(); }

} // namespace quiesce::fuzz
