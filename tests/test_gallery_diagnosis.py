"""The picture about diagnosis: its numbers hold, and it draws."""

from __future__ import annotations

import pytest
from gallery_pages import known


def test_every_claim_holds() -> None:
    claims = {claim.claim: claim for claim in known("diagnosis")}
    assert all(claim.held for claim in claims.values())
    assert claims["digits that 1 − cos x costs at 0.01"].expected == pytest.approx(4.30103)
    assert claims["digits that the logarithm costs at 0.01"].expected == pytest.approx(5.07918)
    assert claims["predicted error: power of x"].expected == -4.0
