// SPDX-License-Identifier: Apache-2.0
/// The bytes of address translation services held against bytes that were worked out by hand (golden/ats_golden.h).
#include "golden/ats_golden.h"
#include "pcie/ats.h"

#include <catch2/catch.hpp>

#include <algorithm>

using namespace quiesce;
using namespace quiesce::pcie;

namespace {

/// A structure from bytes as the bus carries them, and back.
template <class S>
S from_bus(std::array<u8, 8> bytes) {
    std::array<std::byte, 8> memory{};
    for (unsigned i = 0; i < 8; ++i) memory[i] = std::byte{bytes[7 - i]};
    return S::from_bytes(memory);
}
template <class S>
std::array<u8, 8> to_bus(const S& s) {
    const auto memory = s.to_bytes();
    std::array<u8, 8> bytes{};
    for (unsigned i = 0; i < 8; ++i) bytes[i] = static_cast<u8>(memory[7 - i]);
    return bytes;
}

} // namespace

TEST_CASE("a Translation Completion's entry has the specification's bytes and is read back as meant", "[golden][ats]") {
    for (const golden::AtsEntry& row : golden::translation_entries) {
        INFO(row.what);
        TranslationEntry made;
        made.set_place(SizedAddress::of(row.first, row.size));
        made.set(TranslationEntry::R, row.read).set(TranslationEntry::W, row.write);
        made.set(TranslationEntry::Exe, row.execute).set(TranslationEntry::Priv, row.privileged);
        made.set(TranslationEntry::U, row.untranslated_only).set(TranslationEntry::N, row.no_snoop);
        made.set(TranslationEntry::Global, row.global);
        CHECK(to_bus(made) == row.bytes);

        const auto read = from_bus<TranslationEntry>(row.bytes);
        CHECK(read == made);
        CHECK(read.place().first() == row.first);
        CHECK(read.place().bytes() == row.size);
    }
    CHECK(to_bus(TranslationEntry{}) == golden::no_translation.bytes);
}

TEST_CASE("an Invalidate Request's body has the specification's bytes and is read back as meant", "[golden][ats]") {
    for (const golden::AtsInvalidate& row : golden::invalidate_bodies) {
        INFO(row.what);
        InvalidateBody made;
        made.set_place(SizedAddress::of(row.first, row.size)).set(InvalidateBody::G, row.global);
        CHECK(to_bus(made) == row.bytes);

        const auto read = from_bus<InvalidateBody>(row.bytes);
        CHECK(read.place().first() == row.first);
        CHECK(read.place().bytes() == row.size);
        CHECK(read.get(InvalidateBody::G) == row.global);
    }
}

TEST_CASE("an Invalidate Completion has the specification's bytes; a count of eight is written 0", "[golden][ats]") {
    for (const golden::AtsCompletion& row : golden::invalidate_completions) {
        INFO(row.what);
        InvalidateCompletion made = InvalidateCompletion::of(row.itag, row.count);
        made.set(InvalidateCompletion::DeviceID, row.device_id);
        CHECK(to_bus(made) == row.bytes);

        const auto read = from_bus<InvalidateCompletion>(row.bytes);
        CHECK(read.count() == row.count);
        CHECK(read.get(InvalidateCompletion::ITagVector) == u32{1} << row.itag);
    }
}

TEST_CASE("every power of two from 4 KiB to all of the space survives the way through its address bits", "[ats]") {
    for (unsigned log2 = 12; log2 < 64; ++log2) {
        const u64 bytes = u64{1} << log2;
        const u64 first = 0xdead'beef'cafe'f000 & ~(bytes - 1);
        INFO("2^" << log2);
        CHECK(SizedAddress::of(first, bytes).bytes() == bytes);
        CHECK(SizedAddress::of(first, bytes).first() == first);
    }
    CHECK(SizedAddress::of(0, 0).bytes() == 0);
}
