"""The attainment report's arithmetic, worked by hand."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from crm_reporting.exchange_rates.conversion import DatedRates
from crm_reporting.reports.attainment.figures import NO_QUOTA, NO_RATE, REACHED, Sums, to_rows
from crm_reporting.reports.money import DatedAmount

ADA, BEA, CAI = (UUID(int=number) for number in (1, 2, 3))
OCTOBER, DAY, TODAY = date(2026, 10, 1), date(2026, 10, 20), date(2026, 11, 29)
NAMES = {ADA: "Ada", BEA: "Bea", CAI: "Cai"}


def dated(user_id: UUID, amount: str, on: date, currency: str = "EUR") -> DatedAmount[UUID]:
    return DatedAmount(user_id, Decimal(amount), currency, on)


def compile_rows(
    *,
    quotas: Mapping[UUID, str] | None = None,
    won: Mapping[UUID, str] | None = None,
    opened: Mapping[UUID, str] | None = None,
    currency: str = "EUR",
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    sums = Sums(
        [dated(user_id, amount, OCTOBER) for user_id, amount in (quotas or {}).items()],
        [dated(user_id, amount, DAY) for user_id, amount in (won or {}).items()],
        [dated(user_id, amount, TODAY) for user_id, amount in (opened or {}).items()],
    )
    return to_rows(sums, DatedRates(currency, {}), currency, names=NAMES)


@pytest.mark.parametrize(
    ("quota", "won", "opened", "attainment", "coverage", "reasons"),
    [
        ("10000", "2500", "22500", 0.25, 3.0, {}),
        ("30000", "10000", "20000", 0.3333, 1.0, {}),
        ("80000", "10", "0", 0.0001, 0.0, {}),  # 0.000125
        ("80000", "20", "0", 0.0002, 0.0, {}),  # 0.00025, half to even
        ("80000", "28", "0", 0.0004, 0.0, {}),  # 0.00035
        ("100", "0", "50", 0.0, 0.5, {}),
        ("100", "99.99", "10000000000000", 0.9999, 1e15, {}),
        ("100", "100", "50", 1.0, None, {"coverage": REACHED}),
        ("100", "250", "0", 2.5, None, {"coverage": REACHED}),
        ("0", "250", "1", None, None, {"attainment": NO_QUOTA, "coverage": NO_QUOTA}),
        ("0", "0", "0", None, None, {"attainment": NO_QUOTA, "coverage": NO_QUOTA}),
    ],
)
def test_ratios_and_reasons(
    quota: str, won: str, opened: str, attainment: float | None, coverage: float | None, reasons: dict[str, str]
) -> None:
    [row], total = compile_rows(quotas={ADA: quota}, won={ADA: won}, opened={ADA: opened})
    assert (row["attainment"], row["coverage"], row["reasons"]) == (attainment, coverage, reasons)
    assert total == {name: value for name, value in row.items() if not name.startswith("user_")}


def test_the_total_is_the_sum_of_the_printed_rows() -> None:
    """Three thirds of a yen each are printed as 0, and so is their sum; ratios follow what is printed."""
    rates = DatedRates("EUR", {("JPY", day): Decimal(1) for day in (OCTOBER, DAY, TODAY)})
    third = [dated(user_id, "0.33", DAY) for user_id in NAMES]
    rows, total = to_rows(Sums([dated(ADA, "2.6", OCTOBER)], third, third), rates, "JPY", names=NAMES)
    assert [row["won"] for row in rows] == [Decimal(0)] * 3
    assert (total["quota"], total["won"], total["open"]) == (Decimal(3), Decimal(0), Decimal(0))
    assert (total["attainment"], total["coverage"]) == (0.0, 0.0)


def test_the_best_stand_first_and_those_without_a_quota_behind() -> None:
    rows, total = compile_rows(
        quotas={ADA: "100", BEA: "100"}, won={ADA: "50", BEA: "75", CAI: "1000"}, opened={UUID(int=9): "1"}
    )
    assert [row["user_name"] for row in rows] == ["Bea", "Ada", "Cai", None]
    assert (total["quota"], total["won"], total["attainment"]) == (Decimal("200.00"), Decimal("1125.00"), 5.625)
    rows, _ = compile_rows(opened={BEA: "1", ADA: "2"})
    assert [row["user_name"] for row in rows] == ["Ada", "Bea"]


def test_nobody_at_all() -> None:
    rows, total = compile_rows()
    assert rows == []
    assert total == {
        "quota": Decimal("0.00"),
        "won": Decimal("0.00"),
        "attainment": None,
        "open": Decimal("0.00"),
        "coverage": None,
        "reasons": {"attainment": NO_QUOTA, "coverage": NO_QUOTA},
    }


def test_a_quota_without_a_rate_is_left_out_and_named() -> None:
    rates = DatedRates("EUR", {})
    quotas = [dated(ADA, "100", OCTOBER, "GBP"), dated(BEA, "100", OCTOBER, "GBP"), dated(BEA, "50", OCTOBER)]
    rows, total = to_rows(Sums(quotas, [dated(BEA, "25", DAY)], []), rates, "EUR", names=NAMES)
    assert [(row["user_name"], row["quota"], row["attainment"]) for row in rows] == [
        ("Bea", Decimal("50.00"), 0.5),
        ("Ada", Decimal("0.00"), None),
    ]
    assert rows[1]["reasons"] == {"attainment": NO_RATE, "coverage": NO_RATE}
    assert (total["quota"], total["attainment"]) == (Decimal("50.00"), 0.5)
    assert rates.missing == {"GBP"}
