// SPDX-License-Identifier: Apache-2.0
/// A device whose address translation cache is RTL (atc.sv, as Verilator makes it a SystemC module), on the C interface:
/// at every falling edge of the clock its pins become calls, and what came of calls becomes pins. None of these calls
/// takes time, so a method can make them.
#pragma once
#include <Vatc.h>
#include <quiesce/cosim.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <optional>
#include <systemc>
#include <vector>

/// Ends the program if a call was refused.
inline void ok(int code, const char* what) {
    if (code == QSC_OK) return;
    std::fprintf(stderr, "%s: %s: %s\n", what, qsc_code_name(code), qsc_last_error());
    std::exit(1);
}
template <class Structure> Structure sized() {
    Structure s{};
    s.size = sizeof s;
    return s;
}

/// An invalidation as the device met it.
struct Met {
    uint32_t tag;
    bool everything;
    uint64_t taken_ps, completed_ps = 0, last_end_ps = 0; ///< the last end of a write of those that were there before
    unsigned live_before;                                 ///< writes that had been translated and had not ended
    unsigned ended_between = 0, begun_after = 0;          ///< of those: before completion; and those that began after it
};

class Device : public sc_core::sc_module {
public:
    /// What the device is: a function with PASIDs and ATS, `requester`, that writes counting words to one page after the
    /// other, at most two at a time on its link.
    struct Setup {
        uint32_t requester, pasid;
        uint64_t first_page;
        unsigned pages;
        bool drains;
    };
    SC_HAS_PROCESS(Device);
    Device(sc_core::sc_module_name name, const Setup& setup, const qsc_platform& platform)
        : sc_module(name), setup_(setup), platform_(platform) {
        connect();
        SC_METHOD(falling_edge);
        sensitive << clock_.negedge_event();
        dont_initialize();
        reset_.write(true);
        drains_.write(setup.drains);
        ask_ready_.write(true);
        complete_ready_.write(true);
    }
    ~Device() override { rtl_.final(); }

    void stream(bool on) { streaming_ = on; }
    const std::vector<Met>& met() const { return met_; }
    unsigned asked(uint64_t page) const { return asked_[(page - setup_.first_page) / 0x1000]; }
    unsigned ended() const { return ended_count_; }
    unsigned refused() const { return refused_.read(); }
    bool at_rest() const { return live_.read() == 0 && !translation_; }

private:
    struct Write {
        qsc_operation operation;
        bool colour;
    };

    void connect() {
        rtl_.clk(clock_), rtl_.reset(reset_), rtl_.drains(drains_);
        rtl_.want_valid(want_valid_), rtl_.want_ready(want_ready_), rtl_.want_pasid(want_pasid_);
        rtl_.want_address(want_address_), rtl_.want_data(want_data_);
        rtl_.ask_valid(ask_valid_), rtl_.ask_ready(ask_ready_), rtl_.ask_pasid(ask_pasid_), rtl_.ask_address(ask_address_);
        rtl_.told_valid(told_valid_), rtl_.told_granted(told_granted_), rtl_.told_address(told_address_);
        rtl_.write_valid(write_valid_), rtl_.write_ready(write_ready_), rtl_.write_address(write_address_);
        rtl_.write_data(write_data_), rtl_.write_colour(write_colour_);
        rtl_.ended_valid(ended_valid_), rtl_.ended_colour(ended_colour_);
        rtl_.invalidate_valid(invalidate_valid_), rtl_.invalidate_ready(invalidate_ready_), rtl_.invalidate_tag(invalidate_tag_);
        rtl_.invalidate_any_pasid(invalidate_any_pasid_), rtl_.invalidate_pasid(invalidate_pasid_);
        rtl_.invalidate_address(invalidate_address_), rtl_.invalidate_mask(invalidate_mask_);
        rtl_.complete_valid(complete_valid_), rtl_.complete_ready(complete_ready_), rtl_.complete_tag(complete_tag_);
        rtl_.live(live_), rtl_.refused(refused_);
    }

    static uint64_t now() { return sc_core::sc_time_stamp().value() * ps_per_tick(); }
    static uint64_t ps_per_tick() { return static_cast<uint64_t>(sc_core::sc_get_time_resolution().to_seconds() * 1e12 + 0.5); }

    void falling_edge() {
        if (++cycles_ <= 4) return;
        reset_.write(false);
        if (cycles_ == 5) return;
        want();
        translation();
        invalidation();
        writes();
        completion();
    }
    void want() {
        want_valid_.write(streaming_);
        want_pasid_.write(setup_.pasid);
        want_address_.write(setup_.first_page + 0x1000 * (wants_ % setup_.pages) + 4 * (wants_ / setup_.pages % 1024));
        want_data_.write(static_cast<uint32_t>(wants_ + 1));
        if (streaming_ && want_ready_.read()) ++wants_; // it is taken at the next rising edge
    }
    void translation() {
        told_valid_.write(false);
        if (translation_) {
            qsc_translation got{};
            auto result = sized<qsc_translation_result>();
            const int code = qsc_translate_poll(platform_, *translation_, &got, &result);
            if (code == QSC_PENDING) return;
            ok(code, "qsc_translate_poll");
            told_valid_.write(true);
            told_granted_.write(result.status == QSC_ATS_SUCCESS && (got.flags & QSC_WRITE) != 0);
            told_address_.write(got.address);
            translation_.reset();
        } else if (ask_valid_.read()) {
            auto request = sized<qsc_translation_request>();
            request.requester = setup_.requester;
            request.address = ask_address_.read();
            request.entries = 1;
            request.flags = QSC_PASID;
            request.pasid = ask_pasid_.read();
            ok(qsc_translate_start(platform_, &request, &translation_.emplace()), "qsc_translate_start");
            ++asked_.at((request.address - setup_.first_page) / 0x1000);
        }
    }
    void writes() {
        ended_valid_.write(false);
        for (auto w = on_link_.begin(); w != on_link_.end(); ++w) {
            auto result = sized<qsc_dma_result>();
            const int code = qsc_dma_poll(platform_, w->operation, nullptr, &result);
            if (code == QSC_PENDING) continue;
            ok(code, "qsc_dma_poll");
            ended(*w, result.ended_ps);
            on_link_.erase(w);
            break; // one a cycle
        }
        const bool room = on_link_.size() < 2;
        write_ready_.write(room);
        if (!room || !write_valid_.read()) return;
        auto request = sized<qsc_dma_request>();
        const uint32_t data = write_data_.read();
        request.requester = setup_.requester;
        request.address = write_address_.read();
        request.bytes = sizeof data;
        request.flags = QSC_WRITE | QSC_TRANSLATED;
        request.data = &data;
        Write w{0, write_colour_.read()};
        ok(qsc_dma_start(platform_, &request, &w.operation), "qsc_dma_start");
        if (!met_.empty() && met_.back().completed_ps != 0 && was_before(w)) ++met_.back().begun_after;
        on_link_.push_back(w);
    }
    void ended(const Write& w, uint64_t at) {
        ++ended_count_;
        ended_valid_.write(true);
        ended_colour_.write(w.colour);
        if (met_.empty() || met_.back().completed_ps != 0 || !was_before(w)) return;
        ++met_.back().ended_between;
        met_.back().last_end_ps = at;
    }
    /// Translated before the latest invalidation: each that the RTL takes changes the colour.
    bool was_before(const Write& w) const { return w.colour != (met_.size() % 2 != 0); }
    void invalidation() {
        const bool was_taken = invalidate_valid_.read(); // at the rising edge before
        invalidate_valid_.write(false);
        if (was_taken || !invalidate_ready_.read()) return;
        auto i = sized<qsc_invalidation>();
        if (qsc_invalidation_next(platform_, &i) != QSC_OK) return;
        const bool everything = (i.flags & QSC_EVERYTHING) != 0;
        invalidate_valid_.write(true);
        invalidate_tag_.write(i.tag);
        invalidate_any_pasid_.write((i.flags & QSC_PASID) == 0);
        invalidate_pasid_.write(i.pasid);
        invalidate_address_.write(i.address);
        invalidate_mask_.write(everything ? 0 : ~(i.bytes - 1));
        Met m{};
        m.tag = i.tag;
        m.everything = everything;
        m.taken_ps = now();
        m.live_before = live_.read();
        met_.push_back(m);
    }
    void completion() {
        if (!complete_valid_.read()) return;
        met_.back().completed_ps = now();
        ok(qsc_invalidation_complete(platform_, complete_tag_.read()), "qsc_invalidation_complete");
    }

    const Setup setup_;
    const qsc_platform& platform_;
    sc_core::sc_clock clock_{"clock", 2, sc_core::SC_NS};
    Vatc rtl_{"rtl"};
    sc_core::sc_signal<bool> reset_, drains_, want_valid_, want_ready_, ask_valid_, ask_ready_, told_valid_, told_granted_,
        write_valid_, write_ready_, write_colour_, ended_valid_, ended_colour_, invalidate_valid_, invalidate_ready_,
        invalidate_any_pasid_, complete_valid_, complete_ready_;
    sc_core::sc_signal<uint32_t> want_pasid_, want_data_, ask_pasid_, write_data_, invalidate_tag_, invalidate_pasid_, complete_tag_,
        live_, refused_;
    sc_core::sc_signal<uint64_t> want_address_, ask_address_, told_address_, write_address_, invalidate_address_, invalidate_mask_;

    uint64_t cycles_ = 0, wants_ = 0;
    unsigned ended_count_ = 0;
    bool streaming_ = false;
    std::optional<qsc_operation> translation_;
    std::deque<Write> on_link_;
    std::vector<Met> met_;
    std::vector<unsigned> asked_ = std::vector<unsigned>(setup_.pages);
};
