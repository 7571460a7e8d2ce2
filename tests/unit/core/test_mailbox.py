"""Many threads post; one at a time works; nothing is lost, whatever raises where."""

from __future__ import annotations

import gc
import random
import signal
import sys
import threading
import weakref
from collections import defaultdict
from typing import TYPE_CHECKING, Any

import pytest
from tests.unit.core.cutting import Cut, CutAt
from tests.unit.core.lamp import S, lamp

from headrace.core import Add, Gate, Mailbox, Move, Perform, Scheduler, mailbox
from headrace.testing import VirtualClock, broken_invariants

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from headrace.core import Instruction, Step


class Shop:
    """A mailbox with everything about it recorded. Handing over is noted, and done when the test says so."""

    def __init__(self, obey: Callable[[Instruction], None] | None = None) -> None:
        self.scheduler = Scheduler()
        self.clock = VirtualClock()
        self.obeyed: list[Instruction] = []
        self.failures: list[tuple[Step, BaseException]] = []
        self.handed_over = 0
        self.done: list[Any] = []
        self.inside = 0
        self.crowded = False
        self.obey = obey if obey is not None else self.obeyed.append
        self.mailbox = Mailbox(
            self.scheduler,
            self.clock,
            obey=lambda one: self.obey(one),  # noqa: PLW0108 - a test may put another in its place
            hand_over=self._hand_over,
            resume=lambda: None,
            on_failure=self._fail,
            take_in=self.message,
        )

    def _hand_over(self) -> None:
        self.handed_over += 1

    def _fail(self, step: Step, error: BaseException) -> None:
        self.failures.append((step, error))

    def message(self, what: object) -> None:
        """Note that it was done, and whether anybody else was at work."""
        self.inside += 1
        self.crowded |= self.inside != 1
        self.done.append(what)
        self.inside -= 1

    def post(self, *what: object) -> None:
        for one in what:
            self.mailbox.post(self.message, one)

    def settle(self) -> None:
        """What the helper thread does after a hand-over."""
        for _ in range(100):
            if not self.handed_over:
                return
            self.handed_over = 0
            self.mailbox.work()
        pytest.fail("the mailbox hands over for ever")


@pytest.fixture
def shop() -> Shop:
    return Shop()


@pytest.fixture
def hasty() -> Iterator[None]:
    """Threads are switched as often as can be."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def run_all(*targets: Callable[[], None]) -> None:
    threads = [threading.Thread(target=target) for target in targets]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


class Once:
    """A message that raises the first times it is done."""

    def __init__(self, shop: Shop, *errors: BaseException) -> None:
        self.shop = shop
        self.errors = list(errors)

    def __call__(self) -> None:
        if self.errors:
            raise self.errors.pop(0)
        self.shop.done.append("done")


class TestOneThread:
    """Order and re-entry."""

    def test_a_message_is_done_when_post_returns(self, shop: Shop) -> None:
        shop.post("a")

        assert shop.done == ["a"]

    def test_a_message_posted_from_within_another_is_done_after_it(self, shop: Shop) -> None:
        def outer() -> None:
            shop.post("inner")
            shop.message("outer")

        shop.mailbox.post(outer)

        assert shop.done == ["outer", "inner"]

    def test_any_depth_of_re_entry_needs_no_stack(self, shop: Shop) -> None:
        def step(left: int) -> None:
            if left:
                shop.mailbox.post(step, left - 1)
            else:
                shop.message("deep")

        shop.mailbox.post(step, 20_000)
        shop.settle()

        assert shop.done == ["deep"]

    def test_it_knows_whose_it_is(self, shop: Shop) -> None:
        seen = []
        shop.mailbox.post(lambda: seen.append(shop.mailbox.mine))

        assert (seen, shop.mailbox.mine) == ([True], False)

    def test_instructions_are_obeyed_after_the_message_and_before_the_next(self) -> None:
        shop = Shop()
        shop.obey = lambda one: shop.message(type(one).__name__)

        def add(name: str) -> None:
            one = lamp(name)
            shop.mailbox.tell(Add(one, 0.0, (Gate(one, "LIGHT"),)))
            shop.message(name)

        def both() -> None:
            shop.mailbox.post(add, "b")
            add("a")

        shop.mailbox.post(both)

        assert shop.done == ["a", "Perform", "b", "Perform"]

    def test_units_are_taken_in_between_messages_in_order(self, shop: Shop) -> None:
        unit = lamp("hall")

        def both() -> None:
            shop.post("before")
            shop.mailbox.take_in(unit)
            shop.post("after")

        shop.mailbox.post(both)

        assert shop.done == ["before", unit, "after"]

    def test_a_mailbox_that_was_not_told_how_takes_no_unit_in(self) -> None:
        failures: list[BaseException] = []
        mailbox = Mailbox(
            Scheduler(),
            VirtualClock(),
            obey=lambda _: None,
            hand_over=lambda: None,
            resume=lambda: None,
            on_failure=lambda _, error: failures.append(error),
        )

        mailbox.take_in(lamp("hall"))
        mailbox.work()
        mailbox.work()

        assert [type(error) for error in failures] == [TypeError]

    def test_what_a_message_asks_for_is_obeyed_after_it_and_before_the_next(self) -> None:
        done: list[object] = []
        store = Shop(done.append)
        store.done = done
        asked = Perform(lamp("hall"), 0, "light")

        def asking() -> None:
            store.mailbox.ask(asked)
            store.post("next")
            done.append("asked")

        store.mailbox.post(asking)

        assert done == ["asked", asked, "next"]

    def test_nobody_is_kept_at_work_for_ever(self, shop: Shop) -> None:
        """After a good many messages the rest is handed over."""

        def flood() -> None:
            for number in range(10_000):
                shop.mailbox.post(shop.message, number)

        shop.mailbox.post(flood)

        assert (0 < len(shop.done) < 10_000, shop.handed_over) == (True, 1)

    def test_what_was_handed_over_is_done_in_order(self, shop: Shop) -> None:
        def flood() -> None:
            for number in range(10_000):
                shop.mailbox.post(shop.message, number)

        shop.mailbox.post(flood)
        shop.settle()

        assert shop.done == list(range(10_000))

    def test_what_was_done_is_let_go(self, shop: Shop) -> None:
        """The last message's arguments, a task's result among them, are not kept while the mailbox is idle."""

        class Result:
            pass

        result = Result()
        kept = weakref.ref(result)
        shop.mailbox.post(lambda _: None, result)
        del result
        gc.collect()

        assert kept() is None

    def test_the_last_instruction_is_let_go(self, shop: Shop) -> None:
        shop.obey = lambda _: None
        one = lamp("a")
        kept = weakref.ref(one)
        shop.mailbox.post(lambda one: shop.mailbox.tell(Add(one, 0.0, (Gate(one, "LIGHT"),))), one)
        shop.mailbox.post(lambda: shop.mailbox.tell(Move(shop.scheduler.units["a"], 0, S.GONE, 1.0)))
        del one
        gc.collect()

        assert kept() is None


class TestRaising:
    """Messages and instructions that raise."""

    def test_one_that_raises_once_is_done_again(self, shop: Shop) -> None:
        shop.mailbox.post(Once(shop, ValueError("first")))
        shop.settle()

        assert (shop.done, shop.failures) == (["done"], [])

    def test_an_exception_does_not_reach_the_poster(self, shop: Shop) -> None:
        """He may be anybody, and post on anybody's behalf."""
        shop.mailbox.post(Once(shop, ValueError("first")))

        assert shop.handed_over == 1

    def test_an_interrupt_does(self, shop: Shop) -> None:
        with pytest.raises(KeyboardInterrupt):
            shop.mailbox.post(Once(shop, KeyboardInterrupt()))

    def test_an_interrupted_message_is_done_again(self, shop: Shop) -> None:
        with pytest.raises(KeyboardInterrupt):
            shop.mailbox.post(Once(shop, KeyboardInterrupt()))
        shop.settle()

        assert shop.done == ["done"]

    def test_one_that_raises_twice_is_given_up_and_told(self, shop: Shop) -> None:
        message, last = Once(shop, ValueError("first"), ValueError("second")), "second"
        shop.mailbox.post(message)
        shop.settle()

        assert [(step, str(error)) for step, error in shop.failures] == [((message, ()), last)]

    def test_those_behind_it_are_done(self, shop: Shop) -> None:
        def both() -> None:
            shop.mailbox.post(Once(shop, *[ValueError("always")] * 9))
            shop.post("behind")

        shop.mailbox.post(both)
        shop.settle()

        assert (shop.done, len(shop.failures)) == (["behind"], 1)

    def test_each_message_has_its_own_two_chances(self, shop: Shop) -> None:
        for _ in range(3):
            shop.mailbox.post(Once(shop, ValueError("first")))
            shop.settle()

        assert (len(shop.done), shop.failures) == (3, [])

    def test_an_instruction_that_raises_once_is_obeyed_again(self, shop: Shop) -> None:
        errors = [ValueError("first")]

        def obey(one: Instruction) -> None:
            if errors:
                raise errors.pop()
            shop.obeyed.append(one)

        shop.obey = obey
        one = lamp("a")
        shop.mailbox.post(lambda: shop.mailbox.tell(Add(one, 0.0, (Gate(one, "LIGHT"),))))
        shop.settle()

        assert {type(told) for told in shop.obeyed} == {Perform}

    def test_an_instruction_that_raises_twice_is_told(self, shop: Shop) -> None:
        """Its owner makes the unit fail, which makes the repetitions of the instruction stale."""

        def obey(told: Instruction) -> None:
            if isinstance(told, Perform) and shop.scheduler.current(told):
                msg = "always"
                raise ValueError(msg)

        def fail(step: Step, error: BaseException) -> None:
            shop.failures.append((step, error))
            shop.mailbox.tell(Move(step[1][0].unit, 0, S.GONE, 1.0))

        shop = Shop(obey)
        shop.mailbox._on_failure = fail
        one = lamp("a")
        shop.mailbox.post(lambda: shop.mailbox.tell(Add(one, 0.0, (Gate(one, "LIGHT"),))))
        shop.settle()

        assert (len(shop.failures), one.state) == (1, S.GONE)

    def test_failure_is_told_of_when_the_scheduler_is_in_order_again(self, shop: Shop) -> None:
        """What raised may have left it in the middle of an event; the owner hands in another."""
        calls: list[str] = []
        shop.mailbox._resume = lambda: calls.append("resume")
        shop.mailbox._on_failure = lambda _step, _error: calls.append("failure")
        shop.mailbox.post(Once(shop, ValueError("first"), ValueError("second")))
        shop.settle()

        assert calls == ["resume", "resume", "failure"]

    def test_a_failure_handler_that_raises_leaves_the_mailbox_free(self, shop: Shop) -> None:
        def fail(step: Step, error: BaseException) -> None:
            msg = "this too"
            raise ValueError(msg)

        shop.mailbox._on_failure = fail
        shop.mailbox.post(Once(shop, *[ValueError("always")] * 2))
        shop.settle()

        shop.post("after")

        assert shop.done == ["after"]


class TestManyThreads:
    """Randomised interleavings."""

    @pytest.mark.usefixtures("hasty")
    @pytest.mark.parametrize("seed", range(3))
    def test_nothing_is_lost_and_each_posters_order_is_kept(self, shop: Shop, seed: int) -> None:
        posters, each = 8, 200

        def poster(number: int) -> Callable[[], None]:
            dice = random.Random(seed * 100 + number)  # noqa: S311 - a test's dice

            def run() -> None:
                for one in range(each):
                    shop.post((number, one))
                    if dice.random() < 0.05:
                        gc.collect(0)

            return run

        run_all(*(poster(number) for number in range(posters)))
        shop.settle()

        order = defaultdict(list)
        for number, one in shop.done:
            order[number].append(one)
        assert order == {number: list(range(each)) for number in range(posters)}

    @pytest.mark.usefixtures("hasty")
    def test_one_at_a_time_is_at_work(self, shop: Shop) -> None:
        run_all(*[lambda: shop.post(*range(300))] * 8)
        shop.settle()

        assert (shop.crowded, len(shop.done)) == (False, 8 * 300)

    @pytest.mark.usefixtures("hasty")
    def test_messages_that_raise_are_redone_among_those_of_others(self, shop: Shop) -> None:
        def raiser() -> None:
            for _ in range(50):
                shop.mailbox.post(Once(shop, ValueError("first")))

        run_all(raiser, raiser, lambda: shop.post(*range(200)))
        shop.settle()

        assert (len(shop.done), shop.failures) == (300, [])

    def test_who_posts_while_another_works_does_not_wait(self, shop: Shop) -> None:
        at_work, go_on = threading.Event(), threading.Event()

        def long() -> None:
            at_work.set()
            go_on.wait(10)
            shop.message("long")

        worker = threading.Thread(target=shop.mailbox.post, args=(long,))
        worker.start()
        at_work.wait(10)
        shop.post("short")
        undone = list(shop.done)
        go_on.set()
        worker.join()

        assert (undone, shop.done) == ([], ["long", "short"])


class TestInterrupts:
    """Signals, and exceptions between any two bytecodes."""

    def test_a_signal_handler_may_post_at_any_moment(self, shop: Shop) -> None:
        from_handler = []

        def handler(*_: object) -> None:
            from_handler.append(1)
            shop.post("signal")

        before = signal.signal(signal.SIGALRM, handler)
        try:
            signal.setitimer(signal.ITIMER_REAL, 5e-4, 5e-4)
            for _ in range(3_000):
                shop.post("main")
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)
        shop.settle()

        assert (shop.done.count("main"), shop.done.count("signal"), shop.crowded) == (3_000, len(from_handler), False)

    def _post_cut_at(self, cut_at: int, shop: Shop) -> bool:
        """Add a lamp, with an interrupt; the message and the obeying can be repeated. Whether it was cut."""
        one = lamp("a")

        def add() -> None:
            if one.id not in shop.scheduler.units:
                shop.mailbox.tell(Add(one, 0.0, (Gate(one, "LIGHT"),)))

        cut = CutAt(cut_at, mailbox)
        try:
            with cut:
                shop.mailbox.post(add)
        except Cut:
            pass
        return cut.happened

    def test_an_interrupt_anywhere_leaves_the_mailbox_free(self) -> None:
        held = []
        for cut_at in range(10_000):
            shop = Shop()
            happened = self._post_cut_at(cut_at, shop)
            shop.settle()
            shop.post("after")
            if shop.done != ["after"] or shop.mailbox._holder:
                held.append(cut_at)
            if not happened:
                break
        assert held == []

    def test_an_interrupt_anywhere_loses_no_message(self) -> None:
        """Once posted it is done, without anybody posting another; before that, the poster's exception says so."""
        lost = []
        for cut_at in range(10_000):
            shop = Shop()
            happened = self._post_cut_at(cut_at, shop)
            posted = bool(shop.mailbox._inbox or shop.mailbox._outbox or shop.scheduler.units)
            shop.settle()
            if posted and not any(isinstance(one, Perform) for one in shop.obeyed):
                lost.append(cut_at)
            if broken_invariants(shop.scheduler):
                lost.append(cut_at)
            if not happened:
                break
        assert lost == []


class TestTwoInterruptsAtOnce:
    """The second may fall just where the first is being dealt with."""

    def test_a_thread_that_is_wrongly_held_to_be_at_work_takes_over(self) -> None:
        """The second interrupt fell just where the first was being dealt with, and the holder was not given up."""
        scheduler = Scheduler()
        mailbox = Mailbox(
            scheduler,
            VirtualClock(),
            obey=lambda _: None,
            hand_over=lambda: None,
            resume=lambda: None,
            on_failure=lambda _, error: pytest.fail(repr(error)),
        )
        mailbox._holder[0] = threading.get_ident()
        done: list[int] = []

        mailbox.post(done.append, 1)

        assert done == [1]
        assert not mailbox.mine
