// SPDX-License-Identifier: Apache-2.0
#include "fuzz/amdvi_program.h"

#include "fuzz/bytes.h"
#include "iommu/amdvi/config_regs.h"
#include "iommu/amdvi/page_table.h"

#include <algorithm>

namespace quiesce::fuzz {
namespace {

using namespace iommu;
using namespace iommu::amdvi;
using iommu::amdvi::Status;

/// Where software keeps its things: pages of the first 128 KiB of memory. Both formats of tables map the rest of it.
constexpr Spa place(unsigned page) { return AmdviMachine::ram + page * page_size; }
constexpr Spa device_table = place(0), gcr3 = place(1), commands = place(3), events = place(4), requests = place(5),
              message = place(9), guest = place(10), leaves = place(13), host = place(16), data = place(32);
constexpr unsigned places = 34, most_steps = 400, ring_entries = 256;
/// What a guest's tables map: 512 pages from here on, to those from `data` on.
constexpr Iova mapped{0x12'3440'0000};

GuestEntry guest_entry(Spa to) {
    return GuestEntry{}
        .set(GuestEntry::P, true)
        .set(GuestEntry::RW, true)
        .set(GuestEntry::US, true)
        .set(GuestEntry::Address, to);
}
HostEntry host_entry(Spa to, u8 next = own_size) {
    return HostEntry{}
        .set(HostEntry::PR, true)
        .set(HostEntry::IR, true)
        .set(HostEntry::IW, true)
        .set(HostEntry::NextLevel, next)
        .set(HostEntry::Address, to);
}
constexpr u64 index_at(u64 at, unsigned level) { return (at >> (12 + 9 * (level - 1)) & 511) * 8; }

class AmdviProgram {
public:
    AmdviProgram(sim::Calendar& calendar, std::span<const u8> input) : in_(input), machine_(calendar, unit()) {}
    Tally run() {
        if (!in_.rarely(8)) prepare();
        for (unsigned i = 0; i < most_steps && !in_.empty(); ++i) step();
        machine_.break_page(Spa{0});
        machine_.wind_down();
        return machine_.tally();
    }

private:
    AmdviConfig unit();
    void prepare();
    void step();

    void write_any_register();
    void write_some_register();
    void write_control();
    void acknowledge();
    void write_any_memory();
    void write_page_table();
    void write_command();
    void access();
    void ask_for_page();

    Dte device_entry();
    Command command();
    Spa somewhere() { return in_.rarely(16) ? Spa{in_.word()} : place(in_.below(places)) + (in_.byte() & 63) * 64; }
    StreamId stream() { return StreamId{in_.rarely(16) ? static_cast<u32>(in_.word(2)) : in_.below(4)}; }
    Pasid pasid() { return Pasid{in_.rarely(16) ? static_cast<u32>(in_.word(3)) & 0xf'ffff : in_.below(6)}; }
    Iova address();
    /// Some of the bits turned.
    template <class S>
    S spoilt(S s) {
        if (!in_.rarely(6)) return s;
        auto words = s.words();
        for (unsigned n = in_.below(3); n != 0; --n) words[in_.below(S::word_count)] ^= u64{1} << (in_.byte() & 63);
        return S::from_words(words);
    }

    Bytes in_;
    AmdviMachine machine_;
    u32 tail_ = 0; ///< software's copy of CmdTail, in commands
};

/// Small caches and few buffers, so that they overflow.
AmdviConfig AmdviProgram::unit() {
    AmdviConfig c;
    const u8 features = in_.byte(), more = in_.byte(), sizes = in_.byte();
    c.iotlb = (features & 7) != 7;
    c.ppr = (features & 0x18) != 0x18;
    c.guest = (features & 0x60) != 0x60;
    c.no_execute = (features & 128) == 0;
    c.prefetch = (more & 1) != 0;
    c.invalidate_all = (more & 2) == 0;
    c.user_supervisor = (more & 4) == 0;
    c.guest_io = (more & 8) == 0;
    c.host_accessed = (more & 0x30) != 0x30;
    c.host_dirty = (more & 0x40) == 0;
    c.message_registers = (more & 128) == 0;
    c.physical_bits = (sizes & 1) != 0 ? 40 : 48;
    c.host_levels = 4 + (sizes >> 1 & 3) % 3;
    c.guest_levels = (sizes & 8) != 0 ? 4 : 5;
    c.gcr3_levels = 1 + (sizes >> 4 & 3) % 3;
    c.pasid_bits = (sizes & 64) != 0 ? 2 : 20;
    const bool tiny = (sizes & 128) != 0;
    c.ppr_buffers = tiny ? 1 : 4;
    c.device_entries = c.gcr3_entries = tiny ? 1 : 8;
    c.agent.tlb_entries = c.agent.config_entries = tiny ? 4 : 32;
    c.agent.walker.cache_entries = c.agent.walker.second_entries = tiny ? 4 : 16;
    c.agent.walker.slots = tiny ? 1 : 4;
    c.agent.replays = tiny ? 1 : 8;
    return c;
}

/// Four devices, six PASIDs, both formats of tables, the rings, everything on.
void AmdviProgram::prepare() {
    for (unsigned n = 0; n < 4; ++n) machine_.store(device_table + n * Dte::byte_count, device_entry());
    for (unsigned n = 0; n < 6; ++n) machine_.store(gcr3 + n * 8, guest.value() | 1);
    machine_.store(gcr3 + page_size, gcr3.value() | 1); // the level above, one page behind
    machine_.store(guest + index_at(mapped.value(), 4), guest_entry(guest + page_size));
    machine_.store(guest + page_size + index_at(mapped.value(), 3), guest_entry(guest + 2 * page_size));
    machine_.store(guest + 2 * page_size + index_at(mapped.value(), 2), guest_entry(leaves));
    for (unsigned i = 0; i < 16; ++i) machine_.store(leaves + i * 8, guest_entry(data + i * page_size));
    // The host's tables map memory to itself, by pages.
    const u64 all = AmdviMachine::ram.value();
    machine_.store(host + index_at(all, 4), host_entry(host + page_size, 3));
    machine_.store(host + page_size + index_at(all, 3), host_entry(host + 2 * page_size, 2));
    machine_.store(host + 2 * page_size + index_at(all, 2), host_entry(host + 3 * page_size, 1));
    for (unsigned i = 0; i < places + 16; ++i)
        machine_.store(host + 3 * page_size + i * 8, host_entry(AmdviMachine::ram + i * page_size));
    machine_.write_register(DevTabBar::offset, 8, device_table.value());
    machine_.write_register(CmdBufBar::offset, 8, commands.value() | u64{8} << 56);
    machine_.write_register(EvtLogBar::offset, 8, events.value() | u64{8} << 56);
    machine_.write_register(PprLogBar::offset, 8, requests.value() | u64{8} << 56);
    machine_.write_config(MsiAddrLow::offset, static_cast<u32>(message.value()));
    machine_.write_config(MsiHeader::offset, in_.flag() ? 0x11'0000 : 0);
    machine_.settle();
    machine_.write_register(Control::offset, 8, 0x1'f41d);
    machine_.settle();
}

void AmdviProgram::step() {
    switch (in_.below(24)) {
    case 0: return write_any_register();
    case 1: return write_some_register();
    case 2: return write_control();
    case 3: return acknowledge();
    case 4: return write_any_memory();
    case 5: return write_page_table();
    case 6: return machine_.store(gcr3 + in_.below(8) * 8, in_.rarely(3) ? in_.word(7) : guest.value() | in_.below(2));
    case 7: return machine_.store(device_table + in_.below(4) * Dte::byte_count, spoilt(device_entry()));
    case 8:
    case 9:
    case 10: return write_command();
    case 11: return ask_for_page();
    case 12: return machine_.read_register(in_.word(2) & 0x3fff, in_.flag() ? 4 : in_.byte() & 15);
    case 13:
        return machine_.answer_invalidations(static_cast<AtcAnswer>(in_.below(3)),
                                             sim::Duration::ps(u64{in_.byte()} * 20'000));
    case 14: return machine_.break_page(in_.flag() ? Spa{0} : place(in_.below(places)));
    case 15:
        return in_.rarely(4) ? machine_.write_config(in_.byte() & 0x7c, static_cast<u32>(in_.word(4)))
                             : machine_.settle();
    case 16: return machine_.pass(sim::Duration::ps(in_.word(2) * 100));
    default: return access();
    }
}

// ---- software -------------------------------------------------------------------------------------------------------

void AmdviProgram::write_any_register() {
    const u64 offset = in_.word(2) & 0x3fff;
    machine_.write_register(offset, in_.flag() ? 4 : in_.byte() & 15, in_.word());
}

void AmdviProgram::write_some_register() {
    static const std::vector<base::RegisterRow> rows = Registers::rows();
    const base::RegisterRow& row = in_.pick(rows);
    u64 value = 0;
    for (const auto& f : row.fields) {
        const bool address = f.msb - f.lsb > 20;
        const u64 bits = address ? somewhere().value() >> f.lsb : in_.rarely(8) ? in_.word() : in_.byte();
        value |= (bits & base::low_bits(f.msb - f.lsb + 1)) << f.lsb;
    }
    machine_.write_register(row.offset, row.width_bits / 8, value);
}

/// Off, on, and everything between.
void AmdviProgram::write_control() {
    constexpr u64 values[] = {
        0x1'f41d, 0x1'f41d, 0x1'f419, 0x1'd41d, 0x1'e41d, 0, 0x0680'0001'f49d /* automatic responses */, 0x1'f41c};
    machine_.write_register(Control::offset, 8, in_.rarely(6) ? in_.word() : in_.pick(values));
}

/// What a driver does after an interrupt.
void AmdviProgram::acknowledge() {
    const auto& regs = machine_.registers();
    switch (in_.below(4)) {
    case 0: machine_.write_register(EvtHead::offset, 8, regs.read<EvtTail>().value()); break;
    case 1: machine_.write_register(PprHead::offset, 8, regs.read<PprTail>().value()); break;
    case 2: break;
    default: { // restart what has stopped
        const u64 now = regs.read<Control>().value();
        constexpr u64 rings = Control::CmdBufEn.mask(0) | Control::EventLogEn.mask(0) | Control::PPRLogEn.mask(0);
        // The command at which the buffer stopped becomes a wait.
        machine_.store(commands + (regs.get(CmdHead::Ptr) % ring_entries) * ring_entry_bytes,
                       amdvi::make<CompletionWait>());
        machine_.write_register(Control::offset, 8, now & ~rings);
        machine_.write_register(Control::offset, 8, now | rings);
        break;
    }
    }
    machine_.write_register(Status::offset, 8, regs.read<Status>().value());
}

void AmdviProgram::write_any_memory() {
    const Spa at = somewhere().align_down(8) + (in_.byte() & 7) * 8;
    machine_.store(at, in_.flag() ? in_.word() : machine_.load(at) ^ u64{1} << (in_.byte() & 63));
}

void AmdviProgram::write_page_table() {
    constexpr Spa tables[] = {leaves,
                              leaves,
                              guest,
                              guest + page_size,
                              guest + 2 * page_size,
                              host,
                              host + 2 * page_size,
                              host + 3 * page_size};
    const Spa table = in_.pick(tables);
    const Spa to = place(in_.below(64));
    u64 entry = table >= host ? host_entry(to, static_cast<u8>(in_.below(8))).word(0) : guest_entry(to).word(0);
    if (in_.flag()) entry ^= (in_.word(2) & 0x0fff) | in_.word(2) << 48;
    const unsigned index = in_.rarely(4) ? in_.byte() : in_.below(20);
    machine_.store(table + index * 8, entry);
}

Dte AmdviProgram::device_entry() {
    const u8 a = in_.byte(), b = in_.byte();
    const Efr& efr = machine_.identity().efr;
    const bool guests = efr.get(Efr::GTSup) && (a & 3) != 3, hosts = !guests || (a & 4) != 0;
    const u64 levels = efr.get(Efr::GLXSup) + 1;
    const auto glx = static_cast<u8>(in_.below(static_cast<unsigned>(levels)));
    Dte e;
    e.set(Dte::V, (a & 0x38) != 0)
        .set(Dte::TV, (a & 0xc0) != 0xc0)
        .set(Dte::IR, (b & 7) != 7)
        .set(Dte::IW, (b & 7) != 6);
    e.set(Dte::DomainID, DomainId{static_cast<u16>(b >> 3 & 1)}).set(Dte::SA, (b & 0x30) == 0x30);
    e.set(Dte::SE, (b & 0x30) == 0x20).set(Dte::I, machine_.identity().iotlb && (b & 0x40) == 0);
    e.set(Dte::PPR, efr.get(Efr::PPRSup) && (b & 0x80) == 0).set(Dte::GPRP, (a & 8) != 0);
    e.set(Dte::HAD, !efr.get(Efr::HASup)  ? HostMarks::None
                    : efr.get(Efr::HDSup) ? HostMarks::AccessedDirty
                                          : HostMarks::Accessed);
    if (hosts && (a & 0x11) != 0x11) e.set(Dte::Mode, 4).set(Dte::HostPTRoot, host);
    if (!guests) return e;
    e.set(Dte::GV, true).set(Dte::GLX, glx).set(Dte::GIoV, efr.get(Efr::GIoSup) && (a & 0x20) != 0);
    return e.set(Dte::GCR3TableRoot, glx == 0 ? gcr3 : gcr3 + page_size);
}

Iova AmdviProgram::address() {
    const u64 offset = in_.word(2);
    if (in_.rarely(16)) return Iova{in_.word()};
    if (in_.rarely(24)) return Iova{interrupt_range.value() + offset * 16};
    if (in_.rarely(5)) return Iova{AmdviMachine::ram.value() + offset};
    return mapped + (offset & 0x1'1fff);
}

/// Operands that mean something, at the places that commands share.
Command AmdviProgram::command() {
    static const std::span<const CommandRow> rows = command_rows();
    const CommandRow& row = in_.pick(rows);
    const u64 who = raw(stream()), pasid_bits = raw(pasid()), size = in_.below(8);
    u64 w0 = who, w1 = (address().value() & ~u64{0xfff}) | size;
    switch (row.opcode) {
    case Opcode::CompletionWait:
        w0 = ((in_.flag() ? message.value() : somewhere().value()) & CompletionWait::StoreAddress.mask(0)) | size;
        w1 = in_.byte();
        break;
    case Opcode::InvalidateIommuPages: w0 = pasid_bits | u64{in_.below(3)} << 32; break;
    case Opcode::InvalidateIotlbPages:
        w0 |= (pasid_bits & 0xff) << 48 | u64{in_.below(3)} << 32 | u64{in_.below(4)} << 24;
        w1 &= ~u64{2};
        break;
    case Opcode::PrefetchIommuPages: w0 |= pasid_bits << 32, w1 = (w1 & ~u64{2}) | u64{in_.below(2)} << 4; break;
    case Opcode::CompletePprRequest: w0 |= pasid_bits << 32, w1 = (size & 4) | u64{in_.word(2)} << 32; break;
    default: break;
    }
    if (in_.rarely(8) && row.opcode != Opcode::CompletionWait) w1 |= 0x7fff'ffff'ffff'f001;
    const u64 op = u64{raw(row.opcode)} << 60;
    return spoilt(Command::from_words({(w0 & row.operands[0]) | op, w1 & row.operands[1]}));
}

/// Up to three commands and a doorbell, which seldom goes too far; what stopped the buffer is seldom left as it is.
void AmdviProgram::write_command() {
    const auto& regs = machine_.registers();
    if (!regs.get(Status::CmdBufRun) && !in_.rarely(4)) {
        acknowledge();
        tail_ = regs.get(CmdTail::Ptr) % ring_entries;
    }
    const u32 head = regs.get(CmdHead::Ptr) % ring_entries;
    for (unsigned n = 1 + in_.below(3); n != 0 && (tail_ + 1) % ring_entries != head; --n) {
        machine_.store(commands + tail_ * ring_entry_bytes, command());
        tail_ = (tail_ + 1) % ring_entries;
    }
    const u64 shown = in_.rarely(32) ? in_.word(3) : tail_ * ring_entry_bytes;
    machine_.write_register(CmdTail::offset, 8, shown);
}

// ---- devices --------------------------------------------------------------------------------------------------------

void AmdviProgram::access() {
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

void AmdviProgram::ask_for_page() {
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

Tally run_amdvi_program(sim::Calendar& calendar, std::span<const u8> input) {
    return AmdviProgram{calendar, input}.run();
}

} // namespace quiesce::fuzz
