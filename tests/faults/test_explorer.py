"""The explorer of tasks in every state: every page, every link, and what it refuses."""

from __future__ import annotations

import json
import re
import threading
from concurrent.futures import ThreadPoolExecutor
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from jsonschema import Draft202012Validator

from fl_chain.chain.devnet import start_chain_node
from fl_chain.cli.main import run
from fl_chain.errors import PortTaken, UsageError
from fl_chain.protocol.cid import cid_from_digest
from fl_chain.protocol.report import compute_report_bytes
from fl_chain.roles.services import Services
from fl_chain.web.guard import HEADERS, MAX_TARGET_BYTES
from fl_chain.web.server import open_explorer
from tests.gallery import HOSTILE, KEEP_SECONDS, Gallery, Visitor, run_explorer, vars_of

DOCS = Path(__file__).parents[2] / "docs/schemas"
ROWS = json.loads((DOCS / "history.schema.json").read_text(encoding="utf-8"))
TWINS = json.loads((DOCS / "explorer.schema.json").read_text(encoding="utf-8"))
MOST_PATHS = 2_000


class Reader(HTMLParser):
    """Notes what a page links to and what it is made of."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.ids: list[str] = []
        self.twin = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        found = {name: value or "" for name, value in attrs}
        self.attributes |= set(found)
        if "id" in found:
            self.ids.append(found["id"])
        if tag == "link" and found.get("rel") == "alternate":
            self.twin = found["href"]
        for name in ("href", "src", "action", "xlink:href"):
            if name in found:
                self.links.append(found[name])


def crawl(visitor: Visitor) -> dict[str, str]:
    """Return every page that can be reached from the first one, by path."""
    found: dict[str, str] = {}
    waiting = ["/"]
    while waiting:
        path = waiting.pop()
        if path in found:
            continue
        answer = visitor.ask(path)
        assert answer.status == 200, (path, answer.text[:500])
        found[path] = answer.text
        assert len(found) < MOST_PATHS
        for link in Reader(answer.text).links:
            where = link.partition("#")[0]
            if where.startswith("/") and not where.startswith("/static"):
                waiting.append(where)
    return found


@pytest.fixture(scope="module")
def pages(visitor: Visitor) -> dict[str, str]:
    """Every page of the gallery; those with a task's address in place of it are the same kind."""
    return {p: text for p, text in crawl(visitor).items() if ".json" not in p}


def kind_of(path: str) -> str:
    return re.sub(r"0x[0-9a-f]+|[0-9a-f]{64}|\d+", "*", path.partition("?")[0])


def test_every_kind_of_page_can_be_reached_from_the_first_by_links(pages: dict[str, str]) -> None:
    assert {kind_of(path) for path in pages} >= {
        "/",
        "/words",
        "/search",
        "/task/*",
        "/task/*/aggregator/*",
        "/task/*/aggregators",
        "/task/*/disputes",
        "/task/*/model/*",
        "/task/*/participant/*",
        "/task/*/participants",
        "/task/*/round/*",
        "/task/*/transaction/*",
        "/task/*/update/*/*",
    }


def test_no_page_has_a_script_a_style_of_its_own_or_anything_from_elsewhere(
    pages: dict[str, str],
) -> None:
    for path, text in pages.items():
        reader = Reader(text)
        assert not reader.tags & {"script", "style", "iframe", "object", "embed", "base"}, path
        assert not any(name == "style" or name.startswith("on") for name in reader.attributes)
        for link in reader.links:
            assert link.startswith(("/", "#")) or link == "data:,", (path, link)


def test_no_id_is_there_twice_on_a_page(pages: dict[str, str]) -> None:
    for path, text in pages.items():
        ids = Reader(text).ids
        assert len(ids) == len(set(ids)), (path, sorted(ids))


def test_what_others_have_written_is_shown_and_never_obeyed(
    gallery: Gallery, pages: dict[str, str]
) -> None:
    shown = [path for path, text in pages.items() if HOSTILE in unescape(text)]
    assert f"/task/{gallery.wrong.address}" in shown
    assert "/" in shown
    for text in pages.values():
        assert "<script" not in text
        assert "49" not in re.findall(r"javascript:x (\S+)", unescape(text))


def test_every_page_has_a_twin_with_the_rows_of_the_history_commands(
    visitor: Visitor, pages: dict[str, str]
) -> None:
    validator = Draft202012Validator(TWINS)
    Draft202012Validator.check_schema(TWINS)
    kinds = {
        "tasks": "task",
        "task": "round",
        "round": "round_details",
        "update": "update",
        "participants": "participant",
        "participant": "participant_details",
        "aggregators": "aggregator",
        "aggregator": "aggregator_details",
        "model": "lineage",
        "disputes": "dispute",
        "transaction": "record",
    }
    for path, text in pages.items():
        twin = visitor.ask(Reader(text).twin)
        assert twin.status == 200, path
        assert twin.headers["content-type"] == "application/json"
        document = twin.json
        validator.validate(document)
        kind = kinds.get(document["page"])
        if kind is not None:
            rows = Draft202012Validator({**ROWS, "oneOf": [{"$ref": f"#/$defs/{kind}"}]})
            for row in document["rows"]:
                rows.validate(row)


def test_pages_say_what_the_audit_says_beside_what_the_chain_says(
    gallery: Gallery, visitor: Visitor
) -> None:
    wrong = visitor.ask(f"/task/{gallery.wrong.address}").text
    assert "1 check failed in round 2" in wrong
    assert wrong.count("FINALIZED") == 3
    page = visitor.ask(f"/task/{gallery.wrong.address}/round/2").text
    assert "FAIL" in page
    assert "The model is what the updates yield" in page
    assert visitor.ask(f"/task/{gallery.wrong.address}/round/1.json").json["verdict"] == "PASS"
    missing = visitor.ask(f"/task/{gallery.missing.address}/round/1").text
    assert "UNDECIDABLE" in missing
    listed = visitor.ask(f"/task/{gallery.listed.address}/round/1").text
    assert "NO MODEL" in listed


def test_pages_say_what_was_promised_until_when_and_by_whom(
    gallery: Gallery, visitor: Visitor
) -> None:
    task = gallery.missing.task
    proposal = task.rounds[1].proposal
    assert proposal is not None
    path = f"/task/{gallery.missing.address}"
    assert "30 d after each record" in visitor.ask(path).text
    for page, recorded_at in (
        (f"{path}/update/1/0", task.rounds[1].updates[0].timestamp),
        (f"{path}/model/{proposal.model_digest.hex()}", proposal.timestamp),
    ):
        until = recorded_at + KEEP_SECONDS
        assert visitor.ask(f"{page}.json").json["promised_until"] == until
        assert "To be kept until" in visitor.ask(page).text
    found = re.sub("<[^>]*>", "", visitor.ask(f"{path}/round/1").text)
    assert f"{proposal.proposer} promised to keep it until" in found
    page = f"/task/{gallery.whole.address}"
    assert "Promised to be kept" not in visitor.ask(page).text
    assert "To be kept until" not in visitor.ask(f"{page}/update/1/0").text


def test_who_was_caught_stands_beside_the_verdict(gallery: Gallery, visitor: Visitor) -> None:
    task = gallery.whole.task
    (rejected,) = task.rounds[1].rejected
    final = task.rounds[1].finalized
    assert final is not None
    path = f"/task/{gallery.whole.address}"
    pages = (path, f"{path}/round/1", f"{path}/model/{rejected.model_digest.hex()}")
    for page in pages:
        text = visitor.ask(page).text
        said = re.sub("<[^>]*>", "", text)
        assert f"aggregator {rejected.proposer} lost its bond of" in said
    assert f"{path}/model/{final.model_digest.hex()}" in text
    for page in (f"/task/{gallery.wrong.address}", f"{path}/model/{final.model_digest.hex()}"):
        assert "Somebody was caught" not in visitor.ask(page).text


def test_an_aggregator_is_shown_with_what_it_proposed_and_lost(
    gallery: Gallery, visitor: Visitor
) -> None:
    (rejected,) = gallery.whole.task.rounds[1].rejected
    path = f"/task/{gallery.whole.address}"
    page = f"{path}/aggregator/{rejected.proposer}"
    for link in (path, f"{path}/round/1", f"{path}/aggregators", f"{path}/disputes"):
        assert f'href="{page}"' in visitor.ask(link).text, link
    text = visitor.ask(page).text
    assert "Somebody was caught" in text
    assert "another is on record" in text
    assert "PASS" not in text
    final = gallery.whole.task.rounds[1].proposal
    assert final is not None
    other = visitor.ask(f"{path}/aggregator/{final.proposer}").text
    assert "PASS" in other
    assert "Somebody was caught" not in other


def test_a_page_reloads_only_while_its_rounds_run(gallery: Gallery, visitor: Visitor) -> None:
    refresh = 'http-equiv="refresh"'
    assert refresh in visitor.ask(f"/task/{gallery.listed.address}").text
    assert refresh not in visitor.ask(f"/task/{gallery.listed.address}?live=off").text
    assert refresh not in visitor.ask(f"/task/{gallery.whole.address}").text
    assert refresh not in visitor.ask(f"/task/{gallery.stopped.address}/round/1").text


@pytest.mark.parametrize(
    "path", ["/", "/static/style.css", "/index.json", "/nothing", "/task/0x00", "/search?q=%00"]
)
def test_every_answer_forbids_what_no_page_needs(visitor: Visitor, path: str) -> None:
    headers = visitor.ask(path).headers
    for name, value in HEADERS.items():
        assert headers[name.lower()] == value
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert "server" not in headers


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", ""])
def test_a_name_that_is_not_this_machines_gets_no_page(visitor: Visitor, host: str) -> None:
    answer = visitor.ask("/", host=host)
    assert answer.status == 421
    assert "<" not in answer.text


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8480", "[::1]:1", "127.0.0.1:5"])
def test_names_of_this_machine_get_the_page(visitor: Visitor, host: str) -> None:
    assert visitor.ask("/words", host=host).status == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
def test_pages_are_only_read(visitor: Visitor, method: str) -> None:
    answer = visitor.ask("/", method)
    assert answer.status == 405
    assert answer.headers["allow"] == "GET, HEAD"


def test_head_has_no_body(visitor: Visitor) -> None:
    answer = visitor.ask("/words", "HEAD")
    assert (answer.status, answer.text) == (200, "")


@pytest.mark.parametrize(
    "path",
    [
        "/task/{task}/round/99",
        "/task/{task}/round/99999999999999999999999999",
        "/task/{task}/round/x",
        "/task/{task}/round/1?page=0",
        "/task/{task}/round/1?page=99",
        "/task/{task}/round/1?page=%D9%A1",
        "/task/{task}/update/1/99999999999999999999",
        "/task/{task}/participant/0x12",
        "/task/{task}/participant/0x1111111111111111111111111111111111111111",
        "/task/{task}/aggregator/0x12",
        "/task/{task}/aggregator/0x1111111111111111111111111111111111111111",
        "/task/{task}/model/00000000",
        "/task/{task}/model/zz",
        "/task/{task}/transaction/0x12",
        "/task/{task}/transaction/xyz",
        "/task/0x1111111111111111111111111111111111111111",
        "/task/%3Cscript%3E",
        "/../../etc/passwd",
        "/static/../application.py",
    ],
)
def test_what_is_not_there_is_said_in_a_page(gallery: Gallery, visitor: Visitor, path: str) -> None:
    answer = visitor.ask(path.format(task=gallery.whole.address))
    assert answer.status == 404
    assert "<h1>Not found</h1>" in answer.text
    assert "<script" not in answer.text
    assert "Traceback" not in answer.text


def test_an_address_that_is_too_long_is_not_read(visitor: Visitor) -> None:
    assert visitor.ask("/search?q=" + "a" * MAX_TARGET_BYTES).status == 414


def test_an_address_that_somebody_made_up_leaves_no_file(gallery: Gallery, tmp_path: Path) -> None:
    with run_explorer(gallery.world, tmp_path, [gallery.stopped.address]) as url:
        visitor = Visitor(url)
        assert visitor.ask("/").status == 200
        assert visitor.ask("/task/0x1111111111111111111111111111111111111111").status == 404
        assert visitor.ask(f"/task/{gallery.whole.address}").status == 404
    names = {path.name.partition("-")[2].partition(".")[0] for path in tmp_path.rglob("*.sqlite")}
    assert names == {gallery.stopped.address}


def test_whatever_can_be_copied_from_a_page_is_found(gallery: Gallery, visitor: Visitor) -> None:
    address = gallery.whole.address
    base = f"/task/{address}"
    update = visitor.ask(f"{base}/update/1/0.json").json["rows"][0]
    model = visitor.ask(f"{base}/round/1.json").json["rows"][0]["model"]
    cid = visitor.ask(f"{base}/model/{model}.json").json["rows"][0]["cid"]
    proposal = gallery.whole.task.rounds[1].proposal
    assert proposal is not None
    report_cid = cid_from_digest(proposal.report_cid_digest, compute_report_bytes(3))
    wanted = {
        address: base,
        proposal.report_digest.hex(): f"{base}/round/1",
        str(report_cid): f"{base}/round/1",
        update["digest"]: f"{base}/update/1/0",
        update["cid"]: f"{base}/update/1/0",
        update["transaction"]: f"{base}/transaction/{update['transaction']}",
        model[:10]: f"{base}/model/{model}",
        cid: f"{base}/model/{model}",
        HOSTILE[:10]: f"/task/{gallery.wrong.address}",
    }
    for text, path in wanted.items():
        answer = visitor.ask(f"/search?q={quote(text, safe='')}")
        assert (answer.status, answer.headers.get("location")) == (303, path), text
    participants = visitor.ask(f"/search?q={update['participant']}").text
    assert f"{base}/participant/{update['participant']}" in participants
    aggregators = visitor.ask(f"/search?q={proposal.proposer}").text
    assert f"{base}/aggregator/{proposal.proposer}" in aggregators
    nothing = visitor.ask("/search?q=%3Cimg%20src%3Dx%20onerror%3Dalert(1)%3E")
    assert nothing.status == 200
    assert "<img" not in nothing.text


def test_what_is_in_a_list_is_found(gallery: Gallery, visitor: Visitor) -> None:
    base = f"/task/{gallery.listed.address}"
    (listed,) = gallery.listed.task.rounds[1].lists
    for sequence in (0, 1):
        update = visitor.ask(f"{base}/update/1/{sequence}.json").json["rows"][0]
        for text in (update["digest"], update["cid_digest"], update["cid"]):
            answer = visitor.ask(f"/search?q={text}")
            assert answer.headers.get("location") == f"{base}/update/1/{sequence}", text
    for digest in (listed.digest, listed.cid_digest):
        answer = visitor.ask(f"/search?q={digest.hex()}")
        assert answer.headers.get("location") == f"{base}/round/1"
    update = visitor.ask(f"{base}/update/1/0").text
    assert f'href="{base}/aggregator/{listed.aggregator}"' in update
    assert "not counted here" in visitor.ask(f"{base}/participants").text


def test_a_devnet_that_was_stopped_is_said_in_a_page(gallery: Gallery, tmp_path: Path) -> None:
    services = Services(tmp_path, "", gallery.world.ipfs_address)
    with open_explorer(services, "127.0.0.1", 0) as explorer:
        thread = threading.Thread(target=explorer.serve)
        thread.start()
        try:
            answer = Visitor(explorer.url).ask("/")
            assert answer.status == 503
            assert "no devnet runs" in answer.text
        finally:
            explorer.stop()
            thread.join()


def test_a_chain_node_that_goes_away_is_said_in_a_page(gallery: Gallery, tmp_path: Path) -> None:
    chain = start_chain_node("anvil", tmp_path / "chain", 0)
    services = Services(tmp_path, chain.rpc_url, gallery.world.ipfs_address)
    with open_explorer(services, "127.0.0.1", 0) as explorer:
        thread = threading.Thread(target=explorer.serve)
        thread.start()
        try:
            visitor = Visitor(explorer.url)
            assert "There is no task on this chain" in visitor.ask("/").text
            chain.process.stop()
            answer = visitor.ask("/")
            assert answer.status == 503
            assert "Not at hand" in answer.text
            assert chain.rpc_url in unescape(answer.text)
            assert visitor.ask("/index.json").json["error"]
            assert visitor.ask("/words").status == 200
        finally:
            explorer.stop()
            thread.join()


def test_pages_without_an_ipfs_node_have_what_the_chain_has(
    gallery: Gallery, tmp_path: Path
) -> None:
    services = Services(tmp_path, gallery.world.connection.rpc_url, "/ip4/127.0.0.1/tcp/1")
    with open_explorer(services, "127.0.0.1", 0, [gallery.whole.address]) as explorer:
        thread = threading.Thread(target=explorer.serve)
        thread.start()
        try:
            visitor = Visitor(explorer.url)
            page = visitor.ask(f"/task/{gallery.whole.address}")
            assert page.status == 200
            assert "NOT AUDITED YET" in page.text
            for path in crawl(visitor):
                assert path
        finally:
            explorer.stop()
            thread.join()


def test_a_task_that_is_not_there_is_one_line(
    gallery: Gallery, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    nothing = "0x" + "12" * 20
    place = ["--rpc", gallery.world.connection.rpc_url, "--ipfs", gallery.world.ipfs_address]
    code = run(["--state", str(tmp_path), "web", "--port", "0", "--task", nothing, *place])
    error = capsys.readouterr().err
    assert code == UsageError.exit_code
    assert error.startswith(f"error: no task has the contract {nothing}\n")


def test_a_port_that_is_taken_is_one_line(
    gallery: Gallery, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    services = Services(tmp_path, gallery.world.connection.rpc_url, gallery.world.ipfs_address)
    with open_explorer(services, "127.0.0.1", 0) as explorer:
        port = explorer.url.rstrip("/").rpartition(":")[2]
        place = ["--rpc", gallery.world.connection.rpc_url, "--ipfs", gallery.world.ipfs_address]
        assert run(["--state", str(tmp_path), "web", "--port", port, *place]) == PortTaken.exit_code
    error = capsys.readouterr().err
    assert error.startswith(f"error: cannot listen on 127.0.0.1 port {port}: ")
    assert len(error.splitlines()) == 2


def test_all_tasks_are_on_the_first_page(gallery: Gallery, visitor: Visitor) -> None:
    rows: list[dict[str, Any]] = visitor.ask("/index.json").json["rows"]
    assert {row["task"] for row in rows} == {made.address for made in vars_of(gallery)}


def test_many_readers_at_once_are_all_answered(gallery: Gallery, visitor: Visitor) -> None:
    paths = [
        f"/task/{made.address}{rest}"
        for made in vars_of(gallery)
        for rest in ("", ".json", "/participants", "/round/1")
    ]
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(visitor.ask, 3 * paths))
    assert {answer.status for answer in answers} == {200}
