// SPDX-License-Identifier: Apache-2.0
#include "fuzz/tlp_program.h"

#include "fuzz/bytes.h"
#include "iommu/smmuv3/page_table.h"

#include <algorithm>

namespace quiesce::fuzz {
namespace {

using namespace pcie;
namespace smmuv3 = iommu::smmuv3;
using iommu::AddressType;

/// Where software keeps its things: the first half of memory; the tables map the rest of it.
constexpr Spa place(unsigned page) { return TlpMachine::ram + page * page_size; }
constexpr Spa cds = place(0), cmdq = place(1), evtq = place(2), priq = place(3), root = place(4), leaves = place(7),
              strtab = place(64), data = place(128);
constexpr unsigned sid_log2 = 12, contexts_log2 = 2, cmdq_log2 = 4, evtq_log2 = 3, priq_log2 = 3;
constexpr unsigned mapped_pages = 16, most_steps = 400;
constexpr Iova mapped{0x12'3440'0000};
constexpr u32 most_bytes = 4096; ///< Length has 10 bits of double words

u64 table_at(Spa next) { return next.value() | 3; }
u64 leaf_at(Spa to, bool writable) {
    using D = smmuv3::LeafDescriptor;
    D d;
    d.set(D::Valid, true).set(D::Type, true).set(D::AP1, true).set(D::AP2, !writable).set(D::AF, true);
    return d.set(D::nG, true).set(D::OA, to).word(0);
}

class TlpProgram {
public:
    TlpProgram(sim::Calendar& calendar, std::span<const u8> input) : in_(input), machine_(calendar, setup()) {}
    TlpTally run() {
        if (machine_.iommu() != nullptr && !in_.rarely(8)) prepare();
        for (unsigned i = 0; i < most_steps && !in_.empty(); ++i) step();
        machine_.settle();
        return machine_.tally();
    }

private:
    TlpSetup setup();
    CreditConfig credits(u32 mps);
    LinkFaultConfig faults();
    void prepare();
    smmuv3::Ste stream_entry();
    void step();
    void packet();
    void message();
    void registers();
    void configuration();
    void write_bridge();
    void links();
    void software();
    void command();
    void spoil_tables();

    Tlp made(TlpKind kind);
    u64 address();
    u32 length();
    unsigned function() { return in_.below(TlpMachine::functions); }
    Pasid pasid() { return Pasid{in_.rarely(16) ? static_cast<u32>(in_.word(3)) & 0xf'ffff : 1 + in_.below(4)}; }
    StreamId stream() { return StreamId{raw(machine_.requester(function()))}; }
    sim::Duration time() { return sim::Duration::ps(static_cast<i64>(in_.word(2)) * 500); }

    Bytes in_;
    TlpMachine machine_;
    u32 prod_ = 0; ///< software's copy of CMDQ_PROD.WR
};

// ---- what there is --------------------------------------------------------------------------------------------------

/// 2.6.1: room for one packet of the largest size at least. Writes of functions may be larger than that size: where the
/// room is small, they are not made larger than it.
CreditConfig TlpProgram::credits(u32 mps) {
    constexpr unsigned headers[] = {1, 2, 8, 128, 0};
    CreditConfig c;
    const auto data = [&] { return in_.flag() ? 0 : std::max(mps, most_bytes) / bytes_per_data_credit + in_.below(3); };
    c.posted_headers = in_.pick(headers), c.posted_data = data();
    c.non_posted_headers = in_.pick(headers), c.non_posted_data = data();
    c.completion_headers = in_.pick(headers), c.completion_data = data();
    return c;
}

LinkFaultConfig TlpProgram::faults() {
    LinkFaultConfig f;
    if (!in_.rarely(2)) return f;
    constexpr const char* directions[] = {"both", "up", "down"};
    f.direction = std::string{in_.pick(directions)};
    const auto every = [&] { return in_.rarely(4) ? u64{1} + in_.below(16) : u64{0}; };
    f.corrupt_every = every(), f.delay_every = every(), f.reorder_every = every(), f.drop_every = every();
    f.malformed_every = every(), f.poison_every = every(), f.unsupported_every = every(), f.abort_every = every();
    f.delay = base::Latency{time()}, f.reorder_for = base::Latency{time()};
    if (in_.rarely(4)) f.down_at = base::Latency{time()}, f.down_for = base::Latency{time()};
    return f;
}

TlpSetup TlpProgram::setup() {
    TlpSetup s;
    const u8 a = in_.byte(), b = in_.byte();
    s.with_iommu = (a & 3) != 0;
    s.iommu.sid_bits = sid_log2, s.iommu.ssid_bits = 6, s.iommu.stall_model = smmuv3::StallModel::NoStall;
    s.iommu.event_buffers = s.iommu.page_request_buffers = 1 + (a >> 2 & 3);
    s.iommu.agent.tlb_entries = s.iommu.agent.config_entries = (a & 16) != 0 ? 4 : 32;
    s.iommu.agent.walker.slots = (a & 32) != 0 ? 1 : 4;
    s.root_complex.atomics = (a & 64) != 0;
    s.root_complex.invalidate_timeout = base::Latency{sim::Duration::ps(50'000'000)};
    s.root_complex.completion_timeout = s.endpoint.completion_timeout = base::Latency{sim::Duration::ps(50'000'000)};
    s.link.mps = 128u << (b & 3), s.link.rcb = (b & 4) != 0 ? 64u : 128u, s.link.split_at_rcb = (b & 8) != 0;
    s.link.lanes = 1u << (b >> 4 & 3), s.link.ecrc = (b & 64) != 0;
    if (in_.rarely(4)) s.link.credit_update = base::Latency{};
    s.link.root_port = credits(s.link.mps), s.link.endpoint = credits(s.link.mps);
    s.fabric.link.mps = s.link.mps.get();
    s.fabric.link.root_port = credits(s.link.mps), s.fabric.link.endpoint = credits(s.link.mps);
    s.fabric.cut_through = (b & 128) == 0, s.fabric.acs = (a & 128) == 0;
    s.fabric.faults = faults();
    constexpr unsigned tags[] = {1, 4, 64, 1024};
    s.endpoint.tags = in_.pick(tags);
    s.endpoint.faults = faults();
    if (in_.rarely(4)) s.endpoint.read_interval = s.endpoint.write_interval = base::Latency{time()};
    if (in_.rarely(4)) s.endpoint.copy = base::Bandwidth::bits_per_second(10'000'000'000);
    return s;
}

smmuv3::Ste TlpProgram::stream_entry() {
    using namespace smmuv3;
    constexpr StreamConfig kinds[] = {StreamConfig::Stage1, StreamConfig::Stage1, StreamConfig::Bypass,
                                      StreamConfig::Stage1};
    const u8 a = in_.byte();
    if (a == 0) return {}; // not valid
    Ste s;
    s.set(Ste::V, true).set(Ste::Config, kinds[a & 3]).set(Ste::S1ContextPtr, cds).set(Ste::S1CDMax, contexts_log2);
    s.set(Ste::S1DSS, static_cast<NoSubstream>((a >> 2) % 3));
    return s.set(Ste::EATS, (a & 0x30) == 0 ? StreamAts::Off : StreamAts::Full);
}

void TlpProgram::prepare() {
    using namespace smmuv3;
    for (unsigned n = 0; n < TlpMachine::functions; ++n)
        machine_.store(strtab + raw(machine_.requester(n)) * 64, stream_entry());
    Cd cd;
    cd.set(Cd::V, true).set(Cd::AA64, true).set(Cd::T0SZ, 16).set(Cd::EPD1, true).set(Cd::T1SZ, 16).set(Cd::IPS, 5);
    cd.set(Cd::TG1, Granule1::K4).set(Cd::TTB0, root).set(Cd::R, true).set(Cd::A, true);
    for (unsigned n = 0; n < 1u << contexts_log2; ++n)
        machine_.store(cds + n * 64, cd.set(Cd::ASID, Asid{static_cast<u16>(n)}));
    machine_.store(root, table_at(root + page_size));
    machine_.store(root + page_size + (mapped.value() >> 30 & 511) * 8, table_at(root + 2 * page_size));
    machine_.store(root + 2 * page_size + (mapped.value() >> 21 & 511) * 8, table_at(leaves));
    for (unsigned n = 0; n < mapped_pages; ++n) machine_.store(leaves + n * 8, leaf_at(data + n * page_size, n != 3));
    machine_.iommu_write(StrtabBase::offset, 8, strtab.value());
    machine_.iommu_write(StrtabBaseCfg::offset, 4, sid_log2);
    machine_.iommu_write(CmdqBase::offset, 8, cmdq.value() | cmdq_log2);
    machine_.iommu_write(EventqBase::offset, 8, evtq.value() | evtq_log2);
    machine_.iommu_write(PriqBase::offset, 8, priq.value() | priq_log2);
    machine_.settle();
    machine_.iommu_write(Cr0::offset, 4, 0x1f);
    machine_.settle();
}

void TlpProgram::step() {
    switch (in_.below(20)) {
    case 0:
    case 1: return message();
    case 2:
    case 3: return registers();
    case 4: return configuration();
    case 5: return write_bridge();
    case 6: return links();
    case 7:
    case 8: return software();
    case 9: return spoil_tables();
    case 10: return machine_.answer_invalidations(function(), static_cast<TlpMachine::Answers>(in_.below(6)));
    case 11: return in_.rarely(3) ? machine_.settle() : machine_.pass(time());
    default: return packet();
    }
}

// ---- functions ------------------------------------------------------------------------------------------------------

u64 TlpProgram::address() {
    switch (in_.below(12)) {
    case 0: return in_.word();
    case 1: return ~u64{0} - in_.word(2);
    case 2: return TlpMachine::bars + function() * 0x10'0000 + in_.word(2);
    case 3: return TlpMachine::messages.value() + (in_.word(2) & 0xfff);
    case 4: return TlpMachine::ram.value() + (in_.word(3) & 0x1f'ffff);
    case 5: return mapped.value() + (in_.word(3) & 0x1'1fff);
    default: return (machine_.iommu() != nullptr ? mapped.value() : data.value()) + (in_.word(2) & 0xff00);
    }
}

u32 TlpProgram::length() {
    constexpr u32 usual[] = {0, 1, 3, 4, 8, 16, 32, 64, 128, 256, 512, 4096};
    return in_.rarely(8) ? static_cast<u32>(in_.word(2)) % (most_bytes + 1) : in_.pick(usual);
}

Tlp TlpProgram::made(TlpKind kind) {
    const unsigned n = function();
    const u8 a = in_.byte();
    Tlp t;
    t.kind = kind;
    t.device = DeviceId{static_cast<u16>(n)};
    t.requester = in_.rarely(8) ? static_cast<RequesterId>(in_.word(2)) : machine_.requester(n);
    t.has_pasid = (a & 1) != 0;
    if (t.has_pasid) t.pasid = pasid();
    t.privileged = (a & 6) == 6, t.execute = (a & 0x18) == 0x18, t.no_write = (a & 0x20) != 0;
    constexpr AddressType types[] = {AddressType::Untranslated, AddressType::Untranslated, AddressType::Untranslated,
                                     AddressType::Untranslated, AddressType::TranslationRequest,
                                     AddressType::Translated};
    t.at = in_.pick(types);
    const u8 b = in_.byte();
    t.attributes = {.id_based = (b & 1) != 0, .relaxed = (b & 2) != 0, .no_snoop = (b & 4) != 0};
    t.address = address();
    t.length = length();
    t.aimed_at = Iova{t.address};
    return t;
}

void TlpProgram::packet() {
    switch (in_.below(6)) {
    case 0:
    case 1: {
        Tlp t = made(TlpKind::MemoryRead);
        if (t.at == AddressType::TranslationRequest) return machine_.translate(raw(t.device), t);
        for (unsigned n = 1 + in_.below(8); n != 0; --n, t.address += t.length) machine_.read(raw(t.device), t);
        return;
    }
    case 2: {
        constexpr TlpKind kinds[] = {TlpKind::FetchAdd, TlpKind::Swap, TlpKind::CompareSwap};
        Tlp t = made(in_.pick(kinds));
        t.length = std::min(t.length, most_bytes / 2); // of a compare-and-swap's two operands
        if (in_.flag()) t.length = 4u << in_.below(3), t.address &= ~u64{15};
        return machine_.atomic(raw(t.device), t, Operands::of(in_.word(), in_.word()));
    }
    default: {
        Tlp t = made(TlpKind::MemoryWrite);
        for (unsigned n = 1 + in_.below(8); n != 0; --n, t.address += t.length) machine_.write(raw(t.device), t);
    }
    }
}

/// Messages of functions: Invalidate Completions of any vector and count, Page Requests of any group, Stop Markers.
void TlpProgram::message() {
    Tlp t = made(TlpKind::Message);
    const unsigned n = raw(t.device);
    t.length = 0;
    if (in_.rarely(4))
        return machine_.complete_invalidation(n, t, InvalidateCompletion::from_words({in_.word()}));
    PageRequestHeader h;
    if (in_.flag())
        h = PageRequestHeader::from_words({in_.word()});
    else
        h.set(PageRequestHeader::Address, mapped.value() >> page_shift).set(PageRequestHeader::L, in_.flag())
            .set(PageRequestHeader::R, in_.flag()).set(PageRequestHeader::Group, in_.below(4));
    machine_.request_page(n, t, h);
}

// ---- CPUs -----------------------------------------------------------------------------------------------------------

void TlpProgram::registers() {
    const unsigned n = function();
    const u64 offset = in_.rarely(8) ? in_.word() : in_.word(2);
    const unsigned bytes = in_.rarely(4) ? in_.byte() : in_.flag() ? 4 : 8;
    switch (in_.below(4)) {
    case 0: return machine_.register_write(n, offset, bytes, in_.word());
    case 1: return machine_.register_read(n, offset, bytes);
    default: return machine_.line(n, offset & ~u64{63}, in_.flag());
    }
}

/// Any register of any function, or of a port of a switch: buses 0 to 15.
void TlpProgram::configuration() {
    const u64 bus = in_.below(16), device = in_.rarely(4) ? in_.below(32) : in_.below(3), function = in_.rarely(16);
    const u64 at = in_.flag() ? in_.word(2) & 0xfff : in_.below(256);
    const u64 offset = bus << 20 | device << 15 | function << 12 | at;
    const unsigned bytes = in_.rarely(8) ? in_.byte() & 15 : 1u << in_.below(3);
    if (in_.flag()) return machine_.config_read(offset, bytes);
    machine_.config_write(offset, bytes, in_.word(4));
}

/// Registers by which switches route: Command, bus numbers and the memory window; and a function-level reset.
void TlpProgram::write_bridge() {
    constexpr u64 header[] = {cfg::Command::offset, cfg::SecondaryBus::offset, cfg::SubordinateBus::offset,
                              cfg::MemoryBase::offset, cfg::MemoryLimit::offset, 0x40 + cfg::DevCtl::offset};
    const u64 bus = 1 + in_.below(9), device = in_.below(3);
    const u64 at = in_.pick(header);
    const bool one = at == cfg::SecondaryBus::offset || at == cfg::SubordinateBus::offset;
    u64 value = in_.word(2);
    if (one) value &= 15;
    else if (at == cfg::Command::offset) value = 6 | (value & 1);
    else if (at < 0x40) value = (TlpMachine::bars >> 16) + (value & 0x7f);
    machine_.config_write(bus << 20 | device << 15 | at, one ? 1 : 2, value);
}

void TlpProgram::links() {
    const bool up = !in_.rarely(6);
    if (in_.rarely(8)) return machine_.set_switch(in_.below(2), up);
    machine_.set_link(function(), up);
}

// ---- the IOMMU ------------------------------------------------------------------------------------------------------

void TlpProgram::software() {
    switch (in_.below(4)) {
    case 0: {
        iommu::AtcInvalidation i;
        i.stream = in_.rarely(8) ? StreamId{static_cast<u32>(in_.word(4))} : stream();
        i.has_pasid = in_.flag(), i.pasid = i.has_pasid ? pasid() : Pasid{0};
        i.global = in_.rarely(8), i.everything = in_.rarely(4);
        i.range.bytes = page_size << in_.below(52);
        i.range.first = Iova{in_.rarely(8) ? in_.word() : mapped.value()}.align_down(i.range.bytes);
        return machine_.invalidate(i);
    }
    case 1: {
        iommu::PageGroupResponse r;
        r.stream = in_.rarely(8) ? StreamId{static_cast<u32>(in_.word(4))} : stream();
        r.has_pasid = in_.flag(), r.pasid = r.has_pasid ? pasid() : Pasid{0};
        r.group = static_cast<u16>(in_.word(2) & 511);
        constexpr iommu::PageResponseCode codes[] = {iommu::PageResponseCode::Success,
                                                     iommu::PageResponseCode::InvalidRequest,
                                                     iommu::PageResponseCode::Failure};
        r.code = in_.pick(codes);
        return machine_.respond(r);
    }
    default: return command();
    }
}

/// Commands that reach functions, and what a driver does when a queue has filled up or an error has come.
void TlpProgram::command() {
    using namespace smmuv3;
    if (machine_.iommu() == nullptr) return;
    const auto& regs = machine_.iommu()->registers();
    if (regs.get(Gerror::CMDQ_ERR) != regs.get(Gerrorn::CMDQ_ERR)) {
        machine_.store(cmdq + base::WrapBit::index(regs.get(CmdqCons::RD), cmdq_log2) * command_bytes,
                       make_command<Sync>());
        machine_.iommu_write(Gerrorn::offset, 4, regs.read<Gerror>().value());
    }
    if (in_.flag()) machine_.iommu_write(PriqCons::offset, 4, regs.read<PriqProd>().value());
    if (in_.flag()) machine_.iommu_write(EventqCons::offset, 4, regs.read<EventqProd>().value());
    if (base::RingIndices<base::WrapBit>{cmdq_log2, prod_, regs.get(CmdqCons::RD)}.full()) return;
    const Spa slot = cmdq + base::WrapBit::index(prod_, cmdq_log2) * command_bytes;
    switch (in_.below(4)) {
    case 0: machine_.store(slot, make_command<TlbiNsnhAll>()); break;
    case 1: machine_.store(slot, make_command<Sync>()); break;
    case 2: {
        auto c = make_command<PriResp>();
        c.set(PriResp::SID, stream()).set(PriResp::PRGIndex, in_.below(4));
        machine_.store(slot, c.set(PriResp::Resp, static_cast<PageResponse>(in_.below(3))));
        break;
    }
    default: {
        auto c = make_command<AtcInv>();
        c.set(AtcInv::SID, stream()).set(AtcInv::SSV, in_.flag()).set(AtcInv::SSID, pasid());
        machine_.store(slot, c.set(AtcInv::Addr, mapped).set(AtcInv::Size, in_.below(53)));
    }
    }
    prod_ = base::WrapBit::next(prod_, cmdq_log2);
    machine_.iommu_write(CmdqProd::offset, 4, prod_);
}

void TlpProgram::spoil_tables() {
    const Spa tables[] = {cds, root, root + page_size, root + 2 * page_size, leaves,
                          strtab + raw(machine_.requester(function())) * 64};
    const Spa at = in_.pick(tables) + in_.below(32) * 8;
    machine_.store(at, machine_.load(at) ^ u64{1} << (in_.byte() & 63));
}

} // namespace

TlpTally run_tlp_program(sim::Calendar& calendar, std::span<const u8> input) {
    return TlpProgram{calendar, input}.run();
}

} // namespace quiesce::fuzz
