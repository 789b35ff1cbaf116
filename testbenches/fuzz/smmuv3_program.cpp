// SPDX-License-Identifier: Apache-2.0
#include "fuzz/smmuv3_program.h"

#include "fuzz/program.h"
#include "fuzz/smmuv3_machine.h"
#include "iommu/smmuv3/page_table.h"

#include <algorithm>

namespace quiesce::fuzz {
namespace {

using namespace iommu;
using namespace iommu::smmuv3;

constexpr Spa strtab = place(0), cds = place(2), cd_leaves = place(3), cmdq = place(4), evtq = place(6),
              priq = place(8), second = place(14);
constexpr unsigned streams_log2 = 5;

u64 leaf1(Spa to) {
    using D = LeafDescriptor;
    D d;
    d.set(D::Valid, true).set(D::Type, true).set(D::AP1, true).set(D::AF, true).set(D::nG, true).set(D::OA, to);
    return d.word(0);
}
u64 leaf2(Spa to, bool page) {
    using D = Stage2Descriptor;
    D d;
    d.set(D::Valid, true).set(D::Type, page).set(D::MemAttr, 0xf).set(D::S2APRead, true).set(D::S2APWrite, true);
    return d.set(D::AF, true).set(D::OA, to).word(0);
}
u64 table_at(Spa next) { return next.value() | 3; }

class Smmuv3Program final : public Program {
public:
    Smmuv3Program(sim::Calendar& calendar, std::span<const u8> input)
        : Program(input, {.read = {3, 0x1'ffff},
                          .written = {3, 0x3'ffff},
                          .second = second,
                          .streams = 8,
                          .stream_bytes = 4,
                          .pasids = 5,
                          .one_in_memory = 6,
                          .interrupts = {},
                          .pcie_only = false}),
          machine_(calendar, unit()) {}

private:
    Smmuv3Config unit();
    Smmuv3Machine& machine() override { return machine_; }
    void prepare() override;
    void write_some_register() override;
    void write_control() override;
    void acknowledge() override;
    u64 page_table_entry(bool in_second, Spa to) override {
        if (in_.rarely(3)) return table_at(to);
        return in_second ? leaf2(to, in_.flag()) : leaf1(to);
    }
    void write_configuration(unsigned table) override { table == 0 ? write_stream() : write_context(); }
    void write_command() override;

    void repair();
    void write_stream();
    void write_context();
    Ste stream_entry(StreamConfig config);
    Cd context_descriptor();
    Command command();

    Smmuv3Machine machine_;
    u32 prod_ = 0; ///< software's copy of CMDQ_PROD.WR
    static constexpr u32 cmdq_log2 = 4, evtq_log2 = 3, priq_log2 = 3;
};

/// Small caches and queues, so that they overflow.
Smmuv3Config Smmuv3Program::unit() {
    Smmuv3Config c;
    const u8 stages = in_.byte(), options = in_.byte(), sizes = in_.byte();
    c.stage1 = (stages & 3) != 1;
    c.stage2 = (stages & 3) != 0;
    c.vmid16 = (stages & 4) != 0;
    c.hypervisor = (stages & 8) != 0;
    c.hardware_update = (stages >> 4) % 3;
    c.stall_model = static_cast<StallModel>((stages >> 6) % 3);
    c.ats = (options & 1) == 0;
    c.pri = (options & 2) == 0;
    c.small_tables = (options & 4) != 0;
    c.granule_16k = c.granule_64k = (options & 8) != 0;
    c.permission_overrides = c.flat_permissions = c.stage2_execute_by_privilege = (options & 16) != 0;
    c.two_level_streams = c.two_level_contexts = (options & 32) == 0;
    c.vmid_wildcards = (options & 64) != 0;
    c.global_entries = (options & 128) == 0;
    c.ssid_bits = 6;
    c.sid_bits = 8;
    c.output_bits = (sizes & 1) != 0 ? 40 : 48;
    c.event_buffers = 1 + (sizes >> 1 & 3);
    c.page_request_buffers = 1 + (sizes >> 3 & 3);
    c.stall_max = 1 + (sizes >> 5 & 3);
    c.cmdq_log2 = 6;
    c.eventq_log2 = c.priq_log2 = 4;
    const bool tiny = (sizes & 128) != 0;
    set_sizes(c.agent, tiny);
    c.ecmdq_log2 = tiny ? 2 : 0;
    c.pmcg = c.event_merge = tiny;
    return c;
}

/// Eight streams of every kind, both stages' tables, the queues, everything enabled.
void Smmuv3Program::prepare() {
    constexpr StreamConfig kinds[] = {StreamConfig::Abort,  StreamConfig::Bypass, StreamConfig::Stage1,
                                      StreamConfig::Stage1, StreamConfig::Stage2, StreamConfig::Nested,
                                      StreamConfig::Nested, StreamConfig::Stage1};
    for (unsigned sid = 0; sid < std::size(kinds); ++sid) machine_.store(strtab + sid * 64, stream_entry(kinds[sid]));
    for (unsigned i = 0; i < 5; ++i) machine_.store(cds + i * 64, context_descriptor());
    machine_.store(first, table_at(first + page_size));
    machine_.store(first + page_size + (mapped.value() >> 30 & 511) * 8, table_at(first + 2 * page_size));
    machine_.store(first + 2 * page_size + (mapped.value() >> 21 & 511) * 8, table_at(leaves));
    for (unsigned i = 0; i < 16; ++i) machine_.store(leaves + i * 8, leaf1(data + i * page_size));
    // Stage 2 starts at level 1 and maps memory to itself, by a block or by pages.
    machine_.store(second + (Machine::ram.value() >> 30) * 8, table_at(second + 2 * page_size));
    machine_.store(second + 2 * page_size, in_.flag() ? leaf2(Machine::ram, false) : table_at(second + 3 * page_size));
    for (unsigned i = 0; i < places + 16; ++i)
        machine_.store(second + 3 * page_size + i * 8, leaf2(Machine::ram + i * page_size, true));
    machine_.write_register(StrtabBase::offset, 8, strtab.value());
    machine_.write_register(StrtabBaseCfg::offset, 4, streams_log2);
    machine_.write_register(CmdqBase::offset, 8, cmdq.value() | cmdq_log2);
    machine_.write_register(EventqBase::offset, 8, evtq.value() | evtq_log2);
    machine_.write_register(PriqBase::offset, 8, priq.value() | priq_log2);
    machine_.write_register(Cr2::offset, 4, in_.byte() & 0xf);
    machine_.write_register(IrqCtrl::offset, 4, in_.byte() & 7);
    machine_.settle();
    machine_.write_register(Cr0::offset, 4, 0xf | (in_.byte() & 0x10));
    machine_.settle();
}

void Smmuv3Program::write_some_register() {
    // Where a tiny unit has its four enhanced queues and its performance monitors.
    static const std::vector<base::RegisterRow> own = Registers::rows(), queue = EnhancedRegisters::rows(),
                                                monitors = PmcgRegisters::rows();
    u64 from = 0;
    const std::vector<base::RegisterRow>* rows = &own;
    if (in_.rarely(4)) {
        rows = in_.flag() ? &queue : &monitors;
        from = rows == &queue ? control_page_at + 0x4000 * in_.below(4) : control_page_at + register_page_bytes;
    }
    const base::RegisterRow& row = in_.pick(*rows);
    u64 value = row.fields.empty() ? in_.word() : 0;
    for (const auto& f : row.fields) {
        const u64 low = base::low_bits(f.msb - f.lsb + 1);
        u64 bits = in_.byte();
        if (f.name == "ADDR")
            bits = somewhere().value() >> f.lsb;
        else if (in_.rarely(8))
            bits = in_.word();
        value |= (bits & low) << f.lsb;
    }
    machine_.write_register(from + row.offset, row.width_bits / 8, value);
}

void Smmuv3Program::write_control() {
    constexpr u32 values[] = {0xf, 0x1f, 0xd, 0x9, 0xe, 0x0, 0x7, 0x1df};
    const u32 cr0 = in_.rarely(4) ? static_cast<u32>(in_.word(2)) : in_.pick(values);
    machine_.write_register(Cr0::offset, 4, cr0);
}

void Smmuv3Program::acknowledge() {
    const auto& regs = machine_.registers();
    switch (in_.below(4)) {
    case 0: return machine_.write_register(Gerrorn::offset, 4, regs.read<Gerror>().value());
    case 1: return machine_.write_register(EventqCons::offset, 4, regs.read<EventqProd>().value());
    case 2: return machine_.write_register(PriqCons::offset, 4, regs.read<PriqProd>().value());
    default: return repair();
    }
}

/// A command that the queue stopped at becomes a CMD_SYNC, then the error is acknowledged (4.1.1).
void Smmuv3Program::repair() {
    const auto& regs = machine_.registers();
    machine_.store(cmdq + base::WrapBit::index(regs.get(CmdqCons::RD), cmdq_log2) * command_bytes,
                   make_command<Sync>());
    machine_.write_register(Gerrorn::offset, 4, regs.read<Gerror>().value());
}

void Smmuv3Program::write_stream() {
    constexpr StreamConfig kinds[] = {StreamConfig::Abort, StreamConfig::Bypass, StreamConfig::Stage1,
                                      StreamConfig::Stage2, StreamConfig::Nested};
    const StreamConfig kind = in_.pick(kinds);
    const unsigned index = in_.below(8);
    machine_.store(strtab + index * 64, spoilt(stream_entry(kind)));
}
void Smmuv3Program::write_context() {
    const Spa table = in_.rarely(4) ? cd_leaves : cds;
    const unsigned index = in_.below(5);
    machine_.store(table + index * 64, spoilt(context_descriptor()));
}

Ste Smmuv3Program::stream_entry(StreamConfig config) {
    const u8 a = in_.byte(), b = in_.byte();
    const u64 idr0 = machine_.registers().read<Idr0>().value();
    const bool stalls = (idr0 >> 24 & 3) != 1;
    Ste s;
    s.set(Ste::V, true).set(Ste::Config, config).set(Ste::S1ContextPtr, cds).set(Ste::S1CDMax, (a & 1) != 0 ? 2 : 0);
    s.set(Ste::S1DSS, static_cast<NoSubstream>(a >> 1 & 3))
        .set(Ste::S1Fmt, static_cast<CdTable>((a & 0x38) == 0 ? 1 : 0));
    const StreamAts ats = static_cast<StreamAts>(a >> 6);
    const bool can_split = config == StreamConfig::Nested || (b & 0x30) == 0x30;
    s.set(Ste::EATS, ats == StreamAts::SplitStage && !can_split ? StreamAts::Full : ats)
        .set(Ste::S2VMID, Vmid{static_cast<u16>(b & 1)})
        .set(Ste::PPAR, (b & 2) != 0);
    s.set(Ste::S2T0SZ, 25).set(Ste::S2SL0, 1).set(Ste::S2PS, 5).set(Ste::S2AA64, true).set(Ste::S2TTB, second);
    s.set(Ste::S2PTW, (b & 4) != 0).set(Ste::S2R, (b & 8) == 0).set(Ste::S2AFFD, (b & 0x30) == 0x10);
    const u64 httu = idr0 >> 6 & 3;
    s.set(Ste::S2HA, (b & 0x40) != 0 && httu >= 1).set(Ste::S2HD, (b & 0x80) != 0 && httu >= 2);
    s.set(Ste::S2S, stalls && ((idr0 >> 24 & 3) == 2 || ((a >> 6) == 0 && (b & 0x30) == 0x20)));
    return s;
}

Cd Smmuv3Program::context_descriptor() {
    const u8 a = in_.byte(), b = in_.byte();
    const u64 idr0 = machine_.registers().read<Idr0>().value();
    Cd c;
    c.set(Cd::V, true).set(Cd::AA64, true).set(Cd::T0SZ, 16).set(Cd::EPD1, (a & 1) == 0).set(Cd::T1SZ, 16);
    c.set(Cd::TG1, Granule1::K4)
        .set(Cd::IPS, 5)
        .set(Cd::TTB0, first)
        .set(Cd::TTB1, first)
        .set(Cd::EPD0, (a & 0xe) == 0xe);
    c.set(Cd::R, (a & 0x10) == 0).set(Cd::A, (a & 0x20) == 0).set(Cd::AFFD, (a & 0xc0) == 0x40);
    const u64 stall = idr0 >> 24 & 3, httu = idr0 >> 6 & 3;
    c.set(Cd::S, stall == 2 || (stall == 0 && (b & 1) != 0));
    c.set(Cd::HA, (b & 2) != 0 && httu >= 1).set(Cd::HD, (b & 4) != 0 && httu >= 2);
    c.set(Cd::TBI0, (b & 0x18) == 0x18).set(Cd::WXN, (b & 0x20) != 0).set(Cd::PAN, (b & 0x40) != 0);
    return c.set(Cd::ASID, Asid{static_cast<u16>(in_.below(3))});
}

/// Operands that mean something, at the places that commands of all kinds share.
Command Smmuv3Program::command() {
    static const std::span<const CommandRow> rows = command_rows();
    const CommandRow& row = in_.pick(rows);
    u64 w0 = raw(row.op), w1 = 0;
    const unsigned kind = raw(row.op) >> 4;
    if (kind == 1 || kind == 2) {
        w0 |= u64{in_.below(2)} << 32 | u64{in_.below(3)} << 48;
        w1 = (in_.flag() ? address().value() : Machine::ram.value() + in_.below(64) * page_size) & ~u64{0xfff};
        if (in_.flag()) w0 |= u64{in_.below(32)} << 12 | u64{in_.below(20)} << 20, w1 |= u64{in_.byte()} << 8 & 0xf00;
        w1 |= in_.below(2);
    } else if (row.op == Opcode::SYNC) {
        w0 |= u64{in_.below(3)} << 12 | u64{in_.byte()} << 32;
        w1 = in_.flag() ? message.value() : 0;
    } else {
        w0 |= u64{raw(stream())} << 32 | u64{raw(pasid())} << 12 | u64{in_.below(2)} << 11;
        if (row.op == Opcode::RESUME)
            w0 = (w0 & ~u64{0xfff'f000}) | u64{in_.below(4)} << 12, w1 = in_.below(5);
        else if (row.op == Opcode::PRI_RESP)
            w1 = in_.below(8) | u64{in_.below(3)} << 12;
        else if (row.op == Opcode::ATC_INV)
            w1 = (address().value() & ~u64{0xfff}) | in_.below(53);
        else
            w1 = in_.below(32);
    }
    return spoilt(Command::from_words({w0 & row.operands[0], w1 & row.operands[1]}));
}

/// Up to three commands and a doorbell, which seldom goes too far; what stopped the queue is seldom left as it is.
void Smmuv3Program::write_command() {
    const auto& regs = machine_.registers();
    if (regs.get(Gerror::CMDQ_ERR) != regs.get(Gerrorn::CMDQ_ERR) && !in_.rarely(4)) repair();
    const bool careful = !in_.rarely(16);
    for (unsigned n = 1 + in_.below(3); n != 0; --n) {
        if (careful && base::RingIndices<base::WrapBit>{cmdq_log2, prod_, regs.get(CmdqCons::RD)}.full()) break;
        machine_.store(cmdq + base::WrapBit::index(prod_, cmdq_log2) * command_bytes, command());
        prod_ = base::WrapBit::next(prod_, cmdq_log2);
    }
    const u32 shown = in_.rarely(32) ? static_cast<u32>(in_.word(3)) : prod_;
    machine_.write_register(CmdqProd::offset, 4, shown);
}

} // namespace

Tally run_smmuv3_program(sim::Calendar& calendar, std::span<const u8> input) {
    return Smmuv3Program{calendar, input}.run();
}

} // namespace quiesce::fuzz
