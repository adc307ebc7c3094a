"""The static binary in a root that holds nothing but it: no shell, no libraries, no certificates, no devices. It runs as
process 1 of its own where the machine allows that, and is asked from outside.

    python3 tests/deploy/empty_root.py BINARY          77 = this user may not do that
"""

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

CANNOT = 77
HOME = "/var/lib/autogw"
CONFIG_MAP = Path(__file__).parents[2] / "assets/deploy/kubernetes/config.yaml"
NAMESERVER = ("127.0.0.77", 53)
# The user of the image.
NOBODY = 65532
# How long anything may take that takes no time at all.
PATIENCE = 20


class Root:
    """A directory that programs take for the root."""

    def __init__(self, path, binary):
        self.path = path
        shutil.copy(binary, path / "autogw")
        (path / "etc/auto-gateway").mkdir(parents=True)
        self.enter = self.way_in()

    def way_in(self):
        """The command that changes the root: as root to a user without rights, else in a namespace of one's own."""
        own_pids = ["--pid", "--fork", "--kill-child"]
        ways = [
            ["unshare", *own_pids, "chroot", f"--userspec={NOBODY}:{NOBODY}", self.path],
            ["chroot", f"--userspec={NOBODY}:{NOBODY}", self.path],
            ["unshare", "--map-root-user", *own_pids, "--root", self.path],
            ["unshare", "--map-root-user", "--root", self.path],
        ]
        for way in ways[0 if os.geteuid() == 0 else 2 :]:
            with contextlib.suppress(OSError):
                if subprocess.run([*way, "/autogw", "version"], capture_output=True).returncode == 0:
                    return way
        print("nobody here may change the root directory")
        sys.exit(CANNOT)

    def home(self, name, owner=NOBODY, mode=0o700):
        """A home like that of the image, and where it lies outside."""
        path = self.path / name.lstrip("/")
        path.mkdir(parents=True)
        if os.geteuid() == 0:
            os.chown(path, owner, NOBODY)
        path.chmod(mode)
        return path

    def command(self, *args):
        return [*self.enter, "/autogw", *args]

    def run(self, home, *args, **env):
        env = {"PATH": os.environ["PATH"], "AUTOGW_HOME": home, **env}
        return subprocess.run(self.command(*args), env=env, capture_output=True, text=True, timeout=PATIENCE)


class Gateway:
    """A gateway in that root, from its first line to its end."""

    def __init__(self, root, home, *args, **env):
        self.root, self.home = root, home
        env = {"PATH": os.environ["PATH"], "AUTOGW_HOME": home, **env}
        command = root.command("start", "--port", "0", "--json", *args)
        self.log = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=self.log, text=True)
        line = self.process.stdout.readline()
        if not line:
            self.tell()
            raise AssertionError(f"it does not start: {self.process.wait(PATIENCE)}")
        self.url = json.loads(line)["url"]
        self.key = None

    def __enter__(self):
        return self

    def __exit__(self, failed, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
        if failed:
            self.tell()
        self.log.close()

    def tell(self):
        self.log.seek(0)
        sys.stderr.write(self.log.read())

    def ask(self, path, body=None, host=None):
        """The answer to a request from outside, open."""
        headers = {"content-type": "application/json"}
        if self.key:
            headers["authorization"] = f"Bearer {self.key}"
        if host:
            headers["host"] = host
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, headers)
        try:
            return urllib.request.urlopen(request, timeout=PATIENCE)
        except urllib.error.HTTPError as refused:
            return refused

    def chat(self, model="auto", **more):
        body = {"model": model, "messages": [{"role": "user", "content": "Say hello"}], **more}
        return self.ask("/v1/chat/completions", body)

    def is_ready(self):
        return self.root.run(self.home, "status", "--ready")

    def pid(self):
        """The gateway itself: behind a namespace it is a child."""
        pid = self.process.pid
        if "--fork" not in self.root.enter:
            return pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        assert len(children) == 1, children
        return int(children[0])

    def end(self):
        """Ends it as a container is ended, and returns its exit status."""
        os.kill(self.pid(), signal.SIGTERM)
        return self.process.wait(PATIENCE)


def demo_answers(gateway, home):
    """As the image starts: on every address, hence with a key, which lies in a file."""
    assert gateway.chat().status == 401, "a public address without a key"
    gateway.key = (home / "run/client.key").read_text().strip()
    answer = json.load(gateway.chat())
    assert "demo" in answer["choices"][0]["message"]["content"], answer
    with gateway.chat(stream=True) as stream:
        lines = [line.decode().strip() for line in stream]
    assert sum(line.startswith("data: {") for line in lines) > 3 and "data: [DONE]" in lines, lines
    # Kubernetes asks by the address of the pod.
    for path in ("/health", "/ready"):
        assert gateway.ask(path, host="10.1.2.3:8000").status == 200, path


def gateway_address(gateway):
    host, port = gateway.url.removeprefix("http://").rsplit(":", 1)
    return host, int(port)


def health_check(root, gateway):
    begun = time.monotonic()
    well = gateway.is_ready()
    took = time.monotonic() - begun
    assert (well.returncode, well.stdout, well.stderr) == (0, "", ""), well
    print(f"the health check took {took * 1000:.0f} ms")
    nobody = root.run("/nowhere", "status", "--ready")
    assert nobody.returncode == 1 and nobody.stdout == "" and nobody.stderr, nobody


def the_config_map_is_taken(root):
    """What the manifest holds as `config.json`, with what its secret would give."""
    _, text = CONFIG_MAP.read_text().split("  config.json: |\n")
    (root.path / "etc/manifest.json").write_text(textwrap.dedent(text))
    keys = {name: f"{name.lower()}-of-some-length" for name in re.findall(r"\$\{(\w+)\}", text)}
    keys |= {"OPENAI_API_KEY": "sk-one", "ANTHROPIC_API_KEY": "sk-two"}
    checked = root.run("/home", "check", "--config", "/etc/manifest.json", **keys)
    assert checked.returncode == 0, checked.stderr


class Nameserver(threading.Thread):
    """Knows one name, by its IPv4 address."""

    NAME = b"\x03dns\x04test\x00"

    def __init__(self):
        super().__init__(daemon=True)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(NAMESERVER)

    def run(self):
        while True:
            question, asker = self.socket.recvfrom(4096)
            self.socket.sendto(self.answer(question), asker)

    def answer(self, message):
        end = 12
        while message[end]:
            end += message[end] + 1
        question = message[12 : end + 5]
        is_known = question.startswith(self.NAME)
        wants_ipv4 = question.endswith(struct.pack(">HH", 1, 1))
        address = struct.pack(">HHHIH", 0xC00C, 1, 1, 60, 4) + socket.inet_aton("127.0.0.1")
        answers = address if is_known and wants_ipv4 else b""
        flags = 0x8180 if is_known else 0x8183
        head = struct.pack(">HHHHH", flags, 1, bool(answers), 0, 0)
        return message[:2] + head + question + answers


def nameserver(root):
    """Whether names are asked for by DNS: port 53 is not everybody's."""
    try:
        server = Nameserver()
    except OSError as error:
        print(f"SKIPPED: no nameserver on port 53: {error}")
        return False
    server.start()
    (root.path / "etc/resolv.conf").write_text(f"nameserver {NAMESERVER[0]}\n")
    return True


@contextlib.contextmanager
def tls_upstream(folder):
    """A server with a certificate that no authority of this world has signed: its port, if one can be made."""
    if not shutil.which("openssl"):
        print("SKIPPED: no openssl, hence no TLS")
        yield 0
        return
    made = subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=hosts.test"]
        + ["-addext", "subjectAltName=DNS:hosts.test", "-addext", "basicConstraints=critical,CA:FALSE"]
        + ["-keyout", folder / "key.pem", "-out", folder / "cert.pem"],
        capture_output=True,
    )
    assert made.returncode == 0, made.stderr
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    listener = socket.create_server(("127.0.0.1", 0))

    def serve():
        with contextlib.suppress(OSError):
            while True:
                stream, _ = listener.accept()
                with contextlib.suppress(OSError), context.wrap_socket(stream, server_side=True):
                    pass

    threading.Thread(target=serve, daemon=True).start()
    with listener:
        yield listener.getsockname()[1]


def configuration(upstream, tls_port):
    """Three providers, found by the file of hosts, by DNS, and behind TLS."""
    port = gateway_address(upstream)[1]
    bases = {
        "hosts": f"http://hosts.test:{port}",
        "dns": f"http://dns.test:{port}",
        "tls": f"https://hosts.test:{tls_port}",
    }
    usual = {"type": "openai_compatible", "api_key": "${UPSTREAM_KEY}", "models": ["demo-chat"]}
    return {"providers": [{**usual, "name": name, "base_url": f"{base}/v1"} for name, base in bases.items()]}


def put_configmap(folder, version, config):
    """Laid out as Kubernetes does it: the file is a link through a link, and the latter is what changes."""
    data = folder / f"..{version}"
    data.mkdir()
    (data / "config.json").write_text(json.dumps(config))
    os.symlink(data.name, folder / "..data_tmp")
    os.rename(folder / "..data_tmp", folder / "..data")
    link = folder / "config.json"
    if not link.is_symlink():
        os.symlink("..data/config.json", link)


def providers_are_found_by_name(root, upstream, folder):
    has_dns = nameserver(root)
    (root.path / "etc/hosts").write_text("127.0.0.1 hosts.test\n")
    home = "/home/by-name"
    # As Kubernetes makes an `emptyDir` of a pod with an `fsGroup`.
    root.home(home, owner=0, mode=0o2777)
    etc = root.path / "etc/auto-gateway"
    with tls_upstream(folder) as tls_port:
        config = configuration(upstream, tls_port)
        put_configmap(etc, "first", config)
        with Gateway(root, home, UPSTREAM_KEY=upstream.key) as gateway:
            for name in ["hosts", *(["dns"] if has_dns else [])]:
                answer = gateway.chat(f"{name}/demo-chat")
                assert answer.status == 200, (name, answer.read())
            if tls_port:
                # The bundled authorities are asked, and know nothing of this one.
                refused = gateway.chat("tls/demo-chat")
                text = refused.read().decode()
                assert refused.status >= 500 and "UnknownIssuer" in text, text
            follows_a_configmap(gateway, etc, config)
            assert gateway.end() == 0


def the_environment_is_enough(root):
    """Without a file: whoever is named there is asked whether it is a gateway, which takes a client of HTTP."""
    home = "/home/zero"
    root.home(home)
    with Gateway(root, home, OPENAI_API_KEY="sk-one", OPENAI_BASE_URL="http://127.0.0.1:9/v1") as gateway:
        assert json.load(gateway.ask("/health"))["providers"] == 1
        assert gateway.end() == 0


def follows_a_configmap(gateway, etc, config):
    def providers():
        return json.load(gateway.ask("/health"))["providers"]

    before = providers()
    config["providers"].append({**config["providers"][0], "name": "later"})
    put_configmap(etc, "second", config)
    until = time.monotonic() + PATIENCE
    while providers() != before + 1:
        assert time.monotonic() < until, "a new ConfigMap is not read"
        time.sleep(0.05)


def main(binary):
    with tempfile.TemporaryDirectory(prefix="autogw-root-") as folder:
        folder = Path(folder)
        os.chmod(folder, 0o755)
        (folder / "root").mkdir()
        root = Root(folder / "root", binary)
        print("in by:", *(str(word) for word in root.enter))
        home = root.home(HOME)
        with Gateway(root, HOME, "--host", "0.0.0.0", "--demo") as gateway:
            demo_answers(gateway, home)
            health_check(root, gateway)
            the_config_map_is_taken(root)
            the_environment_is_enough(root)
            providers_are_found_by_name(root, gateway, folder)
            assert gateway.end() == 0, "SIGTERM"
            assert gateway.is_ready().returncode == 1, "ready after its end"
    print("the static binary in an empty root: all is well")


main(Path(sys.argv[1]))
