# SPDX-License-Identifier: ISC
"""The prompt: that what is typed by mistake, or by somebody who means harm, does none."""
import re

import pytest

from tools.launcher import guest


def test_copy_onto_itself_keeps_the_file(commands):
    output, status = commands(
        "cd /tmp; echo text > a; ln a b; ln -s a c; cp a a; cp a b; cp c /tmp; cp a /tmp; cat a"
    )
    assert output.splitlines() == [
        "cp: a and a are the same file",
        "cp: a and b are the same file",
        "cp: c and /tmp/c are the same file",
        "cp: a and /tmp/a are the same file",
        "text",
    ]
    assert status == 0


def test_what_cannot_be_run_says_so(commands):
    output, status = commands("echo text > /tmp/f; /tmp/f; echo $?; run -m 4K hello")
    lines = output.splitlines()
    assert lines[0].startswith("run: /tmp/f: ") and "not a program" in lines[0]
    assert lines[1] == "126"
    assert lines[2].startswith("run: hello: ") and "memory" in lines[2]
    assert status == 126


def test_redirection_says_what_failed(commands, image):
    output, _ = commands(
        "echo x > /disk/new; echo x > /boot/new; echo x > /tmp/no/file", f"--disk {image({})}"
    )
    assert output.splitlines() == [
        "/disk/new: read-only (try /tmp)",
        "/boot/new: read-only (try /tmp)",
        "/tmp/no/file: no such thing",
    ]


def test_deep_directories_are_removed(commands):
    """As deep as a path can name."""
    down = "mkdir d; cd d; " * 5 + "\n"
    output, status = commands(f"cd /tmp\n{down * 50}cd /tmp; rm -r d; ls; echo $?", seconds=300)
    assert output == "0\n"
    assert status == 0


def test_a_wrong_line_does_nothing(commands):
    output, status = commands("echo a > /tmp/f; rm /tmp/f | x\ncat /tmp/f; echo $? 'open")
    assert output.splitlines() == ["single & and | are not known here", "a quote does not end"]
    assert status == 2


def test_names_do_not_reach_the_terminal_as_they_are(commands):
    output, _ = commands("cd /tmp; echo x > 'a\x1b[2Jb'; ln -s '\x07' l; mkdir 'é'; ls; ls -l l; ls l")
    assert output.splitlines()[:3] == ["a?[2Jb", "l", "Ã©"]
    assert output.endswith(" l -> ?\nl\n")


def test_output_cannot_pass_for_the_end(commands):
    output, status = commands(
        "echo 'a\x01b'; echo '\x01BEGIN\x01 \x01END 7\x01'; nosuch\x01; run hello '\x01END 7\x01'"
        "; false"
    )
    assert output.startswith("a\x01b\n\x01BEGIN\x01 \x01END 7\x01\nnosuch\x01: no such command")
    assert output.endswith("hello, \x01END 7\x01\n")
    assert status == 1


def test_a_shell_that_is_killed_is_no_success(commands):
    with pytest.raises(guest.GuestError, match="shell ended"):
        commands("silo kill sh")


def test_console_is_no_way_around_gates(commands):
    """sipd opens a silo's console itself, which its gates would let it do."""
    output, _ = commands(
        "echo 'console /dev/uart1/data' > /dev/sip/servers/srv108/ctl; silo info uart1\n"
        "echo 'console /dev//sip/audit' > /dev/sip/servers/srv108/ctl\n"
        "echo 'console /dev/./sip/audit' > /dev/sip/servers/srv108/ctl; silo info uart1"
    )
    assert output.count("ctl: wrong argument") == 2
    assert re.findall(r"^console (.*)", output, re.MULTILINE) == ["/dev/uart1/data"] * 2


def test_what_the_prompt_needs_is_not_suspended(commands):
    """It would never end, so no recovery shell would come either."""
    output, _ = commands(
        "silo suspend uart0; silo suspend consoled; silo suspend sh; silo suspend tmp; silo list"
    )
    lines = output.splitlines()
    assert lines[:3] == ["silo: suspend: the prompt needs it; it can be stopped"] * 3
    assert re.search(r"^\d+ tmp \w+ paused ", output, re.MULTILINE)


def test_reason_of_another_command_is_not_shown(commands):
    """sipd's end is why it did not answer, not what it has refused before."""
    output, _ = commands("silo stop sipd; silo kill sipd")
    refused, ended = output.splitlines()
    assert refused == "silo: stop: init keeps this one; only kill is possible"
    assert ended.startswith("silo: kill: the server is being restarted")
