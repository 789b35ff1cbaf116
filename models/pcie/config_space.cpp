// SPDX-License-Identifier: Apache-2.0
#include "pcie/config_space.h"

#include <stdexcept>
#include <utility>

namespace quiesce::pcie {

using namespace cfg;

namespace {
bool well_formed(u32 offset, unsigned size) {
    return (size == 1 || size == 2 || size == 4) && offset % 4 + size <= 4 && offset < config_space_bytes;
}
constexpr u64 bit(auto number) { return u64{1} << static_cast<unsigned>(number); }
} // namespace

u32 ConfigSpace::load_from(const Bytes& bytes, u32 offset, unsigned size) {
    u32 value = 0;
    for (unsigned i = 0; i < size; ++i) value |= static_cast<u32>(bytes[offset + i]) << i * 8;
    return value;
}

void ConfigSpace::store(u32 offset, unsigned size, u32 value) {
    for (unsigned i = 0; i < size; ++i) bytes_[offset + i] = static_cast<u8>(value >> i * 8);
}

u32 ConfigSpace::config_read(u32 offset, unsigned size) const {
    return well_formed(offset, size) ? load(offset, size) : 0;
}

void ConfigSpace::config_write(u32 offset, unsigned size, u32 value) {
    if (!well_formed(offset, size)) return;
    const Bytes before = bytes_;
    for (unsigned i = 0; i < size; ++i) {
        const Masks& m = masks_[offset + i];
        const u8 written = static_cast<u8>(value >> i * 8);
        u8& byte = bytes_[offset + i];
        byte = static_cast<u8>(((byte & ~m.writable) | (written & m.writable)) & ~(written & m.clearable));
    }
    after_write(offset, size, value, before);
}

/// What a write does beyond the bits it stores.
void ConfigSpace::after_write(u32 offset, unsigned size, u32 value, const Bytes& before) {
    const auto wrote_one = [&](const auto& field, u32 at) { // the field is one bit
        const u32 byte = at + field.lsb() / 8;
        return byte >= offset && byte < offset + size && (value >> ((byte - offset) * 8 + field.lsb() % 8) & 1) != 0;
    };
    bool pri_reset = false;
    if (has(Capability::Pri)) {
        const u32 control = base_of(Capability::Pri) + PriControl::offset;
        const bool was = PriControl::of(static_cast<u16>(load_from(before, control, 2))).get(PriControl::Enable);
        // 10.5.2.2: enabling clears the status flags. Disabling clears Stopped until nothing is outstanding any more.
        if (!was && pri_enabled()) {
            write(read<PriStatus>()
                      .with(PriStatus::RF, false)
                      .with(PriStatus::UPRGI, false)
                      .with(PriStatus::Stopped, false));
        }
        if (was && !pri_enabled()) set(PriStatus::Stopped, false);
        pri_reset = wrote_one(PriControl::Reset, control) && !pri_enabled();
        if (pri_reset) set(PriStatus::Stopped, true); // nothing is outstanding after it
    }
    call_watches(before, offset, offset + size, true);
    if (pri_reset && pri_reset_) pri_reset_();
    if (get(DevCap::FLR) && wrote_one(DevCtl::InitiateFLR, base_of(Capability::PciExpress) + DevCtl::offset)) {
        if (flr_)
            flr_();
        else
            reset(ResetKind::FunctionLevel);
    }
}

void ConfigSpace::call_watches(const Bytes& before, u32 from, u32 end, bool written) {
    for (std::size_t i = 0; i < watches_.size(); ++i) {
        Watch& w = watches_[i];
        if (w.offset >= end || w.offset + w.bytes <= from) continue;
        const u32 now = load(w.offset, w.bytes), then = load_from(before, w.offset, w.bytes);
        if (now != then || (written && w.every_write)) w.call(now, then);
    }
}

void ConfigSpace::reset(ResetKind kind) {
    const Bytes before = bytes_;
    for (u32 i = 0; i < config_space_bytes; ++i) {
        u8 keep = kind == ResetKind::Cold ? 0 : masks_[i].sticky;
        if (kind == ResetKind::FunctionLevel) keep |= masks_[i].kept_by_flr;
        bytes_[i] = static_cast<u8>((bytes_[i] & keep) | (defaults_[i] & ~keep));
    }
    call_watches(before, 0, config_space_bytes, false);
}

unsigned ConfigSpace::tags() const {
    if (get(DevCtl2::Tag10Requester)) return 768;
    return get(DevCtl::ExtTag) ? 256 : 32;
}

std::optional<ConfigSpace::TimeoutRange> ConfigSpace::completion_timeout() const {
    struct Row {
        u64 code;
        TimeoutRange range;
    };
    static constexpr Row rows[] = {{0x1, {50, 100}},
                                   {0x2, {1'000, 10'000}},
                                   {0x5, {16'000, 55'000}},
                                   {0x6, {65'000, 210'000}},
                                   {0x9, {260'000, 900'000}},
                                   {0xa, {1'000'000, 3'500'000}},
                                   {0xd, {4'000'000, 13'000'000}},
                                   {0xe, {17'000'000, 64'000'000}}};
    const DevCtl2 control = read<DevCtl2>();
    if (control.get(DevCtl2::TimeoutDisable)) return std::nullopt;
    for (const Row& row : rows) {
        if (row.code == control.get(DevCtl2::Timeout)) return row.range;
    }
    return TimeoutRange{50, 50'000};
}

std::optional<u64> ConfigSpace::bar_address(unsigned bar) const {
    const Bar& b = bars_.at(bar);
    if (b.bytes == 0 || !memory_space()) return std::nullopt;
    return bar_base(bar);
}

u64 ConfigSpace::bar_base(unsigned bar) const {
    const u32 at = bar_offset + 4 * bar;
    return (bars_.at(bar).wide ? u64{load(at + 4, 4)} << 32 : 0) | (load(at, 4) & ~bar_flags);
}

void ConfigSpace::assign_bar(unsigned bar, u64 address) {
    const Bar& b = bars_.at(bar);
    if (b.bytes == 0 || address % b.bytes != 0 || (!b.wide && address >> 32 != 0))
        throw std::invalid_argument("a BAR that is not there, or an address that it cannot have");
    config_write(bar_offset + 4 * bar, 4, static_cast<u32>(address));
    if (b.wide) config_write(bar_offset + 4 * bar + 4, 4, static_cast<u32>(address >> 32));
}

ErrorMessage ConfigSpace::report(Uncorrectable error, std::span<const u32> header) {
    const bool aer = has(Capability::Aer), unsupported = error == Uncorrectable::UnsupportedRequest;
    const u64 severity = aer ? read<AerUncorrectableSeverity>().value() : AerUncorrectableSeverity::default_value;
    const bool fatal = (severity & bit(error)) != 0;
    set(fatal ? DevSta::FED : DevSta::NFED, true);
    if (unsupported) set(DevSta::URD, true);
    const bool masked = aer && (read<AerUncorrectableMask>().value() & bit(error)) != 0;
    if (aer) {
        const u32 status = read<AerUncorrectableStatus>().value();
        const bool first_pending =
            (status & bit(get(AerControl::FirstError))) != 0; // 6.2.4.2: one header, of the first
        if (!masked && !first_pending) {
            set(AerControl::FirstError, static_cast<u64>(error));
            const auto dword = [&](std::size_t n) { return n < header.size() ? header[n] : 0; };
            write(AerHeaderLog<0>::of(dword(0)));
            write(AerHeaderLog<1>::of(dword(1)));
            write(AerHeaderLog<2>::of(dword(2)));
            write(AerHeaderLog<3>::of(dword(3)));
        }
        write(AerUncorrectableStatus::of(static_cast<u32>(status | bit(error))));
    }
    const DevCtl control = read<DevCtl>();
    const bool wanted =
        control.get(fatal ? DevCtl::FERE : DevCtl::NFERE) && (!unsupported || control.get(DevCtl::URRE));
    const bool system_error = get(Command::SERR);
    if (masked || !(wanted || system_error)) return ErrorMessage::None;
    if (system_error) set(Status::SignaledSystemError, true);
    return fatal ? ErrorMessage::Fatal : ErrorMessage::NonFatal;
}

ErrorMessage ConfigSpace::report(Correctable error) {
    set(DevSta::CED, true);
    const bool masked = (read<AerCorrectableMask>().value() & bit(error)) != 0; // zero without AER
    write(AerCorrectableStatus::of(static_cast<u32>(read<AerCorrectableStatus>().value() | bit(error))));
    return !masked && get(DevCtl::CERE) ? ErrorMessage::Correctable : ErrorMessage::None;
}

} // namespace quiesce::pcie
