"""Two hosts on one machine: two network namespaces with disks of their own, one rank in each.

Each host has its own network stack, host name and copy of this repository; they share one virtual
cable and no folder. hydra starts the ranks through a stand-in for ssh. Needs root, Linux, iproute2
and util-linux.

    sudo .venv/bin/python -m benchmarks.two_hosts
"""

import contextlib
import os
import shlex
import subprocess
import sys
import tempfile

from benchmarks import bench
from common.command_line import InputError, number
from common.terminal import script_of

HOSTS = {"selfplay-a": "10.77.0.1", "selfplay-b": "10.77.0.2"}

# Called like ssh: [-x] ADDRESS COMMAND...; enters the host's network, name and disk.
LAUNCHER = """#!/bin/bash
[ "$1" = -x ] && shift
case $1 in {cases} *) exit 1;; esac
shift
exec ip netns exec $host unshare --mount --uts bash -c '
  hostname $0; mount --make-rprivate /; mount --bind {root}/$0 {root}/repository
  cd {root}/repository; exec bash -c "$1"' $host "$*"
"""


def make_parser():
    """The command line."""
    parser = bench.make_parser("two_hosts", __doc__, json=False)
    parser.add_argument("--max-iters", type=number(int, 1), default=2)
    return parser


def sh(command, **options):
    """Runs one shell command; raises CalledProcessError if it fails."""
    return subprocess.run(command, shell=True, check=True, **options)


@contextlib.contextmanager
def hosts(root):
    """Makes the namespaces, their cable and their disks, and removes them afterwards."""
    try:
        for host in HOSTS:
            sh(f"ip netns add {host}")
            sh(f"mkdir {root}/{host}; git ls-files -co --exclude-standard -z | "
               f"tar cf - --null -T - | tar xf - -C {root}/{host}", cwd=bench.ROOT)
        os.mkdir(f"{root}/repository")
        first, second = HOSTS
        sh(f"ip link add cable netns {first} type veth peer name cable netns {second}")
        for host, address in HOSTS.items():
            sh(f"ip -n {host} addr add {address}/24 dev cable; ip -n {host} link set cable up; "
               f"ip -n {host} link set lo up")
        cases = " ".join(f"{address}) host={host};;" for host, address in HOSTS.items())
        launcher = f"{root}/launch"
        with open(launcher, "w") as file:
            file.write(LAUNCHER.format(cases=cases, root=root))
        os.chmod(launcher, 0o755)
        yield launcher
    finally:
        for host in HOSTS:
            subprocess.run(["ip", "netns", "del", host], stderr=subprocess.DEVNULL)


def files(folder):
    """All files of a host's disk."""
    return {os.path.join(where, name) for where, _, names in os.walk(folder) for name in names
            if not name.endswith(".pyc")}


def train(max_iters):
    """Trains on both hosts from the first one, and says what is on whose disk; the exit code."""
    if os.geteuid():
        raise InputError("needs root")
    mpirun = bench.find_mpirun()
    with tempfile.TemporaryDirectory() as root, hosts(root) as launcher:
        before = {host: files(f"{root}/{host}") for host in HOSTS}
        words = [mpirun, "-launcher", "ssh", "-launcher-exec", launcher,
                 "-hosts", ",".join(HOSTS.values()), "-ppn", "1", "-np", "2", sys.executable,
                 "run.py", "--run", "two-hosts", "--max-iters", str(max_iters),
                 "--num-envs", "32"]
        first = next(iter(HOSTS.values()))
        done = subprocess.run([launcher, first, shlex.join(words)])
        for host in HOSTS:
            fresh = files(f"{root}/{host}") - before[host]
            print(f"{host}: {len(fresh)} new files")
    return done.returncode


def run(args):
    """Trains; exits with run.py's code."""
    sys.exit(train(args.max_iters))


main = script_of(make_parser, run)


if __name__ == "__main__":
    main()
