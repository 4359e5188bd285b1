"""The configuration: every option from every source, what wins, and what a bad one says."""

from __future__ import annotations

import dataclasses
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest
import trustme
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from flytewarm_server import cli
from flytewarm_server.config import OPTIONS, ConfigError, ServerConfig, TcpAddress, UnixAddress, load_config
from flytewarm_server.options import Option
from security_files import SecurityFiles

EXECUTABLE = Path(sys.executable)
FILES = SecurityFiles(Path(tempfile.mkdtemp()))
OTHER_KEY = trustme.CA().issue_cert("localhost").private_key_pem.bytes()
LOCKED_KEY = load_pem_private_key(OTHER_KEY, None).private_bytes(
    Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret")
)
# What options cannot do without.
BESIDE = {
    "tls_cert": {"tls_key": FILES.key},
    "tls_key": {"tls_cert": FILES.certificate},
    "tls_client_ca": {"tls_cert": FILES.certificate, "tls_key": FILES.key},
}
# For each option: what is written, and what it means. Lists are repeatable options.
GOOD: dict[str, tuple[str | list[str], Any]] = {
    "listen": (
        ["localhost:0", "[::1]:9", "unix:/run/x.sock"],
        (TcpAddress("localhost", 0), TcpAddress("::1", 9), UnixAddress("/run/x.sock")),
    ),
    "http": ("127.0.0.1:8701", TcpAddress("127.0.0.1", 8701)),
    "insecure": ("true", True),
    "tls_cert": (str(FILES.certificate), FILES.certificate),
    "tls_key": (str(FILES.key), FILES.key),
    "tls_client_ca": (str(FILES.authority), FILES.authority),
    "token_file": (str(FILES.tokens), FILES.tokens),
    "allow_module": (["my_app", "other.tasks"], ("my_app", "other.tasks")),
    "allow_resolver": (["my_app.resolver"], ("my_app.resolver",)),
    "allow_distribution": (["s3://bucket/app/", "/srv/code"], ("s3://bucket/app/", "/srv/code")),
    "allow_uri": (["s3://bucket"], ("s3://bucket",)),
    "workers": ("3", 3),
    "min_workers": ("1", 1),
    "idle_ttl": ("0.5", 0.5),
    "app_dir": ("/usr", Path("/usr")),
    "python": (str(EXECUTABLE), EXECUTABLE),
    "preload": (["numpy", "my_app.tasks"], ("numpy", "my_app.tasks")),
    "preload_library": (["numpy", "my_app.tasks"], ("numpy", "my_app.tasks")),
    "start_method": ("exec", "exec"),
    "isolation": ("process", "process"),
    "max_executions": ("0", 0),
    "max_worker_growth": ("64MiB", 64 * 2**20),
    "max_queue": ("7", 7),
    "max_queue_per_environment": ("3", 3),
    "max_stream_executions": ("7", 7),
    "max_nesting": ("0", 0),
    "max_environments": ("2", 2),
    "environments_memory": ("2GiB", 2 << 30),
    "max_worker_memory": ("1GiB", 1 << 30),
    "memory_headroom": ("32MiB", 32 << 20),
    "max_distribution_bytes": ("5MiB", 5 * 2**20),
    "max_message_bytes": ("5MiB", 5 * 2**20),
    "max_log_bytes": ("1000", 1000),
    "max_error_bytes": ("2KiB", 2048),
    "max_deck_bytes": ("0", 0),
    "cancel_grace": ("0.5", 0.5),
    "drain_grace": ("0", 0.0),
    "start_timeout": ("30", 30.0),
    "retain_executions": ("0", 0),
    "retain_bytes": ("1GiB", 1 << 30),
    "runtime_dir": ("/", Path("/")),
    "debuggable": ("true", True),
    "log_format": ("json", "json"),
    "log_level": ("error", "error"),
}
BAD: dict[str, list[str]] = {
    "listen": [
        "8700",
        ":8700",
        "localhost:65536",
        "localhost:",
        "[::1]",
        "::1:80",
        "a b:1",
        "unix:",
        "unix:/x/",
        "[x]:1",
    ],
    "http": ["unix:/run/x.sock", "nowhere", "127.0.0.1:-1"],
    "insecure": ["maybe"],
    "tls_cert": ["/does/not/exist", "/usr", ""],
    "tls_key": ["/does/not/exist", "/usr"],
    "tls_client_ca": ["/does/not/exist"],
    "token_file": ["/does/not/exist", "/usr"],
    "allow_module": ["a-b", "a.*"],
    "allow_resolver": ["a b"],
    "allow_distribution": ["bucket/app", "s3://bucket/../x", "zip::s3://bucket"],
    "allow_uri": ["relative", "s3://bucket/%2e%2e/x"],
    "workers": ["0", "1025", "1.0", "two", "1_0", ""],
    "min_workers": ["-1", "1025", "all"],
    "idle_ttl": ["-1", "nan", "31536001"],
    "app_dir": ["/does/not/exist", str(EXECUTABLE)],
    "python": ["/does/not/exist", "/usr", __file__],
    "preload": ["a-b", "a..b", ".a", "1a"],
    "preload_library": ["a-b", "a..b", ".a", "1a"],
    "start_method": ["spawn", "EXEC", ""],
    "isolation": ["PROCESS", "thread", ""],
    "max_executions": ["-1", "1.5", "none"],
    "max_worker_growth": ["-1", "1MB"],
    "max_queue": ["0", "-1", "many"],
    "max_queue_per_environment": ["-1", "all"],
    "max_stream_executions": ["0", "1000001", "all"],
    "max_nesting": ["-1", "101"],
    "max_environments": ["0", "1025"],
    "environments_memory": ["-1", "half"],
    "max_worker_memory": ["-1", "much"],
    "memory_headroom": ["-1", "some"],
    "max_distribution_bytes": ["0", "2TiB"],
    "max_message_bytes": ["1023", "2GiB", "64MB", "-5", "1.5MiB"],
    "max_log_bytes": ["-1", "2GiB"],
    "max_error_bytes": ["1023", "2GiB"],
    "max_deck_bytes": ["-1", "2GiB"],
    "cancel_grace": ["-1", "nan", "inf", "soon"],
    "drain_grace": ["-0.1", "86401"],
    "start_timeout": ["0"],
    "retain_executions": ["-1"],
    "retain_bytes": ["-1", "2TiB"],
    "runtime_dir": ["/does/not/exist"],
    "debuggable": ["maybe"],
    "log_format": ["xml", "JSON"],
    "log_level": ["trace"],
}
BAD_CASES = [(option, text) for option in OPTIONS for text in BAD[option.name]]


def _texts(option: Option) -> list[str]:
    written = GOOD[option.name][0]
    return written if isinstance(written, list) else [written]


def _flags(option: Option, texts: list[str]) -> list[str]:
    if option.kind.metavar == "":
        return [option.flag]
    return [f"{option.flag}={text}" for text in texts]


def _toml(option: Option, texts: list[str]) -> str:
    def literal(text: str) -> str:
        plain = str not in option.kind.toml_types or (int in option.kind.toml_types and text.isdigit())
        return text if plain else f'"{text}"'

    values = [literal(text) for text in texts]
    return f"{option.key} = [{', '.join(values)}]\n" if option.repeatable else f"{option.key} = {values[0]}\n"


@pytest.fixture
def write_file(tmp_path: Path) -> Any:
    """Writes a configuration file and returns its path."""

    def write(text: str) -> str:
        path = tmp_path / "flytewarm.toml"
        path.write_text(text)
        return str(path)

    return write


def _by_name(option: Option) -> str:
    return option.name


def test_defaults() -> None:
    config = load_config([], {})
    assert config.listen == (TcpAddress("127.0.0.1", 8700),)
    assert (config.http, config.insecure, config.preload) == (None, False, ())
    assert config.workers >= 1
    assert (config.app_dir, config.python) == (Path.cwd(), Path(sys.executable))
    assert (config.max_queue, config.retain_executions) == (1024, 1000)
    assert (config.max_message_bytes, config.max_log_bytes) == (64 * 2**20, 16 * 2**20)
    assert (config.cancel_grace, config.drain_grace, config.start_timeout) == (5.0, 25.0, 120.0)
    assert config.runtime_dir.is_dir()
    assert (config.log_format, config.log_level) == ("auto", "info")
    assert config == ServerConfig()


def test_no_more_workers_stay_than_there_may_be() -> None:
    assert load_config(["--workers", "2", "--min-workers", "2"], {}).min_workers == 2
    with pytest.raises(ConfigError, match=r"--min-workers: '3' is not allowed, expected at most --workers, which is 2"):
        load_config(["--workers", "2", "--min-workers", "3"], {})


def test_is_frozen() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        ServerConfig().workers = 2  # type: ignore[misc]


def test_tables_here_are_complete() -> None:
    names = {option.name for option in OPTIONS}
    assert names == set(GOOD) == set(BAD) == {field.name for field in dataclasses.fields(ServerConfig)}


@pytest.mark.parametrize("option", OPTIONS, ids=_by_name)
def test_by_flag(option: Option) -> None:
    beside = [f"--{name.replace('_', '-')}={path}" for name, path in BESIDE.get(option.name, {}).items()]
    config = load_config([*beside, *_flags(option, _texts(option))], {})
    assert getattr(config, option.name) == GOOD[option.name][1]


@pytest.mark.parametrize("option", OPTIONS, ids=_by_name)
def test_by_variable(option: Option) -> None:
    beside = {f"FLYTEWARM_{name.upper()}": str(path) for name, path in BESIDE.get(option.name, {}).items()}
    config = load_config([], {**beside, option.variable: ", ".join(_texts(option))})
    assert getattr(config, option.name) == GOOD[option.name][1]


@pytest.mark.parametrize("option", OPTIONS, ids=_by_name)
def test_by_file(option: Option, write_file: Any) -> None:
    beside = [f'{name} = "{path}"\n' for name, path in BESIDE.get(option.name, {}).items()]
    file = write_file("".join([*beside, _toml(option, _texts(option))]))
    assert getattr(load_config(["--config", file], {}), option.name) == GOOD[option.name][1]
    assert getattr(load_config([], {"FLYTEWARM_CONFIG": file}), option.name) == GOOD[option.name][1]


def test_flag_wins_over_variable_over_file(write_file: Any) -> None:
    arguments = ["--config", write_file("workers = 2\nmax_queue = 2\nretain_executions = 2\npreload = ['a', 'b']\n")]
    environment = {"FLYTEWARM_WORKERS": "3", "FLYTEWARM_MAX_QUEUE": "3", "FLYTEWARM_PRELOAD": "c"}
    config = load_config([*arguments, "--workers", "4"], environment)
    assert (config.workers, config.max_queue, config.retain_executions, config.preload) == (4, 3, 2, ("c",))


def test_flag_names_another_file_than_the_variable(write_file: Any) -> None:
    assert load_config(["--config", write_file("workers = 2")], {"FLYTEWARM_CONFIG": "/does/not/exist"}).workers == 2


def test_a_value_that_is_replaced_is_not_checked() -> None:
    assert load_config(["--app-dir", "/"], {"FLYTEWARM_APP_DIR": "/does/not/exist"}).app_dir == Path("/")


def test_an_empty_variable_is_not_set() -> None:
    assert load_config([], {"FLYTEWARM_WORKERS": "", "FLYTEWARM_CONFIG": ""}) == ServerConfig()


def test_a_switch_can_be_turned_off_again() -> None:
    assert not load_config(["--no-insecure"], {"FLYTEWARM_INSECURE": "1"}).insecure


def test_other_variables_are_left_alone() -> None:
    of_the_client = {"FLYTEWARM_TARGET": "unix:/x", "FLYTEWARM_TOKEN": "x", "FLYTEWARM_CA_CERT": "/nowhere"}
    assert load_config([], {**of_the_client, "PATH": "/bin", "FLYTE_X": "1"}) == ServerConfig()


@pytest.mark.parametrize(("option", "text"), [case for case in BAD_CASES if case[0].kind.metavar])
def test_bad_flag_names_itself(option: Option, text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config([f"{option.flag}={text}"], {})
    _assert_names(caught.value, option.flag, text, option.kind.allowed)


@pytest.mark.parametrize(("option", "text"), [case for case in BAD_CASES if case[1]])
def test_bad_variable_names_itself(option: Option, text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config([], {option.variable: text})
    _assert_names(caught.value, option.variable, text, option.kind.allowed)


@pytest.mark.parametrize(("option", "text"), [case for case in BAD_CASES if str in case[0].kind.toml_types])
def test_bad_key_names_itself(option: Option, text: str, write_file: Any) -> None:
    file = write_file(_toml(option, [text]))
    with pytest.raises(ConfigError) as caught:
        load_config(["--config", file], {})
    _assert_names(caught.value, f"{file}: {option.key}", text, option.kind.allowed)


def _assert_names(error: ConfigError, origin: str, text: str, allowed: str) -> None:
    assert str(error) == f"{origin}: {text!r} is not allowed, expected {allowed}"
    assert (error.option, error.value, error.expected) == (origin, text, allowed)


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("workers = '3'", "'3'"),
        ("workers = true", "True"),
        ("workers = 2.0", "2.0"),
        ("insecure = 1", "1"),
        ("insecure = 'true'", "'true'"),
        ("app_dir = 5", "5"),
        ("preload = 'numpy'", "'numpy'"),
        ("preload = [1]", "1"),
        ("cancel_grace = '5'", "'5'"),
    ],
)
def test_a_key_of_another_type_is_refused(line: str, value: str, write_file: Any) -> None:
    file = write_file(line)
    with pytest.raises(ConfigError) as caught:
        load_config(["--config", file], {})
    assert str(caught.value).startswith(f"{file}: {line.split(maxsplit=1)[0]}: {value} is not allowed, expected ")


def test_unreadable_files_are_refused(write_file: Any, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"^--config: '/does/not/exist' .*No such file"):
        load_config(["--config", "/does/not/exist"], {})
    with pytest.raises(ConfigError, match=r"^FLYTEWARM_CONFIG: .*Is a directory"):
        load_config([], {"FLYTEWARM_CONFIG": str(tmp_path)})
    with pytest.raises(ConfigError, match=r"^--config: .*a TOML file"):
        load_config(["--config", write_file("workers = ")], {})
    (tmp_path / "latin.toml").write_bytes(b"# \xe9")
    with pytest.raises(ConfigError, match=r"^--config: .*a TOML file in UTF-8"):
        load_config(["--config", str(tmp_path / "latin.toml")], {})


@pytest.mark.parametrize("host", ["0.0.0.0", "[::]", "10.0.0.1", "example.org"])
def test_addresses_that_others_reach_need_insecure(host: str) -> None:
    with pytest.raises(ConfigError, match=r"^--listen: .*--insecure"):
        load_config(["--listen", f"{host}:1"], {})
    with pytest.raises(ConfigError, match=r"^FLYTEWARM_HTTP: .*--insecure"):
        load_config([], {"FLYTEWARM_HTTP": f"{host}:1"})
    config = load_config(["--listen", f"{host}:1", "--http", f"{host}:2", "--insecure"], {})
    assert str(config.listen[0]) == f"{host}:1"


TLS = [f"--tls-cert={FILES.certificate}", f"--tls-key={FILES.key}"]
CLIENTS = f"--tls-client-ca={FILES.authority}"
TOKENS = f"--token-file={FILES.tokens}"


@pytest.mark.parametrize("secured", [[*TLS, CLIENTS], [*TLS, TOKENS], [*TLS, CLIENTS, TOKENS]], ids=len)
@pytest.mark.parametrize("flag", ["--listen", "--http"])
def test_or_tls_and_authentication(secured: list[str], flag: str) -> None:
    assert load_config([flag, "0.0.0.0:1", *secured], {}).insecure is False


@pytest.mark.parametrize(
    ("half", "missing"),
    [
        ([], "TLS (--tls-cert, --tls-key) and authentication (--token-file or --tls-client-ca)"),
        (TLS, "authentication (--token-file or --tls-client-ca)"),
        ([TOKENS], "TLS (--tls-cert, --tls-key)"),
    ],
)
@pytest.mark.parametrize("flag", ["--listen", "--http"])
def test_one_without_the_other_is_refused(half: list[str], missing: str, flag: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config([flag, "0.0.0.0:1", *half], {})
    assert f" without {missing};" in str(caught.value)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (TLS[:1], f"--tls-cert: '{FILES.certificate}' stands alone, expected --tls-key beside it"),
        (TLS[1:], f"--tls-key: '{FILES.key}' stands alone, expected --tls-cert beside it"),
        ([CLIENTS], f"--tls-client-ca: '{FILES.authority}' stands alone, expected --tls-cert beside it"),
    ],
)
def test_files_that_belong_together(arguments: list[str], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config(arguments, {})
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("option", "content", "message"),
    [
        ("tls_cert", b"junk", "expected a PEM file of certificates"),
        ("tls_cert", b"\xff\xfe", "expected a PEM file of certificates"),
        ("tls_client_ca", b"", "expected a PEM file of certificates"),
        ("tls_key", b"junk", "expected a PEM private key, without passphrase, of the certificate in "),
        ("tls_key", OTHER_KEY, "of the certificate in .*KEY_VALUES_MISMATCH"),
        ("tls_key", LOCKED_KEY, "without passphrase"),
        ("tls_key", bytes((4 << 20) + 1), "expected a file of at most 4194304 bytes"),
        ("token_file", b"# none\n\n", "it has none"),
        ("token_file", b"0123456789abcdef\nhas blanks in the middle\n", "line 2 is not 16 to 1024 characters"),
        ("token_file", b"fifteen-letters", "line 1 is not 16 to 1024 characters"),
    ],
)
def test_unusable_files_are_named(option: str, content: bytes, message: str, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch(mode=0o600)
    file.write_bytes(content)
    given = {"tls_cert": FILES.certificate, "tls_key": FILES.key} if option.startswith("tls") else {}
    flags = [f"--{name.replace('_', '-')}={path}" for name, path in {**given, option: file}.items()]
    with pytest.raises(ConfigError, match=message) as caught:
        load_config(flags, {})
    assert str(caught.value).startswith(f"--{option.replace('_', '-')}: '{file}' is not allowed, expected ")
    assert "blanks" not in str(caught.value)


@pytest.mark.parametrize(("option", "mode"), [("tls_key", 0o640), ("tls_key", 0o604), ("token_file", 0o644)])
def test_secrets_that_others_can_read_are_refused(option: str, mode: int, tmp_path: Path) -> None:
    source = {"tls_key": FILES.key, "token_file": FILES.tokens}[option]
    (file := tmp_path / "file").write_bytes(source.read_bytes())
    file.chmod(mode)
    flags = [f"--{option.replace('_', '-')}={file}", *(TLS[:1] if option == "tls_key" else [])]
    with pytest.raises(ConfigError, match=f"a file that only its owner can read: its mode is {mode:04o}"):
        load_config(flags, {})


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "localhost", "LOCALHOST", "[::1]"])
def test_loopback_addresses_do_not(host: str) -> None:
    assert str(load_config(["--listen", f"{host}:0"], {}).listen[0]) == f"{host}:0"


def test_an_address_is_used_once() -> None:
    with pytest.raises(ConfigError, match=r"^--listen: 'unix:/x' .*only once"):
        load_config(["--listen", "unix:/x", "--listen", "unix:///x"], {})
    with pytest.raises(ConfigError, match=r"^--http: '127.0.0.1:8700' .*does not listen on"):
        load_config(["--http", "127.0.0.1:8700"], {})
    assert load_config(["--listen", "127.0.0.1:0", "--http", "127.0.0.1:0"], {}).http == TcpAddress("127.0.0.1", 0)


def test_there_is_an_address(write_file: Any) -> None:
    with pytest.raises(ConfigError, match=r"flytewarm\.toml: listen: '' .*at least one address"):
        load_config(["--config", write_file("listen = []")], {})


def test_unix_paths_become_absolute_and_fit_the_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("/usr")
    assert load_config(["--listen", "unix:x.sock"], {}).listen == (UnixAddress("/usr/x.sock"),)
    longest = "/" + "é" * 53
    assert load_config(["--listen", f"unix:{longest}"], {}).listen == (UnixAddress(longest),)
    with pytest.raises(ConfigError, match="107 bytes"):
        load_config(["--listen", f"unix:{longest}x"], {})


def test_paths_become_absolute_and_links_stay(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "python").symlink_to(EXECUTABLE)
    monkeypatch.chdir(tmp_path)
    config = load_config(["--app-dir", ".", "--python", "python"], {})
    assert (config.app_dir, config.python) == (tmp_path, tmp_path / "python")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("workers", 0),
        ("workers", True),
        ("cancel_grace", -1.0),
        ("app_dir", Path("/does/not/exist")),
        ("preload", ("-",)),
    ],
)
def test_a_config_made_in_code_is_checked_too(name: str, value: Any) -> None:
    with pytest.raises(ConfigError, match=f"^{name}: "):
        ServerConfig(**{name: value})


def test_cli_reports_and_returns_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--workers", "0"]) == 2
    printed = capsys.readouterr()
    assert (
        printed.err == "flytewarm serve: error: --workers: '0' is not allowed, expected a whole number from 1 to 1024\n"
    )
    assert printed.out == ""
    assert cli.main(["--nonsense"]) == 2
    assert capsys.readouterr().err == "flytewarm serve: error: unrecognized arguments: --nonsense\n"


@pytest.mark.parametrize(("flag", "expected"), [("--help", "usage: flytewarm serve"), ("--version", "flytewarm 0.")])
def test_cli_answers_questions(flag: str, expected: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main([flag])
    assert caught.value.code == 0
    assert capsys.readouterr().out.startswith(expected)


def test_help_has_every_option(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        load_config(["--help"], {})
    text = capsys.readouterr().out
    assert all(f"{option.flag} " in text or f"{option.flag}," in text for option in OPTIONS)
