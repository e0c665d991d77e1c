# SPDX-License-Identifier: ISC
"""Debian's kernel package, without installing it: its image, and an initramfs for measuring.

When this machine runs the very version that apt offers, its files in /boot and /lib/modules are
taken as they are; else the package is downloaded to build/linux/ and unpacked there. The host's
own boot folder is never written. The initramfs holds one program as /init, the modules that a
disk needs with what they depend on, and the order to load them in.
"""
import glob
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
from tools import newc  # noqa: E402

META = "linux-image-amd64"
WANTED = ["virtio_pci", "virtio_blk", "ahci", "sd_mod", "ext4", "crc32c_generic"]


class PackageError(Exception):
    """The kernel cannot be had; the text says why."""


def _package_name():
    command = ["apt-cache", "depends", META]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    match = re.search(r"Depends: (linux-image-(\S+-amd64))$", run.stdout, re.MULTILINE)
    if not match:
        raise PackageError(f"apt knows no {META}: run `apt-get update`")
    return match[1], match[2]


def _download(package, folder):
    os.makedirs(folder, exist_ok=True)
    run = subprocess.run(
        ["apt-get", "download", package], cwd=folder, capture_output=True, text=True, check=False
    )
    packages = glob.glob(os.path.join(glob.escape(folder), package + "_*.deb"))
    if run.returncode or not packages:
        raise PackageError(f"apt-get download {package}: {run.stderr.strip()}")
    subprocess.run(["dpkg", "-x", packages[0], folder], check=True)
    os.unlink(packages[0])


def kernel_files(build):
    """(path of the kernel image, folder of its modules, version)."""
    package, version = _package_name()
    for root in ("/", os.path.join(build, "linux")):
        image = os.path.join(root, "boot", "vmlinuz-" + version)
        modules = os.path.join(root, "lib", "modules", version, "kernel")
        if os.access(image, os.R_OK) and os.path.isdir(modules):
            return image, modules, version
    _download(package, os.path.join(build, "linux"))
    if not os.access(image, os.R_OK):
        raise PackageError(f"{package} has no image {image}")
    return image, modules, version


def _module_dependencies(path):
    """Names that a module says it needs, in its .modinfo strings (also those it only prefers)."""
    with open(path, "rb") as file:
        content = file.read()
    match = re.search(rb"\0depends=([^\0]*)\0", content)
    names = match[1].decode().split(",") if match else []
    return [name.replace("-", "_") for name in names if name]


def _load_order(modules):
    """Paths of the wanted modules, each after what it depends on."""
    paths = {}
    for folder, _, files in os.walk(modules):
        for name in files:
            if name.endswith(".ko"):
                paths[name[:-3].replace("-", "_")] = os.path.join(folder, name)
    order = []

    def visit(name):
        # A name without a file is built into the kernel.
        path = paths.get(name)
        if path and path not in order:
            for needed in _module_dependencies(path):
                visit(needed)
            order.append(path)

    # ext4 asks for crc32c by its algorithm's name when it loads, so its provider goes first.
    for name in reversed(WANTED):
        visit(name)
    return order


def initramfs(program, modules, out):
    order = _load_order(modules)
    entries = [("init", program)]
    entries += [(f"modules/{os.path.basename(path)}", path) for path in order]
    names = "".join(f"/modules/{os.path.basename(path)}\n" for path in order)
    entries.append(("modules/list", names.encode()))
    with open(out, "wb") as file:
        file.write(newc.build(entries))
