"""Every asynchronous method of the official PyPI package that the contract covers, one line for each that held."""
import asyncio
import hashlib
import inspect
import io
import re
import time
import traceback
import zipfile

import httpx
import superserve
from superserve import (
    AsyncCommandSession, AsyncProvider, AsyncSandbox, AsyncSecret, AuthenticationError, ConflictError, NetworkConfig, NotFoundError,
    RateLimitError, SandboxError, SandboxStatus, SandboxTimeoutError, ValidationError,
)

failed = []


async def step(name, work):
    try:
        result = await work()
        print(f"ok {name}", flush=True)
        return result
    except Exception:
        failed.append(name)
        print(f"FAILED {name}: {traceback.format_exc()}", flush=True)
        return None


async def refused(error, work):
    try:
        await work
    except error as raised:
        return raised
    raise AssertionError(f"{error.__name__} was not raised")


async def eventually(what, probe):
    deadline = time.monotonic() + 15
    while not await probe():
        assert time.monotonic() < deadline, what


def outcome(result):
    return [result.stdout, result.stderr, result.exit_code]


async def main():
    async def secrets():
        assert any(each.name == "openai" for each in await AsyncProvider.list())
        made = await AsyncSecret.create(name="own", value="real-value", auth={"type": "bearer"}, hosts=["api.example.com"])
        await AsyncSecret.create(name="several", value="v", provider="anthropic")
        assert [each.name for each in await AsyncSecret.list()] == ["several", "own"]
        assert (await AsyncSecret.get("own")).hosts == ["api.example.com"]
        assert (await made.rotate("real-other")).name == "own"
        assert (await made.get_info()).updated_at > made.created_at
        error = await refused(ValidationError, AsyncSecret.create(name="bad", value="v", auth={"type": "bearer"}, hosts=["*.com"]))
        assert (error.status_code, error.code) == (400, "bad_request") and "hosts" in str(error), error
        await refused(ConflictError, AsyncSecret.create(name="own", value="v", provider="openai"))
        await refused(NotFoundError, AsyncSecret.get("nowhere"))
        await refused(AuthenticationError, AsyncSecret.list(api_key="wrong"))
        return made

    secret = await step("AsyncProvider, AsyncSecret", secrets)
    sandbox = await step("AsyncSandbox.create", lambda: AsyncSandbox.create(
        name="async", secrets={"OWN": "own"}, env_vars={"PLAIN": "text"}, metadata={"kind": "async"}, timeout_seconds=3600,
        auto_delete_seconds=600, network=NetworkConfig(deny_out=["203.0.113.0/24"]), preview_access="private", from_template="base"))

    async def listed():
        assert [each.id for each in await AsyncSandbox.list(metadata={"kind": "async"}, status="active", limit=5)] == [sandbox.id]
        assert await AsyncSandbox.list(metadata={"kind": "other"}) == []
        assert await AsyncSandbox.list(offset=1) == []
        await refused(ValidationError, AsyncSandbox.list(status="nonsense"))
        info = await sandbox.get_info()
        assert (info.status, info.timeout_seconds, info.secrets[0].env_key) == (SandboxStatus.ACTIVE, 3600, "OWN"), info

    await step("AsyncSandbox.list, get_info", listed)

    async def run():
        assert outcome(await sandbox.commands.run("pwd; echo $A $PLAIN; echo err >&2; exit 3", cwd="/tmp", env={"A": "b"})) == [
            "/tmp\nb text\n", "err\n", 3]
        assert (await sandbox.commands.run("sleep 60", timeout_seconds=1)).exit_code == 124
        seen = {"out": [], "err": []}
        result = await sandbox.commands.run(
            r"printf 'a\342\200\250b\303'; sleep 0.1; printf '\251\n'; echo e >&2; exit 4", on_stdout=seen["out"].append,
            on_stderr=seen["err"].append)
        assert ("".join(seen["out"]), "".join(seen["err"]), result.exit_code) == ("a\u2028bé\n", "e\n", 4), (seen, result)
        assert (await sandbox.commands.run("sleep 60", timeout_seconds=1, on_stdout=lambda _: None)).exit_code == 124
        many = await asyncio.gather(*(sandbox.commands.run(f"echo {each}") for each in range(20)))
        assert [each.stdout for each in many] == [f"{each}\n" for each in range(20)]
        task = asyncio.ensure_future(sandbox.commands.run("sleep 8643"))

        async def runs():
            return (await sandbox.commands.run('pgrep -f "sleep 864[3]" || true')).stdout != ""

        async def is_over():
            return not await runs()

        await eventually("it runs", runs)
        task.cancel()
        await eventually("it ends with who waits for it", is_over)

    await step("commands.run", run)

    async def spawn():
        seen = {"out": [], "err": []}
        session = await sandbox.commands.spawn(
            "cat; pwd; echo $A >&2; exit 4", cwd="/tmp", env={"A": "b"}, on_stdout=seen["out"].append, on_stderr=seen["err"].append)
        assert isinstance(session, AsyncCommandSession)
        await session.stdin.write("é\n" * 3)
        await session.stdin.close()
        assert outcome(await asyncio.wait_for(session.wait(), 20)) == ["é\n" * 3 + "/tmp\n", "b\n", 4]
        assert ("".join(seen["out"]), "".join(seen["err"])) == ("é\n" * 3 + "/tmp\n", "b\n"), seen
        data = bytes(range(256)) * 4000
        session = await sandbox.commands.spawn("sha256sum")
        await session.stdin.write(data)
        await session.stdin.close()
        assert (await asyncio.wait_for(session.wait(), 20)).stdout.split()[0] == hashlib.sha256(data).hexdigest()
        session = await sandbox.commands.spawn("sleep 60")
        await session.kill()
        assert (await asyncio.wait_for(session.wait(), 20)).exit_code == 143
        session = await sandbox.commands.spawn("sleep 60", timeout_seconds=1)
        assert (await asyncio.wait_for(session.wait(), 20)).exit_code == 124
        async with await sandbox.commands.spawn("sleep 8644"):
            pass
        session = await sandbox.commands.spawn("sleep 8644")
        await session.close()
        await refused(SandboxError, session.wait())

        async def gone():
            return not (await sandbox.commands.run('pgrep -f "sleep 864[4]" || true')).stdout

        await eventually("sessions that were closed end", gone)

    await step("commands.spawn", spawn)

    async def files():
        data = bytes(range(256)) * 4000
        await sandbox.files.write("/home/user/new/ü.txt", "text")
        await sandbox.files.write("/home/user/new/bytes", data)
        assert await sandbox.files.read_text("/home/user/new/ü.txt") == "text"
        assert await sandbox.files.read("/home/user/new/bytes") == data
        await refused(NotFoundError, sandbox.files.read("/tmp/none"))
        await refused(ValidationError, sandbox.files.write("/usr/none", ""))
        await refused(SandboxError, sandbox.files.read("/home/user/new/bytes", max_bytes=10))
        await refused(SandboxTimeoutError, sandbox.files.read("/home/user/new/bytes", timeout=0.0001))
        packed = zipfile.ZipFile(io.BytesIO(await sandbox.files.download_dir("/home/user/new")))
        assert sorted(packed.namelist()) == ["new/", "new/bytes", "new/ü.txt"], packed.namelist()
        assert packed.read("new/bytes") == data
        assert await sandbox.files.download_dir("/home/user/new/ü.txt") == b"text"

    await step("files", files)

    async def network():
        for path in ("a", "b", "c"):
            assert (await sandbox.commands.run(f'curl -sS -H "Authorization: Bearer $OWN" https://api.example.com/{path}')).stdout == "hello"

        async def there():
            return len((await sandbox.get_network_log(limit=10)).events) == 6

        await eventually("the rows", there)
        seen, cursor = [], None
        while True:
            page = await sandbox.get_network_log(limit=1, before=cursor)
            seen += [each.id for each in page.events]
            if not page.has_more:
                break
            cursor = page.next_cursor
        assert len(seen) == 6, seen
        assert (await sandbox.get_network_log(verdict="blocked")).events == []
        own = await AsyncSecret.get("own")
        first = await own.get_audit(limit=2)
        rest = await own.get_audit(limit=2, before=first[-1].id)
        assert [each.path for each in first + rest] == ["/c", "/b", "/a"]
        assert await own.get_audit(status="errors") == []
        assert [each.env_key for each in await own.get_sandboxes()] == ["OWN"]

    await step("get_network_log, get_audit, get_sandboxes", network)

    async def bindings():
        await sandbox.attach_secret("MORE", "several")
        await refused(ConflictError, sandbox.attach_secret("MORE", "several"))
        assert len((await sandbox.commands.run("echo $MORE")).stdout) > 8
        await sandbox.detach_secret("MORE")
        assert (await sandbox.commands.run("echo $MORE")).stdout == "\n"
        await refused(NotFoundError, sandbox.detach_secret("MORE"))

    await step("attach_secret, detach_secret", bindings)

    async def lives():
        await sandbox.pause(wait=True, timeout=20)
        await AsyncSandbox.update_by_id(sandbox.id, auto_delete_seconds=None, metadata={"kind": "paused"})
        info = await sandbox.get_info()
        assert (info.status, info.auto_delete_at, info.metadata) == (SandboxStatus.PAUSED, None, {"kind": "paused"}), info
        await sandbox.resume()
        await sandbox.update(timeout_seconds=None, network=NetworkConfig(allow_out=["api.example.com"]), preview_access="public")
        info = await sandbox.get_info()
        assert (info.timeout_seconds, info.network.allow_out) == (None, ["api.example.com"]), info
        await refused(ConflictError, sandbox.resume())
        await sandbox.pause()
        other = await AsyncSandbox.connect(sandbox.id)
        assert (await other.commands.run("echo other")).stdout == "other\n"
        assert (await sandbox.commands.run("echo healed")).stdout == "healed\n"
        await refused(RateLimitError, AsyncSandbox.create(name="too many"))

    await step("pause, resume, update, update_by_id, connect", lives)

    async def previews():
        await sandbox.commands.run("cd /tmp && echo page > index.html && (python3 -m http.server 8000 > /dev/null 2>&1 &)")
        published = await sandbox.publish_preview_port(8000, access="private")
        assert (published.port, published.access) == (8000, "private"), published
        assert [each.port for each in (await sandbox.list_preview_ports()).ports] == [8000]
        url = sandbox.get_preview_url(8000)
        token = await sandbox.get_preview_token(8000, expires_in_seconds=60)
        async with httpx.AsyncClient() as browser:

            async def listens():
                return (await browser.get(url, headers={token.header: token.token})).status_code == 200

            await eventually("the page", listens)
            assert (await browser.get(url)).status_code == 401
            entered = await browser.get(await sandbox.get_signed_preview_url(8000), follow_redirects=True)
            assert (entered.status_code, entered.text) == (200, "page\n"), entered
            fresh = await sandbox.rotate_preview_token(8000)
            assert (await browser.get(url, headers={token.header: token.token})).status_code == 401
            assert (await browser.get(url, headers={fresh.header: fresh.token})).status_code == 200
            await sandbox.unpublish_preview_port(8000)
            assert (await browser.get(url, headers={fresh.header: fresh.token})).status_code == 401

    await step("previews", previews)

    async def end():
        async with superserve.async_connection_pool():
            await sandbox.kill()
            await AsyncSandbox.kill_by_id(sandbox.id)
            await secret.delete()
            await AsyncSecret.delete_by_name("several")
            await AsyncSecret.delete_by_name("several")
            assert await AsyncSandbox.list() == [] and await AsyncSecret.list() == []

    await step("kill, kill_by_id, delete, delete_by_name", end)

    async def complete():
        # What the contract does not cover: snapshots and desktops.
        without = {"snapshot", "snapshots", "desktop"}
        with open(__file__) as file:
            source = file.read()
        classes = [AsyncSandbox, AsyncSecret, AsyncProvider, AsyncCommandSession, type(sandbox.commands), type(sandbox.files)]
        names = {name for each in classes for name, _ in inspect.getmembers(each, inspect.isroutine) if not name.startswith("_")}
        assert len(names) > 30, names
        left_out = sorted(name for name in names - without if not re.search(rf"\.{name}\(", source))
        assert left_out == [], left_out

    await step("no method of theirs is left out", complete)


asyncio.run(main())
raise SystemExit(1 if failed else 0)
