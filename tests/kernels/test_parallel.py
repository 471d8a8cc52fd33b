"""Work on several threads."""

from __future__ import annotations

import pytest

from juncture.kernels.parallel import each


def test_each_keeps_the_order_and_raises_the_first_error() -> None:
    assert each(lambda x: x * x, range(50)) == [x * x for x in range(50)]
    assert each(str, []) == []

    def fails(x: int) -> int:
        if x in (3, 7):
            raise ValueError(str(x))
        return x

    with pytest.raises(ValueError, match="3"):
        each(fails, range(10))
