// For every call that changes something: what if it fails, what if the process ends there, what if
// the power goes too? Afterwards the store holds the old state or the new one, never a wrong one.
#include "artifacts/store/object_file.h"
#include "tests/store/store_world.h"

namespace repro::artifacts {
namespace {

using support::CrashSimulated;
using support::Fault;

constexpr std::size_t kLarge = 1200000;  // above what put_file reads whole

class Crash : public StoreWorld {
 protected:
  // Runs `act` with the fault at every n in turn; after each `check` sees a healed file system.
  // Returns the number of calls that could be hit.
  std::uint64_t sweep(const std::function<void(std::uint64_t n)>& arm,
                      const std::function<void()>& act, const std::function<void()>& check) {
    for (std::uint64_t n = 1; n < 1000; ++n) {
      arm(n);
      bool whole = false;
      try {
        act();
        whole = true;
      } catch (const CrashSimulated&) {
      } catch (const Error& error) {
        EXPECT_EQ(error.code(), Code::io) << error.what();
      }
      files.heal();
      if (whole) return n - 1;
      check();
    }
    ADD_FAILURE() << "the sweep does not end";
    return 0;
  }

  // Every kind of fault; power cuts included.
  void sweep_all(const std::function<void()>& act, const std::function<void()>& check,
                 const std::function<void()>& restore) {
    const auto stop = [&](std::uint64_t n) { files.stop_at(n); };
    const auto checked = [&] {
      check();
      restore();
    };
    EXPECT_GE(sweep(stop, act, checked), 4U);
    restore();
    EXPECT_GE(sweep(stop, act,
                    [&] {
                      files.drop_unsynced();
                      checked();
                    }),
              4U);
    restore();
    EXPECT_GE(sweep([&](std::uint64_t n) { files.fail_at(n, Fault::io_error); }, act, checked), 4U);
    restore();
    EXPECT_GE(sweep([&](std::uint64_t n) { files.fill_at(n); }, act, checked), 2U);
    restore();
  }

  void sweep_put(const std::string& text, const std::function<void()>& put) {
    const Digest digest = sha256(text);
    const std::string path = store.object_path(digest);
    sweep_all(
        put,
        [&] {
          const Store reopened = Store::open(files, store.folder());
          if (reopened.contains(digest)) {
            EXPECT_EQ(reopened.get(digest), text);
          }
          put();
          EXPECT_EQ(reopened.get(digest), text);
        },
        [&] {
          if (files.exists(path)) files.remove(path);
          if (files.exists(parent_path(path))) files.remove(parent_path(path));
        });
  }
};

TEST_F(Crash, PutIsAllOrNothing) {
  for (const std::string& text : {std::string(), noise(3000), prose(30000)}) {
    sweep_put(text, [&] { store.put(text); });
  }
}

TEST_F(Crash, PutFileIsAllOrNothing) {
  const std::string text = noise(kLarge);
  const std::string path = folder.write("file", text);
  sweep_put(text, [&] { store.put_file(path); });
  sweep_put(text, [&] { store.put_file(path, Intake::in_place); });
}

TEST_F(Crash, ReflinkIsAllOrNothing) {
  files.emulate_clones();
  const std::string text = noise(3000);
  const std::string path = folder.write("file", text);
  sweep_put(text, [&] { store.put_file(path, Intake::reflink); });
}

TEST_F(Crash, SetRefIsOldOrNew) {
  const Digest before = sha256("before");
  const Digest after = sha256("after");
  store.set_ref({"tags", "a", before});
  sweep_all(
      [&] {
        store.set_ref({"tags", "a", after});
      },
      [&] {
        const auto ref = Store::open(files, store.folder()).find_ref("tags", "a");
        ASSERT_TRUE(ref.has_value());
        EXPECT_TRUE(ref->target == before || ref->target == after);
        EXPECT_EQ(store.list_refs("tags").size(), 1U);
      },
      [&] {
        store.set_ref({"tags", "a", before});
      });
}

TEST_F(Crash, FirstRefOfAKindIsThereOrNot) {
  const Digest target = sha256("target");
  sweep_all(
      [&] {
        store.set_ref({"tags", "a", target}, std::nullopt);
      },
      [&] {
        const auto ref = Store::open(files, store.folder()).find_ref("tags", "a");
        if (ref) {
          EXPECT_EQ(ref->target, target);
        }
      },
      [&] {
        if (store.find_ref("tags", "a")) store.remove_ref("tags", "a");
      });
}

TEST_F(Crash, InitIsAllOrNothing) {
  int number = 0;
  std::string path;
  const auto act = [&] {
    path = folder / ("new" + std::to_string(number++));
    Store::init(files, path);
  };
  const auto check = [&] {
    try {
      Store::open(files, path);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), Code::not_found);
      EXPECT_NO_THROW(Store::init(files, path));
    }
  };
  sweep_all(act, check, [] {});
}

TEST_F(Crash, FailedPutLeavesNothingInTmp) {
  sweep([&](std::uint64_t n) { files.fail_at(n, Fault::no_space); },
        [&] { store.put(noise(3000)); },
        [&] { EXPECT_TRUE(files.list(store.folder() + "/tmp").empty()); });
}

TEST_F(Crash, FullDiskIsReportedAsSuch) {
  files.fill_at(1);
  const Error error = error_of([&] { store.put(noise(3000)); });
  EXPECT_EQ(error.code(), Code::io);
  EXPECT_THAT(error.message(), ::testing::HasSubstr("No space left on device"));
}

}  // namespace
}  // namespace repro::artifacts
