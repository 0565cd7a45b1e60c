"""The completions, in the shells that they are for."""

import subprocess

import pytest

import shells

VERBS = {"reload", "upgrade", "stop", "status"}
ASKING = {"--config", "--control", "--pidfile"}
FILES = {"app.py", "my site.ini", "site.ini", "start.wsgi", "sub"}
EXIT_CONFIGURATION = 2


@pytest.fixture(scope="module", params=shells.ALL)
def shell(request, tmp_path_factory, installed, appd):
    home, folder = tmp_path_factory.mktemp("home"), tmp_path_factory.mktemp("folder")
    for name in FILES - {"sub"}:
        (folder / name).write_text("")
    (folder / "sub").mkdir()
    made = shells.ALL[request.param](folder, installed, shells.environment(home, installed, appd))
    yield made
    made.close()


def test_every_option_of_the_help_is_offered_and_no_other(shell, names):
    assert len(names) > 60
    assert {word for word in shell.complete("appd --") if word.startswith("-")} == names


def test_the_first_word_may_be_a_command(shell):
    assert VERBS | {"dev"} == {word for word in shell.complete("appd ") if not word.startswith("-")}
    assert shell.complete("appd sta") == {"status"}
    assert not VERBS & shell.complete("appd --preload ")


def test_the_commands_that_are_offered_are_those_that_appd_knows(appd):
    """No appd answers there, but the word is understood."""
    for verb in [*VERBS, "restart"]:
        ended = subprocess.run([appd, verb, "--control", "/nonexistent"], capture_output=True)
        assert (ended.returncode == EXIT_CONFIGURATION) == (verb == "restart")


@pytest.mark.parametrize("verb", sorted(VERBS))
def test_a_command_takes_the_options_that_find_a_running_appd(shell, verb):
    assert shell.complete(f"appd {verb} --") == ASKING
    assert shell.complete(f"appd {verb} --config my") == {"my site.ini"}


@pytest.mark.parametrize("line, words", [
    ("appd --protocol ", {"auto", "fastcgi", "uwsgi", "scgi", "http"}),
    ("appd --protocol=s", {"scgi"}),
    ("appd --log-level ", {"debug", "info", "warning", "error"}),
    ("appd --reload-strategy=", {"overlap", "rolling"}),
    ("appd --workers a", {"auto"}),
    ("appd --preload=", {"true", "false", "force"}),
    ("appd --spool-bodies=", {"true", "false"}),
    ("appd --no-new-privs=f", {"false"}),
    ("appd --preload --lo", {"--log-level"}),
    ("appd --config site.ini --lo", {"--log-level"}),
    ("appd --user stop --lo", {"--log-level"}),
    ("appd --env A=1 --en", {"--env", "--env-file"}),
    ("appd --threads ", set()),
    ("appd --threads=", set()),
    ("appd --allow ", set()),
    ("appd --env A=", set()),
])
def test_a_value_is_offered_where_the_table_knows_one(shell, line, words):
    assert shell.complete(line) == words


@pytest.mark.parametrize("option", ["config", "env-file", "pidfile", "control", "access-log", "socket"])
def test_files_are_offered(shell, option):
    assert FILES <= shell.complete(f"appd --{option} ")
    assert shell.complete(f"appd --{option}=my") == {"my site.ini"}


@pytest.mark.parametrize("option", ["chdir", "pythonpath", "virtualenv", "spool-dir"])
def test_only_folders_are_offered(shell, option):
    assert FILES & shell.complete(f"appd --{option} ") == {"sub"}
    assert FILES & shell.complete(f"appd --{option}=") == {"sub"}
    assert shell.complete(f"appd --{option}=s") == {"sub"}


def test_an_application_may_be_a_file_of_python(shell):
    assert FILES & shell.complete("appd --module ") == {"app.py", "start.wsgi", "sub"}
    assert shell.complete("appd --module=a") == {"app.py"}


@pytest.mark.parametrize("option", ["user", "allow-user", "socket-owner", "group", "socket-group"])
def test_users_and_groups_are_offered(shell, option):
    assert shell.complete(f"appd --{option} roo") == {"root"}
    assert shell.complete(f"appd --{option}=roo") == {"root"}
