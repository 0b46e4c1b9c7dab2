"""Every method of the official PyPI package that the contract covers, one line for each that held."""
import asyncio
import inspect
import io
import re
import time
import traceback
import zipfile

import httpx
from superserve import (
    AsyncSandbox, AuthenticationError, ConflictError, NetworkConfig, NotFoundError, Provider, RateLimitError, Sandbox, SandboxError,
    SandboxStatus, SandboxTimeoutError, Secret, ValidationError,
)

failed = []


def step(name, work):
    try:
        result = work()
        print(f"ok {name}", flush=True)
        return result
    except Exception:
        failed.append(name)
        print(f"FAILED {name}: {traceback.format_exc()}", flush=True)
        return None


def outcome(result):
    return [result.stdout, result.stderr, result.exit_code]


def refused(error, work):
    try:
        work()
    except error:
        return
    raise AssertionError(f"{error.__name__} was not raised")


step("Provider.list", lambda: next(each for each in Provider.list() if each.name == "openai"))
secret = step("Secret.create", lambda: Secret.create(name="openai-prod", value="sk-real", provider="openai"))
step("Secret.create with rules", lambda: Secret.create(name="own", value="real-value", auth={"type": "bearer"}, hosts=["api.example.com"]))
step("Secret.create per host", lambda: Secret.create(
    name="several", value="v", auth={"per_host": [{"type": "bearer", "hosts": ["b.example.com"]}]}, hosts=["b.example.com"]))


def secrets():
    assert len(Secret.list()) == 3
    assert Secret.get("own").name == "own"
    secret.rotate("sk-another")
    assert secret.get_info().updated_at > secret.created_at
    refused(ValidationError, lambda: Secret.create(name="bad", value="v", auth={"type": "bearer"}, hosts=["*.com"]))
    refused(ConflictError, lambda: Secret.create(name="own", value="v", provider="openai"))
    refused(NotFoundError, lambda: Secret.get("nowhere"))
    refused(AuthenticationError, lambda: Secret.list(api_key="wrong"))


step("Secret.list, get, rotate, get_info", secrets)
sandbox = step("Sandbox.create", lambda: Sandbox.create(
    name="py", secrets={"OPENAI_API_KEY": "openai-prod", "OWN": "own"}, env_vars={"PLAIN": "text"}, metadata={"a.b": "sdk"},
    network=NetworkConfig(deny_out=["203.0.113.0/24"]), timeout_seconds=3600, auto_delete_seconds=600, preview_access="private",
    from_template="base"))


def listed():
    assert [each.id for each in Sandbox.list(metadata={"a.b": "sdk"})] == [sandbox.id]
    assert len(Sandbox.list(status=[SandboxStatus.ACTIVE, "paused"], limit=5, offset=0)) == 1
    assert Sandbox.list(status="pausing") == []
    info = sandbox.get_info()
    assert (info.status, info.timeout_seconds, info.auto_delete_seconds) == (SandboxStatus.ACTIVE, 3600, 600), info
    assert info.network.deny_out == ["203.0.113.0/24"], info


step("Sandbox.list, get_info", listed)


def run():
    assert outcome(sandbox.commands.run("echo out; echo err >&2; exit 3")) == ["out\n", "err\n", 3]
    assert outcome(sandbox.commands.run("pwd; echo $A $PLAIN", cwd="/tmp", env={"A": "b"})) == ["/tmp\nb text\n", "", 0]
    assert sandbox.commands.run("sleep 60", timeout_seconds=1).exit_code == 124


step("commands.run", run)


def stream():
    seen = []
    result = sandbox.commands.run(
        r"printf 'a\342\200\250b\302\205\303'; sleep 0.1; printf '\251\n'; echo e >&2; exit 4", on_stdout=seen.append, on_stderr=lambda _: None)
    assert "".join(seen) == "a\u2028b\u0085é\n", seen
    assert outcome(result) == ["a\u2028b\u0085é\n", "e\n", 4], result
    assert sandbox.commands.run("sleep 60", timeout_seconds=1, on_stdout=lambda _: None).exit_code == 124


step("commands.run with callbacks", stream)


def files():
    sandbox.files.write("/home/user/new/ü.txt", "text")
    assert sandbox.files.read_text("/home/user/new/ü.txt") == "text"
    data = bytes(range(256)) * 4000
    sandbox.files.write("/tmp/bytes", data)
    assert sandbox.files.read("/tmp/bytes") == data
    refused(NotFoundError, lambda: sandbox.files.read("/tmp/none"))
    refused(ValidationError, lambda: sandbox.files.write("/usr/none", ""))
    refused(SandboxError, lambda: sandbox.files.read("/tmp/bytes", max_bytes=10))
    refused(SandboxTimeoutError, lambda: sandbox.files.read("/tmp/bytes", timeout=0.0001))
    packed = zipfile.ZipFile(io.BytesIO(sandbox.files.download_dir("/home/user/new")))
    assert sorted(packed.namelist()) == ["new/", "new/ü.txt"], packed.namelist()
    assert packed.read("new/ü.txt") == b"text"
    assert sandbox.files.download_dir("/home/user/new/ü.txt") == b"text"


step("files", files)


def network():
    said = sandbox.commands.run('curl -sS -H "Authorization: Bearer $OWN" https://api.example.com/path')
    assert said.stdout == "hello", said
    deadline = time.monotonic() + 10
    while len(sandbox.get_network_log(limit=10).events) < 2:
        assert time.monotonic() < deadline, "the rows did not come"
    page = sandbox.get_network_log(limit=10)
    assert sorted((each.kind, each.host) for each in page.events) == [("connection", "api.example.com"), ("request", "api.example.com")]
    one = sandbox.get_network_log(limit=1)
    assert one.has_more
    assert sandbox.get_network_log(limit=1, before=one.next_cursor).events[0].id != one.events[0].id
    assert sandbox.get_network_log(verdict="blocked").events == []
    own = Secret.get("own")
    assert [each.path for each in own.get_audit(limit=5)] == ["/path"]
    assert own.get_audit(before=own.get_audit()[0].id) == []
    assert own.get_audit(status="errors") == []
    assert [each.sandbox_id for each in own.get_sandboxes()] == [sandbox.id]


step("egress, network log and audit", network)


def bindings():
    sandbox.attach_secret("MORE", "several")
    refused(ConflictError, lambda: sandbox.attach_secret("MORE", "several"))
    assert len(sandbox.commands.run("echo $MORE").stdout) > 8
    sandbox.detach_secret("MORE")
    assert sandbox.commands.run("echo $MORE").stdout == "\n"


step("attach_secret, detach_secret", bindings)


def update():
    sandbox.update(metadata={"x": "y"}, timeout_seconds=None, network=NetworkConfig(allow_out=["api.example.com"]), preview_access="public")
    info = sandbox.get_info()
    assert (info.metadata, info.timeout_seconds, info.network.allow_out) == ({"x": "y"}, None, ["api.example.com"]), info


step("update", update)


def lives():
    sandbox.pause(wait=True, timeout=10)
    info = sandbox.get_info()
    assert info.status == SandboxStatus.PAUSED and info.auto_delete_at is not None, info
    Sandbox.update_by_id(sandbox.id, auto_delete_seconds=None)
    assert sandbox.get_info().auto_delete_at is None
    sandbox.resume()
    refused(ConflictError, sandbox.resume)
    refused(RateLimitError, lambda: Sandbox.create(name="too many"))
    sandbox.pause()
    assert sandbox.commands.run("echo awake").stdout == "awake\n"
    second = Sandbox.connect(sandbox.id)
    assert second.commands.run("echo second").stdout == "second\n"
    assert sandbox.commands.run("echo first").stdout == "first\n"


step("pause, resume, connect", lives)


def previews():
    sandbox.commands.run("cd /tmp && echo page > index.html && (python3 -m http.server 8000 > /dev/null 2>&1 &)")
    published = sandbox.publish_preview_port(8000, access="private")
    assert (published.port, published.access) == (8000, "private"), published
    assert [each.port for each in sandbox.list_preview_ports().ports] == [8000]
    url = sandbox.get_preview_url(8000)
    token = sandbox.get_preview_token(8000, expires_in_seconds=60)
    with httpx.Client() as browser:
        deadline = time.monotonic() + 10
        while browser.get(url, headers={token.header: token.token}).status_code == 503:
            assert time.monotonic() < deadline, "nothing listens"
        assert browser.get(url).status_code == 401
        assert browser.get(url, headers={token.header: token.token}).text == "page\n"
        entered = browser.get(sandbox.get_signed_preview_url(8000), follow_redirects=True)
        assert (entered.status_code, entered.text, str(entered.url)) == (200, "page\n", f"{url}/"), entered
        fresh = sandbox.rotate_preview_token(8000)
        assert browser.get(url).status_code == 401
        assert browser.get(url, headers={fresh.header: fresh.token}).status_code == 200
        sandbox.unpublish_preview_port(8000)
        assert browser.get(url, headers={fresh.header: fresh.token}).status_code == 401


step("previews", previews)


async def spawn():
    other = await AsyncSandbox.connect(sandbox.id)
    assert (await other.commands.run("echo async")).stdout == "async\n"
    seen = []
    session = await other.commands.spawn("cat; echo err >&2; exit 4", on_stdout=seen.append)
    await session.stdin.write("é\n" * 3)
    await session.stdin.close()
    assert outcome(await asyncio.wait_for(session.wait(), 20)) == ["é\n" * 3, "err\n", 4]
    for signal, code in (("SIGTERM", 143), ("SIGABRT", 134), ("SIGKILL", 137)):
        session = await other.commands.spawn("sleep 60")
        await session.kill(signal)
        assert (await asyncio.wait_for(session.wait(), 20)).exit_code == code
    session = await other.commands.spawn("sleep 60", timeout_seconds=1)
    assert (await asyncio.wait_for(session.wait(), 20)).exit_code == 124
    # Input that nobody reads keeps no signal waiting.
    session = await other.commands.spawn("sleep 60")
    for _ in range(60):
        await session.stdin.write(b"x" * 100_000)
    await session.kill("SIGKILL")
    assert (await asyncio.wait_for(session.wait(), 20)).exit_code == 137
    await other.files.write("/tmp/async", b"bytes")
    assert await other.files.read("/tmp/async") == b"bytes"


step("AsyncSandbox, spawn", lambda: asyncio.run(spawn()))


def end():
    sandbox.kill()
    Sandbox.kill_by_id(sandbox.id)
    secret.delete()
    for each in Secret.list():
        Secret.delete_by_name(each.name)
    assert Sandbox.list() == [] and Secret.list() == []


step("kill, delete", end)


def complete():
    # What the contract does not cover, and `spawn`, which is for asyncio alone: superserve_async.py has it.
    without = {"snapshot", "snapshots", "desktop", "spawn"}
    with open(__file__) as file:
        source = file.read()
    classes = [Sandbox, Secret, Provider, type(sandbox.commands), type(sandbox.files)]
    names = {name for each in classes for name, _ in inspect.getmembers(each, inspect.isroutine) if not name.startswith("_")}
    assert len(names) > 28, names
    left_out = sorted(name for name in names - without if not re.search(rf"\.{name}\b", source))
    assert left_out == [], left_out


step("no method of theirs is left out", complete)
raise SystemExit(1 if failed else 0)
