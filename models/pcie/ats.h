// SPDX-License-Identifier: Apache-2.0
/// Address translation services on the wire: the bytes of a translation completion and of an invalidate request
/// (facts/iommu-specs.md 4.2), seen as 64-bit words; the bus carries them most significant byte first.
#pragma once
#include "base/structure.h"
#include "iommu/ats_port.h"
#include "iommu/translation.h"
#include "pcie/tlp.h"

#include <bit>
#include <vector>

namespace quiesce::pcie {

/// A range that ends in a string of ones: with S, the size is 4 KiB * 2^(k+1) where k is the number of ones from bit 12
/// up to the first zero.
struct SizedAddress {
    u64 word = 0; ///< bits 63:12 and S in bit 11
    static constexpr u64 s_bit = u64{1} << 11;

    /// `bytes`: a power of two of at least 4 KiB; 0 stands for all of the 64-bit space.
    static constexpr SizedAddress of(u64 first, u64 bytes) {
        if (bytes == page_size) return {first & ~(page_size - 1)};
        const u64 size = bytes == 0 ? ~u64{0} : bytes - 1; // ones below the size
        const u64 ones = size >> 1; // the address bit just below the size is the zero that ends them
        const u64 base = bytes == 0 ? 0 : first & ~size;
        return {((base | ones) & ~(page_size - 1)) | s_bit};
    }
    constexpr u64 bytes() const {
        if ((word & s_bit) == 0) return page_size;
        const auto k = static_cast<unsigned>(std::countr_one(word >> 12));
        return k >= 51 ? 0 : page_size << (k + 1);
    }
    constexpr u64 first() const {
        const u64 size = bytes();
        return size == 0 ? 0 : word & ~(size - 1);
    }
};

/// What a Translation Completion carries for each translation. R = W = 0: the address means nothing.
struct TranslationEntry : base::Structure<TranslationEntry, 8> {
    static constexpr F<bool> R{"R", 0, 0};
    static constexpr F<bool> W{"W", 1, 1};
    static constexpr F<bool> U{"U", 2, 2};      ///< untranslated accesses only
    static constexpr F<bool> Exe{"Exe", 3, 3};
    static constexpr F<bool> Priv{"Priv", 4, 4};
    static constexpr F<bool> Global{"Global", 5, 5};
    static constexpr F<> AMA{"AMA", 8, 6};
    static constexpr F<bool> CxlIo{"CXL.io", 9, 9};
    static constexpr F<bool> N{"N", 10, 10};    ///< accesses must clear No Snoop
    static constexpr F<bool> S{"S", 11, 11};
    static constexpr F<> Address{"Address", 63, 12};
    static constexpr auto fields = base::layout(R, W, U, Exe, Priv, Global, AMA, CxlIo, N, S, Address);
    static_assert(base::disjoint(fields));

    constexpr SizedAddress place() const { return {word(0) & (~(page_size - 1) | SizedAddress::s_bit)}; }
    constexpr TranslationEntry& set_place(SizedAddress p) {
        return set(Address, p.word >> 12).set(S, (p.word & SizedAddress::s_bit) != 0);
    }
};

/// The body of an Invalidate Request message. PASID and ITag are in its prefix and header.
struct InvalidateBody : base::Structure<InvalidateBody, 8> {
    static constexpr F<bool> G{"G", 0, 0};
    static constexpr F<bool> S{"S", 11, 11};
    static constexpr F<> Address{"Address", 63, 12};
    static constexpr auto fields = base::layout(G, S, Address);
    static_assert(base::disjoint(fields));

    constexpr SizedAddress place() const { return {word(0) & (~(page_size - 1) | SizedAddress::s_bit)}; }
    constexpr InvalidateBody& set_place(SizedAddress p) {
        return set(Address, p.word >> 12).set(S, (p.word & SizedAddress::s_bit) != 0);
    }
};

inline constexpr unsigned itags = 32; ///< invalidations that a function takes at once

/// The third and the fourth double word of an Invalidate Completion's header, the third one above.
struct InvalidateCompletion : base::Structure<InvalidateCompletion, 8> {
    static constexpr F<u32> ITagVector{"ITag Vector", 31, 0}; ///< bit n: the request with ITag n
    static constexpr F<> CC{"CC", 34, 32};                    ///< how many such completions answer each request; 0: 8
    static constexpr F<> DeviceID{"Device ID", 63, 48};       ///< who asked
    static constexpr auto fields = base::layout(ITagVector, CC, DeviceID);
    static_assert(base::disjoint(fields));
    static constexpr unsigned most = 8;

    /// `completions`: 1 to 8.
    static constexpr InvalidateCompletion of(unsigned itag, unsigned completions) {
        InvalidateCompletion c;
        c.set(ITagVector, u32{1} << itag).set(CC, completions % most);
        return c;
    }
    constexpr unsigned count() const { return get(CC) == 0 ? most : static_cast<unsigned>(get(CC)); }
};

/// An Invalidate Request as it arrives at a function.
struct InvalidateRequest {
    unsigned itag = 0;
    bool has_pasid = false;
    Pasid pasid{};
    InvalidateBody body{};
};

/// MODEL: of a translation request; the bus allows 512.
inline constexpr unsigned most_translations = 64;

/// All completions of one translation request. With Success there is an entry for the request's address, and each
/// further one is for the address at which the range of the one before it ends; there may be fewer than were asked for.
struct TranslationCompletion {
    CompletionStatus status = CompletionStatus::Success;
    std::vector<TranslationEntry> entries;
};

/// What an IOMMU answers to a translation request (`question.type`) for at most `most` translations, from the page of
/// `question.at` on. Null: there is none, which is an Unsupported Request.
sim::Task<TranslationCompletion> answer_translation(iommu::TranslationPort* iommu, iommu::TranslationRequest question,
                                                    unsigned most);

} // namespace quiesce::pcie
