# SPDX-License-Identifier: ISC
"""A block driver that lies (tests/boot/liar): the file server takes back what it has lent."""
import os

from helpers import archive, until

LIAR = b"""name liar
exec /boot/bin/liar
arg xxa
family DRV
tier system
mode 006
restart on-crash budget 3 window 60 backoff-max 100
provides /scheme/block/xxa
start boot
"""
FSD = b"""name lies
exec /boot/bin/fsd
arg /scheme/block/xxa
arg /lies
family FS
tier system
mode 006
limit memory 64M
limit handles 8192
restart never
keeper on
provides /lies
needs rootd
start boot
"""


def test_driver_loses_the_ring(boot, build, tmp_path):
    """Who breaks the ring's rules reaches neither ring nor pool any more, and ends by trying; its
    successor is offered a ring in which nothing of it is left."""
    with open(os.path.join(build, "bin", "liar"), "rb") as file:
        more = [("boot/bin/liar", file.read())]
    more += [("boot/silos/liar.silo", LIAR), ("boot/silos/lies.silo", FSD)]
    console = boot(archive=archive(build, tmp_path / "boot.cpio", more=more))
    console.prompt()
    until(console, "silo list", r"^\d+ liar \w+ crashed .* failing$", 60)
    log = console.command("dmesg")
    assert log.count("liar: it has a sound ring") == 2
    assert log.count("broke the rules of the ring") == 2
    assert "a broken ring" not in log and "still reach" not in log
    assert "lies " in console.command("silo list")
