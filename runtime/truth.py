"""What is true about each firm, home and person of the simulated district, and what the rules must make of what its
senders sent, row by row: for `make score`.

Two answers are given to every question. *True* is what the district did; no pipeline can know all of it. *Due* is what
the tables' rules give on the rows that must be accepted, evaluated here on the simulator's own numbers.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from simulator.calendar import number
from simulator.episodes import Exposed
from simulator.expectation import Expectation, _last_of
from simulator.feeds import FEEDS, household_power
from simulator.feeds.approvals import APPLY, PASS
from simulator.feeds.carrier_wasu import PLAIN
from simulator.feeds.checkins import PLACES as CHECKIN_PLACES
from simulator.frame import Frame
from simulator.households import SCENARIOS
from simulator.meters import EXCLUSIVE
from simulator.people import CARRIERS, ID_TYPES, PLACES, RED, YELLOW
from simulator.powerindex import _by_account, _resumed, baselines
from simulator.regions import KeyRegions, in_hubei
from simulator.rng import Bools, Ints
from simulator.screening import Readings, scenarios

EVIDENCE_DAYS, PARTIAL_BELOW = 3, 0.5
FEVER_ABOVE_TENTHS, TRANSIT_DAYS, CODE_MAX_HOURS, READINGS_ON_SITE, SCREENING_DAYS = 373, 14, 24, 2, 14
FOUR_HOURS, TWO_DAYS, DAY = 240, 48 * 60, 1_440
NAMED = ("statistical_scope", "self_reports", "meter_accounts")
CODED = ("approvals", "checkins", "health_declarations")


@dataclass(frozen=True)
class Home:
    """A home on a day: `due` is None where no reading of it was accepted."""

    scenario: str
    at_home: bool
    due: str | None


@dataclass(frozen=True)
class Person:
    """A person at an employer: identity (kind of document, number), the enterprise's code, and the decision."""

    id_type: str
    id_no: str
    uscc: str
    due: str
    true: str


@dataclass(frozen=True, order=True)
class Episode:
    """Stays in key regions that belong together; `who` is a phone or an account, `last` a day number."""

    who: str
    last: int
    origins: tuple[str, ...]
    carriers: tuple[str, ...]


class Truth(Expectation):
    """Answers about one day, row by row. Firms, people and homes are positions in the district's arrays."""

    # Firms

    def true_statuses(self, day: int) -> dict[str, str]:
        """Status of every firm that is or was active, by the order of the statuses in the table's description."""
        lives, firms = self.district.lives, self.district.firms
        ever = np.zeros(firms.count, dtype=bool)
        for before in range(day):
            ever |= lives.working(before) & lives.permitted(before)
        official = lives.working(day) & lives.permitted(day)
        partial = official & (lives.onsite(day) < PARTIAL_BELOW * lives.staff)
        event = np.full(firms.count, "", dtype=object)
        for application in (lives.first, lives.second):
            made = application.exists & (application.applied <= day)
            decided = np.where(application.outcome == 1, "通过", "退回")
            now = np.where(application.decided <= day, decided, "申请")
            event = np.where(made, np.where(application.withdrawn <= day, "撤销", now), event)
        return self._by_code(
            [
                ("closed", ~firms.active(day)),
                ("suspended", ever & ~lives.working(day)),
                ("resumed_partial", partial),
                ("resumed", official),
                ("active_unapproved", lives.working(day)),
                ("approved_not_started", event == "通过"),
                ("applied", event == "申请"),
            ],
            firms.born <= day,
        )

    def due_statuses(self, day: int) -> dict[str, str]:
        """Status of every firm by the rules, on the rows to be accepted."""
        firms = self.district.firms
        first = number(self.district.start)
        evidence = {each: self._reports(each)[1] for each in range(first, day + 1)}
        permitted = {each: np.logical_or(*self._permissions(each)) for each in range(first, day + 1)}
        ever = np.any(
            [evidence[each] & permitted[each] for each in range(first, day)] or [evidence[day] & False], axis=0
        )
        onsite, total = self._staff_reported(day)
        official = evidence[day] & permitted[day]
        works = evidence[day] | self._powered(day) | self._attended(day)
        event = self._application_event(day)
        return self._by_code(
            [
                ("closed", ~firms.active(day)),
                ("suspended", ever & (onsite == 0)),
                ("resumed_partial", official & (onsite <= total) & (onsite < PARTIAL_BELOW * total)),
                ("resumed", official),
                ("active_unapproved", works & ~permitted[day]),
                ("approved_not_started", event == PASS),
                ("applied", event == APPLY),
            ],
            firms.born <= day,
        )

    def _by_code(self, conditions: list[tuple[str, Bools]], known: Bools) -> dict[str, str]:
        names = np.array([name for name, _ in conditions] + ["not_started"])
        found = names[np.select([mask for _, mask in conditions], list(range(len(conditions))), len(conditions))]
        codes = self.codes
        return {codes[firm]: str(found[firm]) for firm in np.flatnonzero(known).tolist() if codes[firm]}

    @cached_property
    def codes(self) -> list[str]:
        """The unified code of each firm."""
        return [code or "" for code in self.district.firms.uscc.to_pylist()]

    def _staff_reported(self, day: int) -> tuple[Ints, Ints]:
        """People on site and in all by each firm's report in effect; -1 without one."""
        onsite = np.full(self.district.firms.count, -1)
        total = onsite.copy()
        rows = self._rows("self_reports", day)
        standing = np.flatnonzero(~np.isin(rows["id"], rows["supersedes"][rows["supersedes"] >= 0]))
        last = standing[_last_of(rows["firm"][standing], rows["submitted"][standing])]
        onsite[rows["firm"][last]], total[rows["firm"][last]] = rows["onsite"][last], rows["total"][last]
        return onsite, total

    def _application_event(self, day: int) -> Ints:
        """The latest event of each firm's latest application; -1 without one."""
        event = np.full(self.district.firms.count, -1)
        rows = self._rows("approvals", day)
        last = _last_of(rows["application"], rows["moment"])
        order = last[np.lexsort((rows["application"][last], rows["applied"][last]))]
        event[rows["firm"][order]] = rows["event"][order]
        return event

    def _powered(self, day: int) -> Bools:
        """Firms one of whose exclusive accounts has resumed."""
        meters = self.district.meters
        rows = self._rows("enterprise_power", day)
        baseline = baselines(rows, meters)
        kwh, valid, _ = _by_account(rows, meters, day - 6, day)
        with np.errstate(invalid="ignore"):
            ratio = kwh / baseline[:, None]
            valid &= ~(ratio > 20)
        resumed = ~np.isnan(baseline) & _resumed(valid, ratio >= 0.30)
        powered = np.zeros(self.district.firms.count, dtype=bool)
        holders = self._holders(day)
        for account in np.flatnonzero(resumed).tolist():
            if len(holders[account]) == 1:
                ((firm, relations),) = holders[account].items()
                powered[firm] |= relations == {EXCLUSIVE}
        return powered

    def _holders(self, day: int) -> dict[int, dict[int, set[int]]]:
        """Account → firm → relations, by the latest list."""
        rows = self._rows("meter_accounts", day)
        current = (rows["list_day"] == rows["list_day"].max()) & (rows["begin"] <= day) & (rows["end"] >= day)
        found: dict[int, dict[int, set[int]]] = defaultdict(lambda: defaultdict(set))
        for row in np.flatnonzero(current).tolist():
            found[int(rows["account"][row])][int(rows["firm"][row])].add(int(rows["relation"][row]))
        return found

    def _attended(self, day: int) -> Bools:
        """Firms where somebody checked in on site on the days that count as evidence."""
        attended = np.zeros(self.district.firms.count, dtype=bool)
        for each in range(max(day - EVIDENCE_DAYS + 1, number(self.district.start)), day + 1):
            for rows in self._accepted_on("checkins", each):
                attended[rows["firm"][rows["place"] == CHECKIN_PLACES.index("厂区")]] = True
        return attended

    # How rows find their enterprise

    def named_rows(self, feed: str, day: int) -> Iterator[tuple[str, str, str, bool]]:
        """(code as sent, name as sent, the firm's true code, whether the row must be accepted) of a feed's rows."""
        columns = {
            "statistical_scope": ("统一社会信用代码", "单位名称"),
            "self_reports": ("uscc", "enterprise_name"),
            "meter_accounts": ("统一社会信用代码", "户名"),
        }[feed]
        for frame in self._standing_frames(feed, day):
            firm = frame.facts["firm"]
            texts = [frame.columns[column].to_pylist() for column in columns]
            rows = zip(*texts, firm.tolist(), (frame.reason == 0).tolist(), strict=True)
            yield from ((code or "", name or "", self.codes[who], good) for code, name, who, good in rows if who >= 0)

    def pairs(self, feed: str, day: int) -> set[str]:
        """Codes of the firms that a feed's accepted rows speak of."""
        firms: set[int] = set()
        for each in FEEDS[feed].days(self.district, day):
            for rows in self._accepted_on(feed, each):
                firms |= set(np.unique(rows["firm"]).tolist())
        return {self.codes[firm] for firm in firms if firm >= 0}

    def _standing_frames(self, feed: str, day: int) -> Iterator[Frame]:
        """The rows of the accepted deliveries of a feed up to a day."""
        latest = {}
        for delivery in self.deliveries(feed):
            version = delivery.entry.version
            if delivery.outcome == "accepted" and version.day <= day:
                latest[version.day, version.name] = delivery.entry
        for entry in latest.values():
            yield from self._frames(entry)

    # Homes

    def homes(self, day: int) -> dict[str, Home]:
        """Every home with a meter, by the meter's token."""
        homes = self.district.households
        readings, seen = Readings.none(homes.count, day), np.zeros(homes.count, dtype=bool)
        for each in FEEDS["household_power"].days(self.district, day):
            for part in self._accepted_parts("household_power", each):
                readings.put(part, (part["quality"] == household_power.OK) & (part["energy"] >= 0))
                seen[part["household"]] = True
        due = scenarios(readings, self._observed(day), day)
        columns = (
            homes.token.to_pylist(), homes.scenario(day).tolist(), homes.at_home(day).tolist(), due.tolist(),
            seen.tolist(), (homes.installed <= day).tolist(),
        )  # fmt: skip
        return {
            token: Home(SCENARIOS[true], there, SCENARIOS[rule] if known else None)
            for token, true, there, rule, known, installed in zip(*columns, strict=True)
            if installed
        }

    # Returnees

    def due_episodes(self, day: int) -> list[Episode]:
        """Episodes by the rules, on the rows to be accepted."""
        exposed = KeyRegions(self._rows("city_cases", day), day).exposed
        stays: dict[str, set[tuple[int, int, int, str]]] = defaultdict(set)
        for carrier in CARRIERS:
            rows = self._rows(f"carrier_{carrier}", day)
            if rows:
                for who, *stay in self._standing_stays(carrier, rows, exposed):
                    stays[who].add((stay[0], stay[1], stay[2], carrier))
        return _episodes(stays)

    def _standing_stays(
        self, carrier: str, rows: dict[str, Ints], exposed: Exposed
    ) -> Iterator[tuple[str, int, int, int]]:
        names = ("person", "place", "begin", "end")
        what = list(zip(*(rows[name].tolist() for name in names), strict=True))
        undone = {stay for stay, undo in zip(what, rows["undo"].tolist(), strict=True) if undo}
        counts = (rows["dwell_minutes"] >= FOUR_HOURS) & exposed(rows["place"], rows["end"] // DAY)
        shown = rows["phone_shown"] == PLAIN if carrier == "wasu" else np.ones(len(what), dtype=bool)
        for stay, good, plain in zip(what, counts.tolist(), shown.tolist(), strict=True):
            if good and stay not in undone:
                person = stay[0]
                who = self._phones[person] if plain else self._accounts[person]
                yield who, stay[2], stay[3], stay[1]

    @cached_property
    def _phones(self) -> list[str]:
        return [f"phone:{phone}" for phone in self.district.returnees.phone.to_pylist()]

    @cached_property
    def _accounts(self) -> list[str]:
        return [f"account:{account}" for account in self.district.returnees.account.to_pylist()]

    def true_episodes(self, day: int) -> list[Episode]:
        """Episodes of all who truly came back by a day, from where they truly were, whoever saw them."""
        people = self.district.returnees
        exposed = KeyRegions(self._rows("city_cases", day), day).exposed
        back = (people.returned // DAY <= day) & (people.returned // DAY >= number(self.district.start))
        stays: dict[str, set[tuple[int, int, int, str]]] = defaultdict(set)
        for stay in range(people.place.shape[1]):
            place, begin, end = people.place[:, stay], people.begin[:, stay], people.end[:, stay]
            counts = back & (stay < people.stays) & (end - begin >= FOUR_HOURS) & exposed(place, end // DAY)
            for person in np.flatnonzero(counts).tolist():
                stays[self._phones[person]].add((int(begin[person]), int(end[person]), int(place[person]), ""))
        return _episodes(stays)

    # Staff

    def decisions(self, day: int) -> list[Person]:
        """Every person at every employer that an accepted declaration names."""
        rows = self._rows("health_declarations", day)
        employers = self.district.firms.count
        pair = rows["person"] * employers + rows["firm"]
        last = _last_of(pair, rows["declared"])
        declared = {name: values[last] for name, values in rows.items()}
        facts = self._staff_facts(declared, day)
        due = _decide(facts)
        person, firm = declared["person"], declared["firm"]
        risk = np.array(["ok", "check", "do_not_admit"])[self.district.people.risk(person, day)]
        id_no = self.district.people.id_no.to_pylist()
        kinds = [ID_TYPES[kind] for kind in self.district.people.id_type[person].tolist()]
        columns = (kinds, person.tolist(), firm.tolist(), due.tolist(), risk.tolist())
        return [
            Person(kind, id_no[who], self.codes[where], rule, true)
            for kind, who, where, rule, true in zip(*columns, strict=True)
        ]

    def _staff_facts(self, declared: dict[str, Ints], day: int) -> dict[str, Ints]:
        """What is known of each (person, employer) of the latest declarations, as the screening must see it."""
        person, firm = declared["person"], declared["firm"]
        phone = self._phone_of[person]
        at_firm = phone * self.district.firms.count + firm
        _, place, count = np.unique(at_firm, return_inverse=True, return_counts=True)
        alone = count[place] == 1
        seen = self._checkins(day)
        facts = {name: np.full(len(person), value) for name, value in _NOTHING.items()}
        facts |= self._codes_known(person, day)
        shown: dict[int, tuple[int, int]] = {}
        for row, (key, own) in enumerate(zip(at_firm.tolist(), alone.tolist(), strict=True)):
            for reading in seen.get(key, ()) if own else ():
                facts["on_site"][row] |= reading["place"] == CHECKIN_PLACES.index("厂区")
                facts["symptom"][row] |= reading["symptom"] >= 2
                if reading["tenths"] >= 0:
                    facts["readings"][row] += 1
                    facts["highest"][row] = max(facts["highest"][row], reading["tenths"])
                if reading["colour"] >= 0:
                    latest = (reading["measured"], reading["colour"])
                    shown[int(person[row])] = max(shown.get(int(person[row]), (-1, -1)), latest)
        for row, who in enumerate(person.tolist()):
            if who in shown:
                facts["colour"][row] = max(facts["colour"][row], shown[who][1])
                facts["coloured"][row] = max(facts["coloured"][row], day * 86_400 + shown[who][0])
        facts["age"] = np.maximum((day + 1) * 86_400 - facts["coloured"], 0)
        facts["symptom"] |= declared["symptom"] >= 2
        facts["contact"] = declared["contact"]
        facts["transit"] = self._transit(declared, day)
        open_phones = {each.who for each in self.due_episodes(day) if each.last + SCREENING_DAYS >= day}
        own_phone = [f"phone:{number}" for number in self.district.people.phone.to_pylist()]
        facts["episode"] = np.array(
            [own and own_phone[who] in open_phones for who, own in zip(person.tolist(), alone.tolist(), strict=True)],
            dtype=np.int64,
        )
        return self._exposure_of_person(facts, person)

    def _exposure_of_person(self, facts: dict[str, Ints], person: Ints) -> dict[str, Ints]:
        """An open episode is the person's, at every employer."""
        exposed = np.zeros(self.district.people.count, dtype=np.int64)
        np.maximum.at(exposed, person, facts["episode"])
        return facts | {"episode": exposed[person]}

    @cached_property
    def _phone_of(self) -> Ints:
        """A number for each person's phone, the same for those who share one."""
        return np.asarray(self.district.people.phone.dictionary_encode().indices, dtype=np.int64)

    def _codes_known(self, person: Ints, day: int) -> dict[str, Ints]:
        """The latest health code of each person: colour and second, -1 without one."""
        rows = self._rows("health_codes", day)
        colour, updated = (np.full(self.district.people.count, -1) for _ in range(2))
        last = _last_of(rows["person"], rows["updated"])
        colour[rows["person"][last]], updated[rows["person"][last]] = rows["colour"][last], rows["updated"][last]
        return {"colour": colour[person], "coloured": updated[person]}

    def _checkins(self, day: int) -> dict[int, list[dict[str, int]]]:
        """The day's check-ins by phone and firm; a row that came twice counts once."""
        names = ("person", "firm", "measured", "tenths", "colour", "place", "symptom", "slot")
        found: dict[tuple[int, int, int], dict[str, int]] = {}
        for part in self._accepted_on("checkins", day):
            phone = self._phone_of[part["person"]]
            for row, number_ in zip(zip(*(part[name].tolist() for name in names), strict=True), phone, strict=True):
                fact = dict(zip(names, row, strict=True))
                key = int(number_) * self.district.firms.count + fact["firm"]
                found[key, fact["slot"], fact["measured"]] = fact
        grouped: dict[int, list[dict[str, int]]] = defaultdict(list)
        for (key, *_), fact in found.items():
            grouped[key].append(fact)
        return grouped

    def _transit(self, declared: dict[str, Ints], day: int) -> Ints:
        """Who came through Hubei within the window."""
        came = np.where(declared["returned"] < 10**6, declared["returned"], declared["declared"] // 86_400)
        recent = came >= day - TRANSIT_DAYS
        through = np.zeros(len(came), dtype=bool)
        for name in ("place_1", "place_2", "place_3"):
            through |= (declared[name] >= 0) & in_hubei(declared[name], came)
        return (recent & through).astype(np.int64)


_NOTHING = {"on_site": 0, "symptom": 0, "readings": 0, "highest": -1}


def _decide(facts: dict[str, Ints]) -> np.ndarray[tuple[int], np.dtype[np.str_]]:
    """The decision on each person: the gravest reason that holds."""
    refused = (facts["colour"] == RED) | (facts["highest"] > FEVER_ABOVE_TENTHS)
    asked = (facts["colour"] == YELLOW) | np.any(
        [facts[name] > 0 for name in ("symptom", "transit", "contact", "episode")], axis=0
    )
    lacking = (facts["colour"] < 0) | (facts["age"] > CODE_MAX_HOURS * 3_600)
    lacking |= (facts["on_site"] > 0) & (facts["readings"] < READINGS_ON_SITE)
    return np.select([refused, asked, lacking], ["do_not_admit", "check", "missing_data"], "ok")


def _episodes(stays: dict[str, set[tuple[int, int, int, str]]]) -> list[Episode]:
    """Split each person's stays (begin, end, place, carrier; minutes) where more than 48 hours lie between."""
    found = []
    for who, of_person in stays.items():
        parts: list[list[tuple[int, int, int, str]]] = []
        latest = 0
        for stay in sorted(of_person):
            if not parts or stay[0] - latest > TWO_DAYS:
                parts.append([])
                latest = 0
            latest = max(latest, stay[1])
            parts[-1].append(stay)
        for part in parts:
            origins = tuple(sorted({PLACES[place][2] for _, _, place, _ in part}))
            carriers = tuple(sorted({carrier for *_, carrier in part}))
            found.append(Episode(who, max(end for _, end, *_ in part) // DAY, origins, carriers))
    return found
