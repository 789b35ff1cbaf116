// SPDX-License-Identifier: Apache-2.0
/// Tables and indices of an SQLite file, filled from front to back by its published format (sqlite.org/fileformat2.html, 1.5 to
/// 2.5). SQLite itself makes the file with its schema and empty tables, and whoever reads it reads it with SQLite: a statement for
/// each row, though, costs more than the run that the rows tell of.
#pragma once
#include "base/types.h"

#include <array>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace quiesce::observe {

/// The values of a row, or of an entry of an index.
class SqliteRecord {
public:
    void clear() {
        columns_ = 0;
        body_.clear();
    }
    void null() { type(0); }
    void number(i64 v);
    void number(std::optional<u64> v) { v ? number(static_cast<i64>(*v)) : null(); }
    void text(std::string_view v);
    std::size_t size() const { return 1 + columns_ + body_.size(); }
    /// size() bytes.
    void write(u8* to) const;

private:
    void type(u64 serial);
    std::array<u8, 126> types_{}; ///< with the size before them in one byte
    std::size_t columns_ = 0;     ///< bytes of them
    std::string body_;
};

/// A file whose pages can be added and replaced. Throws std::runtime_error.
class SqliteFile {
public:
    /// Of a database that nobody else has open.
    explicit SqliteFile(const std::filesystem::path& file);
    std::size_t page_size() const { return page_size_; }
    /// The number of a page that is written later.
    u32 take();
    void write(u32 page, std::span<const u8> bytes);
    /// Nothing is written after it.
    void close();

private:
    std::fstream file_;
    std::size_t page_size_ = 0;
    u32 pages_ = 0, behind_ = 0; ///< behind: where the file stands
};

/// A page of a B-tree, filled from both ends.
class SqlitePage {
public:
    enum Kind : u8 { InnerIndex = 2, InnerTable = 5, LeafIndex = 10, LeafTable = 13 };
    SqlitePage(Kind kind, std::size_t size) : bytes_(size) { clear(kind); }
    void clear(Kind kind);
    bool empty() const { return cells_ == 0; }
    bool has_room(std::size_t cell) const { return front_ + 2 + cell <= back_; }
    u8* add(std::size_t cell);
    void last_child(u32 page);
    std::span<const u8> bytes();

private:
    std::vector<u8> bytes_;
    std::size_t cells_ = 0, front_ = 0, back_ = 0;
};

/// Rows of a table that has an INTEGER PRIMARY KEY, which is `rowid` and NULL in the record; in the order of it.
class SqliteTable {
public:
    SqliteTable(SqliteFile& file, u32 root) : file_(file), root_(root), leaf_(SqlitePage::LeafTable, file.page_size()) {}
    void add(i64 rowid, const SqliteRecord& row);
    void close();

private:
    struct Child {
        u32 page;
        i64 last;
    };
    void end_leaf();
    u32 write_rest(std::span<const u8> bytes);
    std::span<const u8> parent(std::span<const Child> of);
    SqliteFile& file_;
    u32 root_;
    SqlitePage leaf_;
    i64 last_ = 0;
    std::vector<Child> children_;
    std::vector<u8> payload_;
};

/// Entries of an index, or rows of a table WITHOUT ROWID; in their order.
class SqliteIndex {
public:
    SqliteIndex(SqliteFile& file, u32 root) : file_(file), root_(root) {}
    void add(const SqliteRecord& entry);
    void close();

private:
    struct Cell {
        std::size_t at;
        u32 size;
        u32 child; ///< left of it
    };
    void write_cell(SqlitePage& page, const Cell& cell, bool inner) const;
    SqliteFile& file_;
    u32 root_;
    std::vector<u8> bytes_; ///< of all cells, without children
    std::vector<Cell> cells_;
};

} // namespace quiesce::observe
