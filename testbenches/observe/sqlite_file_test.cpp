// SPDX-License-Identifier: Apache-2.0
/// What SqliteFile fills, SQLite accepts and reads.
#include "observe/sqlite.h"
#include "observe/sqlite_file.h"

#include <catch2/catch.hpp>

#include <limits>
#include <unistd.h>

using namespace quiesce;
using namespace quiesce::observe;

namespace {
struct SqliteBench {
    std::filesystem::path file = std::filesystem::temp_directory_path() / ("sqlite_file_test" + std::to_string(::getpid()));
    u32 page_size = 512;
    ~SqliteBench() { std::filesystem::remove(file); }

    /// A database with the table t(id, n, s) and the index by_n of n, both still empty.
    std::pair<u32, u32> make() {
        std::filesystem::remove(file);
        Database db(file, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
        db.run(("PRAGMA page_size=" + std::to_string(page_size) + "; PRAGMA auto_vacuum=NONE; CREATE TABLE t(id INTEGER PRIMARY KEY, n INTEGER, s TEXT);"
                "CREATE INDEX by_n ON t(n);").c_str());
        Statement roots(db, "SELECT (SELECT rootpage FROM sqlite_master WHERE name='t'), (SELECT rootpage FROM sqlite_master WHERE name='by_n')");
        roots.step();
        return {static_cast<u32>(*roots.number(0)), static_cast<u32>(*roots.number(1))};
    }
    /// Rows 1, 4, 7, ... with n twice their place, and a text of `text` bytes.
    void fill(std::size_t rows, std::size_t text) {
        const auto [table_root, index_root] = make();
        SqliteFile out(file);
        SqliteTable table(out, table_root);
        SqliteIndex index(out, index_root);
        SqliteRecord r;
        for (std::size_t i = 0; i < rows; ++i) {
            const i64 id = static_cast<i64>(1 + 3 * i), n = static_cast<i64>(2 * i);
            r.clear();
            r.null();
            r.number(n);
            r.text(std::string(text, static_cast<char>('a' + i % 26)));
            table.add(id, r);
            r.clear();
            r.number(n);
            r.number(id);
            index.add(r);
        }
        table.close();
        index.close();
        out.close();
    }
    std::string one(const std::string& sql) const {
        Database db(file, SQLITE_OPEN_READONLY);
        Statement s(db, sql.c_str());
        return s.step() ? s.text(0) : "no row";
    }
};
} // namespace

TEST_CASE("SQLite finds a filled file sound, whatever the number of rows") {
    SqliteBench b;
    for (const std::size_t rows : {0, 1, 2, 3, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 500, 2500, 20'000}) {
        b.fill(rows, 5);
        INFO(rows << " rows");
        CHECK(b.one("PRAGMA integrity_check") == "ok");
        CHECK(b.one("SELECT COUNT(*) FROM t") == std::to_string(rows));
        CHECK(b.one("SELECT COUNT(*) FROM t WHERE s = substr('aaaaabbbbbcccccdddddeeeeefffffggggghhhhhiiiiijjjjjkkkkklllllmmmmmnnnnnooooo"
                    "pppppqqqqqrrrrrssssstttttuuuuuvvvvvwwwwwxxxxxyyyyyzzzzz', 1 + 5 * ((id - 1) / 3 % 26), 5)") == std::to_string(rows));
        if (rows > 0) CHECK(b.one("SELECT id FROM t WHERE n = " + std::to_string(2 * (rows - 1))) == std::to_string(3 * rows - 2));
    }
}

TEST_CASE("an index is sound with every number of entries about the ends of its levels") {
    SqliteBench b;
    for (std::size_t rows = 1; rows < 1400; rows += rows < 120 ? 1 : 7) {
        b.fill(rows, 0);
        INFO(rows << " rows");
        REQUIRE(b.one("PRAGMA integrity_check") == "ok");
    }
}

TEST_CASE("a row longer than a page goes on in pages of its own") {
    SqliteBench b;
    for (const std::size_t text : {470, 475, 476, 477, 478, 500, 508, 1000, 1016, 1017, 5000}) {
        b.fill(7, text);
        INFO(text << " bytes");
        CHECK(b.one("PRAGMA integrity_check") == "ok");
        CHECK(b.one("SELECT COUNT(*) FROM t WHERE s = replace(hex(zeroblob(" + std::to_string(text) + ")), '00', char(97 + (id - 1) / 3))") == "7");
    }
}

TEST_CASE("numbers of every width, and no number, are read as they were written") {
    using L = std::numeric_limits<i64>;
    std::vector<i64> all{L::min(), L::min() + 1, -2, -1, 0, 1, 2, L::max() - 1, L::max()};
    for (int bit = 6; bit < 63; ++bit)
        for (const i64 d : {-1, 0, 1})
            for (const i64 sign : {-1, 1}) all.push_back(sign * ((i64{1} << bit) + d));
    SqliteBench b;
    b.page_size = GENERATE(512u, 65536u);
    const auto roots = b.make();
    SqliteFile out(b.file);
    SqliteTable table(out, roots.first);
    SqliteRecord r;
    for (std::size_t i = 0; i < all.size(); ++i) {
        r.clear();
        r.null();
        r.number(all[i]);
        r.null();
        table.add(static_cast<i64>(i) * 1'000'000'000'000, r);
    }
    table.close();
    out.close();
    Database db(b.file, SQLITE_OPEN_READONLY);
    Statement s(db, "SELECT n, s IS NULL, id FROM t NOT INDEXED ORDER BY id");
    for (std::size_t i = 0; i < all.size(); ++i) {
        REQUIRE(s.step());
        CHECK(static_cast<i64>(s.number(0).value_or(0)) == all[i]);
        CHECK(s.number(1) == 1u);
        CHECK(s.number(2) == i * 1'000'000'000'000);
    }
    CHECK_FALSE(s.step());
}
