// SPDX-License-Identifier: Apache-2.0
/// Header layouts: PCIe Base 2.2.1 (first double word), 2.2.5 (byte enables), 2.2.7 (requests), 2.2.8 (messages), 2.2.9
/// (completions), 6.20 (PASID prefix), 10.2 to 10.4 (ATS, page requests); facts/iommu-specs.md 4.1 to 4.3 and 4.6.
#include "pcie/tlp_bytes.h"

#include "pcie/ats.h"

namespace quiesce::pcie {
namespace {

constexpr u32 word_bytes = 4;

/// Fmt[2:0]: what of the header and behind it there is.
constexpr u8 four_words = 1, with_data = 2;
constexpr u8 pasid_prefix = 0x91; ///< Fmt 100, End-End, 0001
/// Routing of messages: the last three bits of their type.
constexpr u8 to_root_complex = 0, by_id = 2;

struct KindRow {
    TlpKind kind;
    u8 type;
    bool data; ///< with data, whatever it is for
};
constexpr std::array<KindRow, 10> kind_table{{{TlpKind::MemoryRead, 0x00, false},
                                              {TlpKind::MemoryWrite, 0x00, true},
                                              {TlpKind::Completion, 0x0a, false},
                                              {TlpKind::Message, 0x10, false},
                                              {TlpKind::ConfigRead, 0x04, false},
                                              {TlpKind::ConfigWrite, 0x04, true},
                                              {TlpKind::DeferrableWrite, 0x1b, true},
                                              {TlpKind::FetchAdd, 0x0c, true},
                                              {TlpKind::Swap, 0x0d, true},
                                              {TlpKind::CompareSwap, 0x0e, true}}};
static_assert([] {
    for (std::size_t n = 0; n < kind_table.size(); ++n)
        if (kind_table[n].kind != static_cast<TlpKind>(n)) return false;
    return true;
}());

bool is_memory(const Tlp& t) { return t.kind == TlpKind::MemoryRead || t.is_write() || t.kind == TlpKind::DeferrableWrite; }

/// A completion carries what a read asked for, if it was granted.
bool carries_data(const Tlp& t) {
    if (t.kind == TlpKind::Message) return t.message == MessageCode::InvalidateRequest;
    if (t.kind != TlpKind::Completion) return kind_table[static_cast<std::size_t>(t.kind)].data;
    const bool reads = t.answers != TlpKind::ConfigWrite && t.answers != TlpKind::DeferrableWrite;
    return reads && t.status == CompletionStatus::Success;
}

/// Its first byte within a double word. Of AtomicOps operands are aligned; a translation is asked for by pages.
u32 lead_of(const Tlp& t) {
    if (t.kind == TlpKind::Message || t.is_atomic()) return 0;
    if (t.kind == TlpKind::Completion && t.answers >= TlpKind::FetchAdd) return 0;
    return static_cast<u32>(t.address % word_bytes);
}

/// What Length counts: a zero-length read is of one double word, and a register that is read has one.
u32 words_of(const Tlp& t) {
    const u32 bytes = t.kind == TlpKind::MemoryRead || t.kind == TlpKind::ConfigRead ? t.length : t.payload_bytes();
    return bytes == 0 ? 1 : (lead_of(t) + bytes + word_bytes - 1) / word_bytes;
}

class Bytes {
public:
    explicit Bytes(TlpHeader& h) : h_(h) {}
    void word(u32 value) {
        for (unsigned shift = 32; shift != 0; shift -= 8) h_.bytes.at(h_.size++) = static_cast<u8>(value >> (shift - 8));
    }

private:
    TlpHeader& h_;
};

constexpr u32 bit(bool set, unsigned at) { return u32{set} << at; }

u32 first_word(const Tlp& t, u8 fmt, u8 type, u32 words) {
    const bool addressed = is_memory(t) || t.is_atomic();
    const u32 at = addressed ? static_cast<u32>(t.at) : 0; // reserved elsewhere
    return u32{fmt} << 29 | u32{type} << 24 | bit((t.tag >> 9 & 1) != 0, 23) | bit((t.tag >> 8 & 1) != 0, 19) |
           bit(t.attributes.id_based, 18) | bit(t.attributes.relaxed, 13) | bit(t.attributes.no_snoop, 12) | at << 10 |
           (words & 0x3ff);
}

/// 2.2.5: which bytes of the first and of the last double word are meant. Of AtomicOps both are reserved.
u32 byte_enables(const Tlp& t, u32 words) {
    if (t.is_atomic() || t.length == 0) return 0;
    const u32 lead = lead_of(t), behind = (lead + t.length - 1) % word_bytes; // the last byte's place
    const u32 from = 0xf << lead & 0xf, to = 0xfu >> (word_bytes - 1 - behind);
    return words == 1 ? from & to : from | to << 4;
}

void request(Bytes& out, const Tlp& t, u32 words) {
    out.word(static_cast<u32>(t.requester) << 16 | (t.tag & 0xffu) << 8 | byte_enables(t, words));
    if (t.is_config()) return out.word(static_cast<u32>(t.completer) << 16 | (static_cast<u32>(t.address) & 0xffc));
    const u64 address = ((t.bar + t.address) & ~u64{word_bytes - 1}) |
                        u64{t.at == iommu::AddressType::TranslationRequest && t.no_write};
    if (address >> 32 != 0) out.word(static_cast<u32>(address >> 32));
    out.word(static_cast<u32>(address));
}

/// Lower Address is where its first byte is; translations end where a completion may (10.2.3); of what was no read it is zero.
/// MODEL: they end at 64 bytes, also where the link's read completion boundary is 128; and of those that were refused it is zero,
/// which nobody is to rely on.
void completion(Bytes& out, const Tlp& t) {
    const bool of_memory = t.answers == TlpKind::MemoryRead, translations = of_memory && t.at == iommu::AddressType::TranslationRequest;
    const bool granted = (static_cast<u32>(t.status) & 7) == 0;
    const u32 lower = translations ? (granted ? 64 - t.remaining : 0) : of_memory ? static_cast<u32>(t.address) : 0;
    out.word(static_cast<u32>(t.completer) << 16 | (static_cast<u32>(t.status) & 7) << 13 | (t.remaining & 0xfff));
    out.word(static_cast<u32>(t.requester) << 16 | (t.tag & 0xffu) << 8 | (lower & 0x7f));
}

/// Of an Invalidate Request the tag's place has the ITag. The last half says whom a request is for, or is the message.
void message(Bytes& out, const Tlp& t) {
    const bool asks = t.message == MessageCode::InvalidateRequest;
    const u64 last_half = asks ? u64{static_cast<u16>(t.completer)} << 48 : t.address;
    out.word(static_cast<u32>(t.requester) << 16 | (asks ? t.tag & 0x1fu : 0u) << 8 | static_cast<u32>(t.message));
    out.word(static_cast<u32>(last_half >> 32));
    out.word(static_cast<u32>(last_half));
}

} // namespace

TlpHeader header_of(const Tlp& t, bool type_1) {
    TlpHeader h;
    Bytes out{h};
    if (t.has_pasid)
        out.word(u32{pasid_prefix} << 24 | bit(t.privileged, 23) | bit(t.execute, 22) | (raw(t.pasid) & 0xf'ffff));
    const bool data = carries_data(t), said = t.kind == TlpKind::Message;
    const bool far = said || ((is_memory(t) || t.is_atomic()) && (t.bar + t.address) >> 32 != 0);
    const bool asks = is_memory(t) || t.is_atomic() || t.is_config();
    const u32 words = data || asks ? words_of(t) : 0;
    u8 type = kind_table[static_cast<std::size_t>(t.kind)].type;
    if (t.is_config()) type |= u8{type_1};
    if (said) type |= t.message == MessageCode::PageRequest ? to_root_complex : by_id;
    out.word(first_word(t, static_cast<u8>((far ? four_words : 0) | (data ? with_data : 0)), type, words));
    if (said) message(out, t);
    else if (t.kind == TlpKind::Completion) completion(out, t);
    else request(out, t, words);
    h.skipped = static_cast<u8>(data && !said ? lead_of(t) : 0);
    h.data_bytes = data ? words * word_bytes : 0;
    return h;
}

void append_data(const Tlp& t, const TlpHeader& header, std::vector<u8>& out) {
    const u32 bytes = t.payload_bytes();
    if (header.data_bytes == 0 || bytes == 0 || t.data == nullptr) return;
    const std::size_t from = out.size();
    out.resize(from + header.data_bytes);
    const bool translations = t.kind == TlpKind::Completion && t.at == iommu::AddressType::TranslationRequest;
    const bool of_ats = translations || t.kind == TlpKind::Message;
    for (u32 n = 0; n < bytes; ++n)
        out[from + header.skipped + n] = static_cast<u8>(t.data[of_ats ? n ^ 7 : n]); // their words: the last byte first
}

} // namespace quiesce::pcie
