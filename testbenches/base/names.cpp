// SPDX-License-Identifier: Apache-2.0
/// Names: interned texts as small numbers, and a hash that every machine agrees on.
#include "base/names.h"

#include <catch2/catch.hpp>
#include <set>
#include <string>
#include <vector>

using namespace quiesce;
using base::Name;

TEST_CASE("equal texts are the same name, however they are given", "[base]") {
    const std::string text = "names/app0";
    const Name a{text}, b{"names/app0"}, c{std::string_view{"names/app0 and more"}.substr(0, 10)};
    CHECK(a == b);
    CHECK(a == c);
    CHECK(a.index() == c.index());
    CHECK(a.text() == text);
    CHECK_FALSE(a == Name{"names/app1"});
}

TEST_CASE("texts that differ in case, in a blank or in a zero byte are different names", "[base]") {
    const std::vector<std::string> texts{"names/x", "names/X", "names/x ", std::string("names/x\0", 8),
                                         std::string("names/x\0y", 9)};
    std::set<u32> indices;
    for (const auto& t : texts) {
        CHECK(indices.insert(Name{t}.index()).second);
        CHECK(Name{t}.text() == t);
    }
}

TEST_CASE("no name is the empty text, and false", "[base]") {
    CHECK(Name{}.text().empty());
    CHECK(Name{} == Name{""});
    CHECK(Name{""}.index() == 0);
    CHECK_FALSE(Name{});
    CHECK(Name{"names/something"});
}

TEST_CASE("a name does not keep the text that it was made from", "[base]") {
    std::string text = "names/gone";
    const Name n{text};
    text.assign("overwritten");
    CHECK(n.text() == "names/gone");
}

TEST_CASE("a text stays where it is while thousands of others come", "[base]") {
    const Name first{"names/first"};
    const std::string_view view = first.text();
    for (int i = 0; i < 5'000; ++i) (void)Name{"names/" + std::to_string(i)};
    CHECK(first.text().data() == view.data());
    CHECK(view == "names/first");
    CHECK(Name{"names/first"} == first);
}

TEST_CASE("indices are dense: each new text takes the next, a known one takes none", "[base]") {
    const u32 before = Name::count();
    const Name a{"names/dense a"}, b{"names/dense b"};
    CHECK(a.index() == before);
    CHECK(b.index() == before + 1);
    CHECK(Name{"names/dense a"} == a);
    CHECK(Name::count() == before + 2);
    CHECK(Name::at(before).text() == "names/dense a");
    CHECK(Name::at(before + 1) == b);
    CHECK(Name::at(0) == Name{});
}

TEST_CASE("the stable hash is the 64-bit FNV-1a of the text", "[base]") {
    // From the test vectors of its authors (draft-eastlake-fnv), not computed here.
    CHECK(Name{"a"}.stable_hash() == 0xaf63dc4c8601ec8cu);
    CHECK(Name{"foobar"}.stable_hash() == 0x85944171f73967e8u);
}
