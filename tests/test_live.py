"""The page that follows a class: what it says, when it says it, and to whom."""

import http.client
import json
import re
import threading
import time
import urllib.error
import urllib.request

import pytest

from course_utils.classroom import live
from course_utils.classroom.live import Live, excerpt, watch, without_name
from course_utils.classroom.submissions import PASSED, TRIED, UNTOUCHED, WRONG
from course_utils.classroom.templates import render
from tests.test_report import check_cell, solution, table, write

ORDER = ("blur", "blur_adjoint", "inverse_filter")
CODE = "def blur(u, k):\n    # Anna's idea\n    return -u"


class Clock:
    """A clock that tests move."""

    def __init__(self):
        self.now = 1_800_000_000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def lab(tmp_path, clock):
    """Return a function that saves a student's notebook now, and the class that is followed."""

    def save(student, *cells):
        path = tmp_path / "in" / student / "04_deblurring.ipynb"
        write(path, *cells, *[check_cell(name) for name in ORDER[len(cells) // 2 :]], modified=clock.now)

    (tmp_path / "in").mkdir()
    save.live = Live(tmp_path / "in", tmp_path / "out", clock)
    return save


def wrong(name="blur", code=CODE, cause="sign"):
    return solution(name, code, 1), check_cell(name, WRONG, cause)


def right(name):
    return solution(name, f"def {name}(u, k):\n    return 1", 1), check_cell(name, PASSED)


def shown(live, names=False):
    return render("board.html.j2", live.board(names))


def row(live, exercise):
    return next(row for _, rows, _ in live.board()["lessons"] for row in rows if row["exercise"] == exercise)


def test_the_counts_and_the_trend_since_the_lab_began(lab, clock):
    for student in ("anna", "bob", "carla", "dan"):
        lab(student)
    assert lab.live.look()
    lab("anna", *right("blur"))
    clock.now += 300
    assert lab.live.look()
    assert not lab.live.look()
    lab("bob", *wrong())
    lab("carla", solution("blur", CODE), check_cell("blur"))
    clock.now += 300
    lab.live.look()
    assert row(lab.live, "blur")["bar"] == [
        ("passed", PASSED, 1),
        ("wrong", WRONG, 1),
        ("tried", TRIED, 1),
        ("not", UNTOUCHED, 1),
    ]
    assert row(lab.live, "blur")["more"] == 1
    passed = row(lab.live, "blur")["areas"][0][1]
    assert passed.startswith("M0.0,100.0 L50.0,100.0 L50.0,75.0 L100.0,75.0")
    clock.now += 601
    assert row(lab.live, "blur")["more"] == 0


def test_the_trend_goes_on_after_a_restart_on_the_same_day_only(lab, clock, tmp_path):
    lab("anna")
    lab.live.look()
    clock.now += 60
    lab("anna", *right("blur"))
    lab.live.look()
    assert len(Live(tmp_path / "in", tmp_path / "out", clock).trend) == 2
    (tmp_path / "other").mkdir()
    assert not Live(tmp_path / "other", tmp_path / "out", clock).trend
    clock.now += 24 * 3600
    assert not Live(tmp_path / "in", tmp_path / "out", clock).trend
    (tmp_path / "out" / live.TREND).write_text("[]")
    assert not Live(tmp_path / "in", tmp_path / "out", clock).trend


def test_the_commonest_mistakes_come_with_what_to_say(lab):
    for student in ("anna", "bob", "carla"):
        lab(student, *wrong())
    lab("dan", *wrong(cause="axis"))
    lab.live.look()
    lab("carla", *right("blur"))
    lab.live.look()
    first, second = lab.live.board()["mistakes"]
    assert (first["now"], first["ever"], first["cause"]) == (2, 3, "wrong sign")
    assert first["say"] == "The message."
    assert first["code"] == "def blur(u, k):\n    return -u"
    assert first["hints"] == live.EXERCISES["blur"].hints[:2]
    assert second["cause"] == "axes exchanged"


def test_desks_that_are_long_on_one_exercise(lab, clock):
    minutes = lab.live.minutes["blur"]
    lab("anna", *wrong())
    lab("bob", *right("blur"))
    lab("carla")
    lab.live.look()
    clock.now += 60 * minutes - 1
    lab("anna", *wrong(code="def blur(u, k):\n    return -2 * u"))
    lab.live.look()
    on_it = {row["exercise"]: row["desks"] for row in lab.live.board(names=True)["desks"]}
    assert set(on_it) == {"blur_adjoint"}  # bob: passed the first, and is at the next; carla has not begun
    clock.now += 1
    assert {row["exercise"]: row["desks"] for row in lab.live.board(names=True)["desks"]} == {
        "blur": [(minutes, "anna")],
        "blur_adjoint": [(minutes, "bob")],
    }
    lab("anna", *right("blur"))
    lab.live.look()
    assert [row["exercise"] for row in lab.live.board()["desks"]] == ["blur_adjoint"]
    clock.now += live.GONE + 1
    assert not lab.live.board()["desks"]


def test_names_are_in_the_page_only_when_they_are_asked_for(lab, clock, tmp_path):
    code = 'def blur(u, k):\n    """By Anna."""\n    anna_kernel = k\n    print("it is by Martin")\n    return -u'
    lab("Anna Martin", *wrong(code=code))
    (tmp_path / "in" / "Anna Martin" / "07_tv.ipynb").write_text("broken")
    lab.live.look()
    clock.now += 3000
    text = shown(lab.live)
    assert "anna" not in text.lower()
    assert "martin" not in text.lower()
    assert "1 file not read" in text
    text = shown(lab.live, names=True)
    assert "Anna Martin 50 min" in text
    assert "07_tv.ipynb: broken" in text


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("def blur(u, k):\n    '''Mine.'''\n    return u  # anna", "def blur(u, k):\n    return u"),
        (
            "%%time\nx = 1\ndef blur(u, k):\n    return 'p' + 'C:/pupils/anna/lab'",
            "def blur(u, k):\n    return 'p' + '…'",
        ),
        ("def blur(u, k:\n    # anna\n    return u  # x", "def blur(u, k:\n    return u"),
        ("def blur(u, k):\n    '''Only this.'''", "def blur(u, k):\n    pass"),
        ("x = 3", "x = 3"),
        ("def blur(u, k):\n" + "    u = 2 * u\n" * 20, "def blur(u, k):\n" + "    u = 2 * u\n" * 9 + "…"),
    ],
)
def test_an_excerpt_is_nobodys(code, expected):
    assert excerpt(code, "anna", "blur") == expected


def test_a_name_goes_and_a_word_of_torch_stays():
    assert without_name("torch.max(Dupont_2, dupontel)", "Max Dupont") == "torch.max(…_2, dupontel)"


def test_what_students_write_cannot_break_the_page(lab):
    lab("<script>", *wrong(code="def blur(u, k):\n    return '</pre><script>'"))
    lab.live.look()
    assert "<script" not in shown(lab.live, names=True)


# --- the server -------------------------------------------------------------------------------------------------------


@pytest.fixture
def served(tmp_path):
    """Serve a folder; yield its address, and write the tables at the end."""
    write(tmp_path / "in" / "anna" / "04_deblurring.ipynb", check_cell("blur"))
    told, stop, ready = [], threading.Event(), threading.Event()

    def say(address):
        told.append(address)
        ready.set()

    thread = threading.Thread(target=watch, args=(tmp_path / "in", tmp_path / "out", 0, say, stop))
    thread.start()
    assert ready.wait(20)
    yield told[0]
    stop.set()
    thread.join(20)
    assert table(tmp_path / "out" / "students.csv")["anna"]["blur"] == PASSED


def get(address):
    with urllib.request.urlopen(address, timeout=20) as answer:
        return answer.read().decode("utf-8-sig"), answer.headers


def test_the_page_is_told_of_a_saved_file_and_nobody_else_is(served, tmp_path):
    page, headers = get(served)
    assert re.search(r"(src|href|url\()", page) is None
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    text, headers = get(f"{served}board")
    assert "anna" not in text
    began = time.monotonic()
    threading.Timer(0.3, write, [tmp_path / "in/anna/04_deblurring.ipynb", check_cell("blur", PASSED)]).start()
    text, newer = get(f"{served}board?after={headers['X-Version']}")  # an answer only when there is news
    assert time.monotonic() - began < live.HELD
    assert int(newer["X-Version"]) == int(headers["X-Version"]) + 1
    assert "passed: 1" in text
    assert "anna" in get(f"{served}students.csv")[0]
    for address in (served.rsplit("/", 2)[0] + "/", f"{served}../etc/passwd", f"{served}other"):
        with pytest.raises(urllib.error.HTTPError, match=r"40[34]"):
            get(address)
    host, place = served.removeprefix("http://").split("/", 1)
    assert host.startswith("127.0.0.1:")
    connection = http.client.HTTPConnection(host)
    connection.request("GET", f"/{place}", headers={"Host": "evil.example"})
    assert connection.getresponse().status == 403
    assert json.loads((tmp_path / "out" / live.TREND).read_text())["trend"]
