// SPDX-License-Identifier: Apache-2.0
/// Every packet that leaves a port, as a pcapng file (tlps.pcapng) for Wireshark: its own bytes, when its last bit left, and in a
/// comment who it was for. scripts/wireshark/quiesce-tlp.lua tells what the bytes mean.
#pragma once
#include "observe/pcapng.h"
#include "observe/window.h"

#include <deque>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace quiesce::observe {

/// Written while the run goes on. Each direction of a link is an interface, named by its ends: `acc0->root`. Data that the
/// simulation does not carry are missing, and the packet's length says how much: nothing is made up.
class PacketCapture {
public:
    /// Beside `file` until close(). Throws std::system_error if it cannot be written.
    PacketCapture(base::EventBus& bus, const WaveWindow& window, std::filesystem::path file, std::string_view application,
                  std::string_view comment);
    PacketCapture(const PacketCapture&) = delete;
    ~PacketCapture();

    /// The file is whole now, and has its name.
    void close();
    /// In the file.
    u64 packets() const { return packets_; }
    /// Unless everything is to be kept: of those that come later only the number is told.
    static constexpr u64 most_packets = 1'000'000;

private:
    struct Interface {
        u32 number;
        Pcapng::Seen seen;
    };
    struct Waiting {
        sim::Time at;
        u64 direction;
        std::string block;
    };
    static constexpr std::size_t most_waiting = 1u << 16;
    void on(sim::Time now, const pcie::TlpSent& e);
    std::string block_of(sim::Time now, const pcie::TlpSent& e, u32 interface);
    Interface& interface_of(const pcie::TlpSent& e);
    void open_window(sim::Time now);
    void put(u64 direction, const std::string& block);
    void write(const std::string& bytes);
    [[noreturn]] void fail() const;

    base::EventBus& bus_;
    WaveWindow window_;
    sim::Time open_until_{};
    std::filesystem::path file_, beside_;
    std::ofstream out_;
    std::map<u64, Interface> interfaces_; ///< by link and direction
    std::deque<Waiting> recent_;          ///< what a window that opens begins with
    std::vector<u8> bytes_;               ///< of the packet in hand
    u64 packets_ = 0;
    std::vector<base::Subscription> tokens_;
};

} // namespace quiesce::observe
