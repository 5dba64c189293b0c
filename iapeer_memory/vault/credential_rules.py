"""How credentials look, as data: the prefixes of providers, the words that announce one, and what only stands for one.

Plain tuples and nothing imported: a hook loads this. The prefixes are public facts of their providers' documentation.
A new provider is a row here and a line in the test corpus.
"""

LOWER = "abcdefghijklmnopqrstuvwxyz"
UPPER = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
DIGITS = "0123456789"
ALNUM = LOWER + UPPER + DIGITS
WORD = ALNUM + "_-"
DOTTED = WORD + ".="
BASE64 = ALNUM + "+/="
HEX = DIGITS + "abcdefABCDEF"

PREFIXES = (
    # (kind, prefix, characters that may follow, how many at least)
    ("AWS access key", "AKIA", UPPER + DIGITS, 16),
    ("AWS access key", "ASIA", UPPER + DIGITS, 16),
    ("Azure storage key", "AccountKey=", BASE64, 80),
    ("Azure shared access key", "SharedAccessKey=", BASE64, 40),
    ("Google API key", "AIza", WORD, 35),
    ("Google OAuth secret", "GOCSPX-", WORD, 24),
    ("Google OAuth token", "ya29.", WORD, 30),
    ("Yandex Cloud key", "AQVN", WORD, 34),
    ("Yandex token", "y0_", WORD, 50),
    ("DigitalOcean token", "dop_v1_", HEX, 64),
    ("DigitalOcean token", "doo_v1_", HEX, 64),
    ("DigitalOcean token", "dor_v1_", HEX, 64),
    ("Heroku key", "HRKU-", WORD, 30),
    ("Databricks token", "dapi", HEX, 32),
    ("Supabase token", "sbp_", HEX, 40),
    ("HashiCorp Vault token", "hvs.", WORD, 24),
    ("HashiCorp Vault token", "hvb.", WORD, 24),
    ("GitHub token", "ghp_", ALNUM, 36),
    ("GitHub token", "gho_", ALNUM, 36),
    ("GitHub token", "ghu_", ALNUM, 36),
    ("GitHub token", "ghs_", ALNUM, 36),
    ("GitHub token", "ghr_", ALNUM, 36),
    ("GitHub token", "github_pat_", ALNUM + "_", 40),
    ("GitLab token", "glpat-", WORD + ".", 20),
    ("GitLab token", "gldt-", WORD, 20),
    ("GitLab token", "glrt-", WORD + ".", 20),
    ("GitLab token", "glptt-", WORD, 20),
    ("GitLab token", "glcbt-", WORD, 20),
    ("Atlassian token", "ATATT3", WORD + "=", 60),
    ("Bitbucket token", "ATBB", ALNUM, 28),
    ("Slack token", "xoxb-", WORD, 20),
    ("Slack token", "xoxp-", WORD, 20),
    ("Slack token", "xoxa-", WORD, 20),
    ("Slack token", "xoxr-", WORD, 20),
    ("Slack token", "xoxs-", WORD, 20),
    ("Slack token", "xoxe.", WORD + ".", 20),
    ("Slack token", "xapp-", WORD, 20),
    ("Slack webhook", "hooks.slack.com/services/", WORD + "/", 30),
    ("Discord webhook", "discord.com/api/webhooks/", WORD + "/", 60),
    ("Discord webhook", "discordapp.com/api/webhooks/", WORD + "/", 60),
    ("Anthropic key", "sk-ant-", WORD, 24),
    ("OpenAI key", "sk-proj-", WORD, 24),
    ("API key", "sk-", WORD, 24),
    ("Hugging Face token", "hf_", ALNUM, 30),
    ("Groq key", "gsk_", ALNUM, 40),
    ("xAI key", "xai-", ALNUM, 60),
    ("Replicate token", "r8_", ALNUM, 36),
    ("Stripe key", "sk_live_", ALNUM, 16),
    ("Stripe key", "sk_test_", ALNUM, 16),
    ("Stripe key", "rk_live_", ALNUM, 16),
    ("Stripe key", "rk_test_", ALNUM, 16),
    ("webhook secret", "whsec_", ALNUM + "+/=", 24),
    ("Shopify token", "shpat_", HEX, 32),
    ("Shopify token", "shpca_", HEX, 32),
    ("Shopify token", "shppa_", HEX, 32),
    ("Shopify secret", "shpss_", HEX, 32),
    ("npm token", "npm_", ALNUM, 36),
    ("PyPI token", "pypi-AgE", WORD, 50),
    ("RubyGems key", "rubygems_", HEX, 48),
    ("Docker token", "dckr_pat_", WORD, 24),
    ("SendGrid key", "SG.", WORD + ".", 60),
    ("Mailgun key", "key-", HEX, 32),
    ("Linear key", "lin_api_", ALNUM, 32),
    ("Notion token", "ntn_", ALNUM, 40),
    ("Grafana token", "glsa_", ALNUM + "_", 32),
    ("Grafana token", "glc_", BASE64, 32),
    ("age secret key", "AGE-SECRET-KEY-1", UPPER + DIGITS, 50),
)
"""Tokens that say by their beginning what they are. They begin a word, and look random."""

JWT = "eyJ"
"""The beginning of `{"` in base64: of a header and of the claims of a JSON web token."""

TELEGRAM = (":AA", WORD, 30, 8)
"""Between a bot's number and its secret; what may follow, how many at least; how many digits before it at least."""

KEY_BEGIN, KEY_MARK, KEY_END, KEY_RULE = "-----BEGIN ", "PRIVATE KEY", "-----END ", "-----"
"""The armour of a private key."""

NAMES = (
    # (what follows, stem, its endings, condition of the bare stem)
    ("password", "pass", ("word", "wd", "phrase", "code", ""), "word"),
    ("password", "pwd", ("",), "word"),
    ("password", "парол", ("ь", "я", "ем"), ""),
    ("password", "пин-код", ("",), ""),
    ("token", "token", ("",), ""),
    ("token", "secret", ("",), ""),
    ("token", "credential", ("s", ""), ""),
    ("token", "key", ("",), "owner"),
    ("token", "токен", ("а", ""), ""),
    ("token", "секрет", ("",), ""),
    ("token", "ключ", (" api", " доступа", ""), "owner"),
)
"""Words that announce a credential: a password may be short, a token is long and looks random. The bare stem counts
with "word" where no letter stands before it, with "owner" after one of the words below."""

OWNERS = (
    "api", "access", "secret", "private", "signing", "encryption", "auth", "account", "shared", "master", "апи",
    "секретный", "закрытый",
)  # fmt: skip
"""Whose or what key it is."""

NOT_ITSELF = (
    "_hash", "_sha256", "_id", "_digest", "_fingerprint", "_url", "_uri", "_endpoint", "_type", "_name", "_file",
    "_path", "_dir", "_count", "_length", "_limit", "_policy", "_expires", "_expires_at", "_ttl",
)  # fmt: skip
"""Endings by which `token_url` is no token."""

PHRASES = ("seed phrase", "recovery phrase", "mnemonic", "сид-фраза", "мнемоника")
"""Words after which a dozen words are the secret."""

SCHEMES = ("bearer ", "authorization: basic ", 'authorization": "basic ')
"""Words that are followed by a token without more ado."""

SHORTEST_TOKEN = 20
"""Characters without a blank of the shortest token that says by its form what it is."""

ORDINARY = frozenset(
    (
        "sha1", "sha224", "sha256", "sha384", "sha512", "md5", "blake2", "blake2b", "blake3", "crc32", "oauth1",
        "oauth2", "base32", "base58", "base62", "base64", "base64url", "argon2", "argon2i", "argon2id", "pbkdf2",
        "ed25519", "x25519", "secp256k1", "rsa2048", "rsa4096", "aes128", "aes192", "aes256", "chacha20", "poly1305",
        "pkcs11", "pkcs12", "ascii85", "cp1251", "latin1", "int8", "int16", "int32", "int64", "uint8", "uint16",
        "uint32", "uint64", "float32", "float64", "varchar255",
    )
)  # fmt: skip
"""Words of the trade with digits in them, which are no password."""

STANDS_FOR = (
    "example", "your", "placeholder", "changeme", "change_me", "change-me", "dummy", "redacted", "xxxx", "sample",
    "replace", "insert", "notreal", "not-real", "not_real", "fake", "1234567890abcdef", "пример", "ваш", "****", "....",
    "••", "…",
)  # fmt: skip
"""What a value holds that only stands for a secret."""
