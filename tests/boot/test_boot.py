# SPDX-License-Identifier: ISC
"""The system comes up: by PVH, by GRUB on BIOS and on UEFI, in recovery, with several CPUs."""
import os
import re
import shutil
import subprocess

import pytest

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
FIRMWARE_SECONDS = 240  # emulated UEFI firmware alone takes most of a minute on a busy machine


@pytest.mark.parametrize("options", ["", "--smp 2", "--recovery", "--iommu"])
def test_prompt_comes(boot, options):
    boot(options).prompt()


@pytest.mark.parametrize("firmware", ["bios", "uefi"])
def test_iso_boots(boot, build, tmp_path, firmware):
    if not shutil.which("grub-mkrescue"):
        pytest.skip("grub-mkrescue is not installed")
    iso = tmp_path / "bulkhead.iso"
    maker = os.path.join(TOP, "tools", "mkiso.sh")
    subprocess.run([maker, f"{build}/kernel", f"{build}/boot.cpio", str(iso)], check=True)
    options = f"--iso {iso}" + (" --uefi" if firmware == "uefi" else "")
    boot(options).prompt(FIRMWARE_SECONDS)


def test_commands_give_output_and_status(commands):
    assert commands("echo one; echo two") == ("one\ntwo\n", 0)


def test_status_of_the_last_command(commands):
    output, status = commands("no-such-command")
    assert status != 0
    assert "no-such-command" in output


def test_discovery_is_locked_and_devd_goes_on(commands):
    output, _ = commands("silo kill devd; ls /dev/pci; dmesg")
    assert output.count("device: discovery is locked") == 1
    assert "functions found before" in output
    assert "cannot be leased" not in output
    assert "discovery is not locked" not in output


def test_longest_hold_of_the_lock_is_named(commands):
    output, _ = commands("cat /dev/sip/status", "--cmdline lock=measure")
    found = re.search(r"^lock_hold_max (\d+) (call [a-z_]+|fault \d+|interrupt \d+|timer 0)$",
                      output, re.MULTILINE)
    assert found and int(found[1]) > 1000


def test_lock_is_not_measured_unasked(commands):
    assert "lock_hold_max" not in commands("cat /dev/sip/status")[0]


def test_archive_holds_what_a_user_wants(commands, build):
    """What measures and loads the system is in another archive."""
    listed = "ls /boot/bin; silo list"
    own, _ = commands(listed)
    assert "hello" in own and "virtio-blk0" in own
    assert not re.search("bench|load|disk-read", own), own
    other, _ = commands(listed, archive=os.path.join(build, "bench.cpio"))
    assert {"bench-9p", "bench-disk", "bench-restart"} <= set(other.split())
    assert {"disk-load", "disk-read"} <= set(other.split())
    labels = [set(re.findall(r"^\d+ (\S+)", text, re.M)) for text in (own, other)]
    assert labels[0] and labels[0] < labels[1]
