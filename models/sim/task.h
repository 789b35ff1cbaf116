// SPDX-License-Identifier: Apache-2.0
/// Task<T>: a coroutine that reads top to bottom and takes simulated time. Lazy: it starts when awaited or spawned.
#pragma once
#include "sim/calendar.h"
#include "sim/frame_pool.h"

#include <coroutine>
#include <exception>
#include <optional>
#include <utility>

namespace quiesce::sim {

template <class T = void> class Task;

namespace detail {

struct PromiseBase : RootHook {
    std::coroutine_handle<> continuation;
    bool root = false;
    std::exception_ptr error;

    static void* operator new(std::size_t n) { return FramePool::take(n); }
    static void operator delete(void* p, std::size_t n) noexcept { FramePool::give(p, n); }

    struct Final {
        bool await_ready() noexcept { return false; }
        template <class P> std::coroutine_handle<> await_suspend(std::coroutine_handle<P> h) noexcept {
            PromiseBase& p = h.promise();
            if (p.continuation) return p.continuation;
            if (p.root) {
                if (p.error && Calendar::exists()) Calendar::current().fail(p.error);
                h.destroy();
            }
            return std::noop_coroutine();
        }
        void await_resume() noexcept {}
    };
    std::suspend_always initial_suspend() noexcept { return {}; }
    Final final_suspend() noexcept { return {}; }
    void unhandled_exception() noexcept { error = std::current_exception(); }
    void check() { if (error) std::rethrow_exception(error); }
};

template <class T> struct Promise : PromiseBase {
    std::optional<T> value;
    Task<T> get_return_object();
    template <class U> void return_value(U&& v) { value.emplace(std::forward<U>(v)); }
    T result() { check(); return std::move(*value); }
};
template <> struct Promise<void> : PromiseBase {
    Task<void> get_return_object();
    void return_void() noexcept {}
    void result() { check(); }
};
} // namespace detail

/// Owns its coroutine. `co_await std::move(task)` or `co_await f()` runs it in the caller's time; spawn() lets it go.
template <class T> class [[nodiscard]] Task {
public:
    using promise_type = detail::Promise<T>;
    using Handle = std::coroutine_handle<promise_type>;

    Task() = default;
    explicit Task(Handle h) : h_(h) {}
    Task(Task&& o) noexcept : h_(std::exchange(o.h_, nullptr)) {}
    Task& operator=(Task&& o) noexcept {
        if (this != &o) { reset(); h_ = std::exchange(o.h_, nullptr); }
        return *this;
    }
    ~Task() { reset(); }
    explicit operator bool() const { return static_cast<bool>(h_); }

    bool await_ready() const noexcept { return false; }
    std::coroutine_handle<> await_suspend(std::coroutine_handle<> who) noexcept {
        h_.promise().continuation = who;
        return h_;
    }
    T await_resume() { return h_.promise().result(); }
    Handle release() { return std::exchange(h_, nullptr); }

private:
    void reset() { if (h_) h_.destroy(); h_ = nullptr; }
    Handle h_;
};

namespace detail {
template <class T> Task<T> Promise<T>::get_return_object() {
    return Task<T>{std::coroutine_handle<Promise<T>>::from_promise(*this)};
}
inline Task<void> Promise<void>::get_return_object() {
    return Task<void>{std::coroutine_handle<Promise<void>>::from_promise(*this)};
}
inline std::coroutine_handle<> make_root(Task<void> t) {
    auto h = t.release();
    h.promise().root = true;
    h.promise().self = h;
    Calendar::current().adopt(h.promise());
    return h;
}
} // namespace detail

/// Lets a task run on its own from the current instant, after everything already scheduled for it. The calendar owns it.
inline void spawn(Task<void> t) { Calendar::current().schedule_now(detail::make_root(std::move(t))); }
/// As spawn(), from instant `at`.
inline void spawn_at(Time at, Task<void> t) { Calendar::current().schedule(detail::make_root(std::move(t)), at); }
/// As spawn(), but runs up to its first suspension before this returns: one calendar entry less on hot paths.
inline void start(Task<void> t) { detail::make_root(std::move(t)).resume(); }

} // namespace quiesce::sim
