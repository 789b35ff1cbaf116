// SPDX-License-Identifier: Apache-2.0
/// An oracle that is not ours: lspci (package pciutils) reads a dumped configuration space and names what it finds.
#include "pcie/lspci.h"

#include <catch2/catch.hpp>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <unistd.h>

using namespace quiesce;
using namespace quiesce::pcie;
using namespace base::literals;

namespace {

std::string output_of(const std::string& command) {
    std::string text;
    FILE* const pipe = popen(("PATH=$PATH:/usr/sbin:/sbin; " + command + " 2>/dev/null").c_str(), "r");
    REQUIRE(pipe != nullptr);
    char buffer[4096];
    for (std::size_t n; (n = fread(buffer, 1, sizeof buffer, pipe)) != 0;) text.append(buffer, n);
    pclose(pipe);
    return text;
}

/// What `lspci -vvv` says of the dump.
std::string lspci(const std::string& dump) {
    std::string file = "/tmp/quiesce-lspci.XXXXXX";
    const int handle = mkstemp(file.data());
    REQUIRE(handle != -1);
    close(handle);
    std::ofstream(file) << dump;
    std::string text = output_of("lspci -F " + file + " -nn -vvv");
    unlink(file.c_str());
    return text;
}

bool lspci_is_there() {
    if (!output_of("command -v lspci").empty()) return true;
    WARN("lspci is not installed (package pciutils): skipped");
    return false;
}

FunctionConfig everything() {
    FunctionConfig function;
    function.acs.present = true;
    function.sriov.total_vfs = 4;
    function.sriov.bar0.size = 64_KiB;
    function.pasid.execute = true;
    function.ats.queue_depth = 16;
    return function;
}

} // namespace

TEST_CASE("a dump begins with the function's address and has 256 lines of 16 bytes", "[pcie][config]") {
    const ConfigSpace config{FunctionConfig{}};
    const std::string dump = lspci_dump(config, RequesterId{0x0b1a});
    CHECK(dump.starts_with("0b:03.2 Class 1200: 1d1e:acc0 (rev 01)\n"
                           "00: 1e 1d c0 ac 00 00 10 00 01 00 00 12 00 00 00 00\n"
                           "10: 04 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00\n"));
    CHECK(dump.find("\n100: 01 00 82 14 00 00 00 00 00 00 40 00 30 20 46 00\n") != std::string::npos);
    CHECK(dump.ends_with("\nff0: 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00\n\n"));
}

TEST_CASE("lspci names every capability of a function and finds its fields", "[pcie][config]") {
    if (!lspci_is_there()) return;
    ConfigSpace config{everything()};
    const std::string text = lspci(lspci_dump(config, RequesterId{0x0100}));
    INFO(text);
    for (const char* const expected : {
             "01:00.0 Processing accelerators [1200]: Device [1d1e:acc0] (rev 01)",
             "Subsystem: Device [1d1e:0001]",
             "Mem- BusMaster-",
             "Capabilities: [40] Express (v2) Endpoint",
             "MaxPayload 512 bytes",
             "ExtTag+ AttnBtn- AttnInd- PwrInd- RBE+ FLReset+",
             "MaxPayload 128 bytes, MaxReadReq 512 bytes",
             "TransPend-",
             "Speed 16GT/s, Width x16",
             "Completion Timeout: Range ABCD, TimeoutDis+",
             "10BitTagComp+ 10BitTagReq+",
             "EETLPPrefix+, MaxEETLPPrefixes 1",
             "Capabilities: [7c] MSI-X: Enable- Count=8 Masked-",
             "Vector table: BAR=0 offset=00002000",
             "PBA: BAR=0 offset=00003000",
             "Capabilities: [100 v2] Advanced Error Reporting",
             "DLP+ SDES+ TLP- FCP+ CmpltTO- CmpltAbrt- UnxCmplt- RxOF+ MalfTLP+ ECRC- UnsupReq- ACSViol-",
             "ECRCGenCap+ ECRCGenEn- ECRCChkCap+ ECRCChkEn-",
             "Capabilities: [148 v1] Access Control Services",
             "ACSCap:\tSrcValid- TransBlk- ReqRedir+ CmpltRedir+ UpstreamFwd- EgressCtrl- DirectTrans+",
             "Capabilities: [150 v1] Single Root I/O Virtualization (SR-IOV)",
             "Initial VFs: 4, Total VFs: 4, Number of VFs: 0",
             "VF offset: 1, stride: 1, Device ID: 1d1f",
             "Supported Page Size: 00000553, System Page Size: 00000001",
             "Capabilities: [190 v1] Address Translation Service (ATS)",
             "ATSCap:\tInvalidate Queue Depth: 10",
             "ATSCtl:\tEnable-, Smallest Translation Unit: 00",
             "Capabilities: [198 v1] Page Request Interface (PRI)",
             "PRICtl: Enable- Reset-",
             "PRISta: RF- UPRGI- Stopped+",
             "Page Request Capacity: 00000200, Page Request Allocation: 00000000",
             "Capabilities: [1a8 v1] Process Address Space ID (PASID)",
             "PASIDCap: Exec+ Priv+, Max PASID Width: 14",
             "PASIDCtl: Enable- Exec- Priv-",
         }) {
        INFO(expected);
        CHECK(text.find(expected) != std::string::npos);
    }
}

TEST_CASE("lspci sees what software set and what the device reported", "[pcie][config]") {
    if (!lspci_is_there()) return;
    ConfigSpace config{everything()};
    config.config_write(0x10, 4, 0xe000'0000);
    config.config_write(0x04, 2, 0x0006);
    config.config_write(0x48, 2, 0x5940);      // DevCtl: payload 512, reads 4096, extended tags
    config.config_write(0x68, 2, 0x1006);      // DevCtl2: 65..210 ms, 10-bit tags
    config.config_write(0x7c + 2, 2, 0xc000);  // MSI-X
    config.config_write(0x1a8 + 6, 2, 0x0005); // PASID first
    config.config_write(0x190 + 6, 2, 0x8002); // ATS
    config.config_write(0x198 + 0xc, 4, 0x20); // PRI
    config.config_write(0x198 + 4, 2, 0x0001);
    config.config_write(0x148 + 6, 2, 0xffff); // ACS
    config.set_transactions_pending(true);
    config.set_pri_response_failure();
    config.report(cfg::Uncorrectable::CompletionTimeout);
    const std::string text = lspci(lspci_dump(config, RequesterId{0x0100}));
    INFO(text);
    for (const char* const expected : {
             "Mem+ BusMaster+",
             "Region 0: Memory at e0000000 (64-bit, non-prefetchable)",
             "RlxdOrd- ExtTag+ PhantFunc- AuxPwr- NoSnoop+ FLReset-",
             "MaxPayload 512 bytes, MaxReadReq 4096 bytes",
             "CorrErr- NonFatalErr+ FatalErr- UnsupReq- AuxPwr- TransPend+",
             "Completion Timeout: 65ms to 210ms, TimeoutDis- LTR- 10BitTagReq+",
             "MSI-X: Enable+ Count=8 Masked+",
             "PASIDCtl: Enable+ Exec- Priv+",
             "ATSCtl:\tEnable+, Smallest Translation Unit: 02",
             "Page Request Allocation: 00000020",
             "PRICtl: Enable+ Reset-",
             "PRISta: RF+ UPRGI- Stopped-",
             "ACSCtl:\tSrcValid- TransBlk- ReqRedir+ CmpltRedir+ UpstreamFwd- EgressCtrl- DirectTrans+",
             "First Error Pointer: 0e",
             "UESta:\tDLP- SDES- TLP- FCP- CmpltTO+",
         }) {
        INFO(expected);
        CHECK(text.find(expected) != std::string::npos);
    }
}
