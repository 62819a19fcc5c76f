"""Any process may be killed at any moment: nothing corrupt is ever read, nobody waits for the dead."""

import os
import random
import signal
import time
import zipfile

import pytest

from support import processes, zips

ROUNDS = 25


def sources(suite, salt: str):
    """A benchmark whose every step but the install is other work for each salt."""
    return suite.benchmark(files={
        "python/requirements.txt": "six==1.16.0\nmarkupsafe==2.1.5\n",
        "python/function.py": f"SALT = {salt!r}\n\ndef handler(event):\n    return {{}}\n",
        "python/data.bin": random.Random(salt).randbytes(3_000_000),
        "init.sh": f'sleep 0.05; echo "{salt}" > "$1/init.txt"\n',
        "python/package.sh": f'sleep 0.05; echo "{salt}" > packaged.txt\n',
    })


def kill(process) -> None:
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.communicate()


def in_scratch(fnpack) -> list[str]:
    scratch = fnpack.cache / "scratch"
    return [entry.name for entry in scratch.iterdir()] if scratch.exists() else []


@pytest.mark.timeout(400)
@pytest.mark.parametrize("cache", ["fresh", "shared"])
def test_killed_at_any_moment_the_next_build_is_right(cache, fnpack, suite):
    rounds = ROUNDS // 2 + (cache == "fresh")
    reference = fnpack.elsewhere("reference")
    moments = random.Random(cache)
    interrupted = 0
    for number in range(rounds):
        salt = f"{cache} {number}"
        sources(suite, salt)
        began = time.monotonic()
        expected = reference.python(suite).status_is("built").sha256
        usual = time.monotonic() - began

        victim = fnpack.elsewhere(f"fresh-{number}") if cache == "fresh" else fnpack
        process = victim.start(*victim.build_args(suite, "--language", "python", "--language-version", "3.11"))
        time.sleep(moments.uniform(0, usual * (2 if number == 0 else 1)))
        interrupted += process.poll() is None
        kill(process)
        for archive in (path for path in victim.finished_files() if path.suffix == ".zip" and not path.name.startswith(".")):
            assert zips.sha256(archive) == expected or cache == "shared", "a half-written artifact"
            assert zipfile.ZipFile(archive).testzip() is None

        after = victim.python(suite, timeout=60)
        assert after.sha256 == zips.sha256(after.archive) == expected, f"round {number}\n{after}"
        assert in_scratch(victim) == [], "what the dead left is still there"
        assert victim.finished_files() == [after.archive]
        processes.assert_none_using(victim.cache)
        victim.verify()
    assert interrupted > rounds // 3, f"only {interrupted} of {rounds} builds were running when they were killed"


@pytest.mark.parametrize("script", ["init.sh", "python/package.sh"])
def test_a_script_of_a_killed_build_does_not_live_on(script, fnpack, suite):
    benchmark = suite.benchmark(files={script: "echo started\nsleep 1000\n"})
    process = fnpack.start(*fnpack.build_args(suite, "--language", "python", "--language-version", "3.11"))
    processes.wait_for(
        lambda: any("sleep" in command or script in command for command in processes.using(fnpack.cache).values()),
        what=f"the start of {script}",
    )
    kill(process)
    benchmark.write(script, "true\n")
    fnpack.python(suite, timeout=30).status_is("built")
    processes.assert_none_using(fnpack.cache)
    assert in_scratch(fnpack) == []


def test_nobody_waits_for_the_dead(fnpack, suite):
    """One build holds an action that another waits for, and is killed: the other does it."""
    suite.benchmark(files={"init.sh": f'mkdir "{fnpack.home}/held" 2>/dev/null && sleep 1000\necho done > "$1/init.txt"\n'})
    arguments = fnpack.build_args(suite, "--language", "python", "--language-version", "3.11")
    first = fnpack.start(*arguments)
    processes.wait_for((fnpack.home / "held").exists, what="the start of init.sh")
    second = fnpack.start(*arguments)
    time.sleep(0.5)
    assert second.poll() is None, "the second build should wait for the first"
    kill(first)
    stdout, stderr = second.communicate(timeout=30)
    assert second.returncode == 0, stderr.decode()
    fnpack.python(suite).status_is("cached")
