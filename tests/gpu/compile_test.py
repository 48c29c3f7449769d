#!/usr/bin/env python3
"""Every .cu file was compiled for every architecture, and its PTX keeps the float rules.

compile_test.py --kept FOLDER --nvcc PATH --host-compiler PATH --architectures 80,90,100 FLAG...

What runs on a GPU is decided by PTX: there an operation with .rn is one rounding and is never fused
with another. It is the PTX that the build made on its way to the objects, in FOLDER/SOURCE (see
repro_cuda_objects). Exit status: 0 all is well, 1 findings, 77 skipped (no compiler).
"""
import argparse
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

# Operations on floating-point values that are one rounding, exact, or none.
ALLOWED = re.compile(
    r"(add|sub|mul|div|fma|sqrt|rcp)\.rn\.f(32|64)"
    r"|(mov|selp|neg|abs|min|max)\.f(32|64)|setp\.\w+\.f(32|64)"
    r"|(ld|st)\.(param|global|local)(\.v[24])?\.f(32|64)|cvt\.f64\.f32|cvt\.rn\.f32\.f64"
    r"|cvt\.rn\.f(32|64)\.[su](16|32|64)"
    r"|cvt\.rzi\.s64\.f64")  # only where the value is an integer already
# Kernels in whose text an fma is written (exp, log, AdamW): elsewhere it is a contraction.
WITH_FMA = ("SoftmaxBatch", "CrossEntropyBatch", "SwigluArgs", "SwigluBackwardArgs", "AdamwArgs",
            "fill_kernel")


def float_findings(ptx):
    """(kernel, operation) of every operation that breaks a rule."""
    findings, kernel = set(), "?"
    for line in ptx.splitlines():
        entry = re.match(r"\s*\.(?:visible |weak )?(?:\.?entry|\.?func).*?(\w+)\($", line)
        if ".entry" in line or ".func" in line:
            kernel = entry[1] if entry else line.strip()
        match = re.match(r"\s*(?:@!?%\w+ )?([a-z]\w*(?:\.\w+)+)", line)
        if not match or not re.search(r"\.(f16|bf16|f32|f64|f16x2)\b", match[1]):
            continue
        if match[1] == ".reg" or not ALLOWED.fullmatch(match[1]):
            findings.add((kernel, match[1]))
        elif match[1].startswith("fma.") and not any(name in kernel for name in WITH_FMA):
            findings.add((kernel, match[1]))
    return findings


def check_source(options, source):
    name = source.relative_to(ROOT)
    texts = {path.name: path.read_text() for path in (options.kept / name).glob("*.ptx")}
    wanted = len(options.architectures.split(","))
    findings = [] if len(texts) == wanted else [
        f"{name}: {len(texts)} PTX files, not {wanted}: is it in a repro_cuda_objects, and built?"]
    for text_name, text in sorted(texts.items()):
        found = float_findings(text)
        findings += [f"{name}: {text_name}: {kernel}: {op}" for kernel, op in sorted(found)]
        print(f"{name}: {text_name}: {text.count('.entry')} kernels")
    return findings


def undocumented_kernels():
    table = (ROOT / "docs/gpu.md").read_text()
    header = ROOT / "train/kernels/cuda/program.h"
    variant = re.search(r"std::variant<(.*?)>;", header.read_text(),
                        re.S)
    return [f"docs/gpu.md: no kernel `{name}`" for name in re.findall(r"\w+", variant[1])
            if f"`{name}`" not in table]


def check_that_contraction_is_found(options):
    """A file compiled with contraction allowed must be refused, else the check sees nothing."""
    flags = [flag for flag in options.flags if not flag.startswith("-fmad")] + ["-fmad=true"]
    with tempfile.TemporaryDirectory() as folder:
        ptx = Path(folder) / "rows.ptx"
        subprocess.run([options.nvcc, "-ccbin", options.host_compiler, "-I", ROOT, *flags, "-ptx",
                        f"-arch=compute_{options.architectures.split(',')[0]}",
                        ROOT / "train/kernels/cuda/rows.cu", "-o", ptx], check=True)
        found = {kernel for kernel, _ in float_findings(ptx.read_text())}
    missed = [name for name in ("RopeArgs", "RmsNormArgs") if not any(name in k for k in found)]
    return [f"an fma in the kernel of {name} was not found" for name in missed]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kept", type=Path, required=True)
    parser.add_argument("--nvcc", default="")
    parser.add_argument("--host-compiler", required=True)
    parser.add_argument("--architectures", required=True)
    options, options.flags = parser.parse_known_args()
    missing = undocumented_kernels()
    if missing:
        print("\n".join(missing))
        return 1
    if not os.access(options.nvcc, os.X_OK):
        print("skipped: nothing was compiled for GPUs: the build says why (scripts/deps --cuda)")
        return 77
    sources = sorted([*(ROOT / "train").rglob("*.cu"), *(ROOT / "tests").rglob("*.cu")])
    findings = [] if sources else ["there are no .cu files"]
    for source in sources:
        findings += check_source(options, source)
    if not findings:
        findings = check_that_contraction_is_found(options)
    for finding in findings:
        print(finding)
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
