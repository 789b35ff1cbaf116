// SPDX-License-Identifier: Apache-2.0
#include "observe/transactions.h"

#include <unordered_map>

namespace quiesce::observe {
namespace {

class TransactionFinder {
public:
    void hear(const LoggedEvent& row) {
        visit(row, [&](const auto& e) {
            if constexpr (requires { e.transaction; }) {
                if (e.transaction == 0) return;
                Transaction& t = of(e.transaction, row);
                if constexpr (requires { e.bond; })
                    if (e.bond != no_bond) t.bond = raw(e.bond);
                if constexpr (requires { e.device; })
                    if (!t.device) t.device = raw(e.device);
                on(t, e);
            }
        });
    }
    std::vector<Transaction> all;

private:
    Transaction& of(u64 id, const LoggedEvent& row) {
        const auto [at, fresh] = places_.try_emplace(id, all.size());
        if (fresh) {
            all.emplace_back();
            all.back().id = id;
            all.back().began = row.at;
            all.back().first_event = row.id;
        }
        Transaction& t = all[at->second];
        t.ended = row.at;
        t.last_event = row.id;
        return t;
    }
    template <class E> static void on(Transaction&, const E&) {}
    static void is(Transaction& t, std::string_view kind, u64 address, std::optional<u64> bytes) {
        if (t.kind.empty()) t.kind = kind;
        if (!t.address) t.address = address;
        if (!t.bytes && bytes) t.bytes = bytes;
    }
    static void on(Transaction& t, const devices::DmaIssued& e) { is(t, e.write ? "write" : "read", e.at.value(), e.bytes); }
    static void on(Transaction& t, const devices::RequestArrived& e) { is(t, e.write ? "write" : "read", e.at.value(), e.bytes); }
    static void on(Transaction& t, const pcie::TranslationRequested& e) {
        is(t, "translation", e.at.value(), std::nullopt);
        if (e.asked_by != 0) t.asked_by = e.asked_by;
    }
    static void on(Transaction& t, const pcie::TlpSent& e) {
        using K = pcie::TlpKind;
        if (t.began > e.began) t.began = e.began;
        if (!t.kind.empty()) return;
        const char* const kind = e.kind == K::MemoryRead ? "read"
                                 : e.kind == K::MemoryWrite || e.kind == K::DeferrableWrite ? "write"
                                 : e.kind == K::Message ? "message"
                                 : e.kind == K::ConfigRead || e.kind == K::ConfigWrite ? "config"
                                 : e.kind == K::Completion ? "" : "atomic";
        is(t, kind, e.address, e.payload_bytes);
    }
    static void on(Transaction& t, const pcie::AtomicDone& e) {
        t.kind = "atomic";
        t.outcome = "committed";
        is(t, t.kind, e.at.value(), e.bytes);
    }
    static void on(Transaction& t, const memory::DmaCommitted& e) {
        is(t, e.write ? "write" : "read", e.aimed_at.value(), e.bytes);
        static constexpr std::string_view verdicts[] = {"committed", "committed after unmap", "stale", "cross-process", "after unbind", "read-only"};
        t.outcome = verdicts[raw(e.verdict)];
    }
    static void on(Transaction& t, const iommu::Translated& e) {
        if (t.kind == "translation") t.outcome = e.granted ? "granted" : "refused";
    }
    static void on(Transaction& t, const iommu::FaultRaised& e) { t.outcome = e.type.text(); }
    static void on(Transaction& t, const pcie::CompletionTimedOut&) { t.outcome = "timed out"; }
    static void on(Transaction& t, const pcie::RequestAborted&) {
        if (t.outcome.empty()) t.outcome = "aborted";
    }
    static void on(Transaction& t, const devices::DmaEnded& e) {
        static constexpr std::string_view endings[] = {"success", "unsupported request", "completer abort", "read zero", "not translated", "not sent",
                                                       "timed out", "poisoned"};
        if (e.ending != devices::DmaEnding::Success && t.outcome.empty()) t.outcome = endings[raw(e.ending)];
    }
    std::unordered_map<u64, std::size_t> places_;
};
} // namespace

std::vector<Transaction> find_transactions(const std::vector<LoggedEvent>& events) {
    TransactionFinder finder;
    for (const LoggedEvent& e : events) finder.hear(e);
    return std::move(finder.all);
}

} // namespace quiesce::observe
