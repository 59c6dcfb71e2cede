"""HTTP with an end, whatever the server does, and nothing sent where it does not belong."""

import socket
import socketserver
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from node.sources.dataproc_apis import RestApi, regions_page, server_of
from node.sources.dataproc_errors import ApiError
from node.sources.dataproc_http import Http
from node.sources.dataproc_lists import CLUSTERS
from node.sources.dataproc_login import Anonymous

Talk = Callable[[socket.socket, threading.Event], None]


class Server(socketserver.ThreadingTCPServer):
    """Notes what it is sent first, and then does as it is told."""

    daemon_threads = True

    def __init__(self, talk: Talk) -> None:
        self.heard: list[bytes] = []
        self.stopping = threading.Event()

        class Handler(socketserver.BaseRequestHandler):
            server: Server

            def handle(self) -> None:
                self.server.heard.append(self.request.recv(65536))
                talk(self.request, self.server.stopping)

        super().__init__(("127.0.0.1", 0), Handler)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.server_address[1]}"


@contextmanager
def serving(talk: Talk) -> Iterator[Server]:
    server = Server(talk)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield server
    finally:
        server.stopping.set()
        server.shutdown()
        server.server_close()
        thread.join(10)


def drip(head: bytes) -> Talk:
    """A server that begins so, and goes on with a byte now and then for ever."""

    def talk(connection: socket.socket, stopping: threading.Event) -> None:
        connection.sendall(head)
        while not stopping.wait(0.05):
            try:
                connection.sendall(b"x")
            except OSError:
                return

    return talk


def answer(data: bytes) -> Talk:
    return lambda connection, stopping: connection.sendall(data)


def body_of(data: bytes, head: str = "200 OK") -> Talk:
    return answer(f"HTTP/1.1 {head}\r\nContent-Length: {len(data)}\r\n\r\n".encode() + data)


def get(http: Http, url: str, within_sec: float = 30.0) -> bytes:
    return http.get(url, query={"pageSize": "5"}, headers={"authorization": "Bearer t"}, within_sec=within_sec)


@pytest.mark.parametrize(
    "talk",
    [
        drip(b"HTTP/1.1 200 OK\r\nX-A: "),
        drip(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"),
        drip(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffff\r\n"),
        lambda connection, stopping: stopping.wait() and None,
    ],
    ids=["head", "body", "chunk", "silence"],
)
def test_a_server_that_never_comes_to_an_end_holds_nobody(talk: Talk) -> None:
    with serving(talk) as server:
        began = time.monotonic()
        with pytest.raises(ApiError) as caught:
            get(Http(), f"http://{server.address}/a", within_sec=0.4)
        assert time.monotonic() - began < 10.0
    assert caught.value.kind == "timeout"
    assert server.address in str(caught.value)


@pytest.mark.parametrize(
    "talk",
    [
        answer(b""),
        answer(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort"),
        answer(b"HTTP/1.1 200 OK\r\nContent-Le"),
        answer(b"\0\xff nothing of HTTP\r\n\r\n"),
        answer(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc"),
    ],
    ids=["nothing", "too short", "half a head", "nonsense", "not gzip"],
)
def test_an_answer_that_breaks_off_or_makes_no_sense_may_do_better_another_time(talk: Talk) -> None:
    with serving(talk) as server, pytest.raises(ApiError) as caught:
        get(Http(), f"http://{server.address}/a")
    assert caught.value.is_temporary


def test_nobody_at_an_address_is_told_in_words() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
        with pytest.raises(ApiError, match="Connection refused") as caught:
            get(Http(), f"http://{address}/a")
    assert caught.value.is_temporary


@pytest.mark.parametrize("url", ["http://", "nonsense", "http://[::1/a", "http://a b/"])
def test_an_address_that_is_none_is_no_passing_matter(url: str) -> None:
    with pytest.raises(ApiError) as caught:
        get(Http(), url)
    assert caught.value.code == "INVALID_ARGUMENT"


def test_a_redirection_is_not_followed_with_the_token() -> None:
    with serving(body_of(b"hello")) as elsewhere:
        head = f"302 Found\r\nLocation: http://{elsewhere.address}/"
        with serving(body_of(b"", head)) as server, pytest.raises(ApiError) as caught:
            get(Http(), f"http://{server.address}/a")
        assert elsewhere.heard == []
    assert caught.value.kind == "unknown"


def test_an_answer_without_end_is_not_taken_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("node.sources.dataproc_http.MOST_BYTES", 1 << 20)
    with serving(body_of(b"x" * (2 << 20))) as server, pytest.raises(ApiError, match="more than 1 MiB"):
        get(Http(), f"http://{server.address}/a")


def test_nothing_of_the_surroundings_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(body_of(b"from the proxy")) as proxy, serving(body_of(b"from the server")) as server:
        (tmp_path / ".netrc").write_text("machine 127.0.0.1 login me password hunter2\n", encoding="ascii")
        monkeypatch.setenv("HOME", str(tmp_path))
        for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://{proxy.address}")
        assert get(Http(), f"http://{server.address}/a") == b"from the server"
        assert proxy.heard == []
    assert b"authorization: Bearer t\r\n" in server.heard[0]
    assert server.heard[0].startswith(b"GET /a?pageSize=5 HTTP/1.1\r\n")


def test_a_proxy_is_used_for_tls_alone_and_not_where_none_is_wanted() -> None:
    with serving(answer(b"HTTP/1.1 502 No\r\nContent-Length: 0\r\n\r\n")) as proxy, serving(body_of(b"ok")) as server:
        http = Http(proxies={"https_proxy": f"http://{proxy.address}", "no_proxy": "other.example"})
        assert get(http, f"http://{server.address}/a") == b"ok"
        assert proxy.heard == []
        with pytest.raises(ApiError):
            get(http, f"https://{server.address}/a")
        assert proxy.heard[0].startswith(f"CONNECT {server.address} HTTP/1.".encode())
        none = Http(proxies={"https_proxy": f"http://{proxy.address}", "no_proxy": "127.0.0.1"})
        with pytest.raises(ApiError):
            get(none, f"https://{server.address}/a")
        assert len(proxy.heard) == 1
    assert b"Bearer" not in proxy.heard[0]


def test_a_connection_is_used_again() -> None:
    said: list[int] = []

    def talk(connection: socket.socket, stopping: threading.Event) -> None:
        said.append(1)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na")
        if connection.recv(65536):
            connection.sendall(b"HTTP/1.1 429 Slow\r\nContent-Length: 1\r\nRetry-After: 3\r\n\r\nb")

    http = Http()
    with serving(talk) as server:
        assert get(http, f"http://{server.address}/a") == b"a"
        with pytest.raises(ApiError) as caught:
            get(http, f"http://{server.address}/a")
    assert caught.value.wait_sec == 3.0
    assert said == [1]


def test_lists_are_asked_for_by_their_place_with_enumerations_as_numbers() -> None:
    with serving(body_of(b'{"clusters": [{"clusterName": "etl", "status": {"state": 47}, "novelty": 1}]}')) as server:
        api = RestApi(f"http://{server.address}", Anonymous().headers, Http())
        page = api.page(CLUSTERS, "example.com:p1", "us-east1", "next", 30.0)
    assert [(one.cluster_name, one.status.state) for one in page.clusters] == [("etl", 47)]
    path = b"/v1/projects/example.com%3Ap1/regions/us-east1/clusters"
    query = b"pageSize=200&%24alt=json%3Benum-encoding%3Dint&pageToken=next"
    assert server.heard[0].startswith(b"GET %s?%s HTTP/1.1\r\n" % (path, query))


@pytest.mark.parametrize(
    "body",
    [
        b"[]",
        b"null",
        b"{",
        b'{"message": "please log in"}',
        b'{"clusters": 5}',
        b'{"clusters": [{"clusterName": 5}]}',
        b"\xff",
        b"[" * 100_000,
    ],
)
def test_json_in_another_form_is_not_understood(body: bytes) -> None:
    with serving(body_of(body)) as server, pytest.raises(ApiError) as caught:
        RestApi(f"http://{server.address}", Anonymous().headers, Http()).page(CLUSTERS, "p1", "us-east1", "", 30.0)
    assert caught.value.kind == "unknown"


@pytest.mark.parametrize("body", [b"[]", b"{", b'{"items": 5}', b'{"items": [{"name": "a"}]}', b"\xff"])
def test_regions_in_another_form_are_not_understood(body: bytes) -> None:
    with serving(body_of(body)) as server, pytest.raises(ApiError) as caught:
        regions_page(Http(), f"http://{server.address}", {}, "p1", "", 30.0)
    assert caught.value.kind == "unknown"


@pytest.mark.parametrize(
    ("endpoint", "region", "server"),
    [
        ("{region}-dataproc.googleapis.com:443", "us-east1", "us-east1-dataproc.googleapis.com:443"),
        ("{region}-dataproc.googleapis.com:443", "global", "dataproc.googleapis.com:443"),
        ("https://gateway.example/{region}", "us-east1", "https://gateway.example/us-east1"),
        ("127.0.0.1:5000", "us-east1", "127.0.0.1:5000"),
    ],
)
def test_each_region_has_its_own_server_unless_one_is_for_all(endpoint: str, region: str, server: str) -> None:
    assert server_of(endpoint, region) == server
