// SPDX-License-Identifier: Apache-2.0
#include "platform/report/svg_charts.h"

#include "platform/report/markup.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <fmt/format.h>

namespace quiesce::platform {
namespace {
using report::escaped;

constexpr double chart_width = 760, chart_height = 452, chart_top = 76, chart_left = 92, chart_right = 740,
                 chart_bottom = 396;

/// Eight colours that people with colour-blindness tell apart (Okabe and Ito); lines of more series are dashed as well.
constexpr std::array<const char*, 7> palette{"#0072b2", "#d55e00", "#009e73", "#cc79a7",
                                             "#e69f00", "#56b4e9", "#8a6d3b"};

std::string chart_head(const std::string& title, const std::string& subtitle, double width, double height) {
    return fmt::format(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {0:.0f} {1:.0f}\" width=\"{0:.0f}\" "
        "height=\"{1:.0f}\" role=\"img\" "
        "class=\"quiesce-chart\" font-family=\"system-ui, sans-serif\" font-size=\"12\"><title>{2}</title>\n"
        "<style>.quiesce-chart{{background:#fff}}.quiesce-chart text{{fill:#222}}.quiesce-chart .soft{{fill:#666}}"
        ".quiesce-chart .grid{{stroke:#ddd}}.quiesce-chart .frame{{stroke:#888;fill:none}}"
        "@media (prefers-color-scheme:dark){{.quiesce-chart{{background:#16181c}}.quiesce-chart text{{fill:#e6e6e6}}"
        ".quiesce-chart .soft{{fill:#a0a0a0}}.quiesce-chart .grid{{stroke:#33363c}}}}</style>\n"
        "<text x=\"16\" y=\"24\" font-size=\"15\" font-weight=\"600\">{2}</text>\n<text x=\"16\" y=\"44\" "
        "class=\"soft\">{3}</text>\n",
        width, height, escaped(title), escaped(subtitle));
}

std::string text_at(double x, double y, const char* anchor, const std::string& text, const char* more = "") {
    return fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"{}\" {}>{}</text>\n", x, y, anchor, more,
                       escaped(text));
}

/// From values to places.
struct ChartScale {
    double low, high, from, to;
    bool logarithmic;
    double operator()(double v) const {
        const auto f = [&](double x) { return logarithmic ? std::log10(std::max(x, low)) : x; };
        return high == low ? (from + to) / 2 : from + (f(v) - f(low)) / (f(high) - f(low)) * (to - from);
    }
};

struct Extent {
    double low = 0, high = 0;
    bool any = false;
    void take(double v) {
        low = any ? std::min(low, v) : v;
        high = any ? std::max(high, v) : v;
        any = true;
    }
};

std::string x_axis(const ChartAxis& axis, const ChartScale& at) {
    std::string svg;
    const auto tick = [&](double v, const std::string& text) {
        svg += fmt::format("<line class=\"grid\" x1=\"{0:.1f}\" x2=\"{0:.1f}\" y1=\"{1}\" y2=\"{2}\"/>\n", at(v),
                           chart_top, chart_bottom);
        svg += text_at(at(v), chart_bottom + 18, "middle", text);
    };
    const std::size_t each = axis.names.size() / 12 + 1;
    for (std::size_t i = 0; i < axis.names.size(); i += each) tick(static_cast<double>(i), axis.names[i]);
    if (axis.names.empty())
        for (const double v : chart_ticks(at.low, at.high, axis.logarithmic)) tick(v, axis.text(v));
    return svg + text_at((chart_left + chart_right) / 2, chart_bottom + 42, "middle", axis.label, "class=\"soft\"");
}

std::string y_axis(const ChartAxis& axis, const ChartScale& at) {
    std::string svg;
    for (const double v : chart_ticks(at.low, at.high, axis.logarithmic)) {
        svg += fmt::format("<line class=\"grid\" x1=\"{1}\" x2=\"{2}\" y1=\"{0:.1f}\" y2=\"{0:.1f}\"/>\n", at(v),
                           chart_left, chart_right);
        svg += text_at(chart_left - 8, at(v) + 4, "end", axis.text(v));
    }
    return svg + fmt::format("<rect class=\"frame\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"/>\n", chart_left,
                             chart_top, chart_right - chart_left, chart_bottom - chart_top);
}

std::string series_svg(const ChartSeries& s, std::size_t n, const ChartScale& x, const ChartScale& y) {
    const char* const colour = palette[n % palette.size()];
    std::string path, marks;
    for (const ChartPoint& p : s.points) {
        path += fmt::format("{}{:.1f} {:.1f}", path.empty() ? "M" : " L", x(p.x), y(p.y));
        if (p.half && *p.half > 0)
            marks += fmt::format("<path d=\"M{0:.1f} {1:.1f} V{2:.1f} M{3:.1f} {1:.1f} H{4:.1f} M{3:.1f} {2:.1f} "
                                 "H{4:.1f}\" stroke=\"{5}\"/>\n",
                                 x(p.x), y(p.y - *p.half), y(p.y + *p.half), x(p.x) - 4, x(p.x) + 4, colour);
        marks += fmt::format("<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"3\" fill=\"{}\"><title>{}</title></circle>\n",
                             x(p.x), y(p.y), colour, escaped(p.label));
        if (p.marked)
            marks += fmt::format(
                "<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"8\" fill=\"none\" stroke=\"{}\" stroke-width=\"2\"/>\n",
                x(p.x), y(p.y), colour);
        if (!p.name.empty()) marks += text_at(x(p.x) + 11, y(p.y) + 4, "start", p.name, "font-size=\"10\"");
    }
    if (!s.joined || s.points.size() < 2) return marks;
    return fmt::format("<path d=\"{}\" fill=\"none\" stroke=\"{}\" stroke-width=\"2\"{}/>\n", path, colour,
                       n >= palette.size() ? " stroke-dasharray=\"6 3\"" : "") +
           marks;
}

/// Of two lines at the same place only the later one is seen.
std::string with_twin(const XyChart& chart, std::size_t n) {
    const auto same = [](const ChartPoint& a, const ChartPoint& b) { return a.x == b.x && a.y == b.y; };
    const auto& mine = chart.series[n].points;
    for (std::size_t m = 0; m < n; ++m)
        if (const auto& other = chart.series[m].points; !mine.empty() && std::equal(mine.begin(), mine.end(), other.begin(), other.end(), same))
            return chart.series[n].name + " (same as " + chart.series[m].name + ")";
    return chart.series[n].name;
}

std::string legend(const XyChart& chart) {
    std::string svg;
    double y = chart_bottom + 64;
    double x = chart_left;
    const auto next = [&](const std::string& mark, const std::string& text) {
        svg += fmt::format("<g transform=\"translate({:.1f} {:.1f})\">{}</g>\n", x, y - 4, mark) +
               text_at(x + 14, y, "start", text);
        x += 30 + 7.0 * static_cast<double>(text.size());
        if (x > chart_right - 80) x = chart_left, y += 18;
    };
    for (std::size_t n = 0; n < chart.series.size(); ++n)
        if (!chart.series[n].name.empty())
            next(fmt::format("<circle r=\"4\" cx=\"4\" fill=\"{}\"/>", palette[n % palette.size()]), with_twin(chart, n));
    const auto has_mark = [](const ChartSeries& s) {
        return std::any_of(s.points.begin(), s.points.end(), [](const ChartPoint& p) { return p.marked; });
    };
    if (std::any_of(chart.series.begin(), chart.series.end(), has_mark))
        next("<circle r=\"6\" cx=\"4\" fill=\"none\" stroke=\"#888\" stroke-width=\"2\"/>", chart.marked);
    return svg;
}

/// From pale to dark by the share of the range.
std::string heat_colour(double share) {
    const auto mix = [&](int a, int b) { return static_cast<int>(std::lround(a + (b - a) * share)); };
    return fmt::format("#{:02x}{:02x}{:02x}", mix(0xf7, 0x7f), mix(0xf3, 0x27), mix(0xe3, 0x04));
}
} // namespace

std::vector<double> chart_ticks(double low, double high, bool logarithmic) {
    std::vector<double> ticks;
    if (!(high > low)) return {low};
    if (logarithmic && low > 0) {
        for (double v = std::pow(10.0, std::floor(std::log10(low))); v <= high * 1.0001; v *= 10)
            if (v >= low * 0.9999) ticks.push_back(v);
        if (ticks.size() >= 2) return ticks;
        ticks.clear();
    }
    const double rough = (high - low) / 5, power = std::pow(10.0, std::floor(std::log10(rough)));
    const double share = rough / power;
    const double step = power * (share > 5 ? 10 : share > 2 ? 5 : share > 1 ? 2 : 1);
    for (double n = std::ceil(low / step - 1e-9); n * step <= high + step * 1e-9; ++n) ticks.push_back(n * step);
    return ticks;
}

std::string svg_xy(const XyChart& chart) {
    Extent xs, ys;
    for (const ChartSeries& s : chart.series)
        for (const ChartPoint& p : s.points) {
            xs.take(p.x);
            ys.take(p.y - p.half.value_or(0));
            ys.take(p.y + p.half.value_or(0));
        }
    ChartAxis y_said = chart.y;
    y_said.logarithmic = chart.y.logarithmic && ys.low > 0;
    if (!y_said.logarithmic) ys.take(0); // lengths are compared from nothing
    if (ys.high == ys.low) ys.high += 1;
    const ChartScale x{xs.low, xs.high, chart_left + 16, chart_right - 16, chart.x.logarithmic && xs.low > 0};
    const ChartScale y{ys.low, ys.high, chart_bottom - 8, chart_top + 8, y_said.logarithmic};
    std::string svg = chart_head(chart.title, chart.subtitle, chart_width, chart_height + 60) + x_axis(chart.x, x) +
                      y_axis(y_said, y);
    svg += text_at(chart_left, chart_top - 6, "start", chart.y.label, "class=\"soft\"");
    for (std::size_t n = 0; n < chart.series.size(); ++n) svg += series_svg(chart.series[n], n, x, y);
    return svg + legend(chart) + "</svg>\n";
}

std::string svg_heat(const HeatChart& chart) {
    Extent range;
    for (const auto& row : chart.cells)
        for (const auto& cell : row)
            if (cell) range.take(*cell);
    const double columns = static_cast<double>(chart.x.names.size()), rows = static_cast<double>(chart.y.names.size());
    const double cell_width = (chart_right - chart_left - 40) / columns,
                 cell_height = std::clamp((chart_bottom - chart_top) / rows, 18.0, 60.0);
    const double bottom = chart_top + cell_height * rows, left = chart_left + 40;
    std::string svg = chart_head(chart.title, chart.subtitle, chart_width, bottom + 72);
    for (std::size_t r = 0; r < chart.cells.size(); ++r) {
        const double y = bottom - cell_height * static_cast<double>(r + 1);
        svg += text_at(left - 8, y + cell_height / 2 + 4, "end", chart.y.names[r]);
        for (std::size_t c = 0; c < chart.cells[r].size(); ++c) {
            const auto& cell = chart.cells[r][c];
            const double x = left + cell_width * static_cast<double>(c);
            const double share = cell && range.high > range.low ? (*cell - range.low) / (range.high - range.low) : 0;
            svg += fmt::format("<rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{:.1f}\" "
                               "fill=\"{}\"><title>{} / {}: {}</title></rect>\n",
                               x, y, cell_width - 1, cell_height - 1, cell ? heat_colour(share) : "none",
                               escaped(chart.x.names[c]), escaped(chart.y.names[r]),
                               cell ? escaped(chart.text(*cell)) : "no result");
            if (cell && cell_width >= 56)
                svg += text_at(x + cell_width / 2, y + cell_height / 2 + 4, "middle", chart.text(*cell),
                               share > 0.5 ? "style=\"fill:#fff\" font-size=\"11\""
                                           : "style=\"fill:#222\" font-size=\"11\"");
        }
    }
    const std::size_t each = chart.x.names.size() / 12 + 1;
    for (std::size_t c = 0; c < chart.x.names.size(); c += each)
        svg += text_at(left + cell_width * (static_cast<double>(c) + 0.5), bottom + 18, "middle", chart.x.names[c]);
    svg += text_at((left + chart_right) / 2, bottom + 42, "middle", chart.x.label, "class=\"soft\"");
    return svg + text_at(left, chart_top - 6, "start", chart.y.label, "class=\"soft\"") + "</svg>\n";
}

std::string svg_bars(const BarChart& chart) {
    Extent range;
    range.take(chart.middle);
    for (const auto& b : chart.bars) {
        range.take(b.low);
        range.take(b.high);
    }
    if (range.high == range.low) range.high += 1;
    constexpr double row = 40, left = 190, right = 660;
    const double bottom = chart_top + row * static_cast<double>(chart.bars.size());
    const ChartScale x{range.low, range.high, left, right, false};
    std::string svg = chart_head(chart.title, chart.subtitle, chart_width, bottom + 48);
    for (std::size_t n = 0; n < chart.bars.size(); ++n) {
        const auto& b = chart.bars[n];
        const double y = chart_top + row * static_cast<double>(n);
        svg += text_at(16, y + 22, "start", b.name);
        svg += fmt::format("<rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"22\" fill=\"{}\"><title>{}: {} "
                           "to {}</title></rect>\n",
                           x(b.low), y + 6, std::max(1.0, x(b.high) - x(b.low)), palette[0], escaped(b.name),
                           escaped(chart.text(b.low)), escaped(chart.text(b.high)));
        if (b.high > b.low) {
            svg += text_at(x(b.low) - 4, y + 20, "end", b.low_at, "class=\"soft\" font-size=\"10\"");
            svg += text_at(x(b.high) + 4, y + 20, "start", b.high_at, "class=\"soft\" font-size=\"10\"");
        }
    }
    svg += fmt::format(
        "<line x1=\"{0:.1f}\" x2=\"{0:.1f}\" y1=\"{1}\" y2=\"{2:.1f}\" stroke=\"#d55e00\" stroke-dasharray=\"4 3\"/>\n",
        x(chart.middle), chart_top, bottom);
    for (const double v : chart_ticks(range.low, range.high, false))
        svg += text_at(x(v), bottom + 18, "middle", chart.text(v));
    return svg + "</svg>\n";
}

} // namespace quiesce::platform
