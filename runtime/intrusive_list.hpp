// SPDX-License-Identifier: BSL-1.0
//
// Doubly linked lists whose links live inside their elements: no allocation, O(1) removal by the
// element itself. An element leaves its list when it is destroyed. A type can be in several lists
// at a time through hooks with different tags.
//
//     struct waiter : list_hook<struct in_queue> {};
//     intrusive_list<waiter, struct in_queue> queue;
//     queue.push_back(w);

#pragma once

namespace conduit {

/// One link of a circular list; null when it is in none, which is quick to make and to destroy.
/// Neither copied nor moved: neighbours hold its address.
class list_link {
public:
    list_link() noexcept = default;
    list_link(const list_link&) = delete;
    list_link& operator=(const list_link&) = delete;
    ~list_link() { unlink(); }

    bool is_linked() const noexcept { return next_ != nullptr; }
    void unlink() noexcept {
        if (!is_linked()) return;
        previous_->next_ = next_;
        next_->previous_ = previous_;
        previous_ = next_ = nullptr;
    }

private:
    template <class T, class Tag>
    friend class intrusive_list;

    void insert_before(list_link& position) noexcept {
        previous_ = position.previous_;
        next_ = &position;
        previous_->next_ = this;
        position.previous_ = this;
    }

    list_link* previous_ = nullptr;
    list_link* next_ = nullptr;
};

/// The link by which an element is in a list with the same tag.
template <class Tag>
class list_hook : public list_link {};

/// A list of elements it does not own. Destroying it lets the elements go.
template <class T, class Tag>
class intrusive_list {
public:
    intrusive_list() noexcept { head_.previous_ = head_.next_ = &head_; }
    ~intrusive_list() {
        while (!empty()) front_link().unlink();
    }

    bool empty() const noexcept { return head_.next_ == &head_; }
    T& front() noexcept { return element(*head_.next_); }
    T& back() noexcept { return element(*head_.previous_); }

    /// Appends an element, taking it out of the list it was in.
    void push_back(T& item) noexcept {
        list_link& link = static_cast<list_hook<Tag>&>(item);
        link.unlink();
        link.insert_before(head_);
    }

    T& pop_front() noexcept {
        T& item = front();
        front_link().unlink();
        return item;
    }

    /// Appends all elements of `other`, which is empty afterwards.
    void take_all(intrusive_list& other) noexcept {
        if (other.empty()) return;
        list_link* first = other.head_.next_;
        list_link* last = other.head_.previous_;
        other.head_.next_ = other.head_.previous_ = &other.head_;
        first->previous_ = head_.previous_;
        head_.previous_->next_ = first;
        last->next_ = &head_;
        head_.previous_ = last;
    }

    class iterator {
    public:
        explicit iterator(list_link* at) noexcept : at_(at) {}
        T& operator*() const noexcept { return element(*at_); }
        iterator& operator++() noexcept {
            at_ = at_->next_;
            return *this;
        }
        bool operator==(const iterator&) const noexcept = default;

    private:
        list_link* at_;
    };
    iterator begin() noexcept { return iterator(head_.next_); }
    iterator end() noexcept { return iterator(&head_); }

    static bool contains(const T& item) noexcept {
        return static_cast<const list_hook<Tag>&>(item).is_linked();
    }
    static void remove(T& item) noexcept { static_cast<list_hook<Tag>&>(item).unlink(); }

private:
    list_link& front_link() noexcept { return *head_.next_; }
    static T& element(list_link& link) noexcept {
        return static_cast<T&>(static_cast<list_hook<Tag>&>(link));
    }

    list_link head_;
};

}  // namespace conduit
