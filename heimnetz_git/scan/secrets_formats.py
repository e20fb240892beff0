"""The forms of keys that name their issuer: a table of patterns, each with the text it begins with.

Sources: the issuers' manuals, and the rules that gitleaks and detect-secrets publish.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from heimnetz_git.scan.secrets_checks import (
    aws_key,
    crc_token,
    discord_token,
    json_web_token,
    private_key,
    pypi_token,
    storage_key,
    varied,
)

__all__ = ["FORMATS", "Format"]


class Format(NamedTuple):
    """A key's form; every key has one of the texts ``marks`` in it.

    ``pattern`` is compiled when a mark was seen: few of them ever are. ``check`` says True (its check digits hold), False (it is no key), or None (it has no digits to
    check). ``faint`` ones are told at the lowest severity; one that is ``apart`` does not begin in
    the middle of a word (said by the reader: a pattern that begins with a letter is found faster).
    One with ``digits`` has check digits.
    """

    what: str
    marks: tuple[str, ...]
    pattern: str
    check: Callable[[str], bool | None] = varied
    faint: bool = False
    apart: bool = False
    digits: bool = False


def _is(
    what: str,
    marks: str,
    pattern: str,
    check: Callable[[str], bool | None] = varied,
    *,
    faint: bool = False,
    digits: bool = False,
) -> Format:
    whole = rf"{pattern}(?![\w-])"
    return Format(what, tuple(marks.split()), whole, check, faint, apart=True, digits=digits)


_PEM = (
    r"-----BEGIN (?:[A-Z]{2,9} )?PRIVATE KEY(?: BLOCK)?-----"
    r"[A-Za-z0-9+/=\s\\\"',:.-]{64,9000}?-----END"
)
FORMATS: tuple[Format, ...] = (
    # code hosts and package indexes
    _is("a GitHub token", "ghp_ gho_ ghu_ ghs_ ghr_", r"gh[pousr]_[A-Za-z0-9]{36}", crc_token, digits=True),
    _is("a GitHub token", "github_pat_", r"github_pat_[A-Za-z0-9]{22}_[A-Za-z0-9]{59}"),
    _is("a GitLab token", "glpat- gldt- glrt- glptt- glsoat-", r"gl(?:pat|dt|rt|ptt|soat)-[\w-]{20,60}"),
    _is("an npm token", "npm_", r"npm_[A-Za-z0-9]{36}", crc_token, digits=True),
    _is("a PyPI token", "pypi-A", r"pypi-[A-Za-z0-9_-]{80,1000}", pypi_token),
    _is("a RubyGems key", "rubygems_", r"rubygems_[a-f0-9]{48}"),
    _is("a Docker token", "dckr_pat_", r"dckr_pat_[\w-]{27,40}"),
    _is("an Artifactory key", "AKCp", r"AKCp[A-Za-z0-9]{68,70}"),
    # clouds
    _is("an AWS access key", "AKIA ASIA", r"(?:AKIA|ASIA)[A-Z0-9]{16}", aws_key),
    _is("a Google API key", "AIza", r"AIza[\w-]{35}"),
    _is("a Google client's secret", "GOCSPX-", r"GOCSPX-[\w-]{28}"),
    _is("a Google access token", "ya29.", r"ya29\.[\w-]{30,400}"),
    Format("an Azure storage key", ("AccountKey=",), r"AccountKey=[A-Za-z0-9+/]{86}==", storage_key),
    Format("an Azure access key", ("SharedAccessKey=",), r"SharedAccessKey=[A-Za-z0-9+/]{42,44}="),
    Format("an Azure client's secret", ("Q~",), r"(?<![\w~.-])[\w~.-]{3}\dQ~[\w~.-]{31,34}(?![\w~-])"),
    _is("a DigitalOcean token", "dop_v1_ doo_v1_ dor_v1_", r"do[opr]_v1_[a-f0-9]{64}"),
    _is("a Databricks token", "dapi", r"dapi[a-f0-9]{32}(?:-\d)?"),
    _is("a Heroku key", "HRKU-", r"HRKU-[\w-]{36,64}"),
    _is("an Alibaba access key", "LTAI", r"LTAI[A-Za-z0-9]{12,24}"),
    _is("a Vault token", "hvs. hvb.", r"hv[sb]\.[\w-]{24,200}"),
    _is("a Terraform token", ".atlasv1.", r"[A-Za-z0-9]{14}\.atlasv1\.[\w=-]{60,70}"),
    _is("a Pulumi token", "pul-", r"pul-[a-f0-9]{40}"),
    _is("a Supabase token", "sbp_", r"sbp_[a-f0-9]{40}"),
    _is("a PlanetScale token", "pscale_", r"pscale_(?:tkn|pw|oauth)_[\w.=-]{32,64}"),
    _is("a Doppler token", "dp.", r"dp\.(?:pt|st|ct|sa)\.(?:[\w-]{1,40}\.)?[A-Za-z0-9]{40,44}"),
    _is("a Tailscale key", "tskey-", r"tskey-(?:auth|api|client|scim)-[A-Za-z0-9]{8,24}-[A-Za-z0-9]{16,48}"),
    # messages
    _is("a Slack token", "xoxb- xoxp- xoxa- xoxr- xoxs- xoxe", r"xox[abeprs](?:\.xox[bp])?-[\w-]{20,220}"),
    _is("a Slack token", "xapp-", r"xapp-\d-[A-Z0-9]{8,14}-\d{8,14}-[a-f0-9]{32,80}"),
    _is("a Slack webhook", "hooks.slack.com/", r"hooks\.slack\.com/(?:services|workflows|triggers)/[A-Z0-9]{8,14}/[A-Z0-9]{8,20}/[\w]{20,40}"),
    _is("a Discord webhook", "/api/webhooks/", r"(?:ptb\.|canary\.)?discord(?:app)?\.com/api/webhooks/\d{17,20}/[\w-]{60,80}"),
    _is("a Discord bot's token", "discord Discord DISCORD", r"[MNO][A-Za-z\d_-]{22,27}\.[\w-]{6,7}\.[\w-]{27,40}", discord_token),
    _is("a Telegram bot's token", ":A", r"\d{8,10}:A[\w-]{34}"),
    _is("a Teams webhook", ".webhook.office.com/", r"[\w-]+\.webhook\.office\.com/webhookb2/[\w@-]{60,90}/IncomingWebhook/[a-f0-9]{32}/[\w-]{36}"),
    _is("a SendGrid key", "SG.", r"SG\.[\w-]{22}\.[\w-]{43}"),
    _is("a Mailgun key", "key-", r"key-[a-f0-9]{32}"),
    _is("a Mailchimp key", "-us", r"[a-f0-9]{32}-us\d{1,2}"),
    _is("a Brevo key", "xkeysib-", r"xkeysib-[a-f0-9]{64}-[A-Za-z0-9]{16}"),
    _is("a Twilio key", "SK", r"SK[a-f0-9]{32}"),
    # payments and shops
    _is("a Stripe key", "sk_live_ rk_live_", r"[sr]k_live_[A-Za-z0-9]{20,247}"),
    _is("a Stripe test key", "sk_test_ rk_test_", r"[sr]k_test_[A-Za-z0-9]{20,247}", lambda it: varied(it[8:]), faint=True),
    _is("a Stripe webhook's secret", "whsec_", r"whsec_[A-Za-z0-9+/=]{32,64}"),
    _is("a Square token", "sq0atp- sq0csp-", r"sq0(?:atp|csp)-[\w-]{22,43}"),
    _is("a Shopify token", "shpat_ shpca_ shppa_ shpss_", r"shp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}"),
    # models
    _is("an OpenAI key", "T3BlbkFJ", r"sk-(?:[a-z]+-)?[\w-]{16,100}T3BlbkFJ[\w-]{16,100}"),
    _is("an OpenAI key", "sk-proj- sk-svcacct- sk-admin- sk-None-", r"sk-(?:proj|svcacct|admin|None)-[\w-]{20,220}"),
    _is("an Anthropic key", "sk-ant-", r"sk-ant-[a-z]{2,6}\d\d-[\w-]{40,110}"),
    _is("a model provider's key", "sk-", r"sk-(?:or-v1-[a-f0-9]{64}|[A-Za-z0-9]{48}|[a-f0-9]{32})"),
    _is("a Hugging Face token", "hf_", r"hf_[A-Za-z0-9]{34}"),
    _is("a Replicate token", "r8_", r"r8_[A-Za-z0-9]{37}"),
    _is("a Groq key", "gsk_", r"gsk_[A-Za-z0-9]{52}"),
    _is("a Perplexity key", "pplx-", r"pplx-[A-Za-z0-9]{48}"),
    _is("an xAI key", "xai-", r"xai-[A-Za-z0-9]{80}"),
    # tools
    _is("an Atlassian token", "ATATT3 ATCTT3", r"AT[AC]TT3[\w=-]{100,250}"),
    _is("a Grafana token", "glsa_ glc_", r"(?:glsa_[A-Za-z0-9]{32}_[a-f0-9]{8}|glc_[A-Za-z0-9+/=]{32,400})"),
    _is("a Sentry token", "sntrys_ sntryu_", r"sntry(?:s_ey[\w+/=]{60,400}|u_[a-f0-9]{64})"),
    _is("a New Relic key", "NRAK- NRII-", r"NR(?:AK|II)-[A-Za-z0-9_-]{27,32}"),
    _is("a Dynatrace token", "dt0c01.", r"dt0c01\.[A-Z0-9]{24}\.[A-Z0-9]{64}"),
    _is("a Linear key", "lin_api_", r"lin_api_[A-Za-z0-9]{40}"),
    _is("a Notion token", "ntn_ secret_", r"(?:ntn_\d{11}[A-Za-z0-9]{35}|secret_[A-Za-z0-9]{43})"),
    _is("a Postman key", "PMAK-", r"PMAK-[a-f0-9]{24}-[a-f0-9]{34}"),
    _is("an Airtable token", "airtable Airtable AIRTABLE", r"pat[A-Za-z0-9]{14}\.[a-f0-9]{64}"),
    _is("a Figma token", "figd_", r"figd_[\w-]{40,60}"),
    _is("a Buildkite token", "bkua_", r"bkua_[a-f0-9]{40}"),
    _is("a CircleCI token", "CCIPAT_", r"CCIPAT_[A-Za-z0-9]{22}_[a-f0-9]{40}"),
    _is("a Facebook token", "EAA", r"EAA[A-Za-z0-9]{90,400}"),
    _is("a Twitter bearer token", "AAAAAAAAAAAAAAAAAAAA", r"A{20,22}[A-Za-z0-9%]{60,120}", lambda it: varied(it.lstrip("A"))),
    _is("an Adafruit key", "aio_", r"aio_[A-Za-z]{4}\d{2}[A-Za-z0-9]{22}"),
    # keys as such
    _is("an age key", "AGE-SECRET-KEY-1", r"AGE-SECRET-KEY-1[QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L]{58}"),
    Format("a private key", ("PRIVATE KEY",), _PEM, private_key),
    Format("a PuTTY key", ("PuTTY-User-Key-File-",), r"PuTTY-User-Key-File-\d: [\s\S]{20,4000}?Private-Lines: \d+", lambda _: None),
    Format("a token (JWT)", ("eyJ",), r"(?<![\w.])eyJ[\w-]{8,2000}\.eyJ[\w-]{8,8000}\.[\w-]{20,2000}", json_web_token),
)  # fmt: skip
