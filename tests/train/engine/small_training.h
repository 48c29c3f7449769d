// A training of a small model on text with repetitive stretches, stepped in many ways.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/conformance/smoke_run.h"
#include "tests/support/temporary_folder.h"
#include "tests/train/device/emulated_device.h"
#include "train/data/builtin.h"
#include "train/engine/trainer.h"

namespace repro::train {

class SmallTraining : public testing::Test {
 protected:
  SmallTraining()
      : store_(artifacts::Store::init(system_file_system(), folder_.path() + "/.repro")),
        config_(smoke_inputs("olmo2-tiny", store_).config),
        parallel_(2) {
    const std::vector<std::string> prose = make_prose(6000);
    use_texts({prose.at(0).substr(0, 1500), std::string(400, 'a'), prose.at(1).substr(0, 1500)});
    config_.data.sequence_length = 32;
    config_.train.batch_size = 4;
    config_.train.steps = 20;
  }

  void use_texts(const std::vector<std::string>& texts) { dataset_ = ingest_texts(texts, store_); }

  // One in four of the text's sequences.
  void filter() {
    config_.data.repetition_max_period = 2;
    config_.data.repetition_max_count = 16;
  }

  std::unique_ptr<Trainer> make(const Variant& variant = {}) {
    manifests::Config config = config_;
    config.run.device = variant.begin == Where::cpu ? "cpu" : "cuda";
    const Machine machine{&parallel_, variant.kernels, variant.micro_batch, variant.padding,
                          [] { return std::make_unique<EmulatedDevice>(); }};
    auto trainer = std::make_unique<Trainer>(config, store_, dataset_, machine);
    trainer->initialize();
    return trainer;
  }

  // The log's lines of so many steps.
  static std::vector<std::string> lines(Trainer& trainer, std::int64_t steps) {
    std::vector<std::string> text;
    for (std::int64_t i = 0; i < steps; ++i) {
      text.push_back(encode_json(logs::encode_step(trainer.step(true))));
    }
    return text;
  }

  Digest save(Trainer& trainer) {
    return save_state(store_, trainer.parameters(), trainer.cursor(), Digest{}, parallel_).manifest;
  }

  static std::vector<Variant> variants() {
    return {{.micro_batch = 2},
            {.micro_batch = 4},
            {.kernels = "scalar", .micro_batch = 3},
            {.padding = 3},
            {.micro_batch = 2, .begin = Where::device}};
  }

  const support::TemporaryFolder folder_;
  artifacts::Store store_;
  manifests::Config config_;
  manifests::Dataset dataset_;
  Parallel parallel_;
};

}  // namespace repro::train
