"""The front of the command line: quick help, one line per error, exit code 2."""

import subprocess
import sys

import pytest

from kinema.cli import main


def test_help_imports_nothing_heavy():
    """Start-up stays a fraction of a second because no number library is touched."""
    code = "import sys; from kinema.cli import _parser; _parser(); print(' '.join(sys.modules))"
    loaded = set(
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    )
    assert not loaded & {"numpy", "numba", "scipy", "pyarrow", "rich", "h5py", "pooch", "pandas"}


def test_every_command_explains_itself(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["--help"])
    assert stop.value.code == 0
    assert "solve" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["solve"], "nothing to solve"),
        (["solve", "no-such-file.obs"], "no-such-file.obs"),
        (["solve", "x.obs", "-o", "no/such/folder/out.pos"], "does not exist; make it first"),
    ],
)
def test_mistakes_get_one_line_and_exit_code_2(argv, said, capsys):
    assert main(argv) == 2
    error = capsys.readouterr().err
    assert error.startswith("kinema: ")
    assert said in error
    assert error.count("\n") == 1


def test_a_position_may_start_with_a_minus(capsys):
    """West of Greenwich and east of the date line X is negative, and people put a blank before it."""
    assert main(["solve", "no-such-file.obs", "--base-position", "-3959400.631,3385704.533,3667523.111"]) == 2
    assert "no-such-file.obs" in capsys.readouterr().err
