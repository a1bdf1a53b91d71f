"""The synthetic district: everything that is true about it, from a seed and a scale."""

from datetime import date
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from simulator import reference
from simulator.calendar import number
from simulator.firms import Firms, build_firms
from simulator.households import SCENARIOS, Households, build_households
from simulator.lives import FIRST_DAY, Lives, build_lives
from simulator.meters import Meters, build_meters, truly_running
from simulator.people import People, Returnees, Staff, build_people, build_returnees, build_staff
from simulator.rng import Bools
from simulator.text import pick

Figures = dict[str, Any]


class District:
    """A coherent district of firms, people and meters.

    `scale` 1 is the whole district (60,000 market entities). The daily feeds begin on `start`. `rates` multiplies
    the rates of all defects; 0 gives clean data. Equal arguments give equal bytes.
    """

    def __init__(
        self,
        seed: int = 7,
        scale: float = 0.1,
        start: date = date(2020, 2, 10),
        end: date = date(2020, 3, 31),
        rates: float = 1.0,
    ) -> None:
        if not 0.001 <= scale <= 16:
            raise ValueError(f"scale must be between 0.001 and 16, got {scale}")
        if not date(2020, 2, 10) <= start <= end <= date(2020, 6, 30):
            raise ValueError(
                f"start and end must lie between 2020-02-10 and 2020-06-30 in this order, got {start} and {end}"
            )
        self.seed = seed
        self.scale = scale
        self.start = start
        self.end = end
        self.rates = rates

    @property
    def first_day(self) -> int:
        """Day number of the first business date of the daily feeds."""
        return number(self.start)

    @cached_property
    def firms(self) -> Firms:
        """Market entities."""
        return build_firms(self.seed, self.scale)

    @cached_property
    def lives(self) -> Lives:
        """The true course of each firm."""
        return build_lives(self.seed, self.scale, self.firms)

    @cached_property
    def staff(self) -> Staff:
        """People who check in."""
        return build_staff(self.seed, self.lives)

    @cached_property
    def returnees(self) -> Returnees:
        """People who come back from elsewhere."""
        return build_returnees(self.seed, self.scale, self.staff)

    @cached_property
    def people(self) -> People:
        """Everybody a feed speaks of, and what is true about them."""
        return build_people(self.seed, self.lives, self.staff, self.returnees)

    @cached_property
    def households(self) -> Households:
        """Homes with a meter."""
        return build_households(self.seed, self.scale, self.people, self.returnees)

    @cached_property
    def meters(self) -> Meters:
        """Electricity accounts."""
        return build_meters(self.seed, self.scale, self.firms, self.lives)

    def personal_names(self) -> frozenset[str]:
        """Return every personal name that occurs in a feed, for a scanner that looks for leaks."""
        people = self.people.names(np.arange(self.people.count))
        arrays = (self.firms.legal_name, self.firms.contact_name, people)
        return frozenset(name for array in arrays for name in pc.unique(array).to_pylist())

    def id_numbers(self) -> frozenset[str]:
        """Return the number of every identity document that occurs in a feed."""
        return frozenset(self.people.id_no.to_pylist())

    def broadband_accounts(self) -> frozenset[str]:
        """Return every broadband account that occurs in a feed."""
        return frozenset(self.returnees.account.to_pylist())

    def phones(self) -> frozenset[str]:
        """Return every phone number that occurs in a feed (11 digits), for a scanner that looks for leaks."""
        arrays = (self.firms.contact_phone, self.firms.later_phone, self.people.phone)
        return frozenset(phone for array in arrays for phone in array.to_pylist())

    def in_scope(self, day: int) -> Bools:
        """Tell which firms truly belong to the statistical scope on that day: listed by its month, and active."""
        return self.firms.listed & (self.firms.listed_month <= day) & self.firms.active(day)

    def official(self, day: int) -> Bools:
        """Tell which firms have truly and officially resumed: at work, and permitted."""
        return self.firms.active(day) & self.lives.working(day) & self.lives.permitted(day)

    def home_truth(self, business_date: date) -> pa.Table:
        """Return what is true about each home on a day, for scoring: `meter_token`, `scenario`, `at_home`."""
        day = number(business_date)
        homes = self.households
        there = pa.array(homes.installed <= day)
        columns = {
            "meter_token": homes.token,
            "scenario": pick(SCENARIOS, homes.scenario(day)),
            "at_home": pa.array(homes.at_home(day)),
        }
        return pa.table(columns).filter(there)

    def truth(self, business_date: date) -> Figures:
        """Return the true state of a day: resumption by scope, running accounts, people on site, returnees from
        Hubei so far, homes by scenario.
        """
        day = number(business_date)
        onsite = self.lives.onsite(day)[self.lives.tracked]
        places = self.returnees.place < len(reference.HUBEI)
        seen = (self.returnees.returned // 1_440 <= day) & (self.returnees.returned // 1_440 >= FIRST_DAY)
        real = np.arange(self.returnees.place.shape[1])[None, :] < self.returnees.stays[:, None]
        return {
            "business_date": business_date.isoformat(),
            "scopes": scope_counts(self.firms, self.in_scope(day), self.official(day)),
            "accounts": self.meters.count,
            "accounts_running": len(truly_running(self.meters, self.lives, day)),
            "people_onsite": int(onsite.sum()),
            "returnees_from_hubei": int((seen & (places & real).any(axis=1)).sum()),
            "homes": {
                row["values"]: row["counts"]
                for row in pc.value_counts(self.home_truth(business_date)["scenario"]).to_pylist()
            },
        }


def scope_counts(firms: Firms, denominator: Bools, resumed: Bools) -> dict[str, dict[str, int]]:
    """Return denominator and resumed firms for each statistical scope."""
    result: dict[str, dict[str, int]] = {}
    members = {"statistical": denominator}
    for index, name in enumerate(reference.SCOPE_NAMES[:-1]):
        members[name] = denominator & (firms.sector == index)
    for name, mask in list(members.items()):
        members["above_scale" if name == "statistical" else f"above_scale_{name}"] = mask & firms.above_scale
    for name, mask in members.items():
        result[name] = {"denominator": int(mask.sum()), "resumed": int((mask & resumed).sum())}
    return result
