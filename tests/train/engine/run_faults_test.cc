// A training whose disk fills, fails or loses its power at any call, and two trainings of one run:
// the error names the file, the last checkpoint stands, and going on leads to the same bytes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "artifacts/base/error.h"
#include "tests/conformance/smoke_run.h"
#include "tests/support/faulty_file_system.h"
#include "tests/support/temporary_folder.h"
#include "tests/train/device/test_device.h"
#include "train/engine/checkpoints.h"
#include "train/engine/run_source.h"
#include "train/engine/run_writer.h"

namespace repro::train {
namespace {

using support::CrashSimulated;
using support::Fault;
using support::FaultyFileSystem;

constexpr std::int64_t kCheckpoint = 1;
constexpr std::int64_t kEnd = 2;

struct Published {
  manifests::Run run;
  std::optional<Digest> manifest;
};

class RunFaults : public testing::Test {
 protected:
  // Leaves a store with a checkpoint in `base`, and what an undisturbed training makes of it.
  RunFaults() : faulty_(system_file_system()) {
    auto store = artifacts::Store::init(system_file_system(), base());
    SmokeInputs inputs = smoke_inputs("olmo2-tiny", store);
    inputs.config.model.num_layers = 1;
    inputs.config.data.sequence_length = 8;
    inputs.config.train.batch_size = 2;
    running_ = inputs.config.run;
    first_ = make_run(store, inputs);
    advance(system_file_system(), base(), kCheckpoint);
    const std::string straight = fresh_copy("straight");
    advance(system_file_system(), straight, kEnd);
    expected_ = newest(system_file_system(), straight).run;
  }

  std::string base() const { return folder_ / "base"; }

  std::string fresh_copy(const std::string& name) const {
    const std::string to = folder_ / name;
    std::filesystem::remove_all(to);
    std::filesystem::copy(base(), to, std::filesystem::copy_options::recursive);
    return to;
  }

  static manifests::Run make_run(artifacts::Store& store, const SmokeInputs& inputs) {
    manifests::Segment segment;
    segment.content.deciding = manifests::deciding_keys(inputs.config);
    segment.content.dataset_root = manifests::dataset_root(inputs.dataset);
    segment.content.initial = "init";
    segment.content.operators = manifests::operators_of(inputs.config);
    segment.derivation = manifests::derivation_digest(segment.content);
    segment.config = store.put(std::string_view(manifests::encode_config(inputs.config))).digest;
    segment.dataset = store.put(std::string_view(manifests::encode_dataset(inputs.dataset))).digest;
    manifests::Run run;
    run.nonce = "00c0ffee";
    run.id = manifests::make_run_id(segment.derivation, run.nonce);
    run.recipe = "olmo2-tiny";
    run.created = "2026-01-01T00:00:00Z";
    run.until = kEnd;
    run.segments = {segment};
    return run;
  }

  Published newest(FileSystem& files, const std::string& folder) const {
    const auto store = artifacts::Store::open(files, folder);
    const auto ref = store.find_ref("runs", first_.id);
    if (!ref) return {first_, std::nullopt};
    return {manifests::parse_run(store.get(ref->target), "run"), ref->target};
  }

  // Trains from the newest checkpoint to `until` and publishes.
  void advance(FileSystem& files, const std::string& folder, std::int64_t until) const {
    auto store = artifacts::Store::open(files, folder);
    const Published now = newest(files, folder);
    if (now.run.step >= until) return;
    Parallel parallel(1);
    RunCursor cursor(store, now.run, now.run.step, {&parallel, "auto", 0}, running_);
    RunWriter writer(store, now.run, now.manifest);
    for (const auto& event : cursor.begin_segments()) writer.log(logs::encode_segment(event));
    while (cursor.step() < until) {
      writer.log(logs::encode_step(cursor.advance(true)));
      writer.telemetry({{"type", "step"}, {"step", cursor.step()}});
    }
    Trainer& trainer = cursor.trainer();
    const SavedState saved = save_state(store, trainer.parameters(), trainer.cursor(),
                                        now.run.segments.front().derivation, parallel);
    writer.publish({until, saved.manifest, saved.roots.model, saved.roots.state},
                   manifests::RunStatus::finished);
  }

  // Trains to `until` with a checkpoint after every step, saved as the trainer allows.
  void advance_by_checkpoints(FileSystem& files, const std::string& folder, std::int64_t until,
                              const std::string& device) const {
    auto store = artifacts::Store::open(files, folder);
    const Published now = newest(files, folder);
    Parallel parallel(1);
    manifests::RunConfig running = running_;
    running.device = device;
    RunCursor cursor(store, now.run, now.run.step, {&parallel, "auto", 0, 0, make_test_device},
                     running);
    EXPECT_EQ(cursor.trainer().leaves_parameters_alone(), device == "cuda");
    RunWriter writer(store, now.run, now.manifest);
    std::vector<std::int64_t> published;
    Checkpoints checkpoints(store, writer,
                            [&](const auto& state) { published.push_back(state.step); });
    const Digest derivation = now.run.segments.front().derivation;
    for (const auto& event : cursor.begin_segments()) {
      checkpoints.log(logs::encode_segment(event));
    }
    while (cursor.step() < until) {
      checkpoints.log(logs::encode_step(cursor.advance(true)));
      checkpoints.telemetry({{"type", "step"}, {"step", cursor.step()}});
      const bool last = cursor.step() == until;
      checkpoints.save(cursor.trainer(), derivation,
                       last ? manifests::RunStatus::finished : manifests::RunStatus::running);
    }
    EXPECT_EQ(static_cast<std::int64_t>(published.size()), until - now.run.step);
  }

  void expect_same_result(const std::string& folder) const {
    const manifests::Run run = newest(system_file_system(), folder).run;
    EXPECT_EQ(run.step, kEnd);
    EXPECT_EQ(run.states, expected_.states);
    EXPECT_EQ(run.log.head, expected_.log.head);
    const auto store = artifacts::Store::open(system_file_system(), folder);
    const auto straight = artifacts::Store::open(system_file_system(), folder_ / "straight");
    EXPECT_EQ(read_log(store, run), read_log(straight, expected_));
  }

  // Trains with the fault at every n-th call in turn, until one training meets none. After each
  // the checkpoint must stand, and going on without faults must lead to the same result.
  void sweep(const std::function<void(std::uint64_t)>& arm, bool power_cut = false) {
    std::uint64_t hits = 0;
    for (std::uint64_t n = 1;; n += 1 + n / 8) {
      const std::string folder = fresh_copy("faulty");
      arm(n);
      const bool whole = survives(folder);
      faulty_.heal();
      if (power_cut) faulty_.drop_unsynced();
      const manifests::Run run = newest(system_file_system(), folder).run;
      EXPECT_EQ(run.states.front(), expected_.states.front()) << "call " << n;
      advance(system_file_system(), folder, kEnd);
      expect_same_result(folder);
      if (whole || HasFailure()) break;
      ++hits;
    }
    EXPECT_GE(hits, 20U);
  }

  bool survives(const std::string& folder) {
    try {
      advance(faulty_, folder, kEnd);
      return true;
    } catch (const CrashSimulated&) {
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), Code::io) << error.what();
      EXPECT_THAT(error.message(), testing::HasSubstr(folder + "/"));
    }
    return false;
  }

  const support::TemporaryFolder folder_;
  FaultyFileSystem faulty_;
  manifests::RunConfig running_;
  manifests::Run first_;
  manifests::Run expected_;
};

TEST_F(RunFaults, AFullDiskNamesTheFileAndTheLastCheckpointStands) {
  sweep([&](std::uint64_t n) { faulty_.fill_at(n); });
}

TEST_F(RunFaults, ADiskErrorNamesTheFileAndTheLastCheckpointStands) {
  sweep([&](std::uint64_t n) { faulty_.fail_at(n, Fault::io_error); });
}

TEST_F(RunFaults, AKilledTrainingGoesOnToTheSameBytes) {
  sweep([&](std::uint64_t n) { faulty_.stop_at(n); });
}

TEST_F(RunFaults, ALossOfPowerCostsNoCheckpoint) {
  sweep([&](std::uint64_t n) { faulty_.stop_at(n); }, true);
}

TEST_F(RunFaults, CheckpointsSavedBesideTheTrainingAreThoseOfTheCpu) {
  constexpr std::int64_t kLater = kCheckpoint + 4;
  for (const std::string device : {"cpu", "cuda"}) {
    advance_by_checkpoints(system_file_system(), fresh_copy(device), kLater, device);
  }
  const manifests::Run want = newest(system_file_system(), folder_ / "cpu").run;
  const manifests::Run got = newest(system_file_system(), folder_ / "cuda").run;
  EXPECT_EQ(got.states, want.states);
  EXPECT_EQ(got.states.size(), static_cast<std::size_t>(kLater));
  EXPECT_EQ(got.log.head, want.log.head);
  EXPECT_EQ(got.log.pieces.size(), want.log.pieces.size());
  EXPECT_EQ(got.status, manifests::RunStatus::finished);
}

TEST_F(RunFaults, WhatGoesWrongBesideTheTrainingStopsIt) {
  constexpr std::int64_t kLater = kCheckpoint + 3;
  advance_by_checkpoints(system_file_system(), fresh_copy("whole"), kLater, "cuda");
  const manifests::Run whole = newest(system_file_system(), folder_ / "whole").run;
  int failures = 0;
  for (std::uint64_t n = 1; n < 400; n += 23) {
    const std::string folder = fresh_copy("broken");
    faulty_.fill_at(n);
    try {
      advance_by_checkpoints(faulty_, folder, kLater, "cuda");
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), Code::io) << error.what();
      ++failures;
    }
    faulty_.heal();
    const manifests::Run run = newest(system_file_system(), folder).run;
    ASSERT_LE(run.states.size(), whole.states.size());
    for (std::size_t i = 0; i < run.states.size(); ++i) EXPECT_EQ(run.states[i], whole.states[i]);
    advance_by_checkpoints(system_file_system(), folder, kLater, "cuda");
    EXPECT_EQ(newest(system_file_system(), folder).run.states, whole.states) << "call " << n;
  }
  EXPECT_GE(failures, 4);
}

TEST_F(RunFaults, ASecondTrainingOfTheSameRunIsRefusedAndTheFirstGoesOn) {
  const std::string folder = fresh_copy("twice");
  {
    auto store = artifacts::Store::open(system_file_system(), folder);
    const Published now = newest(system_file_system(), folder);
    const RunWriter first(store, now.run, now.manifest);
    try {
      advance(system_file_system(), folder, kEnd);
      FAIL() << "no error";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), Code::conflict);
      EXPECT_EQ(exit_code(error.code()), 6);
      EXPECT_THAT(error.message(), testing::HasSubstr("is being trained by another process"));
    }
  }
  advance(system_file_system(), folder, kEnd);
  expect_same_result(folder);
}

TEST_F(RunFaults, ARunThatWentOnElsewhereIsNotWrittenOver) {
  const std::string folder = fresh_copy("stale");
  const Published before = newest(system_file_system(), folder);
  advance(system_file_system(), folder, kEnd);
  auto store = artifacts::Store::open(system_file_system(), folder);
  try {
    const RunWriter late(store, before.run, before.manifest);
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::conflict);
    EXPECT_THAT(error.message(), testing::HasSubstr("was changed by another process"));
  }
  expect_same_result(folder);
}

}  // namespace
}  // namespace repro::train
