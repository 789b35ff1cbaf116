// SPDX-License-Identifier: Apache-2.0
/// Free lists for coroutine frames, so that starting a transaction does not reach the general allocator.
#pragma once
#include <array>
#include <cstddef>
#include <new>

namespace quiesce::sim {

/// Size-classed free lists, 64-byte classes up to 2 KiB; larger frames go to the general allocator. Never shrinks before
/// the process ends. One simulation runs in one host thread, so there is no locking.
class FramePool {
public:
    static void* take(std::size_t bytes) {
        const std::size_t c = (bytes + step - 1) / step;
        if (c >= classes) return ::operator new(bytes);
        Node*& head = lists().head[c];
        if (head == nullptr) return ::operator new(c * step);
        Node* n = head;
        head = n->next;
        return n;
    }
    static void give(void* p, std::size_t bytes) noexcept {
        const std::size_t c = (bytes + step - 1) / step;
        if (c >= classes) return ::operator delete(p);
        Node* n = static_cast<Node*>(p);
        n->next = lists().head[c];
        lists().head[c] = n;
    }

private:
    static constexpr std::size_t step = 64, classes = 33;
    struct Node { Node* next; };
    struct Lists {
        std::array<Node*, classes> head{};
        ~Lists() {
            for (Node* n : head)
                while (n != nullptr) { Node* next = n->next; ::operator delete(n); n = next; }
        }
    };
    static Lists& lists() {
        static Lists l;
        return l;
    }
};

} // namespace quiesce::sim
