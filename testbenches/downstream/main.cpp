// SPDX-License-Identifier: Apache-2.0
/// Somebody else's SystemC platform with our SMMUv3 in it: their memory, their device and their host are plain TLM-2.0
/// modules, everything is programmed in bytes, and the program ends with 0 if a context descriptor that was made quiet
/// stops the device once CMD_SYNC has completed, and not before the command was given.
#include "iommu/smmuv3/unit.h"
#include "memory/tlm_bridge.h"
#include "pcie/tlm_target.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

using namespace quiesce;
namespace smmu = quiesce::iommu::smmuv3;

namespace {

constexpr StreamId stream{3};
constexpr Pasid pasid{5};
constexpr u64 stream_table = 0x10000, contexts = 0x20000, commands = 0x30000, tables = 0x40000, page = 0x80000;
constexpr u64 address = 0x7f12'3456'7000; // what the process, and so the device, calls `page`

void expect(bool held, const char* what) {
    std::printf("%s: %s at %s\n", held ? "ok" : "FAILED", what, sc_core::sc_time_stamp().to_string().c_str());
    if (!held) std::exit(1);
}

/// Their memory: 1 MiB, 80 ns.
struct Ram : sc_core::sc_module {
    tlm_utils::simple_target_socket<Ram> socket{"socket"};
    std::vector<unsigned char> bytes = std::vector<unsigned char>(1 << 20);
    explicit Ram(sc_core::sc_module_name name) : sc_module(name) { socket.register_b_transport(this, &Ram::b_transport); }
    void b_transport(tlm::tlm_generic_payload& p, sc_core::sc_time& delay) {
        if (p.get_address() + p.get_data_length() > bytes.size()) return p.set_response_status(tlm::TLM_ADDRESS_ERROR_RESPONSE);
        unsigned char* at = bytes.data() + p.get_address();
        if (p.is_write()) std::memcpy(at, p.get_data_ptr(), p.get_data_length());
        else std::memcpy(p.get_data_ptr(), at, p.get_data_length());
        delay += sc_core::sc_time(80, sc_core::SC_NS);
        p.set_response_status(tlm::TLM_OK_RESPONSE);
    }
    void store(u64 at, const auto& structure) {
        const auto raw = structure.to_bytes();
        std::memcpy(bytes.data() + at, raw.data(), raw.size());
    }
};

/// Their host and device: a thread that programs the SMMU's registers and lets a device do DMA with a PASID.
struct Host : sc_core::sc_module {
    SC_HAS_PROCESS(Host);
    tlm_utils::simple_initiator_socket<Host> registers{"registers"}, dma{"dma"};
    Ram& ram;
    u32 produced = 0;
    Host(sc_core::sc_module_name name, Ram& r) : sc_module(name), ram(r) { SC_THREAD(run); }

    tlm::tlm_response_status call(auto& socket, tlm::tlm_command command, u64 at, void* data, unsigned size, bool with_pasid) {
        tlm::tlm_generic_payload p;
        pcie::TlpExtension prefix;
        prefix.has_pasid = true;
        prefix.pasid = pasid;
        p.set_command(command);
        p.set_address(at);
        p.set_data_ptr(static_cast<unsigned char*>(data));
        p.set_data_length(size);
        p.set_streaming_width(size);
        if (with_pasid) p.set_extension(&prefix);
        sc_core::sc_time delay = sc_core::SC_ZERO_TIME;
        socket->b_transport(p, delay);
        wait(delay);
        p.clear_extension(&prefix);
        return p.get_response_status();
    }
    template <class R> void write(R r) {
        auto value = r.value();
        expect(call(registers, tlm::TLM_WRITE_COMMAND, R::offset, &value, sizeof value, false) == tlm::TLM_OK_RESPONSE, "register write");
    }
    template <class R> R read() {
        typename R::Value value = 0;
        call(registers, tlm::TLM_READ_COMMAND, R::offset, &value, sizeof value, false);
        return R::of(value);
    }
    tlm::tlm_response_status device_reads(u64 at, u32& value, bool with_pasid = true) {
        return call(dma, tlm::TLM_READ_COMMAND, at, &value, sizeof value, with_pasid);
    }
    void command(const auto& c) {
        ram.store(commands + 16 * produced++, c);
        write(smmu::CmdqProd::of(produced));
    }
    void write_tables() {
        using namespace smmu;
        ram.store(stream_table + 64 * raw(stream),
                  Ste{}.set(Ste::V, true).set(Ste::Config, StreamConfig::Stage1).set(Ste::S1ContextPtr, Spa{contexts}).set(Ste::S1CDMax, 4u));
        ram.store(contexts + 64 * raw(pasid), context());
        u64 table = tables;
        for (unsigned shift = 39; shift > 12; shift -= 9, table += 0x1000)
            ram.store(table + 8 * (address >> shift & 511),
                      TableDescriptor{}.set(TableDescriptor::Valid, true).set(TableDescriptor::Type, true).set(
                          TableDescriptor::NextTable, Spa{table + 0x1000}));
        ram.store(table + 8 * (address >> 12 & 511), LeafDescriptor{}.set(LeafDescriptor::Valid, true).set(LeafDescriptor::Type, true)
                      .set(LeafDescriptor::AF, true).set(LeafDescriptor::nG, true).set(LeafDescriptor::AP1, true).set(LeafDescriptor::OA, Spa{page}));
    }
    smmu::Cd context() const {
        using smmu::Cd;
        return Cd{}.set(Cd::V, true).set(Cd::AA64, true).set(Cd::T0SZ, 16u).set(Cd::EPD1, true).set(Cd::IPS, 5u).set(Cd::A, true)
            .set(Cd::R, true).set(Cd::ASID, Asid{7}).set(Cd::TTB0, Spa{tables});
    }
    void enable() {
        using namespace smmu;
        write(StrtabBase{}.set(StrtabBase::ADDR, Spa{stream_table}));
        write(StrtabBaseCfg{}.set(StrtabBaseCfg::LOG2SIZE, 4u));
        write(CmdqBase{}.set(CmdqBase::ADDR, Spa{commands}).set(CmdqBase::LOG2SIZE, 8u));
        write(Cr0{}.set(Cr0::SMMUEN, true).set(Cr0::CMDQEN, true));
        while (!read<Cr0Ack>().get(Cr0Ack::SMMUEN)) wait(100, sc_core::SC_NS);
    }
    void make_quiet() {
        using namespace smmu;
        ram.store(contexts + 64 * raw(pasid), context().set(Cd::EPD0, true).set(Cd::R, false).set(Cd::TTB0, Spa{0}));
        command(CfgiCd{}.set(CfgiCd::Op, Opcode::CFGI_CD).set(CfgiCd::SSID, pasid).set(CfgiCd::SID, stream).set(CfgiCd::Leaf, true));
        command(TlbiNhAsid{}.set(TlbiNhAsid::Op, Opcode::TLBI_NH_ASID).set(TlbiNhAsid::ASID, Asid{7}));
        command(Sync{}.set(Sync::Op, Opcode::SYNC));
        while (read<CmdqCons>().value() != produced) wait(50, sc_core::SC_NS);
    }

    void run() {
        write_tables();
        const u32 secret = 0x600dcafe;
        std::memcpy(ram.bytes.data() + page + 0x10, &secret, sizeof secret);
        enable();
        u32 seen = 0;
        const sc_core::sc_time begun = sc_core::sc_time_stamp();
        expect(device_reads(address + 0x10, seen) == tlm::TLM_OK_RESPONSE && seen == secret, "a read with the PASID reaches the page");
        const sc_core::sc_time first = sc_core::sc_time_stamp() - begun, middle = sc_core::sc_time_stamp();
        expect(device_reads(address + 0x10, seen) == tlm::TLM_OK_RESPONSE, "and again");
        expect(sc_core::sc_time_stamp() - middle < first, "from the TLB, in less time");
        expect(device_reads(address + 0x1000, seen) == tlm::TLM_ADDRESS_ERROR_RESPONSE, "the next page is not mapped");
        expect(device_reads(address + 0x10, seen, false) == tlm::TLM_ADDRESS_ERROR_RESPONSE, "without a PASID nothing is reached");
        make_quiet();
        expect(device_reads(address + 0x10, seen) == tlm::TLM_ADDRESS_ERROR_RESPONSE, "after the fence the device reaches nothing");
        std::puts("all held");
    }
};

} // namespace

int sc_main(int, char**) {
    sim::Calendar calendar{"calendar"};
    base::EventBus events{calendar.clock()};
    Ram ram{"ram"};
    memory::TlmMemoryPort to_ram{"to_ram"};
    smmu::Unit unit{base::Name{"smmu"}, events, to_ram, nullptr, smmu::Smmuv3Config{}};
    memory::TlmMmioTarget registers{"registers", unit};
    pcie::TlmDmaTarget inbound{"inbound", unit.translation(), to_ram, DeviceId{0}, stream};
    // Their own checkers would stand here too: every socket speaks the base protocol.
    sim::BaseProtocolChecker check_registers{"check_registers"}, check_dma{"check_dma"}, check_ram{"check_ram"};
    Host host{"host", ram};
    host.registers.bind(check_registers.from_initiator);
    check_registers.to_target.bind(registers.from_bus);
    host.dma.bind(check_dma.from_initiator);
    check_dma.to_target.bind(inbound.from_device);
    to_ram.to_memory.bind(check_ram.from_initiator);
    check_ram.to_target.bind(ram.socket);
    sc_core::sc_start();
    const bool clean = check_registers.broken() + check_dma.broken() + check_ram.broken() == 0;
    std::printf("%llu + %llu + %llu base-protocol calls, %s\n", static_cast<unsigned long long>(check_registers.transactions()),
                static_cast<unsigned long long>(check_dma.transactions()), static_cast<unsigned long long>(check_ram.transactions()),
                clean ? "no rule broken" : "RULES BROKEN");
    calendar.shutdown();
    return clean ? 0 : 1;
}
