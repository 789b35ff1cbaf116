// SPDX-License-Identifier: Apache-2.0
#include "platform/stress/draw.h"

#include "platform/machine/iommus.h"
#include "sim/random.h"

#include <algorithm>
#include <fmt/format.h>

namespace quiesce::platform {
namespace {
constexpr u64 huge_heap = 512; ///< one of more pages begins with pages of 2 MiB
using os::KernelVersion;
using os::Policy;


/// What there is, or of that what `list policies` claims to be safe.
std::vector<Footing> all_footings(bool safe_only) {
    std::vector<Footing> all;
    for (const IommuRow* iommu : iommu_rows())
        for (const auto& policy : os::enum_names(Policy{}))
            for (const auto& kernel : os::enum_names(KernelVersion{})) {
                const os::Era* const era = os::find_era(policy.value, kernel.value, iommu->driver);
                if (era == nullptr) continue;
                const os::SafetyClaim claim = os::safety_of(*era);
                if (safe_only && !claim.safe && !claim.safe_unasked) continue;
                all.push_back({iommu->kind, policy.value, kernel.value, claim.safe || !safe_only});
            }
    return all;
}

/// The value that the last of `sets` gives a path; empty if none does.
std::string value_set(const std::vector<std::string>& sets, std::string_view path) {
    std::string value;
    for (const std::string& s : sets)
        if (s.size() > path.size() && s.compare(0, path.size(), path) == 0 && s[path.size()] == '=') value = s.substr(path.size() + 1);
    value.erase(std::remove(value.begin(), value.end(), '"'), value.end());
    return value;
}

// ---- drawing --------------------------------------------------------------------------------------------------------

/// A kind of device as scenarios have it.
struct DrawnKind {
    std::string_view name;
    bool ats;                ///< it can have an ATC, and page requests
    std::string_view work;   ///< the sentence that gives it work
    bool everywhere;         ///< not with an SMMUv3 alone
};
constexpr DrawnKind kinds[] = {{"accelerator", true, "stream", true}, {"accelerator", true, "stream", true}, {"gpu", true, "stream", true},
                               {"nic", true, "receive", true},        {"dsa", true, "stream", true},
                               {"platform-master", false, "stream", false}};

class Draw {
public:
    Draw(u64 seed, const std::vector<Footing>& from) : seed_(seed), random_(seed, "stress"), footing_(from[random_.below(from.size())]) {}

    Drawn scenario() {
        line("scenario: drawn from seed {}, on {}", seed_, footing_.text());
        line("name: stress-{}", seed_);
        line("seed: {}", seed_);
        line("observe: {{waves: false, limit: 2s}}");
        draw_devices(); // what the platform and the drivers need follows from them
        platform();
        os();
        devices();
        line("steps:");
        const std::size_t generations = 1 + random_.below(2);
        for (std::size_t g = 0; g < generations; ++g) {
            const std::size_t first = processes_.size();
            begin_processes();
            for (std::size_t p : shuffled(first)) end(processes_[p]);
        }
        return {footing_, std::move(text_)};
    }

private:
    struct DrawnDevice {
        std::string name;
        const DrawnKind* kind;
        bool atc = false, pri = false;
        std::string behind;
    };
    struct Tie {
        const DrawnDevice* device;
        bool works = false, loose = false; ///< loose: something has taken the bond away, or is about to
    };
    struct Process {
        std::string name;
        u64 pages;
        std::vector<Tie> ties;
        std::string heir; ///< who shares its files; empty: nobody
        bool narrowed = false; ///< some of its pages may only be read
    };

    template <class... Arguments>
    void line(fmt::format_string<Arguments...> form, Arguments&&... arguments) {
        fmt::format_to(std::back_inserter(text_), form, std::forward<Arguments>(arguments)...);
        text_ += '\n';
    }
    template <class T>
    T pick(std::initializer_list<T> of) { return of.begin()[random_.below(of.size())]; }
    std::string_view word(std::initializer_list<std::string_view> of) { return pick<std::string_view>(of); }
    bool percent(u64 n) { return random_.below(100) < n; }
    const char* truth(u64 percent_true) { return percent(percent_true) ? "true" : "false"; }
    bool vtd() const { return footing_.iommu == IommuKind::Vtd; }
    bool amdvi() const { return footing_.iommu == IommuKind::Amdvi; }
    bool smmu() const { return footing_.iommu == IommuKind::Smmuv3; }

    void draw_devices() {
        const u64 count = 1 + random_.below(3);
        const bool asks = percent(40);
        pri_ = asks && footing_.page_requests;
        const u64 switches = percent(35) ? 1 + random_.below(2) : 0;
        for (u64 n = 0; n < switches; ++n) switches_.push_back(fmt::format("sw{}", n));
        while (devices_.size() < count) {
            const DrawnKind& kind = kinds[random_.below(std::size(kinds))];
            if (!smmu() && !kind.everywhere) continue;
            DrawnDevice d{fmt::format("dev{}", devices_.size()), &kind, kind.ats && percent(55), false, ""};
            d.pri = d.atc && pri_ && percent(70);
            if (kind.ats && !switches_.empty() && percent(60)) d.behind = switches_[random_.below(switches_.size())];
            devices_.push_back(d);
        }
    }
    bool any(std::string_view kind) const {
        return std::any_of(devices_.begin(), devices_.end(), [&](const DrawnDevice& d) { return d.kind->name == kind; });
    }

    void platform() {
        const bool stalls = any("platform-master") && percent(70);
        stalls_ = stalls;
        nested_ = !stalls && percent(10);
        line("platform:");
        line("  preset: {}", !smmu() || stalls ? word({"server", "small"}) : word({"server", "small", "gem5-like"}));
        line("  root_complex: {{reads: {}}}", word({"as-translated", "as-translated", "in-order"}));
        if (percent(30))
            line("  link: {{root_port: {{posted_headers: {}, posted_data: {}, non_posted_headers: {}}}}}", pick({4, 16, 64}), pick({64, 256}),
                 pick({2, 8, 32}));
        if (!switches_.empty()) {
            line("  switches:");
            for (std::size_t n = 0; n < switches_.size(); ++n)
                line("    {}: {{cut_through: {}, behind: {}}}", switches_[n], truth(70),
                     n > 0 && percent(50) ? std::string_view{switches_[n - 1]} : root_port);
        }
        line("  iommu:");
        line("    kind: {}", base::enum_text(footing_.iommu));
        if (vtd()) {
            line("    vtd: {{pasid_bits: {}, page_request_drain: {}, agent: {{tlb_entries: {}, tlb_ways: 4, interfaces: {{count: {}}}}}}}",
                 pick({6, 8, 16, 20}), truth(80), pick({16, 256, 2048}), pick({0, 0, 1, 2}));
            return;
        }
        if (amdvi()) {
            line("    amdvi: {{pasid_bits: {}, agent: {{tlb_entries: {}, tlb_ways: 4, interfaces: {{count: {}}}}}}}", pick({6, 8, 16}),
                 pick({16, 256, 2048}), pick({0, 0, 1, 2}));
            return;
        }
        line("    smmuv3: {{two_level_streams: {}, two_level_contexts: {}, ssid_bits: {}, asid16: {}, stage2: {}, stall_model: {},", truth(70),
             truth(70), pick({6, 10, 16, 20}), truth(70), nested_, stalls ? "optional" : "none");
        line("             agent: {{tlb_entries: {}, tlb_ways: 4, interfaces: {{count: {}}}}}}}", pick({16, 256, 2048}),
             stalls ? 0 : pick({0, 0, 1, 2}));
    }

    void os() {
        line("os:");
        line("  kernel: \"{}\"", base::enum_text(footing_.kernel));
        line("  policy: {}", base::enum_text(footing_.policy));
        if (percent(30)) line("  oom: {{swap: {}}}", pick({8, 64}));
        line("  pasid: {{allocator: {}, max: {}, grace: {}us}}", word({"lowest", "cyclic", "random"}), pick({31, 40}), pick({0, 0, 0, 5, 200}));
        line("  cpu: {{cpus: {}}}", pick({2, 4, 8}));
        if (vtd()) {
            line("  vtd_driver: {{queue_log2: {}, prq_order: {}, page_requests: {}, pri: {}, nested: {}}}", pick({8, 9}), pick({0, 4}),
                 pick({1, 8, 32}), pri_, nested_);
            return;
        }
        if (amdvi()) {
            line("  amdvi_driver: {{cmdbuf_log2: {}, evtlog_log2: {}, pprlog_log2: {}, page_requests: {}, pri: {}, nested: {}}}", pick({8, 9}),
                 pick({8, 9}), pick({8, 9}), pick({1, 8, 32}), pri_, nested_);
            return;
        }
        line("  smmuv3_driver: {{cmdq_log2: {}, evtq_log2: {}, priq_log2: {}, page_requests: {}, msipoll: {}, tlbi_va_max: {}, pri: {}, nested: {}}}",
             pick({2, 3, 5, 8}), pick({2, 4, 7}), pick({4, 8}), pick({1, 8, 16}), truth(50), pick({4, 512}), pri_, nested_);
    }

    void devices() {
        line("devices:");
        for (const DrawnDevice& d : devices_) {
            std::string more;
            if (d.kind->ats) more += fmt::format(", link: {{lanes: {}}}", pick({1, 4, 8}));
            if (!d.behind.empty()) more += ", behind: " + d.behind;
            if (d.atc)
                more += fmt::format(", atc: {{present: true, entries: {}, prefetch: {}, manner: {}}}", pick({16, 128}), pick({0, 0, 3}),
                                    word({"prompt", "prompt", "slow"}));
            if (d.pri)
                more += fmt::format(", pri: {{present: true, capacity: {}, per_group: {}, stop_marker: {}}}", pick({8, 64}), pick({1, 4}),
                                    amdvi() ? "false" : truth(40)); // its driver answers stop markers (stop-marker)
            if (d.kind->name == "accelerator" || d.kind->name == "platform-master")
                more += fmt::format(", stop_time: {}us, dma_while_stopping: {}", pick({1, 3, 40}), truth(60));
            if (d.kind->name == "nic") more += fmt::format(", traffic: {{every: {}ns, burst: {}}}", pick({500, 2000}), pick({1, 3}));
            if (d.kind->name == "gpu") more += fmt::format(", time_slice: {}us", pick({20, 200}));
            line("  {}: {{kind: {}{}}}", d.name, d.kind->name, more);
        }
    }

    // ---- processes
    void begin_processes() {
        const u64 count = 1 + random_.below(3);
        const std::size_t first = processes_.size();
        for (u64 n = 0; n < count; ++n) spawn();
        for (std::size_t p = first; p < processes_.size(); ++p)
            for (Tie& tie : processes_[p].ties)
                if (percent(85)) work(processes_[p], tie);
    }

    void spawn() {
        Process p{fmt::format("app{}", processes_.size()), pick<u64>({8, 16, 64, 64, 1024}), {}, ""};
        std::vector<const DrawnDevice*> of;
        for (const DrawnDevice& d : devices_) of.push_back(&d);
        const u64 bound = 1 + random_.below(of.size());
        while (p.ties.size() < bound) {
            const u64 n = random_.below(of.size());
            p.ties.push_back({of[n]});
            of.erase(of.begin() + static_cast<std::ptrdiff_t>(n));
        }
        const bool asks = std::all_of(p.ties.begin(), p.ties.end(), [this](const Tie& t) { return can_wait_for_pages(*t.device); });
        const std::string present = asks && percent(60) ? fmt::format(", present: {}", random_.below(p.pages)) : "";
        const std::string memory = p.pages > huge_heap ? ", memory: huge" : "";
        line("  - os: {{spawn: {}, pages: {}, threads: {}{}{}}}", p.name, p.pages, pick({1, 1, 3}), present, memory);
        for (const Tie& t : p.ties) line("  - os: {{bind: {}, to: {}}}", p.name, t.device->name);
        // Up to 6.5 an SMMU is not told of pages that may be written again (R25): its devices would ask for them for ever.
        const bool is_told = !smmu() || footing_.kernel >= os::KernelVersion::V6_12;
        const bool waits = std::any_of(p.ties.begin(), p.ties.end(), [this](const Tie& t) { return can_wait_for_pages(*t.device); });
        if (percent(15) && (is_told || !waits)) {
            p.heir = p.name + "heir";
            line("  - os: {{fork: {}, child: {}}}", p.name, p.heir);
        }
        processes_.push_back(std::move(p));
    }
    bool can_wait_for_pages(const DrawnDevice& d) const { return d.pri || (d.kind->name == "platform-master" && stalls_); }

    void work(const Process& p, Tie& tie) {
        tie.works = true;
        const std::string_view kind = tie.device->kind->name;
        if (kind == "nic") {
            const std::string send = percent(50) ? fmt::format(", send-every: {}us", pick({2, 5})) : "";
            return line("  - {}: {{receive: {}, buffer: {}{}}}", tie.device->name, p.name, word({"2KiB", "4KiB"}), send);
        }
        if (kind == "dsa")
            return line("  - {}: {{stream: {}, access: {}, size: {}, every: {}us}}", tie.device->name, p.name, word({"write", "mixed"}),
                        word({"512B", "4KiB", "16KiB"}), pick({1, 3, 20}));
        line("  - {}: {{stream: {}, access: {}, pattern: {}, size: {}, every: {}ns}}", tie.device->name, p.name, word({"read", "write", "mixed"}),
             word({"random", "sequential"}), word({"8B", "64B", "256B", "1KiB"}), pick({100, 300, 2000}));
    }

    // ---- endings
    std::vector<std::size_t> shuffled(std::size_t first) {
        std::vector<std::size_t> order;
        for (std::size_t n = first; n < processes_.size(); ++n)
            order.insert(order.begin() + static_cast<std::ptrdiff_t>(random_.below(order.size() + 1)), n);
        return order;
    }
    /// A sentence of its own time, waited for or not.
    void say(u64 within_ns, bool wait, std::string_view actor, const std::string& sentence) {
        line("  - {{after: {}ns, wait: {}, {}: {{{}}}}}", random_.below(within_ns), wait, actor, sentence);
    }
    void end(Process& p) {
        constexpr u64 soon = 30'000, at_once = 4'000;
        for (unsigned n = static_cast<unsigned>(random_.below(3)); n > 0; --n) rearrange(p);
        for (Tie& tie : p.ties)
            if (percent(30)) let_go(p, tie);
        const std::string_view how = word({"kill", "kill", "exit"});
        say(percent(50) ? soon : at_once, percent(50), "os", fmt::format("{}: {}", how, p.name));
        if (p.heir.empty()) return;
        say(soon, percent(50), "os", fmt::format("{}: {}", word({"kill", "exit"}), p.heir));
    }
    /// What happens to pages in the middle of everything.
    void rearrange(Process& p) {
        static constexpr std::string_view what[] = {"unmap", "unmap", "touch", "migrate", "page-out", "pin", "protect", "collapse"};
        std::string_view verb = what[random_.below(std::size(what))];
        if (verb == "touch" && p.narrowed) verb = "migrate"; // a write to what it has made read-only is its death
        const u64 first = random_.below(p.pages), end = first + random_.below(p.pages - first);
        p.narrowed = p.narrowed || verb == "protect";
        const std::string to = verb == "protect" ? fmt::format(", to: {}", word({"read-only", "read-write"})) : "";
        const std::string pages = verb == "collapse" ? "" : fmt::format(", pages: {}-{}", first, end);
        const std::string sentence = fmt::format("{}: {}{}{}", verb, p.name, pages, to);
        if (verb == "pin") line("  - {{after: {}ns, os: {{{}}}}}", random_.below(30'000), sentence); // always waited for
        else say(30'000, percent(30), "os", sentence);
    }
    /// In good order, or in the middle of everything; afterwards nothing more is said of the bond.
    void let_go(const Process& p, const Tie& tie) {
        const std::string& device = tie.device->name;
        const bool wait = percent(50);
        switch (random_.below(3)) {
        case 0: return say(10'000, wait, "os", fmt::format("unbind: {}, from: {}", p.name, device));
        case 1: return say(10'000, wait, "os", fmt::format("close: {}, as: {}", device, p.name));
        default: return say(10'000, wait, device, fmt::format("stop: {}", p.name));
        }
    }

    u64 seed_;
    sim::Random random_;
    Footing footing_;
    std::string text_;
    bool pri_ = false, stalls_ = false, nested_ = false;
    std::vector<DrawnDevice> devices_;
    std::vector<std::string> switches_;
    std::vector<Process> processes_;
};
} // namespace

std::string Footing::text() const {
    return fmt::format("{} {} {}", base::enum_text(iommu), base::enum_text(kernel), base::enum_text(policy));
}

std::vector<Footing> footings_for(const std::vector<std::string>& sets) {
    const std::string iommu = value_set(sets, "platform.iommu.kind"), kernel = value_set(sets, "os.kernel"),
                      policy = value_set(sets, "os.policy");
    const auto other = [&](const Footing& f) {
        const auto differs = [](const std::string& asked, std::string_view is) { return !asked.empty() && asked != is; };
        return differs(iommu, base::enum_text(f.iommu)) || differs(kernel, base::enum_text(f.kernel)) ||
               differs(policy, base::enum_text(f.policy));
    };
    for (const bool safe_only : {true, false}) {
        std::vector<Footing> found = all_footings(safe_only);
        std::erase_if(found, other);
        if (!found.empty()) return found;
    }
    return all_footings(true); // what was set cannot be: reading says why
}

Drawn draw_scenario(u64 seed, const std::vector<Footing>& from) { return Draw{seed, from}.scenario(); }

} // namespace quiesce::platform
