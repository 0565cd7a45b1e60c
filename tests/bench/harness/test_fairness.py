"""Scenario 15's verdict on made-up records. Times in milliseconds, workers are called by numbers."""

from harness.fairness import Record, idle_waits

MS = 1_000_000


def record(sent, began, ended, pid) -> Record:
    return Record(sent * MS, began * MS, ended * MS, pid)


def waits(records, workers=(1, 2), threads=1) -> list:
    return [wait / MS for wait in idle_waits(records, workers, threads)]


def test_a_request_that_begins_at_once_has_not_waited():
    assert waits([record(0, 0, 10, 1)]) == [0]


def test_a_wait_counts_while_another_worker_has_nothing_to_do():
    assert waits([record(0, 0, 50, 1), record(10, 50, 51, 1)]) == [0, 40]


def test_a_wait_does_not_count_while_all_other_workers_are_busy():
    assert waits([record(0, 0, 50, 1), record(0, 0, 60, 2), record(10, 50, 51, 1)]) == [0, 0, 0]


def test_only_the_part_of_a_wait_counts_in_which_another_worker_is_idle():
    records = [record(0, 0, 50, 1), record(0, 0, 20, 2), record(25, 25, 30, 2), record(10, 50, 51, 1)]
    # Worker 2 is idle from 20 to 25 and from 30 on; worker 1 is busy until 50.
    assert waits(records)[3] == 5 + 20


def test_one_idle_worker_among_many_is_enough():
    busy = [record(0, 0, 50, worker) for worker in (1, 2, 3)]
    assert waits([*busy, record(10, 50, 51, 1)], workers=(1, 2, 3, 4))[3] == 40


def test_the_own_workers_idleness_is_not_that_of_another():
    # Worker 1 has nothing to do from 0 to 20, worker 2 is busy: nobody else could have taken the request.
    assert waits([record(0, 0, 50, 2), record(0, 20, 21, 1)]) == [0, 0]


def test_a_worker_with_several_threads_is_idle_until_all_of_them_are_busy():
    records = [record(0, 0, 50, 1), record(0, 0, 50, 1), record(0, 0, 50, 2), record(10, 50, 51, 1)]
    assert waits(records, threads=2)[3] == 40
    assert waits([*records, record(20, 20, 50, 2)], threads=2)[3] == 10


def test_a_worker_without_any_request_is_idle_all_the_time():
    assert waits([record(5, 9, 10, 1)]) == [4]


def test_one_request_after_another_leaves_no_gap():
    records = [record(0, 0, 10, 2), record(10, 10, 20, 2), record(0, 20, 21, 1)]
    assert waits(records)[2] == 0
