#!/usr/bin/env bash
# What to measure on a machine with an NVIDIA GPU, in under ten minutes; results go into FOLDER.
#
#     pip install -r requirements-dev.txt -r requirements-gpu.txt
#     benchmarks/gpu.sh [FOLDER]     all parts; by default into a new folder in /tmp
#     benchmarks/gpu.sh --tiny       the same parts at their smallest, on any machine: a rehearsal
#     benchmarks/gpu.sh --list       prints the limit in seconds and the command of each part
#
# PYTHON chooses the interpreter; mpirun is taken from its folder.
set -euo pipefail
cd "$(dirname "$0")/.."

mode=${1:-}
python=${PYTHON:-python}
mpirun="$(dirname "$(command -v "$python")")/mpirun"
run=gpu-$(date +%Y%m%d-%H%M%S)

some_tests=""
updates="--minibatch 256 512 1024 2560 5120 --blocks 2"
paper_size=""
layouts="1x1"  # ranks x threads
for cores in 2 4 8 16; do
    if [ "$cores" -le "$(nproc)" ]; then layouts+=" ${cores}x1"; most=1x$cores; fi
done
layouts+=" ${most:-}"
scaling_size="--num-envs 256 --iters 2 --rounds 1"
if [ "$mode" = --tiny ]; then
    some_tests="-k one_process"
    updates="--minibatch 40 --blocks 1"
    paper_size="--num-envs 8 --timesteps-per-batch 320 --optim-batchsize 80"
    layouts="1x1"
    scaling_size="--num-envs 64 --iters 1 --rounds 1"
fi

# Under mpirun the ranks share the card, memory taken as needed, and split the cores.
distributed_tests="$python -m pytest -q tests/distributed_data/test_ranks.py $some_tests"
update_on_gpu="$python -m benchmarks.update --ours-only $updates"
update_on_cpu="env CUDA_VISIBLE_DEVICES= $update_on_gpu"
paper_iteration="$mpirun -np 4 $python run.py --env sumo-humans --paper --max-iters 1"
paper_iteration+=" --anchor-every 0 --run $run $paper_size"
core_scaling="$python -m benchmarks.scaling --layouts $layouts $scaling_size"

# The name, the limit in seconds and the command of each part.
parts=(
    "tests 110 $distributed_tests"
    "update-gpu 80 $update_on_gpu --json {}"
    "update-cpu 80 $update_on_cpu --json {}"
    "paper 100 $paper_iteration"
    "scaling 220 $core_scaling --json {}"
)
if [ "$mode" = --list ]; then
    for part in "${parts[@]}"; do echo "${part#* }"; done
    exit
fi

hardware=$("$python" -c "from distributed_data import device; print(device.prepare())")
if [ "$hardware" = CPU ] && [ "$mode" != --tiny ]; then
    echo "benchmarks/gpu.sh: TensorFlow finds no GPU here (--tiny rehearses without one)" >&2
    exit 2
fi
folder=$(mktemp -d)
if [ -n "$mode" ] && [ "$mode" != --tiny ]; then
    folder=$mode
    mkdir -p "$folder"
fi
folder=$(realpath "$folder")
{
    echo "networks on $hardware, $(nproc) core(s)"
    git rev-parse HEAD || true
    nvidia-smi || true
} 2>&1 | tee "$folder/machine.log"

failed=()
for part in "${parts[@]}"; do
    read -r name limit command <<<"$part"
    echo "== $name, at most $limit s"
    read -ra words <<<"${command//\{\}/$folder/$name.json}"
    timeout -k 10 "$limit" "${words[@]}" 2>&1 | tee "$folder/$name.log" || failed+=("$name")
done
if [ -d "saveparameters/$run" ]; then mv "saveparameters/$run" "$folder/paper"; fi
echo "results in $folder"
if [ ${#failed[@]} -gt 0 ]; then
    echo "benchmarks/gpu.sh: failed or out of time: ${failed[*]}" >&2
    exit 1
fi
