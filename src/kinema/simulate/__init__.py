"""From a seed to the truth and the noisy sensors of it. Everything made here is labelled simulated.

`kinema.simulate` is the function `drive.simulate` to a user and this package to Python: the package can be called.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any


class _CallablePackage(ModuleType):
    """Importing any module of this package binds `kinema.simulate` to the package; so a call reaches the function."""

    def __call__(self, *args: Any, **options: Any) -> Any:
        from kinema.simulate.drive import simulate

        return simulate(*args, **options)


sys.modules[__name__].__class__ = _CallablePackage
