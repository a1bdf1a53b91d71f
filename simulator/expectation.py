"""What must become of every delivery and, from the rows to be accepted, of the headline figures.

A plain evaluation of the rules in the tables' description, on the simulator's own numbers: it shares no code with
the pipeline, so that the two can be compared.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from simulator.calendar import as_date, at, number
from simulator.district import District, Figures, scope_counts
from simulator.episodes import count_episodes
from simulator.feeds import FEEDS, carrier_wasu, household_power, market_registry
from simulator.feeds.approvals import PASS, RETURN, WITHDRAW
from simulator.frame import Frame
from simulator.households import SCENARIOS
from simulator.people import CARRIERS
from simulator.plan import history_frames, rows_of
from simulator.powerindex import district_index
from simulator.regions import KeyRegions, in_hubei
from simulator.rng import Bools, Ints
from simulator.screening import NOT_LISTED, Readings, scenarios
from simulator.senders.clock import Clock, moment_of
from simulator.senders.registry import incomplete_first
from simulator.store import Entry, Store

UNRESOLVED = frozenset(("USCC_UNKNOWN", "NAME_UNKNOWN", "NAME_AMBIGUOUS"))
"""Reasons that only the comparison with the registry can give."""
Facts = dict[str, Ints]


@dataclass(frozen=True)
class Delivery:
    """A file as a client finds it at the senders' moment, with the outcome it must have."""

    entry: Entry
    published_at: datetime
    outcome: str

    def record(self) -> Figures:
        """Return the outcome as a flat record; row counts are null for repeats."""
        entry, repeated = self.entry, self.outcome == "repeat"
        bad = sum(entry.quarantined.values())
        return {
            "feed": entry.version.feed,
            "business_date": entry.business_date,
            "name": entry.version.name,
            "published_at": self.published_at.isoformat(),
            "sha256": entry.sha256,
            "rows": entry.declared_rows,
            "outcome": self.outcome,
            "reason": entry.reason or None,
            "rows_accepted": None if repeated else entry.accepted,
            "rows_quarantined": None if repeated else bad,
            "rows_ignored": None if repeated else entry.ignored,
            "quarantined": {} if repeated else entry.quarantined,
            "rows_unresolved": 0
            if repeated
            else sum(n for reason, n in entry.quarantined.items() if reason in UNRESOLVED),
        }


class Expectation:
    """Expected outcomes for a client that reads everything that is out at `as_of`.

    `registry_first` is the first business date for which the client asks the registry (a full state then and on
    Sundays, changes otherwise).
    """

    def __init__(
        self,
        district: District,
        home: Path,
        *,
        as_of: datetime | None = None,
        registry_first: date | None = None,
        store: Store | None = None,
    ) -> None:
        self.district = district
        self.clock = Clock(as_of or at(number(district.end) + 1, 12))
        self.store = store or Store(home / "files", district)
        self.registry_first = registry_first or district.start
        self._deliveries: dict[str, list[Delivery]] = {}
        self._accepted: dict[tuple[str, int], list[Facts]] = {}

    def deliveries(self, feed: str) -> list[Delivery]:
        """Return the deliveries of a feed that comes as files, in the order in which they count."""
        if feed not in self._deliveries:
            self._deliveries[feed] = list(_judged(self._visible(feed)))
        return self._deliveries[feed]

    def records(self) -> list[Figures]:
        """Return a record for every delivery of every feed, pulls of the registry included."""
        files = [delivery.record() for feed in FEEDS for delivery in self.deliveries(feed)]
        return [*self._registry_records(), *files]

    def expectation(self, business_date: date) -> Figures:
        """Return the figures that the tables must show for a day, from rows of business dates up to it."""
        day = number(business_date)
        scope = self._scope(day)
        reported, evidence = self._reports(day)
        approved, white = self._permissions(day)
        active = self.district.firms.active(day)
        official = evidence & (approved | white)
        power = district_index(self._rows("enterprise_power", day), self.district.meters, day)
        return {
            "business_date": business_date.isoformat(),
            "scopes": scope_counts(self.district.firms, scope & active, official),
            "reporting": int((scope & active & reported).sum()),
            "power": power,
            "returnee_episodes": self._episodes(day),
            "households": self._households(day) if day == self._registry_days[-1] else None,
        }

    def report(self) -> Figures:
        """Return everything as one document."""
        district = self.district
        span = [district.start + timedelta(days=n) for n in range((district.end - district.start).days + 1)]
        days = [day for day in span if day >= self.registry_first and number(day) < self.clock.day]
        return {
            "seed": district.seed,
            "scale": district.scale,
            "rates": district.rates,
            "as_of": self.clock.now.isoformat(),
            "deliveries": self.records(),
            "days": {
                day.isoformat(): {"expected": self.expectation(day), "truth": district.truth(day)} for day in days
            },
        }

    def _visible(self, feed: str) -> list[tuple[datetime, Entry]]:
        found = []
        for entry in self.store.all_entries(feed, self.clock.day):
            if entry.complete_at(self.clock.minute):
                folder = entry.version.folder
                found.append((moment_of(entry.version.ready) if folder < 0 else at(folder), entry))
        return sorted(found, key=lambda pair: (pair[0], pair[1].version.name))

    def _rows(self, feed: str, day: int) -> Facts:
        """Return the facts of all rows to be accepted from business dates up to a day, in the order in which they
        count.

        The fact `undo` marks retractions; `list_day` is the delivery's business date.
        """
        days = [each for each in FEEDS[feed].days(self.district, self.clock.day) if each <= day]
        parts = [part for each in days for part in self._accepted_on(feed, each)]
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]} if parts else {}

    def _accepted_on(self, feed: str, day: int) -> list[Facts]:
        if (feed, day) not in self._accepted:
            self._accepted[feed, day] = list(self._accepted_parts(feed, day))
        return self._accepted[feed, day]

    def _accepted_parts(self, feed: str, day: int) -> Iterator[Facts]:
        """Yield the facts of the rows to be accepted from each delivery of a business date, later ones last."""
        latest: dict[str, Entry] = {}
        for delivery in self.deliveries(feed):
            if delivery.entry.version.day == day and delivery.outcome == "accepted":
                # A corrected file replaces the earlier version wholly, and counts from its own place in the order.
                latest.pop(delivery.entry.version.name, None)
                latest[delivery.entry.version.name] = delivery.entry
        for entry in latest.values():
            for frame in self._frames(entry):
                facts = dict(frame.accepted().facts)
                count = len(facts["id"])
                facts["undo"] = np.full(count, int(entry.version.undo))
                facts["list_day"] = np.full(count, day)
                yield facts

    def _frames(self, entry: Entry) -> Iterator[Frame]:
        """Yield the rows of a delivery, of a large history day by day."""
        feed, day = FEEDS[entry.version.feed], entry.version.day
        if feed.history_types and day in feed.history:
            yield from history_frames(self.district, feed, day)
        else:
            yield rows_of(entry.version, self.store.frame(feed.name, day))

    def _scope(self, day: int) -> Bools:
        """Tell which firms stand on the latest list with a month not after the day's."""
        member = np.zeros(self.district.firms.count, dtype=bool)
        rows = self._rows("statistical_scope", day)
        if rows:
            month = number(as_date(day).replace(day=1))
            current = (rows["list_day"] == rows["list_day"].max()) & (rows["month"] <= month)
            member[rows["firm"][current]] = True
        return member

    def _reports(self, day: int) -> tuple[Bools, Bools]:
        """Tell which firms have an effective report, and which of these say that they work with people on site."""
        reported = np.zeros(self.district.firms.count, dtype=bool)
        evidence = reported.copy()
        rows = self._rows("self_reports", day)
        if rows:
            standing = ~np.isin(rows["id"], rows["supersedes"][rows["supersedes"] >= 0])
            last = _last_of(rows["firm"][standing], rows["submitted"][standing])
            firm = rows["firm"][standing][last]
            reported[firm] = True
            evidence[firm] = (rows["actual"][standing][last] <= day) & (rows["onsite"][standing][last] > 0)
        return reported, evidence

    def _permissions(self, day: int) -> tuple[Bools, Bools]:
        """Tell which firms have an application in force, and which a standing one with the white-list flag."""
        approved = np.zeros(self.district.firms.count, dtype=bool)
        white = approved.copy()
        rows = self._rows("approvals", day)
        if rows:
            last = _last_of(rows["application"], rows["moment"])
            event, firm = rows["event"][last], rows["firm"][last]
            approved[firm[(event == PASS) & (rows["planned"][last] <= day)]] = True
            white[firm[(rows["white"][last] > 0) & (event != RETURN) & (event != WITHDRAW)]] = True
        return approved, white

    def _episodes(self, day: int) -> Figures:
        """Return the number of episodes: by one carrier or by all, of Hubei alone or of all key regions."""
        carriers = {name: self._stays(name, day) for name in CARRIERS}
        regions = KeyRegions(self._rows("city_cases", day), day)
        every = list(carriers.values())
        return {
            "mobile": count_episodes([carriers["mobile"]], in_hubei),
            "mobile, key regions": count_episodes([carriers["mobile"]], regions.exposed),
            "all": count_episodes(every, in_hubei),
            "all, key regions": count_episodes(every, regions.exposed),
        }

    def _stays(self, carrier: str, day: int) -> Facts:
        """Return a carrier's rows; `who` is the phone's number, or the account's below zero."""
        rows = self._rows(f"carrier_{carrier}", day)
        if not rows:
            return {}
        who = self._phone_numbers[rows["person"]]
        if carrier == "wasu":
            who = np.where(rows["phone_shown"] == carrier_wasu.PLAIN, who, -1 - rows["person"])
        return rows | {"who": who}

    @cached_property
    def _phone_numbers(self) -> Ints:
        """A number for each returnee's phone, the same for those who share one."""
        return np.asarray(self.district.returnees.phone.dictionary_encode().indices, dtype=np.int64)

    def _households(self, day: int) -> Figures:
        """Return the number of homes in each scenario of the screening table, of those with an accepted reading."""
        homes = self.district.households
        readings, seen = Readings.none(homes.count, day), np.zeros(homes.count, dtype=bool)
        for each in FEEDS["household_power"].days(self.district, day):
            for part in self._accepted_parts("household_power", each):
                readings.put(part, (part["quality"] == household_power.OK) & (part["energy"] >= 0))
                seen[part["household"]] = True
        found = scenarios(readings, self._observed(day), day)[seen]
        return {name: int((found == place).sum()) for place, name in enumerate(SCENARIOS)}

    def _observed(self, day: int) -> Ints:
        """Return since when each home is under observation by the latest good list of its community."""
        begin = np.full(self.district.households.count, NOT_LISTED)
        latest: dict[int, Facts] = {}
        for each in FEEDS["quarantine_register"].days(self.district, day):
            for part in self._accepted_on("quarantine_register", each):
                if len(part["slot"]):
                    latest[int(part["slot"][0])] = part
        for rows in latest.values():
            listed = (rows["begin"] <= day) & ((rows["end"] >= day) | (rows["open"] > 0)) & (rows["no_token"] == 0)
            np.minimum.at(begin, rows["household"][listed], rows["begin"][listed])
        return begin

    @cached_property
    def _registry_days(self) -> list[int]:
        last = min(number(self.district.end), self.clock.day - 1)
        return list(range(number(self.registry_first), last + 1))

    def _registry_records(self) -> list[Figures]:
        records: list[Figures] = []
        for day in self._registry_days:
            full = day == self._registry_days[0] or as_date(day).weekday() == 6
            frame = (market_registry.snapshot if full else market_registry.changes)(self.district, day)
            common: dict[str, Any] = {
                "feed": "market_registry",
                "business_date": as_date(day).isoformat(),
                "name": "entities" if full else "changes",
                "published_at": at(day + 1, 5).isoformat(),
                "sha256": None,
                "rows": frame.rows,
            }
            if incomplete_first(self.district, day) and frame.rows:
                records.append(common | _no_rows("incomplete"))
            quarantined = frame.quarantined()
            counts = {
                "rows_quarantined": sum(quarantined.values()),
                "rows_ignored": 0,
                "rows_unresolved": 0,
                "quarantined": quarantined,
            }
            accepted = frame.rows - sum(quarantined.values())
            records.append(common | {"outcome": "accepted", "reason": None, "rows_accepted": accepted} | counts)
        return records


def _no_rows(outcome: str) -> Figures:
    counts = dict.fromkeys(("rows_accepted", "rows_quarantined", "rows_ignored", "rows_unresolved"), 0)
    return {"outcome": outcome, "reason": None, "quarantined": {}, **counts}


def _judged(visible: list[tuple[datetime, Entry]]) -> Iterator[Delivery]:
    """Yield deliveries with outcomes: a repeat has the bytes of a delivery accepted before for the same business
    date.
    """
    accepted: set[tuple[int, bool, str]] = set()
    for published_at, entry in visible:
        key = (entry.version.day, entry.version.undo, entry.sha256)
        if key in accepted:
            yield Delivery(entry, published_at, "repeat")
        elif entry.reason:
            yield Delivery(entry, published_at, "rejected")
        else:
            accepted.add(key)
            yield Delivery(entry, published_at, "accepted")


def _last_of(key: Ints, moment: Ints) -> Ints:
    """Return the position of each key's row with the latest moment; of equal moments the last row counts."""
    order = np.lexsort((np.arange(len(key)), moment, key))
    ordered = key[order]
    return order[np.append(ordered[1:] != ordered[:-1], True)] if len(order) else order
