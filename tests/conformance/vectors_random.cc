// Golden vectors of docs/arithmetic.md, "Random numbers".
#include "tests/conformance/vector_file.h"
#include "tests/conformance/vector_inputs.h"
#include "train/numerics/philox.h"

namespace repro::train {
namespace {

Json philox(const Context&, const Json& in) {
  const auto keys = get<std::uint64_t>(in, "key");
  const auto counters = get<std::uint32_t>(in, "counter");
  std::vector<std::uint32_t> words;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    const std::uint32_t* c = &counters.at(4 * i);
    const PhiloxBlock block = philox4x32_10(keys[i], {{c[0], c[1], c[2], c[3]}});
    words.insert(words.end(), block.word, block.word + 4);
  }
  return {{"words", integers(words, {static_cast<std::int64_t>(keys.size()), 4})}};
}

Json key_of_stream(const Context&, const Json& in) {
  return {{"key", scalar(stream_key(get_one<std::uint64_t>(in, "seed"),
                                    in.at("purpose").get<std::string>()))}};
}

Json random_words(const Context&, const Json& in) {
  std::vector<std::uint32_t> words;
  for (const std::uint64_t index : get<std::uint64_t>(in, "index")) {
    words.push_back(random_word(get_one<std::uint64_t>(in, "key"), index,
                                get_one<std::uint32_t>(in, "attempt"),
                                get_one<std::uint32_t>(in, "step")));
  }
  return {{"word", integers(words)}};
}

Json uniforms(const Context&, const Json& in) {
  std::vector<float> y;
  for (const std::uint32_t word : get<std::uint32_t>(in, "word")) y.push_back(uniform32(word));
  return {{"y", floats(y)}};
}

Json truncated_normals(const Context&, const Json& in) {
  std::vector<float> y;
  for (const std::uint64_t index : get<std::uint64_t>(in, "index")) {
    y.push_back(
        truncated_normal32(get_one<std::uint64_t>(in, "key"), index, get_float(in, "cutoff")));
  }
  return {{"y", floats(y)}};
}

Json permutations(const Context&, const Json& in) {
  std::vector<std::uint64_t> places;
  for (const std::uint64_t index : get<std::uint64_t>(in, "index")) {
    places.push_back(
        permutation(get_one<std::uint64_t>(in, "key"), index, get_one<std::uint64_t>(in, "n")));
  }
  return {{"place", integers(places)}};
}

Json initial_values(const Context&, const Json& in) {
  std::vector<float> values(static_cast<std::size_t>(get_one<std::int64_t>(in, "count")));
  fill_truncated_normal(get_one<std::uint64_t>(in, "seed"), in.at("name").get<std::string>(),
                        get_double(in, "std"), get_double(in, "cutoff"), values);
  return {{"values", floats(values)}};
}

std::vector<std::uint64_t> counting(std::uint64_t first, std::uint64_t count) {
  std::vector<std::uint64_t> values;
  for (std::uint64_t i = 0; i < count; ++i) values.push_back(first + i);
  return values;
}

void add_permutation_cases(std::vector<Case>& cases, Inputs& inputs) {
  for (const std::uint64_t n : {1ULL, 2ULL, 4ULL, 5ULL, 10ULL, 16ULL, 17ULL, 97ULL}) {
    cases.push_back({"permutation",
                     "all of " + std::to_string(n),
                     {{"key", scalar(inputs.word64())},
                      {"n", scalar(n)},
                      {"index", integers(counting(0, n))}}});
  }
  for (const std::uint64_t n : {65536ULL, 65537ULL, 123456789ULL, 1ULL << 40, (1ULL << 62) + 3}) {
    std::vector<std::uint64_t> index = {0, n - 1, n / 2};
    for (int i = 0; i < 12; ++i) index.push_back(inputs.word64() % n);
    cases.push_back(
        {"permutation",
         "some of " + std::to_string(n),
         {{"key", scalar(inputs.word64())}, {"n", scalar(n)}, {"index", integers(index)}}});
  }
}

void add_init_cases(std::vector<Case>& cases) {
  for (const char* name :
       {"lm_head.weight", "model.embed_tokens.weight", "model.layers.0.self_attn.q_proj.weight"}) {
    for (const std::uint64_t seed : {0ULL, 42ULL, (1ULL << 63) - 1}) {
      cases.push_back({"init",
                       std::string(name) + ", seed " + std::to_string(seed),
                       {{"seed", scalar(seed)},
                        {"name", name},
                        {"count", scalar(std::int64_t{30})},
                        {"std", double_scalar(0.02)},
                        {"cutoff", double_scalar(seed == 0 ? 0.7 : 3.0)}}});
    }
  }
}

std::vector<Case> random_cases() {
  std::vector<Case> cases;
  Inputs inputs("random");
  const std::uint32_t ones = 0xFFFFFFFF;
  std::vector<std::uint64_t> keys = {0, ~std::uint64_t{0}, 0x299F31D0A4093822};
  std::vector<std::uint32_t> counters = {
      0, 0, 0, 0, ones, ones, ones, ones, 0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344};
  for (int i = 0; i < 20; ++i) {
    keys.push_back(inputs.word64());
    for (int j = 0; j < 4; ++j) counters.push_back(inputs.word());
  }
  const auto rows = static_cast<std::int64_t>(keys.size());
  cases.push_back({"philox",
                   "known answers, then random",
                   {{"key", integers(keys)}, {"counter", integers(counters, {rows, 4})}}});
  for (const char* purpose :
       {"", "init/1:lm_head.weight", "init/1:model.norm.weight", "\xC3\xA9"}) {
    for (const std::uint64_t seed : {0ULL, 42ULL, ~0ULL}) {
      cases.push_back({"stream_key",
                       std::string(purpose) + ", seed " + std::to_string(seed),
                       {{"seed", scalar(seed)}, {"purpose", purpose}}});
    }
  }
  for (const std::uint64_t first : {0ULL, (1ULL << 34) - 3, (1ULL << 63) - 3}) {
    for (const std::uint32_t attempt : {0U, 255U}) {
      cases.push_back({"random_word",
                       "from " + std::to_string(first) + ", attempt " + std::to_string(attempt),
                       {{"key", scalar(inputs.word64())},
                        {"index", integers(counting(first, 9))},
                        {"attempt", scalar(attempt)},
                        {"step", scalar(attempt == 0 ? 0U : 77U)}}});
    }
  }
  std::vector<std::uint32_t> words = {0, 255, 256, ones, 0x80000000, 0x7FFFFFFF};
  for (int i = 0; i < 30; ++i) words.push_back(inputs.word());
  cases.push_back({"uniform", "", {{"word", integers(words)}}});
  for (const float cutoff : {3.0F, 2.0F, 0.5F, 0.001F, 1e-12F}) {
    cases.push_back({"truncated_normal",
                     "cutoff " + std::to_string(cutoff),
                     {{"key", scalar(inputs.word64())},
                      {"index", integers(counting(1000, 40))},
                      {"cutoff", float_scalar(cutoff)}}});
  }
  add_permutation_cases(cases, inputs);
  add_init_cases(cases);
  return cases;
}

}  // namespace

Group random_group() {
  return {"random",
          {{"philox", philox},
           {"stream_key", key_of_stream},
           {"random_word", random_words},
           {"uniform", uniforms},
           {"truncated_normal", truncated_normals},
           {"permutation", permutations},
           {"init", initial_values}},
          random_cases};
}

}  // namespace repro::train
