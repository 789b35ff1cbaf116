// SPDX-License-Identifier: Apache-2.0
/// Coverage of a page by a fence holds however much happens in between, and what is kept does not grow with the run.
#include "observe/stage.h"
#include "observe/unfenced_pages.h"
#include "observe/violations.h"

#include <catch2/catch.hpp>

using namespace quiesce;
using namespace quiesce::observe;
using base::page_size;
using testbench::Stage;

TEST_CASE("a page stays covered through any number of later fences", "[observe]") {
    Stage b;
    Checkers checkers{b.events};
    b.bond(10, 1);
    b.take(20, 5), b.unmap(25, 5);
    b.issue(30, 1, 0, 1, b.page(5), page_size), b.fence(40, 1, 0, 1, b.page(5), page_size);
    for (u64 n = 2; n < 20'000; ++n)
        b.issue(50, n, 0, 1, b.page(9), page_size), b.fence(60, n, 0, 1, b.page(9), page_size);
    b.free(70, 5);
    CHECK(checkers.violations().empty());
}

TEST_CASE("a page that no fence covered is found through any number of later fences", "[observe]") {
    Stage b;
    Checkers checkers{b.events};
    b.bond(10, 1);
    b.take(20, 5), b.unmap(25, 5);
    for (u64 n = 2; n < 20'000; ++n)
        b.issue(50, n, 0, 1, b.page(9), page_size), b.fence(60, n, 0, 1, b.page(9), page_size);
    b.free(70, 5);
    CHECK(checkers.violations().size() == 1);
}

TEST_CASE("what is kept is one entry for a page between unmap and free, however long the run", "[observe]") {
    UnfencedPages pages;
    u64 n = 0;
    for (int round = 0; round < 1000; ++round) {
        for (u64 p = 0; p < 4; ++p) pages.unmapped({Stage::frame(p, 1), MmId{1}, Stage::page(p)});
        for (int fence = 0; fence < 10; ++fence) {
            pages.issued({++n, BondId{1}, MmId{1}, Va{}, testbench::everything});
            if (fence % 2 == 0)
                pages.fenced({BondId{1}, MmId{1}, Va{}, testbench::everything, false, n, 0}); // the others are lost
        }
        CHECK(pages.covered(BondId{1}, MmId{1}, Stage::page(3), Stage::frame(3, 1)));
        CHECK_FALSE(pages.covered(BondId{2}, MmId{1}, Stage::page(3), Stage::frame(3, 1)));
        CHECK(pages.size() == 4 + 5);
        for (u64 p = 0; p < 4; ++p) pages.gone(MmId{1}, Stage::page(p), Stage::frame(p, 1));
        pages.issued({++n, BondId{1}, MmId{1}, Va{}, testbench::everything}); // nothing is unmapped: nothing to keep
        CHECK(pages.size() == 0);
    }
}

TEST_CASE("a table is covered by a fence for any page that it led to, a leaf by one for itself", "[observe]") {
    constexpr u64 made_for = 700;
    struct Row {
        u64 first, pages;
        bool table, leaf;
    };
    const Row row = GENERATE(Row{512, 1, true, false}, Row{1023, 3, true, false}, Row{700, 1, true, true}, Row{690, 20, true, true},
                             Row{500, 12, false, false}, Row{1024, 600, false, false}, Row{500, 13, true, false}, Row{0, 4096, true, true});
    const bool table = GENERATE(true, false);
    const Spa frame = Stage::frame(made_for, 1);
    const Va page{made_for << page_shift};
    UnfencedPages pages;
    pages.taken({frame, MmId{1}, table ? memory::FrameUse::Table : memory::FrameUse::Leaf, page});
    pages.unmapped({frame, MmId{1}, page});
    pages.issued({1, BondId{1}, MmId{1}, Va{row.first << page_shift}, row.pages * page_size});
    pages.fenced({BondId{1}, MmId{1}, Va{row.first << page_shift}, row.pages * page_size, false, 1, 0});
    CAPTURE(row.first, row.pages, table);
    CHECK(pages.covered(BondId{1}, MmId{1}, page, frame) == (table ? row.table : row.leaf));
}
