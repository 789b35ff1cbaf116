// SPDX-License-Identifier: Apache-2.0
#include "fuzz/smmuv3_program.h"

#include "fuzz/bytes.h"
#include "iommu/smmuv3/page_table.h"

#include <algorithm>

namespace quiesce::fuzz {
namespace {

using namespace iommu;
using namespace iommu::smmuv3;

/// Where software keeps its things: pages of the first 128 KiB of memory. Both stages map the rest of it.
constexpr Spa place(unsigned page) { return Machine::ram + page * page_size; }
constexpr Spa strtab = place(0), cds = place(2), cd_leaves = place(3), cmdq = place(4), evtq = place(6),
              priq = place(8), message = place(9), root1 = place(10), root2 = place(14), leaves = place(13),
              data = place(32);
constexpr unsigned places = 34, streams_log2 = 5, most_steps = 400;
/// What stage 1 maps: 512 pages from here on, to those from `data` on.
constexpr Iova mapped{0x12'3440'0000};

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

class Program {
public:
    Program(sim::Calendar& calendar, std::span<const u8> input) : in_(input), machine_(calendar, unit()) {}
    Tally run() {
        if (!in_.rarely(8)) prepare();
        for (unsigned i = 0; i < most_steps && !in_.empty(); ++i) step();
        machine_.break_page(Spa{0});
        machine_.wind_down();
        return machine_.tally();
    }

private:
    Smmuv3Config unit();
    void prepare();
    void step();

    void write_any_register();
    void write_some_register();
    void write_control();
    void acknowledge();
    void repair();
    void write_any_memory();
    void write_page_table();
    void write_stream();
    void write_context();
    void write_command();
    void access();
    void ask_for_page();

    Ste stream_entry(StreamConfig config);
    Cd context_descriptor();
    Command command();
    Spa somewhere() { return in_.rarely(16) ? Spa{in_.word()} : place(in_.below(places)) + (in_.byte() & 63) * 64; }
    StreamId stream() { return StreamId{in_.rarely(16) ? static_cast<u32>(in_.word(4)) : in_.below(8)}; }
    Pasid pasid() { return Pasid{in_.rarely(16) ? static_cast<u32>(in_.word(3)) & 0xf'ffff : in_.below(5)}; }
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
    Machine machine_;
    u32 prod_ = 0; ///< software's copy of CMDQ_PROD.WR
    static constexpr u32 cmdq_log2 = 4, evtq_log2 = 3, priq_log2 = 3;
};

/// Small caches and queues, so that they overflow.
Smmuv3Config Program::unit() {
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
    c.agent.tlb_entries = c.agent.config_entries = tiny ? 4 : 32;
    c.agent.walker.cache_entries = c.agent.walker.second_entries = tiny ? 4 : 16;
    c.agent.walker.slots = tiny ? 1 : 4;
    c.agent.replays = tiny ? 1 : 8;
    c.ecmdq_log2 = tiny ? 2 : 0;
    c.pmcg = c.event_merge = tiny;
    return c;
}

/// Eight streams of every kind, both stages' tables, the queues, everything enabled.
void Program::prepare() {
    constexpr StreamConfig kinds[] = {StreamConfig::Abort,  StreamConfig::Bypass, StreamConfig::Stage1,
                                      StreamConfig::Stage1, StreamConfig::Stage2, StreamConfig::Nested,
                                      StreamConfig::Nested, StreamConfig::Stage1};
    for (unsigned sid = 0; sid < std::size(kinds); ++sid) machine_.store(strtab + sid * 64, stream_entry(kinds[sid]));
    for (unsigned i = 0; i < 5; ++i) machine_.store(cds + i * 64, context_descriptor());
    machine_.store(root1, table_at(root1 + page_size));
    machine_.store(root1 + page_size + (mapped.value() >> 30 & 511) * 8, table_at(root1 + 2 * page_size));
    machine_.store(root1 + 2 * page_size + (mapped.value() >> 21 & 511) * 8, table_at(leaves));
    for (unsigned i = 0; i < 16; ++i) machine_.store(leaves + i * 8, leaf1(data + i * page_size));
    // Stage 2 starts at level 1 and maps memory to itself, by a block or by pages.
    machine_.store(root2 + (Machine::ram.value() >> 30) * 8, table_at(root2 + 2 * page_size));
    machine_.store(root2 + 2 * page_size, in_.flag() ? leaf2(Machine::ram, false) : table_at(root2 + 3 * page_size));
    for (unsigned i = 0; i < places + 16; ++i)
        machine_.store(root2 + 3 * page_size + i * 8, leaf2(Machine::ram + i * page_size, true));
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

void Program::step() {
    switch (in_.below(24)) {
    case 0: return write_any_register();
    case 1: return write_some_register();
    case 2: return write_control();
    case 3: return acknowledge();
    case 4: return write_any_memory();
    case 5: return write_page_table();
    case 6: return write_stream();
    case 7: return write_context();
    case 8:
    case 9:
    case 10: return write_command();
    case 11: return ask_for_page();
    case 12: return machine_.read_register(in_.word(3) & 0x1'ffff, in_.flag() ? 4 : in_.byte() & 15);
    case 13:
        return machine_.answer_invalidations(static_cast<AtcAnswer>(in_.below(3)),
                                             sim::Duration::ps(u64{in_.byte()} * 20'000));
    case 14: return machine_.break_page(in_.flag() ? Spa{0} : place(in_.below(places)));
    case 15: return machine_.settle();
    case 16: return machine_.pass(sim::Duration::ps(in_.word(2) * 100));
    default: return access();
    }
}

// ---- software -------------------------------------------------------------------------------------------------------

void Program::write_any_register() {
    const u64 offset = in_.word(3) & 0x3'ffff;
    machine_.write_register(offset, in_.flag() ? 4 : in_.byte() & 15, in_.word());
}

void Program::write_some_register() {
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

/// Off, on, and everything between.
void Program::write_control() {
    constexpr u32 values[] = {0xf, 0x1f, 0xd, 0x9, 0xe, 0x0, 0x7, 0x1df};
    const u32 cr0 = in_.rarely(4) ? static_cast<u32>(in_.word(2)) : in_.pick(values);
    machine_.write_register(Cr0::offset, 4, cr0);
}

/// What a driver does after an interrupt.
void Program::acknowledge() {
    const auto& regs = machine_.registers();
    switch (in_.below(4)) {
    case 0: return machine_.write_register(Gerrorn::offset, 4, regs.read<Gerror>().value());
    case 1: return machine_.write_register(EventqCons::offset, 4, regs.read<EventqProd>().value());
    case 2: return machine_.write_register(PriqCons::offset, 4, regs.read<PriqProd>().value());
    default: return repair();
    }
}

/// A command that the queue stopped at becomes a CMD_SYNC, then the error is acknowledged (4.1.1).
void Program::repair() {
    const auto& regs = machine_.registers();
    machine_.store(cmdq + base::WrapBit::index(regs.get(CmdqCons::RD), cmdq_log2) * command_bytes,
                   make_command<Sync>());
    machine_.write_register(Gerrorn::offset, 4, regs.read<Gerror>().value());
}

void Program::write_any_memory() {
    const Spa at = somewhere().align_down(8) + (in_.byte() & 7) * 8;
    machine_.store(at, in_.flag() ? in_.word() : machine_.load(at) ^ u64{1} << (in_.byte() & 63));
}

void Program::write_page_table() {
    constexpr Spa tables[] = {leaves,
                              leaves,
                              root1,
                              root1 + page_size,
                              root1 + 2 * page_size,
                              root2,
                              root2 + 2 * page_size,
                              root2 + 3 * page_size};
    const Spa table = in_.pick(tables);
    const bool second = table >= root2;
    u64 entry = 0;
    const Spa to = place(in_.below(64));
    if (in_.rarely(3))
        entry = table_at(to);
    else
        entry = second ? leaf2(to, in_.flag()) : leaf1(to);
    // Permissions, access flags, DBM, execution, contiguous, table permissions.
    if (in_.flag()) entry ^= (in_.word(2) & 0x0fff) | in_.word(2) << 48;
    const unsigned index = in_.rarely(4) ? in_.byte() : in_.below(20);
    machine_.store(table + index * 8, entry);
}

void Program::write_stream() {
    constexpr StreamConfig kinds[] = {StreamConfig::Abort, StreamConfig::Bypass, StreamConfig::Stage1,
                                      StreamConfig::Stage2, StreamConfig::Nested};
    const StreamConfig kind = in_.pick(kinds);
    const unsigned index = in_.below(8);
    machine_.store(strtab + index * 64, spoilt(stream_entry(kind)));
}
void Program::write_context() {
    const Spa table = in_.rarely(4) ? cd_leaves : cds;
    const unsigned index = in_.below(5);
    machine_.store(table + index * 64, spoilt(context_descriptor()));
}

Ste Program::stream_entry(StreamConfig config) {
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
    s.set(Ste::S2T0SZ, 25).set(Ste::S2SL0, 1).set(Ste::S2PS, 5).set(Ste::S2AA64, true).set(Ste::S2TTB, root2);
    s.set(Ste::S2PTW, (b & 4) != 0).set(Ste::S2R, (b & 8) == 0).set(Ste::S2AFFD, (b & 0x30) == 0x10);
    const u64 httu = idr0 >> 6 & 3;
    s.set(Ste::S2HA, (b & 0x40) != 0 && httu >= 1).set(Ste::S2HD, (b & 0x80) != 0 && httu >= 2);
    s.set(Ste::S2S, stalls && ((idr0 >> 24 & 3) == 2 || ((a >> 6) == 0 && (b & 0x30) == 0x20)));
    return s;
}

Cd Program::context_descriptor() {
    const u8 a = in_.byte(), b = in_.byte();
    const u64 idr0 = machine_.registers().read<Idr0>().value();
    Cd c;
    c.set(Cd::V, true).set(Cd::AA64, true).set(Cd::T0SZ, 16).set(Cd::EPD1, (a & 1) == 0).set(Cd::T1SZ, 16);
    c.set(Cd::TG1, Granule1::K4)
        .set(Cd::IPS, 5)
        .set(Cd::TTB0, root1)
        .set(Cd::TTB1, root1)
        .set(Cd::EPD0, (a & 0xe) == 0xe);
    c.set(Cd::R, (a & 0x10) == 0).set(Cd::A, (a & 0x20) == 0).set(Cd::AFFD, (a & 0xc0) == 0x40);
    const u64 stall = idr0 >> 24 & 3, httu = idr0 >> 6 & 3;
    c.set(Cd::S, stall == 2 || (stall == 0 && (b & 1) != 0));
    c.set(Cd::HA, (b & 2) != 0 && httu >= 1).set(Cd::HD, (b & 4) != 0 && httu >= 2);
    c.set(Cd::TBI0, (b & 0x18) == 0x18).set(Cd::WXN, (b & 0x20) != 0).set(Cd::PAN, (b & 0x40) != 0);
    return c.set(Cd::ASID, Asid{static_cast<u16>(in_.below(3))});
}

Iova Program::address() {
    const u64 offset = in_.word(2);
    if (in_.rarely(16)) return Iova{in_.word()};
    if (in_.rarely(6)) return Iova{Machine::ram.value() + offset};
    return mapped + (offset & 0x1'1fff);
}

/// Operands that mean something, at the places that commands of all kinds share.
Command Program::command() {
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
void Program::write_command() {
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

// ---- devices --------------------------------------------------------------------------------------------------------

void Program::access() {
    const u8 kind = in_.byte();
    TranslationRequest r{};
    r.stream = stream();
    r.has_pasid = (kind & 1) != 0;
    r.pasid = r.has_pasid ? pasid() : Pasid{0};
    r.bytes = 1 + (in_.byte() & 63);
    r.at = address();
    r.at = r.at.align_down(page_size) + std::min<u64>(r.at.value() & (page_size - 1), page_size - r.bytes);
    r.access = (kind & 2) != 0 ? iommu::Access::Write : iommu::Access::Read;
    r.privileged = (kind & 0xc) == 0xc;
    r.instruction = (kind & 0x30) == 0x30;
    constexpr AddressType types[] = {AddressType::Untranslated, AddressType::Untranslated,
                                     AddressType::TranslationRequest, AddressType::Translated};
    r.type = types[kind >> 6];
    r.no_write = (kind & 8) != 0;
    r.may_stall = (kind & 0x10) != 0;
    machine_.access(r);
}

void Program::ask_for_page() {
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

Tally run_smmuv3_program(sim::Calendar& calendar, std::span<const u8> input) { return Program{calendar, input}.run(); }

} // namespace quiesce::fuzz
