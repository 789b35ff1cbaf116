// SPDX-License-Identifier: Apache-2.0
#include "fuzz/program.h"

#include <algorithm>

namespace quiesce::fuzz {

void Program::set_sizes(iommu::AgentConfig& c, bool tiny) {
    c.tlb_entries = c.config_entries = tiny ? 4 : 32;
    c.walker.cache_entries = c.walker.second_entries = tiny ? 4 : 16;
    c.walker.slots = tiny ? 1 : 4;
    c.replays = tiny ? 1 : 8;
}

Tally Program::run() {
    constexpr unsigned most_steps = 400;
    if (!in_.rarely(8)) prepare();
    for (unsigned i = 0; i < most_steps && !in_.empty(); ++i) step();
    machine().break_page(Spa{0});
    machine().wind_down();
    return machine().tally();
}

void Program::step() {
    switch (in_.below(24)) {
    case 0: return write_any_register();
    case 1: return write_some_register();
    case 2: return write_control();
    case 3: return acknowledge();
    case 4: return write_any_memory();
    case 5: return write_page_table();
    case 6: return write_configuration(0);
    case 7: return write_configuration(1);
    case 8:
    case 9:
    case 10: return write_command();
    case 11: return ask_for_page();
    case 12:
        return machine().read_register(in_.word(choices_.read.bytes) & choices_.read.mask,
                                       in_.flag() ? 4 : in_.byte() & 15);
    case 13:
        return machine().answer_invalidations(static_cast<iommu::AtcAnswer>(in_.below(3)),
                                              sim::Duration::ps(u64{in_.byte()} * 20'000));
    case 14: return machine().break_page(in_.flag() ? Spa{0} : place(in_.below(places)));
    case 15: return settle();
    case 16: return machine().pass(sim::Duration::ps(in_.word(2) * 100));
    default: return access();
    }
}

// ---- software -------------------------------------------------------------------------------------------------------

void Program::write_any_register() {
    const u64 offset = in_.word(choices_.written.bytes) & choices_.written.mask;
    machine().write_register(offset, in_.flag() ? 4 : in_.byte() & 15, in_.word());
}

u64 Program::contents(const base::RegisterRow& row) {
    u64 value = 0;
    for (const auto& f : row.fields) {
        const bool address = f.msb - f.lsb > 20;
        const u64 bits = address ? somewhere().value() >> f.lsb : in_.rarely(8) ? in_.word() : in_.byte();
        value |= (bits & base::low_bits(f.msb - f.lsb + 1)) << f.lsb;
    }
    return value;
}

void Program::write_any_memory() {
    const Spa at = somewhere().align_down(8) + (in_.byte() & 7) * 8;
    machine().store(at, in_.flag() ? in_.word() : machine().load(at) ^ u64{1} << (in_.byte() & 63));
}

void Program::write_page_table() {
    const Spa second = choices_.second;
    const Spa tables[] = {leaves,
                          leaves,
                          first,
                          first + page_size,
                          first + 2 * page_size,
                          second,
                          second + 2 * page_size,
                          second + 3 * page_size};
    const Spa table = in_.pick(tables);
    u64 entry = page_table_entry(table >= second, place(in_.below(64)));
    // Permissions, marks, execution, what only tables have.
    if (in_.flag()) entry ^= (in_.word(2) & 0x0fff) | in_.word(2) << 48;
    const unsigned index = in_.rarely(4) ? in_.byte() : in_.below(20);
    machine().store(table + index * 8, entry);
}

// ---- devices --------------------------------------------------------------------------------------------------------

StreamId Program::stream() {
    return StreamId{in_.rarely(16) ? static_cast<u32>(in_.word(choices_.stream_bytes)) : in_.below(choices_.streams)};
}
Pasid Program::pasid() {
    return Pasid{in_.rarely(16) ? static_cast<u32>(in_.word(3)) & 0xf'ffff : in_.below(choices_.pasids)};
}
Iova Program::address() {
    const u64 offset = in_.word(2);
    if (in_.rarely(16)) return Iova{in_.word()};
    if (choices_.interrupts && in_.rarely(24)) return *choices_.interrupts + offset * 16;
    if (in_.rarely(choices_.one_in_memory)) return Iova{Machine::ram.value() + offset};
    return mapped + (offset & 0x1'1fff);
}

void Program::access() {
    using iommu::AddressType;
    const u8 kind = in_.byte();
    iommu::TranslationRequest r{};
    r.stream = stream();
    r.has_pasid = (kind & 1) != 0;
    r.pasid = r.has_pasid ? pasid() : Pasid{0};
    r.bytes = 1 + (in_.byte() & 63);
    r.at = address();
    r.at = r.at.align_down(page_size) + std::min<u64>(r.at.value() & (page_size - 1), page_size - r.bytes);
    r.access = (kind & 2) != 0 ? iommu::Access::Write : iommu::Access::Read;
    const bool qualified = r.has_pasid || !choices_.pcie_only;
    r.privileged = qualified && (kind & 0xc) == 0xc;
    r.instruction = qualified && (kind & 0x30) == 0x30;
    constexpr AddressType types[] = {AddressType::Untranslated, AddressType::Untranslated,
                                     AddressType::TranslationRequest, AddressType::Translated};
    r.type = types[kind >> 6];
    r.no_write = (kind & 8) != 0;
    r.may_stall = !choices_.pcie_only && (kind & 0x10) != 0;
    machine().access(r);
}

void Program::ask_for_page() {
    const u8 kind = in_.byte();
    iommu::PageRequestMessage m;
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
    machine().page_request(m);
}

} // namespace quiesce::fuzz
