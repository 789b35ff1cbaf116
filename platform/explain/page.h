// SPDX-License-Identifier: Apache-2.0
/// What `explain` tells of one thing: lines for people, and with --json the same as data.
#pragma once
#include "base/types.h"

#include <fmt/format.h>
#include <string>
#include <vector>

namespace quiesce::platform::explain {

/// One event of a causal chain.
struct Link {
    u64 event = 0;
    i64 at_ps = 0;
    std::string kind, text;
    std::string because;                     ///< what the one before it is to it; empty: it is the first
    i64 waited_ps = 0;                       ///< since that one
    struct Other {
        u64 event;
        std::string because;
        i64 before_ps;
    };
    std::vector<Other> also;                 ///< what it waited for, too, and what was over earlier
    std::string manual;                      ///< section, or kernel function; empty: none is known
};

/// A bit or field that decided something.
struct Decision {
    std::string field;   ///< "CD.EPD0=1"
    std::string what;    ///< "the transaction is refused"
    std::string section; ///< of the manual
    u64 times = 1;
};

class Page {
public:
    Page(std::string id, std::string kind) : id_(std::move(id)), kind_(std::move(kind)) {}

    template <class... A> void print(fmt::format_string<A...> format, A&&... a) { text_ += fmt::format(format, std::forward<A>(a)...); }
    /// In the order of time; of what is longer, the middle is left out.
    void chain(std::string heading, std::vector<Link> links);
    void decided(std::vector<Decision> decisions);

    /// To stdout.
    void show(bool json) const;

private:
    struct Chain {
        std::string heading;
        std::vector<Link> links;
    };
    std::string id_, kind_, text_;
    std::vector<Chain> chains_;
    std::vector<Decision> decisions_;
};

} // namespace quiesce::platform::explain
