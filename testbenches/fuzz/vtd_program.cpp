// SPDX-License-Identifier: Apache-2.0
#include "fuzz/vtd_program.h"

#include "fuzz/bytes.h"
#include "iommu/vtd/page_table.h"

#include <algorithm>

namespace quiesce::fuzz {
namespace {

using namespace iommu;
using namespace iommu::vtd;

/// Where software keeps its things: pages of the first 128 KiB of memory. Both stages map the rest of it.
constexpr Spa place(unsigned page) { return VtdMachine::ram + page * page_size; }
constexpr Spa root = place(0), contexts = place(1), directory = place(2), pasid_table = place(3), iq = place(4),
              prq = place(5), message = place(9), first = place(10), second = place(14), leaves = place(13),
              data = place(32);
constexpr unsigned places = 34, most_steps = 400;
/// What the first stage maps: 512 pages from here on, to those from `data` on.
constexpr Iova mapped{0x12'3440'0000};

FsEntry first_entry(Spa to) {
    return FsEntry{}.set(FsEntry::P, true).set(FsEntry::RW, true).set(FsEntry::US, true).set(FsEntry::ADDR, to);
}
SsEntry second_entry(Spa to) { return SsEntry{}.set(SsEntry::R, true).set(SsEntry::W, true).set(SsEntry::ADDR, to); }

class VtdProgram {
public:
    VtdProgram(sim::Calendar& calendar, std::span<const u8> input) : in_(input), machine_(calendar, unit()) {}
    Tally run() {
        if (!in_.rarely(8)) prepare();
        for (unsigned i = 0; i < most_steps && !in_.empty(); ++i) step();
        machine_.break_page(Spa{0});
        machine_.wind_down();
        return machine_.tally();
    }

private:
    VtdConfig unit();
    void prepare();
    void step();

    void write_any_register();
    void write_some_register();
    void write_control();
    void acknowledge();
    void write_any_memory();
    void write_page_table();
    void write_context();
    void write_pasid();
    void write_descriptor();
    void access();
    void ask_for_page();

    ScalableContextEntry context();
    PasidEntry pasid_entry();
    Descriptor descriptor();
    Spa somewhere() { return in_.rarely(16) ? Spa{in_.word()} : place(in_.below(places)) + (in_.byte() & 63) * 64; }
    StreamId stream() { return StreamId{in_.rarely(16) ? static_cast<u32>(in_.word(2)) : in_.below(4)}; }
    Pasid pasid() { return Pasid{in_.rarely(16) ? static_cast<u32>(in_.word(3)) & 0xf'ffff : in_.below(6)}; }
    Iova address();
    unsigned descriptor_words() { return legacy_ ? 2 : 4; }
    /// Some of the bits turned.
    template <class S>
    S spoilt(S s, unsigned words = S::word_count) {
        if (!in_.rarely(6)) return s;
        auto spoilt_words = s.words();
        for (unsigned n = in_.below(3); n != 0; --n) spoilt_words[in_.below(words)] ^= u64{1} << (in_.byte() & 63);
        return S::from_words(spoilt_words);
    }

    Bytes in_;
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
    c.agent.tlb_entries = c.agent.config_entries = tiny ? 4 : 32;
    c.agent.walker.cache_entries = c.agent.walker.second_entries = tiny ? 4 : 16;
    c.agent.walker.slots = tiny ? 1 : 4;
    c.agent.replays = tiny ? 1 : 8;
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
    machine_.store(second + index(VtdMachine::ram.value(), 1), second_entry(second + page_size));
    machine_.store(second + page_size + index(VtdMachine::ram.value(), 2), second_entry(second + 2 * page_size));
    machine_.store(second + 2 * page_size, second_entry(second + 3 * page_size));
    for (unsigned i = 0; i < places + 16; ++i)
        machine_.store(second + 3 * page_size + i * 8, second_entry(VtdMachine::ram + i * page_size));
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

void VtdProgram::step() {
    switch (in_.below(24)) {
    case 0: return write_any_register();
    case 1: return write_some_register();
    case 2: return write_control();
    case 3: return acknowledge();
    case 4: return write_any_memory();
    case 5: return write_page_table();
    case 6: return write_pasid();
    case 7: return write_context();
    case 8:
    case 9:
    case 10: return write_descriptor();
    case 11: return ask_for_page();
    case 12: return machine_.read_register(in_.word(2) & 0x2fff, in_.flag() ? 4 : in_.byte() & 15);
    case 13:
        return machine_.answer_invalidations(static_cast<AtcAnswer>(in_.below(3)),
                                             sim::Duration::ps(u64{in_.byte()} * 20'000));
    case 14: return machine_.break_page(in_.flag() ? Spa{0} : place(in_.below(places)));
    case 15: return in_.rarely(4) ? machine_.stray_completion(stream()) : machine_.settle();
    case 16: return machine_.pass(sim::Duration::ps(in_.word(2) * 100));
    default: return access();
    }
}

// ---- software -------------------------------------------------------------------------------------------------------

void VtdProgram::write_any_register() {
    const u64 offset = in_.word(3) & 0x1'ffff;
    machine_.write_register(offset, in_.flag() ? 4 : in_.byte() & 15, in_.word());
}

void VtdProgram::write_some_register() {
    static const std::vector<base::RegisterRow> rows = Registers::rows();
    const base::RegisterRow& row = in_.pick(rows);
    u64 value = 0;
    for (const auto& f : row.fields) {
        const bool address = f.msb - f.lsb > 20;
        const u64 bits = address ? somewhere().value() >> f.lsb : in_.rarely(8) ? in_.word() : in_.byte();
        value |= (bits & base::low_bits(f.msb - f.lsb + 1)) << f.lsb;
    }
    u64 offset = row.offset;
    if (offset >= movable_registers) offset = offset - movable_registers + iva_offset(machine_.identity().ecap);
    machine_.write_register(offset, row.width_bits / 8, value);
}

/// Off, on, and everything between.
void VtdProgram::write_control() {
    constexpr u32 values[] = {0x8400'0000, 0x8400'0000, 0xc400'0000, 0x0400'0000,
                              0x8000'0000, 0,           0x4400'0000, 0x8c00'0000};
    machine_.write_register(Gcmd::offset, 4, in_.rarely(6) ? static_cast<u32>(in_.word(4)) : in_.pick(values));
}

/// What a driver does after an interrupt.
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

void VtdProgram::write_any_memory() {
    const Spa at = somewhere().align_down(8) + (in_.byte() & 7) * 8;
    machine_.store(at, in_.flag() ? in_.word() : machine_.load(at) ^ u64{1} << (in_.byte() & 63));
}

void VtdProgram::write_page_table() {
    constexpr Spa tables[] = {leaves,
                              leaves,
                              first,
                              first + page_size,
                              first + 2 * page_size,
                              second,
                              second + 2 * page_size,
                              second + 3 * page_size};
    const Spa table = in_.pick(tables);
    const Spa to = place(in_.below(64));
    u64 entry = table >= second ? second_entry(to).word(0) : first_entry(to).word(0);
    if (in_.flag()) entry ^= (in_.word(2) & 0x0fff) | in_.word(2) << 48;
    const unsigned index = in_.rarely(4) ? in_.byte() : in_.below(20);
    machine_.store(table + index * 8, entry);
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

Iova VtdProgram::address() {
    const u64 offset = in_.word(2);
    if (in_.rarely(16)) return Iova{in_.word()};
    if (in_.rarely(24)) return Iova{interrupt_range.value() + offset * 16};
    if (in_.rarely(5)) return Iova{VtdMachine::ram.value() + offset};
    return mapped + (offset & 0x1'1fff);
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
void VtdProgram::write_descriptor() {
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

// ---- devices --------------------------------------------------------------------------------------------------------

void VtdProgram::access() {
    const u8 kind = in_.byte();
    TranslationRequest r{};
    r.stream = stream();
    r.has_pasid = (kind & 1) != 0;
    r.pasid = r.has_pasid ? pasid() : Pasid{0};
    r.bytes = 1 + (in_.byte() & 63);
    r.at = address();
    r.at = r.at.align_down(page_size) + std::min<u64>(r.at.value() & (page_size - 1), page_size - r.bytes);
    r.access = (kind & 2) != 0 ? iommu::Access::Write : iommu::Access::Read;
    r.privileged = r.has_pasid && (kind & 0xc) == 0xc;
    r.instruction = r.has_pasid && (kind & 0x30) == 0x30;
    constexpr AddressType types[] = {AddressType::Untranslated, AddressType::Untranslated,
                                     AddressType::TranslationRequest, AddressType::Translated};
    r.type = types[kind >> 6];
    r.no_write = (kind & 8) != 0;
    machine_.access(r);
}

void VtdProgram::ask_for_page() {
    const u8 kind = in_.byte();
    PageRequestMessage m;
    m.stream = stream();
    m.has_pasid = (kind & 1) != 0;
    m.pasid = m.has_pasid ? pasid() : Pasid{0};
    m.at = address();
    m.read = (kind & 2) != 0;
    m.write = (kind & 4) != 0;
    m.execute = m.has_pasid && (kind & 8) != 0;
    m.privileged = m.has_pasid && (kind & 16) != 0;
    m.last = (kind & 32) != 0;
    m.group = static_cast<u16>(in_.rarely(8) ? in_.word(2) & 511 : kind >> 5);
    machine_.page_request(m);
}

} // namespace

Tally run_vtd_program(sim::Calendar& calendar, std::span<const u8> input) { return VtdProgram{calendar, input}.run(); }

} // namespace quiesce::fuzz
