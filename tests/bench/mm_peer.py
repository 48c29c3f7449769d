"""fp32 at::mm of LibTorch, one thread: JSON, side -> best Gflop/s by wall and processor time."""
import json
import time

import torch

torch.set_num_threads(1)
result = {}
for side in (1024, 2048):
    a, b = torch.randn(side, side), torch.randn(side, side)
    best = {"gops": 0.0, "cpu_gops": 0.0}
    for _ in range(18):  # the first ones warm up; only the best counts
        wall, cpu = time.perf_counter(), time.process_time()
        torch.mm(a, b.T)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        best = {"gops": max(best["gops"], 2e-9 * side**3 / wall),
                "cpu_gops": max(best["cpu_gops"], 2e-9 * side**3 / cpu)}
    result[side] = {name: round(value, 1) for name, value in best.items()}
print(json.dumps(result))
