"""What is kept out of index, hints and contexts: credentials and private spans; and what must not be."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iapeer_memory.vault.privacy import MASK, Secret, clean, findings, for_index, unclosed, without_private

ROOT = Path(__file__).resolve().parents[2]
LOT = "aB3dE5fG7hJ9kL1mN2pQ4rS6tU8vW0xYzA2bC4dF6gH8jK0"
"""Looks drawn by lot; assembled here so that no file of ours holds what looks like somebody's token."""

HEX = "3f9c1ab2d47e60589b0c2d1e4fa6b7c8d9e0f1a2b3c4d5e6f708192a3b4c5d6e"
SECRET = {
    "AKIA" + "QX3Z7WPL2MNV5RTB": "AWS access key",
    "ghp_" + LOT[:36]: "GitHub token",
    "github_pat_" + LOT[:22] + "_" + LOT[:24]: "GitHub token",
    "glpat-" + LOT[:20]: "GitLab token",
    "xoxb-" + "291837465012-" + LOT[:24]: "Slack token",
    "sk-ant-api03-" + LOT: "Anthropic key",
    "sk-" + LOT[:40]: "API key",
    "AIza" + LOT[:35]: "Google API key",
    "sk_live_" + LOT[:24]: "Stripe key",
    "hf_" + LOT[:34]: "Hugging Face token",
    "npm_" + LOT[:36]: "npm token",
    "SG." + LOT[:22] + "." + LOT[:43]: "SendGrid key",
    "dop_v1_" + HEX: "DigitalOcean token",
    "7214905836:AA" + LOT[:33]: "Telegram token",
    "eyJhbGciOiJIUzI1NiJ9." + "eyJzdWIiOiIxMjM0In0." + LOT[:43]: "JSON web token",
    "https://hooks.slack.com/services/" + "T01AB2CD3/B04EF5GH6/" + LOT[:24]: "Slack webhook",
}
FRAMES = (
    "{}",
    "run with {} today",
    "`{}`",
    "token {}.",
    "| key | {} |",
    "- x\n- **{}**\n- y",
    "ключ {}, запомни",
    "k={}",
)

ANNOUNCED = [
    ("password: hunter2", "password: [redacted]"),
    ("Password: Hunter2.", "Password: [redacted]."),
    ("**Password:** `S3cret!pass`", "**Password:** `[redacted]`"),
    ("password is correct7horse, ask Ann", "password is [redacted], ask Ann"),
    ('DB_PASSWORD="tr0ub4dor&3"', 'DB_PASSWORD="[redacted]"'),
    ("DB_PASSWORD_PROD=tr0ub4dor", "DB_PASSWORD_PROD=[redacted]"),
    ('{"password": "qwerty123", "a": 1}', '{"password": "[redacted]", "a": 1}'),
    ('{\\"password\\": \\"qwerty123\\"}', '{\\"password\\": \\"[redacted]\\"}'),
    ("пароль: qwerty123", "пароль: [redacted]"),
    ("Пароль от роутера: Zima2024, логин admin", "Пароль от роутера: [redacted], логин admin"),
    ("пароль — 482913", "пароль — [redacted]"),
    ("пин-код: 4829", "пин-код: [redacted]"),
    ("Password (admin): hunter22", "Password (admin): [redacted]"),
    ("Password:\nhunter22", "Password:\n[redacted]"),
    ("| password | hunter22 | root |", "| password | [redacted] | root |"),
    ("mysql --password hunter22 -h db", "mysql --password [redacted] -h db"),
    (f'api_key = "{LOT[:32]}"', 'api_key = "[redacted]"'),
    (f"apiKey: {LOT[:32]}", "apiKey: [redacted]"),
    (f"API key for staging: {LOT[:32]}", "API key for staging: [redacted]"),
    (f"X-Auth-Token: {HEX[:40]}", "X-Auth-Token: [redacted]"),
    (f"client_secret={LOT[:30]}&x=1", "client_secret=[redacted]"),
    (f"aws_secret_access_key = {LOT[:20]}/{LOT[20:39]}", "aws_secret_access_key = [redacted]"),
    (f"Authorization: Bearer {LOT[:30]}", "Authorization: Bearer [redacted]"),
    (f"токен: {LOT[:30]}", "токен: [redacted]"),
    (f"секретный ключ: {LOT[:30]}", "секретный ключ: [redacted]"),
    (f"secret: {'Ab1' * 2000} end", "secret: [redacted] end"),
    ("postgres://app:S3cretPw@db.local/x", "postgres://app:[redacted]@db.local/x"),
    ("see https://ann:hunter2@host/path.", "see https://ann:[redacted]@host/path."),
    ("seed phrase:" + " apple river stone cloud tiger lemon" * 2, "seed phrase: [redacted]"),
]

ORDINARY = [
    "Fixed in 4f2d9a7c31be8804d1c1a7e3f7f0b6a5c9d8e7f6, see the log.",
    "id 550e8400-e29b-41d4-a716-446655440000 was retried",
    f"sha256:{HEX} is the digest of the image",
    f"checksum = {HEX}",
    "![x](data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAUAAAAFCAYAAACNbyblAAAAHElEQVQI12P4//8/w38GIAXDIBKE0DHxgljNBAAO)",
    "The password is stored in the keychain.",
    "Password: required, at least twelve characters.",
    "password: str | None = None",
    "password = os.environ['DB_PASSWORD']",
    "password = get_password(user_id2)",
    'password = account.partition(":")',
    "password = xstrdup(v);",
    "password: ${DB_PASSWORD}",
    "password: $DB_PASSWORD",
    "password: <your password>",
    "password: YOUR_PASSWORD_1",
    "password: ********",
    "password: /run/secrets/db1_password",
    "password_hash: argon2id with 64 MiB",
    "token: the unit of text that a model reads",
    "token_url: https://auth.local/oauth2/token",
    "max_tokens: 128000",
    "tokens: 4096 in, 512 out",
    'api_key = "xxxxxxxxxxxxxxxxxxxxxxxx"',
    "api_key: your-api-key-1234567890",
    "AKIA" + "IOSFODNN7EXAMPLE",
    "ghp_" + "x" * 36,
    "sk-learn-compatible-estimators-with-a-long-name",
    "disk-usage-report-2026-01-01-and-more-words",
    "postgres://user:password@localhost/db",
    "postgres://app:${DB_PASSWORD}@db/x",
    "git@github.com:owner/name.git and https://host:8080/path@2x.png",
    "The secret of good notes: short titles.",
    "Secret: [[Where keys are kept]]",
    "key: value",
    "primary key: customer_id_2024",
    "The compass: north-north-west",
    "passport: AB1234567",
    "| Token | Boundary |\n| --- | --- |\n| billing | money that customers owe |",
    "пароль хранится в менеджере паролей",
    "Пароль: спросить у Анны",
    "токен — наименьшая единица текста",
    "-----BEGIN PUBLIC KEY-----\nMIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA\n-----END PUBLIC KEY-----",
    "A file begins with -----BEGIN PRIVATE KEY----- and ends with -----END PRIVATE KEY-----.",
    "commit_token_bucket(rate=100, burst=20)",
    "auth: oauth2, hash: sha256, secret: base64url",
    "C:\\Users\\ann\\AppData\\Local\\Temp\\build-2024-11-03",
]  # fmt: skip


@pytest.mark.parametrize("frame", FRAMES)
@pytest.mark.parametrize("token", SECRET, ids=SECRET.values())
def test_a_token_that_says_what_it_is(token: str, frame: str) -> None:
    text = frame.format(token)
    masked = for_index(text)
    assert token[-20:] not in masked
    assert MASK in masked
    assert [s.kind for s in findings(text)] == [SECRET[token]]
    assert masked.count("\n") == text.count("\n")


@pytest.mark.parametrize(("text", "masked"), ANNOUNCED)
def test_a_word_or_a_place_announces_it(text: str, masked: str) -> None:
    assert for_index(text) == masked
    assert len(findings(text)) == 1


@pytest.mark.parametrize("text", ORDINARY)
def test_what_is_none_stays(text: str) -> None:
    assert for_index(text) == text
    assert findings(text) == ()


@pytest.mark.parametrize("end", ["-----END RSA PRIVATE KEY-----", ""])
def test_a_private_key_goes_as_a_whole(end: str) -> None:
    text = f"one\n-----BEGIN RSA PRIVATE KEY-----\n{LOT}\n{LOT}\n{end}\n\nafter {LOT[:5]}"
    masked = for_index(text)
    assert LOT[:20] not in masked
    assert masked.count("\n") == text.count("\n")
    assert masked.startswith("one\n[redacted]")
    assert masked.endswith(f"\n\nafter {LOT[:5]}")
    assert findings(text) == (Secret(2, "private key"),)


def test_findings_tell_the_line_of_the_note() -> None:
    text = f"---\ntitle: x\n---\n<private>\npassword: hunter2\n</private>\n\nhf_{LOT[:34]}\npassword: hunter2\n"
    assert findings(text) == (Secret(8, "Hugging Face token"), Secret(9, "password"))


PRIVATE = [
    ("a <private>b</private> c", "a   c", None),
    ("a\n<private>\nb\n</private>\nc", "a\n\n\n\nc", None),
    ("a <PRIVATE >b</Private\n> c", "a \n c", None),
    ('a <private reason="x">b</private> c', "a   c", None),
    ("a <private>b <private>c</private> d</private> e", "a   e", None),
    ("a\nb <private>c\nd", "a\nb \n", 2),
    ("a <private>b<private>c</private>d", "a  ", 1),
    ("a </private> b", "a </private> b", None),
    ("write `<private>` to hide", "write `<private>` to hide", None),
    ("a <private>b `</private>` c", "a  ", 1),
    ("<privateer>b</privateer>", "<privateer>b</privateer>", None),
    ("<private", "<private", None),
    ("İ <private>İ</private> x", "İ   x", None),
]


@pytest.mark.parametrize(("text", "kept", "open_line"), PRIVATE)
def test_private_spans(text: str, kept: str, open_line: int | None) -> None:
    assert without_private(text) == kept
    assert for_index(text) == kept
    assert unclosed(text) == open_line


def test_a_value_of_one_line() -> None:
    assert clean("a  <private>b</private>\n c password: hunter2") == "a c password: [redacted]"


@given(st.text(alphabet=st.sampled_from('ab1 :=\n`"</>-_.') | st.sampled_from("пp"), max_size=120))
def test_any_text_keeps_its_lines_and_is_done_once(text: str) -> None:
    text = f"password {text} token {text} <private>{text}"
    done = for_index(text)
    assert done.count("\n") == text.count("\n")
    assert for_index(done) == done


HUGE = {
    "prose": "the quick brown fox, the password is lost, token: word\n" * 800,
    "names": "token:" * 8_000,
    "quotes": 'password:"' * 5_000,
    "web tokens": "eyJ" * 16_000,
    "addresses": "://a:b" * 8_000,
    "keys": "-----BEGIN PRIVATE KEY-----\n" * 1_800,
    "tags": "<private " * 5_400,
    "spans": "<private>" * 5_400,
    "closed": "<private>x</private>" * 2_400,
    "prefixes": "ghp_" * 12_000,
    "one run": "a1B" * 16_000,
    "joined": "password for " * 3_800,
    "suffixes": "token_a" * 6_800,
}


@pytest.mark.parametrize("name", HUGE)
def test_time_grows_with_the_length(name: str) -> None:
    """Four times the text takes less than ten times as long; a quadratic rule takes sixteen times."""
    text = HUGE[name]

    def seconds(times: int) -> float:
        long = text * times
        best = 1e9
        for _ in range(3):
            start = time.process_time()
            for_index(long)
            best = min(best, time.process_time() - start)
        return best

    assert seconds(4) < 10 * seconds(1) + 0.02


def test_a_hook_can_afford_it() -> None:
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c",
         f"import sys; sys.path.insert(0, {str(ROOT)!r}); before = set(sys.modules)\n"
         "from iapeer_memory.vault import privacy; privacy.findings('password: hunter2')\n"
         "print(*sorted(m for m in set(sys.modules) - before if not m.startswith('iapeer_memory')))"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert set(done.stdout.split()) <= {"__future__"}
