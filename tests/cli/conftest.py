"""What every command does when it fails or is interrupted, checked in one place."""

import json
from pkgutil import resolve_name

import pytest


@pytest.fixture(autouse=True)
def _unplotted(unplotted):
    pass


@pytest.fixture
def check_failure(cli):
    """A function: a command fails with this exit code, these words and a hint, on stderr alone; with `--json`, too.

    `again` are the words with which the command fails a second time in the same way.
    """

    def check(args, code, words, again=()):
        result = cli(*args)
        assert result.exit_code == code, result.stderr
        assert result.stdout == ""
        assert words in result.stderr
        assert "hint: " in result.stderr
        assert json.loads(cli(*args, *again, "--json").stdout)["exit_code"] == code

    return check


@pytest.fixture
def interrupted_at(cli, monkeypatch):
    """A function: what a command says on stderr whose call number `number` of a function is interrupted."""

    def check(function, number, *args):
        owner, _, name = function.rpartition(".")
        real, calls = getattr(resolve_name(owner), name), []

        def call(*given, **more):
            calls.append(given)
            if len(calls) == number:
                raise KeyboardInterrupt
            return real(*given, **more)

        with monkeypatch.context() as patch:
            patch.setattr(function, call)
            result = cli(*args)
        assert result.exit_code == 130
        assert result.stdout == ""
        return result.stderr

    return check


@pytest.fixture
def check_interrupted_at_once(cli, monkeypatch):
    """A function: a command whose stage is interrupted before anything is written says so."""

    def check(stage, *args):
        def stop(*_, **__):
            raise KeyboardInterrupt

        monkeypatch.setattr(stage, stop)
        result = cli(*args)
        assert result.exit_code == 130
        assert "nothing was written" in result.stderr

    return check
