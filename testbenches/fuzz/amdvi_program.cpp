// SPDX-License-Identifier: Apache-2.0
#include "fuzz/amdvi_program.h"

#include "fuzz/amdvi_machine.h"
#include "fuzz/program.h"
#include "iommu/amdvi/config_regs.h"
#include "iommu/amdvi/page_table.h"

namespace quiesce::fuzz {
namespace {

using namespace iommu;
using namespace iommu::amdvi;
using iommu::amdvi::Status;

constexpr Spa device_table = place(0), gcr3 = place(1), commands = place(3), events = place(4), requests = place(5),
              guest = first, host = place(16);
constexpr unsigned ring_entries = 256;

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

class AmdviProgram final : public Program {
public:
    AmdviProgram(sim::Calendar& calendar, std::span<const u8> input)
        : Program(input, {.read = {2, 0x3fff},
                          .written = {2, 0x3fff},
                          .second = host,
                          .streams = 4,
                          .stream_bytes = 2,
                          .pasids = 6,
                          .one_in_memory = 5,
                          .interrupts = interrupt_range,
                          .pcie_only = true}),
          machine_(calendar, unit()) {}

private:
    AmdviConfig unit();
    AmdviMachine& machine() override { return machine_; }
    void prepare() override;
    void write_some_register() override;
    void write_control() override;
    void acknowledge() override;
    u64 page_table_entry(bool in_host, Spa to) override {
        return in_host ? host_entry(to, static_cast<u8>(in_.below(8))).word(0) : guest_entry(to).word(0);
    }
    void write_configuration(unsigned table) override;
    void write_command() override;
    void settle() override;

    Dte device_entry();
    Command command();

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
    set_sizes(c.agent, tiny);
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
    const u64 all = Machine::ram.value();
    machine_.store(host + index_at(all, 4), host_entry(host + page_size, 3));
    machine_.store(host + page_size + index_at(all, 3), host_entry(host + 2 * page_size, 2));
    machine_.store(host + 2 * page_size + index_at(all, 2), host_entry(host + 3 * page_size, 1));
    for (unsigned i = 0; i < places + 16; ++i)
        machine_.store(host + 3 * page_size + i * 8, host_entry(Machine::ram + i * page_size));
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

void AmdviProgram::write_some_register() {
    static const std::vector<base::RegisterRow> rows = Registers::rows();
    const base::RegisterRow& row = in_.pick(rows);
    machine_.write_register(row.offset, row.width_bits / 8, contents(row));
}

void AmdviProgram::write_control() {
    constexpr u64 values[] = {
        0x1'f41d, 0x1'f41d, 0x1'f419, 0x1'd41d, 0x1'e41d, 0, 0x0680'0001'f49d /* automatic responses */, 0x1'f41c};
    machine_.write_register(Control::offset, 8, in_.rarely(6) ? in_.word() : in_.pick(values));
}

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

void AmdviProgram::write_configuration(unsigned table) {
    if (table == 0)
        machine_.store(gcr3 + in_.below(8) * 8, in_.rarely(3) ? in_.word(7) : guest.value() | in_.below(2));
    else
        machine_.store(device_table + in_.below(4) * Dte::byte_count, spoilt(device_entry()));
}

void AmdviProgram::settle() {
    in_.rarely(4) ? machine_.write_config(in_.byte() & 0x7c, static_cast<u32>(in_.word(4))) : machine_.settle();
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

} // namespace

Tally run_amdvi_program(sim::Calendar& calendar, std::span<const u8> input) {
    return AmdviProgram{calendar, input}.run();
}

} // namespace quiesce::fuzz
