#include "train/tokenizer/utf8.h"

#include <algorithm>

namespace repro::train {
namespace {

unsigned char byte_at(std::string_view text, std::size_t at) {
  return static_cast<unsigned char>(text[at]);
}

// What the first byte promises; 0 for one that begins nothing.
std::size_t promised_length(unsigned char first) {
  if (first < 0x80) return 1;
  if (first < 0xC2 || first > 0xF4) return 0;
  return first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
}

// Over-long forms, surrogates, and what lies above U+10FFFF are told by the second byte.
bool second_fits(unsigned char first, unsigned char second) {
  const unsigned least = first == 0xE0 ? 0xA0 : first == 0xF0 ? 0x90 : 0x80;
  const unsigned most = first == 0xED ? 0x9F : first == 0xF4 ? 0x8F : 0xBF;
  return second >= least && second <= most;
}

// How many bytes of a sequence stand at the begin of `text`, at most `promised` >= 1.
std::size_t sound_bytes(std::string_view text, std::size_t promised) {
  const std::size_t end = std::min(promised, text.size());
  for (std::size_t i = 1; i < end; ++i) {
    const bool fits = i == 1 ? second_fits(byte_at(text, 0), byte_at(text, 1))
                             : (byte_at(text, i) & 0xC0U) == 0x80U;
    if (!fits) return i;
  }
  return end;
}

}  // namespace

std::size_t utf8_length(std::string_view text) {
  const std::size_t promised = promised_length(byte_at(text, 0));
  if (promised <= 1) return promised;
  return sound_bytes(text, promised) == promised ? promised : 0;
}

std::uint32_t utf8_code_point(std::string_view sequence) {
  const unsigned first = byte_at(sequence, 0);
  if (sequence.size() == 1) return first;
  std::uint32_t code = first & (0xFFU >> (sequence.size() + 1));
  for (std::size_t i = 1; i < sequence.size(); ++i) {
    code = (code << 6U) | (byte_at(sequence, i) & 0x3FU);
  }
  return code;
}

void append_utf8(std::uint32_t code_point, std::string& text) {
  const auto tail = [&](unsigned shift) {
    text.push_back(static_cast<char>(0x80U | ((code_point >> shift) & 0x3FU)));
  };
  if (code_point < 0x80) {
    text.push_back(static_cast<char>(code_point));
  } else if (code_point < 0x800) {
    text.push_back(static_cast<char>(0xC0U | (code_point >> 6U)));
    tail(0);
  } else if (code_point < 0x10000) {
    text.push_back(static_cast<char>(0xE0U | (code_point >> 12U)));
    tail(6);
    tail(0);
  } else {
    text.push_back(static_cast<char>(0xF0U | (code_point >> 18U)));
    tail(12);
    tail(6);
    tail(0);
  }
}

std::size_t broken_utf8_length(std::string_view text) {
  const std::size_t promised = promised_length(byte_at(text, 0));
  return promised == 0 ? 1 : sound_bytes(text, promised);
}

}  // namespace repro::train
