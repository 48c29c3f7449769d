#include "imports/pickle.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdio>
#include <optional>
#include <unordered_map>
#include <utility>

#include "artifacts/base/error.h"
#include "imports/pickle_classes.h"

namespace repro::imports {
namespace {

constexpr std::size_t kMaxBytes = std::size_t{64} << 20;
constexpr std::size_t kMaxValues = 1'000'000;
constexpr std::size_t kMaxNameBytes = 200;
constexpr int kMaxDepth = 64;
constexpr int kNewestProtocol = 5;

class Reader {
 public:
  Reader(std::span<const std::byte> bytes, const std::string& what) : bytes_(bytes), what_(what) {
    if (bytes.size() > kMaxBytes) fail("it has more than 64 MiB");
  }

  Pickle read();

 private:
  struct Opcode {
    char code;
    void (Reader::*run)();
  };
  static const std::array<Opcode, 36> kOpcodes;

  [[noreturn]] void fail(const std::string& why) const { fail(Code::corruption, why); }
  [[noreturn]] void fail(Code code, const std::string& why) const {
    throw Error(code, what_ + ", byte " + std::to_string(opcode_at_) + ": " + why,
                code == Code::unsupported ? "nothing of it was executed; checkpoints of OLMo's "
                                            "trainer and plain state dicts are read"
                                          : "");
  }

  // --- bytes -----------------------------------------------------------------------------------
  std::string take(std::uint64_t count) {
    if (count > bytes_.size() - at_) fail("it is cut off, or a length is too large");
    const auto* begin = reinterpret_cast<const char*>(bytes_.data()) + at_;
    at_ += static_cast<std::size_t>(count);
    return {begin, static_cast<std::size_t>(count)};
  }
  std::uint64_t take_count(int bytes) {
    const std::string text = take(static_cast<std::uint64_t>(bytes));
    std::uint64_t value = 0;
    for (int i = 0; i < bytes; ++i) {
      value |= std::uint64_t{static_cast<unsigned char>(text[static_cast<std::size_t>(i)])}
               << (8 * i);
    }
    return value;
  }
  std::string take_line() {
    std::string line;
    for (std::string byte = take(1); byte != "\n"; byte = take(1)) {
      line += byte;
      if (line.size() > kMaxNameBytes) fail("a name is too long");
    }
    return line;
  }

  // --- values and the stack --------------------------------------------------------------------
  PickleValue& make(PickleKind kind) {
    PickleValue value;
    value.kind = kind;
    return push(std::move(value));
  }
  PickleValue& push(PickleValue value) {
    if (values_.size() == kMaxValues) fail("it has more than a million values");
    values_.push_back(std::move(value));
    push_id(static_cast<PickleId>(values_.size() - 1));
    return values_.back();
  }
  void push_id(PickleId id) {
    if (stack_.size() == kMaxValues) fail("its stack has more than a million values");
    stack_.push_back(id);
  }
  PickleId pop() {
    if (stack_.size() <= floor()) fail("a value is missing on its stack");
    const PickleId id = stack_.back();
    stack_.pop_back();
    return id;
  }
  PickleValue& top(PickleKind kind, const char* name) {
    if (stack_.size() <= floor() || values_[stack_.back()].kind != kind) {
      fail(std::string("there is no ") + name + " to add to");
    }
    return values_[stack_.back()];
  }
  std::size_t floor() const { return marks_.empty() ? 0 : marks_.back(); }
  std::vector<PickleId> pop_to_mark() {
    if (marks_.empty()) fail("a mark is missing on its stack");
    const auto from = stack_.begin() + static_cast<std::ptrdiff_t>(marks_.back());
    std::vector<PickleId> items(from, stack_.end());
    stack_.erase(from, stack_.end());
    marks_.pop_back();
    return items;
  }
  void make_text(PickleKind kind, std::string text) { make(kind).text = std::move(text); }
  void make_tuple(std::size_t size) {
    std::vector<PickleId> items(size);
    for (std::size_t i = size; i-- > 0;) items[i] = pop();
    make(PickleKind::tuple).items = std::move(items);
  }

  // --- opcodes ---------------------------------------------------------------------------------
  void proto() { fail("it has a second header"); }
  void frame() {
    if (take_count(8) > bytes_.size() - at_) fail("a frame is longer than the pickle");
  }
  void mark() {
    if (marks_.size() == kMaxValues) fail("its stack has more than a million marks");
    marks_.push_back(stack_.size());
  }
  void none() { make(PickleKind::none); }
  void new_true() { make(PickleKind::boolean).integer = 1; }
  void new_false() { make(PickleKind::boolean); }
  void make_integer(std::int64_t value) { make(PickleKind::integer).integer = value; }
  void bin_int() {
    make_integer(static_cast<std::int32_t>(static_cast<std::uint32_t>(take_count(4))));
  }
  void bin_int1() { make_integer(static_cast<std::int64_t>(take_count(1))); }
  void bin_int2() { make_integer(static_cast<std::int64_t>(take_count(2))); }
  void long1();
  void bin_float();
  void bin_unicode() { make_text(PickleKind::text, take(take_count(4))); }
  void short_bin_unicode() { make_text(PickleKind::text, take(take_count(1))); }
  void bin_bytes() { make_text(PickleKind::bytes, take(take_count(4))); }
  void short_bin_bytes() { make_text(PickleKind::bytes, take(take_count(1))); }
  void empty_list() { make(PickleKind::list); }
  void empty_tuple() { make(PickleKind::tuple); }
  void empty_dict() { make(PickleKind::dict); }
  void tuple() {
    auto items = pop_to_mark();
    make(PickleKind::tuple).items = std::move(items);
  }
  void tuple1() { make_tuple(1); }
  void tuple2() { make_tuple(2); }
  void tuple3() { make_tuple(3); }
  void append() {
    const PickleId item = pop();
    top(PickleKind::list, "list").items.push_back(item);
  }
  void appends() {
    const auto items = pop_to_mark();
    auto& list = top(PickleKind::list, "list").items;
    list.insert(list.end(), items.begin(), items.end());
  }
  void set_item() {
    const PickleId value = pop();
    const PickleId key = pop();
    auto& dict = top(PickleKind::dict, "dict").items;
    dict.insert(dict.end(), {key, value});
  }
  void set_items() {
    const auto items = pop_to_mark();
    if (items.size() % 2 != 0) fail("a key lacks its value");
    auto& dict = top(PickleKind::dict, "dict").items;
    dict.insert(dict.end(), items.begin(), items.end());
  }
  void remember(std::uint64_t index) {
    if (stack_.size() <= floor()) fail("a value is missing on its stack");
    if (memo_.size() == kMaxValues) fail("its memo has more than a million entries");
    memo_[index] = stack_.back();
  }
  void recall(std::uint64_t index) {
    const auto found = memo_.find(index);
    if (found == memo_.end()) fail("it recalls what was never kept");
    push_id(found->second);
  }
  void bin_put() { remember(take_count(1)); }
  void long_bin_put() { remember(take_count(4)); }
  void memoize() { remember(memo_.size()); }
  void bin_get() { recall(take_count(1)); }
  void long_bin_get() { recall(take_count(4)); }
  void global() {
    const std::string module = take_line();
    name_global(module + "." + take_line());
  }
  void stack_global();
  void name_global(const std::string& name);
  void reduce();
  void build();
  void bin_persistent_id();

  void check_nesting(PickleId root) const;

  std::span<const std::byte> bytes_;
  const std::string& what_;
  std::size_t at_ = 0;
  std::size_t opcode_at_ = 0;
  std::size_t called_bytes_ = 0;
  std::vector<PickleValue> values_;
  std::vector<PickleId> stack_;
  std::vector<std::size_t> marks_;  // heights of the stack
  std::unordered_map<std::uint64_t, PickleId> memo_;
};

const std::array<Reader::Opcode, 36> Reader::kOpcodes = {{
    {'\x80', &Reader::proto},
    {'\x95', &Reader::frame},
    {'(', &Reader::mark},
    {'N', &Reader::none},
    {'\x88', &Reader::new_true},
    {'\x89', &Reader::new_false},
    {'J', &Reader::bin_int},
    {'K', &Reader::bin_int1},
    {'M', &Reader::bin_int2},
    {'\x8a', &Reader::long1},
    {'G', &Reader::bin_float},
    {'X', &Reader::bin_unicode},
    {'\x8c', &Reader::short_bin_unicode},
    {'B', &Reader::bin_bytes},
    {'C', &Reader::short_bin_bytes},
    {']', &Reader::empty_list},
    {')', &Reader::empty_tuple},
    {'}', &Reader::empty_dict},
    {'t', &Reader::tuple},
    {'\x85', &Reader::tuple1},
    {'\x86', &Reader::tuple2},
    {'\x87', &Reader::tuple3},
    {'a', &Reader::append},
    {'e', &Reader::appends},
    {'s', &Reader::set_item},
    {'u', &Reader::set_items},
    {'q', &Reader::bin_put},
    {'r', &Reader::long_bin_put},
    {'\x94', &Reader::memoize},
    {'h', &Reader::bin_get},
    {'j', &Reader::long_bin_get},
    {'c', &Reader::global},
    {'\x93', &Reader::stack_global},
    {'R', &Reader::reduce},
    {'b', &Reader::build},
    {'Q', &Reader::bin_persistent_id},
}};

// Two's complement, little-endian. What does not fit 64 bits is nothing that is looked at.
void Reader::long1() {
  const std::string digits = take(take_count(1));
  if (digits.size() > sizeof(std::int64_t)) {
    make_text(PickleKind::opaque, "an integer of " + std::to_string(digits.size()) + " bytes");
    return;
  }
  const bool negative = !digits.empty() && (static_cast<unsigned char>(digits.back()) & 0x80) != 0;
  std::uint64_t value = negative ? ~std::uint64_t{0} : 0;
  for (std::size_t i = digits.size(); i-- > 0;) {
    value = (value << 8) | static_cast<unsigned char>(digits[i]);
  }
  make_integer(static_cast<std::int64_t>(value));
}

// Big-endian binary64.
void Reader::bin_float() {
  std::uint64_t bits = 0;
  for (const char byte : take(sizeof bits)) bits = (bits << 8) | static_cast<unsigned char>(byte);
  make(PickleKind::real).real = std::bit_cast<double>(bits);
}

void Reader::name_global(const std::string& name) {
  if (!is_allowed_global(name)) {
    std::string shown = name.substr(0, kMaxNameBytes);
    std::replace_if(
        shown.begin(), shown.end(), [](char c) { return c < ' ' || c > '~'; }, '?');
    fail(Code::unsupported, "it names " + shown + ", which no checkpoint needs");
  }
  make_text(PickleKind::global, name);
}

void Reader::stack_global() {
  const PickleId name = pop();
  const PickleId module = pop();
  if (values_[name].kind != PickleKind::text || values_[module].kind != PickleKind::text) {
    fail("the name of a class is no text");
  }
  name_global(values_[module].text + "." + values_[name].text);
}

void Reader::reduce() {
  const PickleId arguments = pop();
  const PickleId callable = pop();
  if (values_[callable].kind != PickleKind::global ||
      values_[arguments].kind != PickleKind::tuple) {
    fail("it calls what is no class, or without a tuple of arguments");
  }
  try {
    auto result = call_global(values_[callable].text, values_[arguments].items, values_);
    if (const auto* known = std::get_if<PickleId>(&result)) return push_id(*known);
    called_bytes_ += std::get<PickleValue>(result).text.size();
    if (called_bytes_ > kMaxBytes) fail("its calls make more than 64 MiB of text");
    push(std::move(std::get<PickleValue>(result)));
  } catch (Error& error) {
    if (error.message().starts_with(what_)) throw;
    fail(values_[callable].text + ": " + error.message());
  }
}

// State that is set after a call: the metadata of a state dict, the contents of a numpy array. None
// of it is looked at.
void Reader::build() {
  pop();
  if (stack_.size() <= floor()) fail("a value is missing on its stack");
  const PickleKind kind = values_[stack_.back()].kind;
  if (kind != PickleKind::dict && kind != PickleKind::opaque) fail("it sets the state of a value");
}

// ("storage", class, key, location, number of elements)
void Reader::bin_persistent_id() {
  const PickleValue& id = values_[pop()];
  constexpr std::array<PickleKind, 5> kKinds = {PickleKind::text, PickleKind::global,
                                                PickleKind::text, PickleKind::text,
                                                PickleKind::integer};
  bool sound = id.kind == PickleKind::tuple && id.items.size() == kKinds.size();
  for (std::size_t i = 0; sound && i < kKinds.size(); ++i) {
    sound = values_[id.items[i]].kind == kKinds[i];
  }
  if (!sound || values_[id.items[0]].text != "storage") fail("it refers to what is no storage");
  PickleValue storage;
  storage.kind = PickleKind::storage;
  storage.dtype = storage_dtype(values_[id.items[1]].text);
  storage.text = values_[id.items[2]].text;
  storage.integer = values_[id.items[4]].integer;
  if (storage.dtype.empty() || storage.integer < 0) fail("it refers to what is no storage");
  push(std::move(storage));
}

// Depth-first, without recursion: a value on the path to itself is a circle.
void Reader::check_nesting(PickleId root) const {
  struct Visit {
    PickleId id;
    std::size_t next = 0;
  };
  std::vector<int> heights(values_.size(), 0);  // 0: not seen; -1: on the path
  std::vector<Visit> path = {{root}};
  heights[root] = -1;
  while (!path.empty()) {
    Visit& visit = path.back();
    const PickleValue& value = values_[visit.id];
    if (visit.next < value.items.size()) {
      const PickleId child = value.items[visit.next++];
      if (heights[child] == -1) fail("a value of it holds itself");
      if (heights[child] != 0) continue;
      heights[child] = -1;
      path.push_back({child});
      continue;
    }
    int height = 0;
    for (const PickleId child : value.items) height = std::max(height, heights[child]);
    if (height >= kMaxDepth) fail("it is nested deeper than 64");
    heights[visit.id] = height + 1;
    path.pop_back();
  }
}

Pickle Reader::read() {
  if (take(1) != "\x80") fail("it does not begin as a pickle of protocol 2 or later does");
  const std::uint64_t protocol = take_count(1);
  if (protocol < 2 || protocol > kNewestProtocol) fail("it has an unknown protocol");
  while (true) {
    opcode_at_ = at_;
    const char code = take(1)[0];
    if (code == '.') break;
    const auto* found = std::find_if(kOpcodes.begin(), kOpcodes.end(),
                                     [&](const Opcode& opcode) { return opcode.code == code; });
    if (found == kOpcodes.end()) {
      char name[8];
      std::snprintf(name, sizeof name, "0x%02x", static_cast<unsigned char>(code));
      fail(Code::unsupported, std::string("the opcode ") + name + " is not read here");
    }
    (this->*found->run)();
  }
  if (stack_.size() != 1 || !marks_.empty()) fail("it ends with other than one value");
  if (at_ != bytes_.size()) fail("bytes follow its end");
  const PickleId root = stack_[0];
  check_nesting(root);
  return {std::move(values_), root};
}

}  // namespace

const PickleValue* Pickle::find(const PickleValue& dict, std::string_view key) const {
  if (dict.kind != PickleKind::dict) return nullptr;
  for (std::size_t i = dict.items.size(); i >= 2; i -= 2) {
    const PickleValue& name = at(dict.items[i - 2]);
    if (name.kind == PickleKind::text && name.text == key) return &at(dict.items[i - 1]);
  }
  return nullptr;
}

Pickle read_pickle(std::span<const std::byte> bytes, const std::string& what) {
  return Reader(bytes, what).read();
}

}  // namespace repro::imports
