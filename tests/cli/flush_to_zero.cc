// A library as they are met in the wild, for LD_PRELOAD: every thread that is started computes with
// flush-to-zero; the one that loads it does not.
#include <dlfcn.h>
#include <pthread.h>

#include <memory>

namespace {

struct Start {
  void* (*routine)(void*) = nullptr;
  void* argument = nullptr;
};

void* run_flushing(void* given) {
  const std::unique_ptr<Start> start(static_cast<Start*>(given));
#if defined(__x86_64__)
  __builtin_ia32_ldmxcsr(__builtin_ia32_stmxcsr() | 0x8000U);
#elif defined(__aarch64__)
  unsigned long control = 0;
  asm volatile("mrs %0, fpcr" : "=r"(control));
  asm volatile("msr fpcr, %0" : : "r"(control | (1UL << 24)));
#endif
  return start->routine(start->argument);
}

}  // namespace

extern "C" __attribute__((visibility("default"))) int pthread_create(
    pthread_t* thread, const pthread_attr_t* attributes, void* (*routine)(void*),
    void* argument) noexcept {
  using Create = int (*)(pthread_t*, const pthread_attr_t*, void* (*)(void*), void*);
  static const auto create = reinterpret_cast<Create>(::dlsym(RTLD_NEXT, "pthread_create"));
  auto start = std::make_unique<Start>(Start{routine, argument});
  const int result = create(thread, attributes, run_flushing, start.get());
  if (result == 0) start.release();
  return result;
}
